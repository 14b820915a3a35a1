//! What the server's own cascades change reaches the machines.

use merge::{Key, Row};
use migrations::catalogue::{CLIENTS, NETWORKS, SITES, TASKS};
use sync::central::Central as Connection;
use sync::central::FeedState;

use super::{adopted, uuid};
use crate::reconcile::{Central, Machine, id};
use crate::verify::compare;

async fn has(machine: &Machine, entity: &'static migrations::Entity, key: &str) -> Option<Row> {
    let key = Key::new(key);
    machine.store.read_async(move |tx| tx.get(entity, &key)).await.unwrap()
}

async fn after(place: &Central<'_>, machine: &Machine, statements: &str) {
    place.sql(statements);
    machine.round().await;
    let report = compare(machine).await;
    assert_eq!((report.differences, report.left), (0, 0), "{statements}: {report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn over_two_levels_and_references_that_are_emptied() {
    let place = adopted().await;
    let a = Machine::new("a", &place).await;
    assert!(has(&a, NETWORKS, &uuid("a11")).await.is_some());
    after(&place, &a, &format!("DELETE FROM Client WHERE id = '{}'", uuid("a"))).await;
    assert!(has(&a, CLIENTS, &uuid("a")).await.is_none());
    assert!(has(&a, SITES, &uuid("a1")).await.is_none(), "its site went with it");
    assert!(has(&a, NETWORKS, &uuid("a11")).await.is_none(), "and its network");
    // That of another client was at the site, which is no more: the second level.
    assert_eq!(has(&a, NETWORKS, &uuid("b11")).await.unwrap().text("site_id"), None);
    assert_eq!(place.sql("SELECT COUNT(*) FROM invoices"), "0");
    assert_eq!(a.engine.status().conflicts, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_went_has_left_its_image() {
    let place = adopted().await;
    let connection = Connection::connect(&place.url()).await.unwrap();
    place.sql(&format!("DELETE FROM Client WHERE id = '{}'", uuid("a")));
    connection.sequence().await.unwrap();
    let site = merge::RowId::new(SITES, Key::new(uuid("a1")));
    let found = connection.rows(&[site]).await.unwrap().remove(0);
    match (found.state, found.origin) {
        (FeedState::Deleted { image: Some(image) }, None) => assert_eq!(image.text("name"), Some("Berlin")),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_refers_to_itself_to_its_end() {
    let place = adopted().await;
    let a = Machine::new("a", &place).await;
    let mut before: Option<String> = None;
    for level in 0..14 {
        let task = Row::new(TASKS).with("id", id(&format!("t{level}"))).with("title", format!("level {level}"));
        a.put(match &before {
            Some(parent) => task.with("parent_task_id", parent.as_str()),
            None => task.with("client_id", uuid("b")),
        })
        .await;
        before = Some(id(&format!("t{level}")));
    }
    a.round().await;
    assert_eq!(place.sql("SELECT COUNT(*) FROM tasks"), "14");
    let b = Machine::new("b", &place).await;
    // From above, through another table, and from within.
    after(&place, &b, &format!("DELETE FROM tasks WHERE id = '{}'", id("t7"))).await;
    assert_eq!(b.column("tasks", "title").lines().count(), 7);
    after(&place, &b, &format!("DELETE FROM Client WHERE id = '{}'", uuid("b"))).await;
    assert_eq!(b.column("tasks", "title"), "");
    a.round().await;
    assert_eq!(a.column("tasks", "title"), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn replace_changed_keys_and_deletes_without_checks() {
    let place = adopted().await;
    let a = Machine::new("a", &place).await;
    let replace = format!("REPLACE INTO Client (id, name) VALUES ('{}', 'anew')", uuid("a"));
    after(&place, &a, &replace).await;
    assert_eq!(has(&a, CLIENTS, &uuid("a")).await.unwrap().text("name"), Some("anew"));
    assert!(has(&a, SITES, &uuid("a1")).await.is_none());
    // The site follows its client's key.
    let renamed = format!("UPDATE Client SET id = '{}' WHERE id = '{}'", uuid("f"), uuid("c"));
    after(&place, &a, &renamed).await;
    assert_eq!(has(&a, SITES, &uuid("c1")).await.unwrap().text("client_id"), Some(uuid("f").as_str()));
    // Nothing cascades here: the site stays, and is only mentioned.
    place.sql(&format!("SET foreign_key_checks = 0; DELETE FROM Client WHERE id = '{}'", uuid("f")));
    a.round().await;
    assert_eq!(place.sql("SELECT name FROM sites"), "Bonn");
    assert!(has(&a, CLIENTS, &uuid("f")).await.is_none());
    assert!(has(&a, SITES, &uuid("c1")).await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_is_taken_back_leaves_nothing() {
    let place = adopted().await;
    let a = Machine::new("a", &place).await;
    place.sql(&format!("START TRANSACTION; DELETE FROM Client WHERE id = '{}'; ROLLBACK", uuid("a")));
    assert_eq!(place.sql("SELECT COUNT(*) FROM ct_sync_outbox"), "0");
    assert_eq!(a.round().await.pulled, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_came_after_the_transaction_began_goes_too() {
    let place = adopted().await;
    let a = Machine::new("a", &place).await;
    let mut early = place.connect().await;
    for statement in ["START TRANSACTION", "SELECT COUNT(*) FROM sites", "SELECT COUNT(*) FROM tasks"] {
        sqlx::query(statement).execute(&mut early).await.unwrap();
    }
    let child =
        |id: &str, parent: &str| format!("INSERT INTO tasks (id, title, {parent}) VALUES ('{id}', 't', '{{}}')");
    place.sql(&child(&id("task"), "client_id").replace("{}", &uuid("a")));
    place.sql(&child(&id("subtask"), "parent_task_id").replace("{}", &id("task")));
    a.round().await;
    assert_eq!(a.column("tasks", "title").lines().count(), 2);
    let delete = format!("DELETE FROM Client WHERE id = '{}'", uuid("a"));
    sqlx::query(sqlx::AssertSqlSafe(delete)).execute(&mut early).await.unwrap();
    sqlx::query("COMMIT").execute(&mut early).await.unwrap();
    after(&place, &a, "DO 0").await;
    assert_eq!(a.column("tasks", "title"), "");
}
