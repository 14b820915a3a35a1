//! A central that cannot be used: refused before anything is changed, or waited for while everything is collected.

use std::sync::OnceLock;
use std::time::Duration;

use serde_json::json;
use world::mariadb::{self, Options};
use world::run::run;
use world::{Machine, MariaDb, binaries, eventually};

use super::{PATIENCE, assert_known, assert_refused, assert_says, project, status};
use crate::conversation::{Conversation, new_uuid};

/// A server on loopback TCP, where passwords matter, for the tests of this file.
fn tcp_server() -> &'static MariaDb {
    static SERVER: OnceLock<MariaDb> = OnceLock::new();
    SERVER.get_or_init(|| MariaDb::start_with(Options { tcp: true, ..Options::default() }).unwrap())
}

/// `claudetools central init` of a fresh database, with a least-privilege user; the URL of that user.
fn with_worker(machine: &Machine, server: &MariaDb, password: &str) -> (String, String) {
    let database = server.fresh_database("refusals").unwrap();
    let url = server.tcp_url(&database).unwrap();
    let mut init = machine.program(binaries::path("claudetools").unwrap());
    init.args(["central", "init", &url, "--create-user", "worker@127.0.0.1"])
        .env("CLAUDETOOLS_USER_PASSWORD", password);
    run(init, b"", PATIENCE).unwrap().ok().unwrap();
    (database, url.replace("root@", &format!("worker:{password}@")))
}

fn rows(server: &MariaDb, database: &str, sql: &str) -> String {
    server.sql(database, sql).unwrap().trim().to_owned()
}

#[test]
fn a_wrong_central_is_refused_before_anything_is_changed() {
    let server = tcp_server();
    let empty = server.fresh_database("wrong").unwrap();
    server.sql("", "CREATE USER 'stranger'@'127.0.0.1' IDENTIFIED BY 'right-password'").unwrap();
    let right = server.tcp_url(&empty).unwrap();
    let database = format!("/{empty}");
    let wrong: [(String, &[&str]); 5] = [
        (right.replace("root@", "stranger:wrong-password@"), &["refuses access", "stranger", "password"]),
        (
            format!("mysql://root:wrong-password@127.0.0.1:1/{empty}"),
            &["cannot be reached", "127.0.0.1:1", "host, port"],
        ),
        (
            format!("mysql://root:wrong-password@localhost/{empty}?socket=/nowhere/mysqld.sock"),
            &["cannot be reached", "that /nowhere/mysqld.sock is its socket"],
        ),
        (right.replace(&database, "/nowhere"), &["nowhere", "does not exist", "central init"]),
        (right, &["no claudetools schema", "central init"]),
    ];
    let machine = Machine::new("wrong").unwrap();
    for (url, says) in &wrong {
        let refused = machine.cli(&["setup", "--yes", "--no-service", "--central", url]).unwrap();
        assert_refused(&refused, 1, says);
        let checked = machine.cli(&["central", "check", url]).unwrap();
        assert_eq!(checked.code, 1, "{checked:?}");
        assert_says(&format!("{}{}", checked.stdout, checked.stderr), says);
        let said = [refused.stdout, refused.stderr, checked.stdout, checked.stderr].concat();
        assert!(!said.contains("wrong-password"), "{said}");
    }
    assert!(!machine.home().replica().exists() && !machine.home().config().exists());
    assert!(!machine.claude_config().join("settings.json").exists());
}

#[test]
fn a_url_that_cannot_be_right_is_refused_before_anybody_is_asked() {
    let machine = Machine::new("nonsense").unwrap();
    let wrong: [(&str, &[&str]); 5] = [
        ("postgres://somewhere", &["must begin with mysql://"]),
        ("mysql://worker:hunter2@db.example.invalid", &["names no database"]),
        ("mysql://worker:hun/ter2@db.example.invalid/memory", &["%2F"]),
        ("mysql://worker:hunter2@db.example.invalid:port/memory", &["port"]),
        // In the clear to another host: the name is of a network that nobody has, and is not looked up.
        (
            "mysql://worker:hunter2@db.example.invalid/memory?ssl-mode=disabled",
            &["ssl-mode=disabled", "db.example.invalid", "read or alter what is sent", "verify-identity", "ssl-ca"],
        ),
    ];
    for (url, says) in wrong {
        for command in [
            &["setup", "--yes", "--no-service", "--central", url][..],
            &["central", "check", url],
            &["central", "init", url],
        ] {
            let refused = machine.cli(command).unwrap();
            assert_refused(&refused, 2, says);
            assert!(!refused.stderr.contains("hunter2") && !refused.stderr.contains("hun/ter2"), "{refused:?}");
            assert!(refused.took < Duration::from_secs(2), "{refused:?}");
        }
    }
    assert!(!machine.home().root().exists());
}

#[test]
fn a_password_that_is_changed_at_central_is_told_once_and_everything_is_collected() {
    let server = tcp_server();
    let machine = Machine::new("changed").unwrap();
    let (database, url) = with_worker(&machine, server, "first-password");
    machine.setup(Some(&url)).unwrap();
    machine.cli(&["sync", "--wait"]).unwrap().ok().unwrap();
    server
        .sql("", "ALTER USER 'worker'@'127.0.0.1' IDENTIFIED BY 'second-password'; KILL USER 'worker'@'127.0.0.1'")
        .unwrap();

    let conversation = Conversation::new(&machine, &project(&machine, "changed"));
    conversation.turn("tell me about vermiculite", "vermiculite told");
    eventually("the refusal", PATIENCE, || status(&machine)["sync"]["state"] == "refused").unwrap();
    assert_refused(&machine.cli(&["sync", "--wait"]).unwrap(), 1, &["refuses access", "worker", "password"]);
    assert_known(&machine, "fail", &["refuses access", "worker"]);
    let said = "memory is not shared with your other machines";
    let told = || conversation.prompt(&new_uuid(), "and now?").message.is_some_and(|message| message.contains(said));
    eventually("the user told", PATIENCE, told).unwrap();
    assert!(!told(), "told twice");
    assert_eq!(rows(server, &database, "SELECT count(*) FROM work_items"), "0");

    server.sql("", "ALTER USER 'worker'@'127.0.0.1' IDENTIFIED BY 'first-password'").unwrap();
    machine.cli(&["sync", "--wait"]).unwrap().ok().unwrap();
    let found = "SELECT status FROM work_items WHERE description = 'tell me about vermiculite'";
    assert_eq!(rows(server, &database, found), "completed");
    assert_eq!(status(&machine)["problems"], json!([]));
}

#[test]
fn a_central_that_is_away_or_not_initialised_is_waited_for() {
    let server = mariadb::shared().unwrap();
    let database = server.fresh_database("later").unwrap();
    let url = server.url(&database);
    let machine = Machine::new("later").unwrap();
    std::fs::create_dir_all(machine.home().root()).unwrap();
    hooks::durable::private_file()
        .write(true)
        .create(true)
        .truncate(true)
        .open(machine.home().config())
        .and_then(|mut file| std::io::Write::write_all(&mut file, format!("[central]\nurl = \"{url}\"\n").as_bytes()))
        .unwrap();
    machine.start_daemon().unwrap();
    Conversation::new(&machine, &project(&machine, "later")).turn("tell me about wulfenite", "wulfenite told");
    let parts = ["no claudetools schema", "central init"];
    assert_refused(&machine.cli(&["sync", "--wait"]).unwrap(), 1, &parts);
    assert_known(&machine, "fail", &["no claudetools schema"]);
    assert!(status(&machine)["sync"]["pending"].as_u64().unwrap() > 0);

    machine.cli(&["central", "init", &url]).unwrap().ok().unwrap();
    machine.cli(&["sync", "--wait"]).unwrap().ok().unwrap();
    assert_eq!(rows(server, &database, "SELECT description FROM work_items"), "tell me about wulfenite");
}

#[test]
fn a_newer_central_is_waited_for_while_everything_is_collected() {
    let server = mariadb::shared().unwrap();
    let database = server.fresh_database("newer").unwrap();
    let url = server.url(&database);
    let machine = Machine::new("newer").unwrap();
    machine.cli(&["central", "init", &url]).unwrap().ok().unwrap();
    machine.setup(Some(&url)).unwrap();
    machine.cli(&["sync", "--wait"]).unwrap().ok().unwrap();
    // The daemon is connected, and need not connect again.
    server
        .sql(
            &database,
            "INSERT INTO schema_migrations (version_id, description) VALUES ('9000_future', 'of the future'); \
             UPDATE ct_sync_settings SET value = '9000' WHERE name = 'min_client'",
        )
        .unwrap();

    Conversation::new(&machine, &project(&machine, "newer")).turn("tell me about xenotime", "xenotime told");
    let parts = ["schema version 9000", "pgrade claudetools"];
    // What was collected here stays here; what others write is still read.
    server.sql(&database, "INSERT INTO clients (id, name) VALUES (UUID(), 'from elsewhere')").unwrap();
    let waited = machine.cli(&["sync", "--wait"]).unwrap();
    assert_eq!(waited.code, 3, "{waited:?}");
    assert!(parts.iter().all(|part| waited.stdout.contains(part)), "{waited:?}");
    assert_refused(&machine.cli(&["central", "init", &url]).unwrap(), 1, &["9000"]);
    assert_known(&machine, "fail", &["schema version 9000"]);
    assert_eq!(status(&machine)["sync"]["versions"]["may_write"], false);
    assert!(status(&machine)["sync"]["pending"].as_u64().unwrap() > 0);
    assert_eq!(rows(server, &database, "SELECT count(*) FROM work_items"), "0", "nothing is written there");

    let back =
        "DELETE FROM schema_migrations WHERE version_id = '9000_future'; UPDATE ct_sync_settings SET value = '1'";
    server.sql(&database, back).unwrap();
    machine.cli(&["sync", "--wait"]).unwrap().ok().unwrap();
    assert_eq!(rows(server, &database, "SELECT description FROM work_items"), "tell me about xenotime");
}
