//! `central migrate` is killed with KILL at one statement after another: other programs notice nothing, the lock is free
//! again, and the next run ends it.

use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use sync::central::{CentralUrl, InitOptions, check, init};
use world::binaries;
use world::eventually;
use world::machine::Machine;
use world::mariadb::{MariaDb, shared};
use world::proxy::{At, Fault, Proxy, Rule};

const PATIENCE: Duration = Duration::from_mins(1);
/// Points at which it is killed, spread over all its statements.
const POINTS: usize = 8;

/// A database of two steps, whose triggers for clients and tags have the form of an earlier build.
fn behind(server: &MariaDb, template: &str) -> String {
    let database = server.fresh_database("killed").unwrap();
    let url: CentralUrl = server.url(&database).parse().unwrap();
    tokio::runtime::Runtime::new().unwrap().block_on(init(&url, InitOptions::default())).unwrap();
    let earlier = "SELECT CONCAT('CREATE OR REPLACE TRIGGER ', trigger_name, ' AFTER ', event_manipulation, ' ON ', \
                   event_object_table, ' FOR EACH ROW BEGIN ', action_statement, '; END') \
                   FROM information_schema.triggers \
                   WHERE trigger_schema = DATABASE() AND event_object_table IN ('clients', 'tags')";
    let earlier = server.sql(&database, earlier).unwrap();
    let remade: Vec<String> = earlier.lines().map(|line| format!("{line}//")).collect();
    assert_eq!(remade.len(), 6, "{template}");
    server.sql(&database, &format!("DELIMITER //\n{}\n", remade.join("\n"))).unwrap();
    server
        .sql(
            &database,
            "DELETE FROM schema_migrations WHERE version_id > '0002_sync'; DROP TABLE ct_sync_settings, ct_sync_names",
        )
        .unwrap();
    database
}

fn migrate(desk: &Machine, url: &str) -> Command {
    let mut command = desk.program(binaries::path("claudetools").unwrap());
    command.args(["central", "migrate", "--json", url]).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Another program writes to tables whose triggers are being replaced, and all of it is captured.
fn writes(server: &MariaDb, database: &str, round: usize) {
    let before: u64 = outbox(server, database);
    let statements = format!(
        "INSERT INTO tags (id, name) VALUES ('00000000-0000-7000-8000-{round:012}', 'tag {round}'); \
         UPDATE tags SET description = 'x' WHERE name = 'tag {round}'; DELETE FROM tags WHERE name = 'tag {round}'; \
         INSERT INTO clients (id, name) VALUES ('00000000-0000-7000-8000-{round:012}', 'client {round}')"
    );
    server.sql(database, &statements).unwrap();
    assert_eq!(outbox(server, database), before + 4, "captured");
}

fn outbox(server: &MariaDb, database: &str) -> u64 {
    server.sql(database, "SELECT COUNT(*) FROM ct_sync_outbox").unwrap().trim().parse().unwrap()
}

#[test]
fn it_is_ended_by_the_next_run_wherever_it_was_killed() {
    let server = shared().unwrap();
    let desk = Machine::new("desk").unwrap();
    let proxy = Proxy::start(server).unwrap();
    let whole = behind(server, "the run that is recorded");
    proxy.arm(Vec::new());
    assert!(migrate(&desk, &proxy.url(&whole)).status().unwrap().success());
    let recorded = proxy.statements();
    for part in ["CREATE TABLE", "INSERT INTO schema_migrations", "CREATE OR REPLACE TRIGGER"] {
        assert!(recorded.iter().any(|statement| statement.text.contains(part)), "{part}: {recorded:#?}");
    }
    let lock = recorded.iter().position(|statement| statement.text.contains("GET_LOCK")).unwrap();
    let mut killed = Vec::new();
    for point in 0..POINTS {
        let at = lock + 1 + point * (recorded.len() - lock - 1) / POINTS;
        killed.push(recorded[at].text.chars().take(50).collect::<String>());
        killed_at(server, &desk, &proxy, at);
    }
    println!("killed at {killed:#?}");
    for part in ["CREATE TABLE", "CREATE OR REPLACE TRIGGER"] {
        killed_at_text(server, &desk, &proxy, Rule { at: At::Text(part), fault: Fault::Hold });
    }
}

fn killed_at(server: &MariaDb, desk: &Machine, proxy: &Proxy, number: usize) {
    killed_at_text(server, desk, proxy, Rule { at: At::Number(number), fault: Fault::Hold });
}

fn killed_at_text(server: &MariaDb, desk: &Machine, proxy: &Proxy, rule: Rule) {
    let context = format!("{rule:?}");
    let database = behind(server, &context);
    proxy.arm(vec![rule]);
    let mut run = migrate(desk, &proxy.url(&database)).spawn().unwrap();
    proxy.wait_until_held(PATIENCE).unwrap();
    // It holds its lock, and stands where it is: another program goes on.
    writes(server, &database, 1);
    run.kill().unwrap();
    run.wait().unwrap();
    writes(server, &database, 2);
    // What was on its way arrives late, from a client that is no more.
    proxy.release();
    let is_free = format!("SELECT IS_FREE_LOCK('claudetools/{database}')");
    eventually("the lock free again", PATIENCE, || server.sql(&database, &is_free).unwrap().trim() == "1").unwrap();
    writes(server, &database, 3);

    let url = server.url(&database);
    let next = desk.cli(&["central", "migrate", &url]).unwrap();
    assert_eq!(next.code, 0, "{context}: {next:?}");
    let again = desk.cli(&["central", "migrate", "--json", &url]).unwrap().ok().unwrap();
    let again: Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!((again["steps_applied"].as_array().unwrap().len(), again["triggers_installed"].as_u64()), (0, Some(0)));
    let report = tokio::runtime::Runtime::new().unwrap().block_on(check(&url.parse().unwrap())).unwrap();
    assert!(report.is_well(), "{context}: {:?}", report.findings);
    server.sql(&database, "UPDATE tags SET description = 'y'").unwrap();
}
