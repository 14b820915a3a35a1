//! A replica of a build that left the audit rows of other machines at central, met by this one.

use std::path::Path;

use migrations::ENTITIES;
use migrations::ladder::SQLITE;
use rusqlite::Connection;
use serde_json::json;
use world::Machine;

use super::http::{Api, token};
use super::{Central, PASSPHRASE, credential, id, round, vault};
use crate::replica::Replica;

/// The step that brought the audit rows of all machines to each.
const AUDIT: u32 = 18;

#[expect(clippy::disallowed_methods, reason = "stands for an earlier build, not for ours")]
fn open(path: &Path) -> Connection {
    Connection::open(path).unwrap()
}

/// Makes the replica what it would be if an earlier build had made it and followed central so far: its schema is that of
/// the steps before [`AUDIT`], it has every row but those of the trail, and something to read again, or nothing.
fn regress(machine: &Machine, refill: &str) {
    let (now, then) = (machine.home().replica(), machine.temporary().join("older.db"));
    let older = open(&then);
    older.pragma_update(None, "foreign_keys", false).unwrap();
    for step in SQLITE.iter().filter(|step| step.version < AUDIT) {
        older.execute_batch(step.sql).unwrap();
        older.pragma_update(None, "user_version", step.version).unwrap();
    }
    older.execute("ATTACH ?1 AS now", [now.display().to_string()]).unwrap();
    let replicated = ENTITIES.iter().filter(|entity| entity.is_replicated()).map(|entity| entity.name);
    let copied = replicated.filter(|table| *table != "credential_audit_log");
    for table in copied.chain(["ct_sync_state", "ct_vault_keys"]) {
        let columns = "SELECT group_concat(name) FROM pragma_table_info(?1, 'main')";
        let Some(columns) = older.query_row(columns, [table], |row| row.get::<_, Option<String>>(0)).unwrap() else {
            continue; // the table came with a later step
        };
        let copy = format!("INSERT INTO main.{table} ({columns}) SELECT {columns} FROM now.{table}");
        older.execute_batch(&format!("DELETE FROM main.{table}; {copy}")).unwrap();
    }
    let state = "INSERT INTO ct_sync_state (name, value) VALUES ('refill', ?1) \
                 ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    older.execute(state, [refill]).unwrap();
    drop(older);
    for end in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(Path::new(&format!("{}{end}", now.display()))); // a clean stop leaves none
    }
    std::fs::rename(then, now).unwrap();
}

#[test]
fn a_replica_from_before_reads_the_audit_rows_of_other_machines_and_finds_them_whole() {
    let central = Central::new();
    let (author, other) = (central.machine("author"), central.machine("other"));
    vault(&author, "init", PASSPHRASE).ok().unwrap();
    central.sql(&credential(&author, &id("one"), "a secret"));
    round(&author);
    let api = Api::of(&author);
    let admin = token(&author, "admin,write,read", "1h");
    for _ in 0..3 {
        let path = format!("/api/credentials/{}/reveal", id("one"));
        assert_eq!(api.call("POST", &path, &admin, &json!({})).status, 200);
    }
    round(&author);
    vault(&other, "join", PASSPHRASE).ok().unwrap();
    round(&other);
    let count = "SELECT count(*) FROM credential_audit_log";
    for refill in ["", r#"{"tables":["tags"],"after":5}"#] {
        other.stop_daemon().unwrap();
        regress(&other, refill);
        let older = open(&other.home().replica());
        let number = |sql: &str| older.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
        assert!(number("PRAGMA user_version") < i64::from(AUDIT) && number(count) == 0);
        assert!(number("SELECT CAST(value AS INTEGER) FROM ct_sync_state WHERE name = 'cursor'") > 0);
        drop(older);
        other.start_daemon().unwrap();
        round(&other);
        let replica = Replica::of(&other);
        assert_eq!(replica.number(count), 3, "read again, beside {refill:?}");
        assert_eq!(replica.rows("SELECT value FROM ct_sync_state WHERE name = 'refill'"), [""], "and no more");
        let found = Api::of(&other).get("/api/credential-audit-logs/verify", &token(&other, "read", "1h")).body;
        assert_eq!([&found["rows"], &found["intact"], &found["broken"]], [&json!(3), &json!(true), &json!([])]);
        assert_eq!((found["chains"].as_array().unwrap().len(), &found["chains"][0]["seen"]), (1, &json!(3)), "{found}");
    }
}
