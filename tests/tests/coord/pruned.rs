//! What is kept of locks, messages and components: nothing secret, and nothing that ended long ago.

use serde_json::json;
use world::eventually;
use world::mariadb::shared;

use super::{Desk, PATIENCE, PROJECT, pair_on};
use crate::replica::Replica;

/// A secret as people paste it.
const SECRET: &str = "hunter2-zebra-4471";

#[test]
fn secrets_are_taken_out_of_what_sessions_write_for_each_other() {
    let desk = Desk::new("redacted", None);
    let told = format!("use password={SECRET} for now");
    let lock = json!({ "project_key": PROJECT, "session_id": "a", "resource": "schema", "description": told });
    let message =
        json!({ "from_session": "a", "subject": format!("password={SECRET}"), "body": format!("Hello. {told}") });
    let component = json!({ "project_key": PROJECT, "component": "api", "state": "stable", "version": "1.2",
        "notes": told, "updated_by": "a" });
    let lock = desk.api.post("/api/coord/locks", &lock).unwrap().expect(201).unwrap().text();
    let message = desk.api.post("/api/coord/messages", &message).unwrap().expect(201).unwrap().text();
    let component = desk.api.put("/api/coord/components", &component).unwrap().expect(201).unwrap().text();
    for answer in [&lock, &message, &component] {
        assert!(answer.contains("[redacted:") && !answer.contains(SECRET), "{answer}");
    }
    assert!(message.contains("Hello. use") && component.contains("1.2"), "the rest stays: {message} {component}");
    let everything = Replica::of(&desk.machine).everything().concat();
    assert!(everything.contains("[redacted:") && !everything.contains(SECRET), "{everything}");
}

#[test]
fn what_ended_long_ago_is_removed_here_and_at_central() {
    let server = shared().unwrap();
    let database = server.fresh_database("coord").unwrap();
    let (one, two) = pair_on(server, &database);
    let long_ago = "UTC_TIMESTAMP(6) - INTERVAL 40 DAY";
    let lock = |name: &str, ended: &str| {
        format!(
            "INSERT INTO coord_session_locks (id, project_key, session_id, resource, acquired_at, {ended}) \
             VALUES (UUID(), '{PROJECT}', 'elsewhere', '{name}', UTC_TIMESTAMP(6) - INTERVAL 60 DAY, {long_ago})"
        )
    };
    let message = |name: &str, columns: &str, values: &str| {
        format!(
            "INSERT INTO coord_messages (id, from_session, subject, body, created_at{columns}) \
             VALUES (UUID(), 'elsewhere', '{name}', 'x', UTC_TIMESTAMP(6) - INTERVAL 60 DAY{values})"
        )
    };
    for row in [
        lock("released", "released_at"),
        lock("expired", "expires_at"),
        lock("endless", "created_at"),
        message("read", ", to_session, read_at", &format!(", 'b', {long_ago}")),
        message("unread", ", to_session", ", 'b'"),
        message("to all", "", ""),
    ] {
        server.sql(&database, &row).unwrap();
    }
    one.claim("one/main", "now", 1.0).expect(201).unwrap();
    let news = json!({ "from_session": "one/main", "subject": "news", "body": "x" });
    one.api.post("/api/coord/messages", &news).unwrap().expect(201).unwrap();
    one.round();
    two.round();
    let held = "SELECT resource FROM coord_session_locks UNION SELECT subject FROM coord_messages ORDER BY 1";
    assert_eq!(Replica::of(&two.machine).rows(held).len(), 8);
    // The look at what is old comes with the start of the daemon, and then every hour.
    one.machine.stop_daemon().unwrap();
    let again = one.machine.start_api().unwrap();
    let kept = ["endless", "news", "now", "unread"];
    eventually("what is old removed at central", PATIENCE, || {
        again.post("/api/sync/now", &json!({ "wait": true })).unwrap();
        server.sql(&database, held).unwrap().lines().collect::<Vec<_>>() == kept
    })
    .unwrap();
    two.round();
    assert_eq!(Replica::of(&two.machine).rows(held), kept);
    for desk in [&one, &two] {
        let conflicts = desk.machine.cli(&["sync", "conflicts", "--json"]).unwrap();
        assert!(!conflicts.stdout.contains("coord_"), "{conflicts:?}");
    }
}
