//! Each kind of statement that a program may change rows with, and a transaction that is taken back in part: what it
//! leaves at central is what two replicas have.

use std::fs;

use super::TABLES;
use crate::compare::differences;
use crate::reconcile::{Machine, central};

/// What is there before each statement.
const GROUND: &str = "
    INSERT INTO clients (id, name, notes) VALUES ('c1', 'Acme', 'one'), ('c2', 'Zenith', 'two'), ('c3', 'Orbit', NULL);
    INSERT INTO sites (id, client_id, name) VALUES ('s1', 'c1', 'HQ'), ('s2', 'c1', 'Lab'), ('s3', 'c2', 'HQ');
    INSERT INTO tags (id, name) VALUES ('t1', 'dns'), ('t2', 'vpn'), ('t3', 'tls');
    INSERT INTO sessions (id, title) VALUES ('e1', 'first'), ('e2', 'second');
    INSERT INTO session_tags (session_id, tag_id) VALUES ('e1', 't1'), ('e2', 't2')";

/// Rows of a file.
const ROWS: usize = 2_000;

/// A name, the statements, how many rows of which query there must be afterwards.
const STATEMENTS: [(&str, &str, &str, &str); 18] = [
    ("INSERT", "INSERT INTO clients (id, name) VALUES ('n', 'New')", "clients WHERE id = 'n'", "1"),
    ("INSERT of many rows", "INSERT INTO tags (id, name) VALUES ('x1', 'x1'), ('x2', 'x2'), ('x3', 'x3')", "tags", "6"),
    ("INSERT … SELECT", "INSERT INTO tags (id, name) SELECT CONCAT('of-', id), CONCAT('of-', LOWER(name)) FROM clients", "tags", "6"),
    ("INSERT IGNORE", "INSERT IGNORE INTO tags (id, name) VALUES ('t9', 'dns'), ('t8', 'new')", "tags", "4"),
    ("INSERT … ON DUPLICATE KEY UPDATE", "INSERT INTO tags (id, name) VALUES ('t9', 'dns'), ('t8', 'new') ON DUPLICATE KEY UPDATE description = 'met'", "tags WHERE description = 'met' OR id = 't8'", "2"),
    ("INSERT … RETURNING", "INSERT INTO tags (id, name) VALUES ('r', 'returned') RETURNING id", "tags", "4"),
    ("UPDATE", "UPDATE clients SET notes = 'changed' WHERE id = 'c1'", "clients WHERE notes = 'changed'", "1"),
    ("UPDATE of many rows", "UPDATE sites SET notes = CONCAT('at ', name)", "sites WHERE notes LIKE 'at %'", "3"),
    ("UPDATE with a join", "UPDATE sites s JOIN clients c ON c.id = s.client_id SET s.notes = c.name, c.notes = s.name WHERE c.name = 'Zenith'", "sites WHERE notes = 'Zenith'", "1"),
    ("UPDATE of a primary key", "UPDATE tags SET id = 'moved' WHERE id = 't3'", "tags WHERE id IN ('moved', 't3')", "1"),
    ("UPDATE of a part of a primary key", "UPDATE session_tags SET tag_id = 't3' WHERE session_id = 'e1'", "session_tags WHERE tag_id = 't3'", "1"),
    ("REPLACE", "REPLACE INTO tags (id, name) VALUES ('t3', 'replaced')", "tags WHERE name = 'replaced'", "1"),
    ("REPLACE that removes another row", "REPLACE INTO tags (id, name) VALUES ('other', 'tls')", "tags WHERE id IN ('other', 't3')", "1"),
    ("DELETE", "DELETE FROM sites WHERE id = 's1'", "sites", "2"),
    ("DELETE from several tables", "DELETE c, t FROM clients c JOIN tags t ON t.name = 'tls' WHERE c.name = 'Orbit'", "clients", "2"),
    ("DELETE … ORDER BY … LIMIT", "DELETE FROM sites ORDER BY id DESC LIMIT 2", "sites", "1"),
    (
        "a transaction with savepoints taken back in part",
        "START TRANSACTION; INSERT INTO tags (id, name) VALUES ('k1', 'kept1'); SAVEPOINT one;
         INSERT INTO tags (id, name) VALUES ('g1', 'gone1'); DELETE FROM sites WHERE id = 's3'; UPDATE clients SET notes = 'gone';
         ROLLBACK TO SAVEPOINT one; INSERT INTO tags (id, name) VALUES ('k2', 'kept2'); SAVEPOINT two;
         UPDATE tags SET description = 'kept' WHERE id = 'k1'; RELEASE SAVEPOINT two; COMMIT",
        "tags WHERE id IN ('k1', 'k2', 'g1')",
        "2",
    ),
    ("a transaction that is taken back", "START TRANSACTION; DELETE FROM session_tags; DELETE FROM tags; ROLLBACK", "tags", "3"),
];

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_statement_reaches_two_replicas() {
    let central = central().await;
    let (a, b) = (Machine::new("a", &central).await, Machine::new("b", &central).await);
    for (name, statement, query, count) in STATEMENTS {
        central.sql(
            "DELETE FROM session_tags; DELETE FROM sessions; DELETE FROM tags; DELETE FROM sites; DELETE FROM clients",
        );
        central.sql(GROUND);
        for machine in [&a, &b] {
            machine.round().await;
        }
        central.sql(statement);
        assert_eq!(central.sql(&format!("SELECT COUNT(*) FROM {query}")), count, "{name} did what it says");
        for machine in [&a, &b] {
            machine.round().await;
            let found = differences(&central, &machine.path(), &TABLES).await;
            assert!(found.is_empty(), "{name}: {found:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_loaded_from_a_file_reach_two_replicas() {
    let central = central().await;
    let (a, b) = (Machine::new("a", &central).await, Machine::new("b", &central).await);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tags.tsv");
    fs::write(&file, lines(|number| format!("name {number} ü 🏢"))).unwrap();
    let into = "INTO TABLE tags CHARACTER SET utf8mb4 (id, name)";
    central.sql(&format!("LOAD DATA LOCAL INFILE '{}' {into}", file.display()));
    assert_eq!(central.sql("SELECT COUNT(*) FROM tags"), ROWS.to_string());
    // Again, over what is there, half of it changed.
    fs::write(&file, lines(|number| format!("name {}", number / 2 * 2 + 100_000 * (number % 2)))).unwrap();
    central.sql(&format!("LOAD DATA LOCAL INFILE '{}' REPLACE {into}", file.display()));
    for machine in [&a, &b] {
        machine.round().await;
        let found = differences(&central, &machine.path(), &TABLES).await;
        assert!(found.is_empty(), "{found:?}");
    }
}

/// The file's lines: key and name.
fn lines(name: impl Fn(usize) -> String) -> String {
    let lines: Vec<String> = (0..ROWS).map(|number| format!("tag{number:05}\t{}", name(number))).collect();
    lines.join("\n") + "\n"
}
