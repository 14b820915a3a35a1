//! Conflicts and quarantine as their user has them: on the command line, with a daemon that runs.

use std::sync::Arc;

use merge::{Key, Row};
use migrations::catalogue::CLIENTS;
use serde_json::Value;
use sync::local::derived_id;
use sync::{Store, SystemClock, central};
use world::run::Run;
use world::{Machine, mariadb};

use super::copy_replica;
use crate::replica::Replica;

fn id(name: &str) -> String {
    derived_id("test", name)
}

/// Writes rows while the daemon is away, as it would.
fn put(machine: &Machine, rows: Vec<Row>) {
    machine.stop_daemon().unwrap();
    let store = Store::open(&machine.home().replica(), Arc::new(SystemClock)).unwrap();
    store.write(move |tx| rows.into_iter().try_for_each(|row| tx.put(row))).unwrap();
    store.close().unwrap();
    machine.start_daemon().unwrap();
}

fn client(machine: &Machine, name: &str) -> Row {
    let store = sync::local::inspect(&machine.home().replica(), |tx| tx.get(CLIENTS, &Key::new(id(name))));
    store.unwrap().unwrap_or_else(|| Row::new(CLIENTS).with("id", id(name)).with("name", name))
}

fn cli(machine: &Machine, arguments: &[&str]) -> Run {
    machine.cli(arguments).unwrap()
}

fn json(machine: &Machine, arguments: &[&str]) -> Value {
    let run = cli(machine, &[arguments, &["--json"]].concat());
    run.json().unwrap_or_else(|error| panic!("{error}"))
}

fn notes(machine: &Machine, name: &str) -> String {
    Replica::of(machine).rows(&format!("SELECT notes FROM clients WHERE id = '{}'", id(name))).remove(0)
}

/// A machine with a central of its own, on which SQL can be run.
fn world(name: &str) -> (Machine, impl Fn(&str) -> String, String) {
    let server = mariadb::shared().unwrap();
    let database = server.fresh_database("by_hand").unwrap();
    let url = server.url(&database);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(central::init(&url.parse().unwrap(), central::InitOptions::default())).unwrap();
    let machine = Machine::set_up(name, Some(&url)).unwrap();
    let sql = move |statements: &str| server.sql(&database, statements).unwrap().trim().to_owned();
    (machine, sql, url)
}

#[test]
fn a_conflict_is_listed_shown_restored_and_counts_no_more() {
    let (machine, sql, _) = world("conflict");
    put(&machine, vec![client(&machine, "Acme"), client(&machine, "Zenith")]);
    assert_eq!(cli(&machine, &["sync", "--wait"]).code, 0);
    for name in ["Acme", "Zenith"] {
        sql(&format!("UPDATE clients SET notes = 'from there' WHERE name = '{name}'"));
    }
    let here = |name| client(&machine, name).with("notes", "from here");
    put(&machine, vec![here("Acme"), here("Zenith")]);
    let synced = cli(&machine, &["sync", "--wait"]);
    assert!(
        synced.code == 3 && synced.stdout.contains("2 conflicts want a look: claudetools sync conflicts"),
        "{synced:?}"
    );
    assert!(cli(&machine, &["status"]).stdout.contains("claudetools sync conflicts"));
    assert!(cli(&machine, &["doctor"]).stdout.contains("2 conflicts want a look"));

    let list = json(&machine, &["sync", "conflicts"]);
    let conflict = list.as_array().unwrap().iter().find(|one| one["key"] == id("Acme")).unwrap();
    assert_eq!(
        (&conflict["table"], &conflict["rule"], &conflict["winner"]),
        (&"clients".into(), &"last writer".into(), &"local".into())
    );
    assert_eq!(
        (&conflict["set_aside"]["notes"], &conflict["kept"]["notes"]),
        (&"from there".into(), &"from here".into())
    );
    let number = conflict["id"].to_string();
    let shown = cli(&machine, &["sync", "conflicts", "show", &number]).ok().unwrap().stdout;
    for part in ["the later change stands", "notes", "- from there", "+ from here", "wants a look"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }

    let restored = cli(&machine, &["sync", "conflicts", "restore", &number]).ok().unwrap();
    assert!(restored.stdout.contains("notes put back"), "{restored:?}");
    assert_eq!(notes(&machine, "Acme"), "from there");
    let again = cli(&machine, &["sync", "conflicts", "restore", &number]);
    assert!(again.code == 1 && again.stderr.contains("has been restored before"), "{again:?}");
    for (arguments, says) in [
        (vec!["restore", "4711"], "there is no conflict 4711"),
        (vec!["show", "4711"], "there is no conflict 4711"),
        (vec!["ack", "4711"], "there is no conflict 4711"),
    ] {
        let refused = cli(&machine, &[&["sync", "conflicts"], arguments.as_slice()].concat());
        assert!(refused.code == 1 && refused.stderr.contains(says) && refused.stderr.contains("hint: "), "{refused:?}");
    }
    assert_eq!(cli(&machine, &["sync", "conflicts", "ack"]).code, 2);
    assert_eq!(cli(&machine, &["sync", "conflicts", "--table", "nonsense"]).code, 2);

    assert_eq!(json(&machine, &["sync", "conflicts", "ack", "--all"])["acknowledged"], 1);
    assert_eq!(json(&machine, &["sync", "conflicts"]).as_array().unwrap().len(), 0);
    assert_eq!(json(&machine, &["sync", "conflicts", "--all"]).as_array().unwrap().len(), 2);
    assert_eq!(cli(&machine, &["sync", "--wait"]).code, 0, "nothing wants its user any more");
    assert_eq!(sql("SELECT GROUP_CONCAT(notes ORDER BY name) FROM clients"), "from there,from here");
}

#[test]
fn a_refused_row_is_listed_tried_again_and_given_up() {
    let (machine, sql, _) = world("refused");
    sql("ALTER TABLE clients ADD CONSTRAINT ck_house CHECK (notes IS NULL OR notes NOT LIKE 'forbidden%')");
    let row = |name, notes| client(&machine, name).with("notes", notes);
    put(&machine, vec![row("one", "forbidden 1"), row("two", "forbidden 2"), row("good", "fine")]);
    assert_eq!(cli(&machine, &["sync", "--wait"]).code, 3);
    assert_eq!(sql("SELECT name FROM clients"), "good");
    let listed = json(&machine, &["sync", "quarantine"]);
    assert_eq!(listed["quarantine"].as_array().unwrap().len(), 2);
    assert_eq!(listed["quarantine"][0]["kind"], "check");
    let said = cli(&machine, &["sync", "quarantine"]).stdout;
    assert!(said.contains("refused by central: the condition ck_house does not hold"), "{said}");
    assert!(cli(&machine, &["doctor"]).stdout.contains("claudetools sync quarantine"));

    let retried = cli(&machine, &["sync", "quarantine", "retry"]);
    assert!(retried.code == 3 && retried.stdout.contains("2 rows tried again, 2 still in quarantine"), "{retried:?}");
    let unknown = cli(&machine, &["sync", "quarantine", "retry", "clients", "nobody"]);
    assert!(
        unknown.code == 1 && unknown.stderr.contains("there is no row nobody of clients in quarantine"),
        "{unknown:?}"
    );
    assert_eq!(cli(&machine, &["sync", "quarantine", "retry", "clients"]).code, 2);

    let given_up = cli(&machine, &["sync", "quarantine", "discard", "clients", &id("one")]).ok().unwrap();
    assert!(
        given_up.stdout.contains("is gone here") && given_up.stdout.contains("sync conflicts restore"),
        "{given_up:?}"
    );
    assert_eq!(Replica::of(&machine).number("SELECT count(*) FROM clients"), 2);
    // Once the condition has gone the other one goes, and the one that was given up can be had again.
    sql("ALTER TABLE clients DROP CONSTRAINT ck_house");
    let retried = cli(&machine, &["sync", "quarantine", "retry", "clients", &id("two")]).ok().unwrap();
    assert!(retried.stdout.contains("1 row tried again, 0 still in quarantine"), "{retried:?}");
    let conflict = json(&machine, &["sync", "conflicts", "--all"])[0]["id"].to_string();
    cli(&machine, &["sync", "conflicts", "restore", &conflict]).ok().unwrap();
    assert_eq!(cli(&machine, &["sync", "--wait"]).code, 0);
    assert_eq!(sql("SELECT GROUP_CONCAT(name ORDER BY name) FROM clients"), "good,one,two");
}

#[test]
fn a_home_that_was_copied_says_that_it_is_another_machine_now() {
    let (machine, _, url) = world("original");
    put(&machine, vec![client(&machine, "Acme")]);
    assert_eq!(cli(&machine, &["sync", "--wait"]).code, 0);
    let copy = Machine::set_up("copy", Some(&url)).unwrap();
    for one in [&machine, &copy] {
        one.stop_daemon().unwrap();
    }
    copy_replica(machine.home().root(), copy.home().root());
    for one in [&machine, &copy] {
        one.start_daemon().unwrap();
        assert_eq!(cli(one, &["sync", "--wait"]).code, 0);
    }
    let identity = |machine| json(machine, &["sync", "status"])["identity"].clone();
    let (original, copied) = (identity(&machine), identity(&copy));
    assert_ne!(original["replica_id"], copied["replica_id"]);
    assert!(original["reason"].is_null() && copied["reason"].as_str().unwrap().contains("copied or moved"), "{copied}");
    // `status` says so, too, until it was seen in full; programs that read JSON see nothing for anybody.
    let told = |machine: &Machine| {
        let shown = cli(machine, &["status"]).stdout.contains("this is another machine to central since");
        let reason = json(machine, &["status"])["sync"]["another_machine"]["reason"].as_str().map(str::to_owned);
        assert_eq!(shown, reason.is_some());
        reason
    };
    assert_eq!(told(&machine), None);
    assert!(told(&copy).unwrap().contains("copied or moved"));
    copy.stop_daemon().unwrap();
    assert!(told(&copy).is_some(), "without a daemon as well");
    copy.start_daemon().unwrap();
    assert!(cli(&copy, &["sync", "status"]).stdout.contains("known to central as another machine since"));
    assert_eq!(told(&copy), None);
    copy.stop_daemon().unwrap();
    copy.start_daemon().unwrap();
    assert_eq!(told(&copy), None, "it is remembered");
    assert!(cli(&copy, &["sync", "status"]).stdout.contains("known to central as another machine since"));
    put(&copy, vec![client(&copy, "Zenith")]);
    for one in [&copy, &machine] {
        assert_eq!(cli(one, &["sync", "--wait"]).code, 0);
    }
    assert_eq!(Replica::of(&machine).number("SELECT count(*) FROM clients"), 2);
}
