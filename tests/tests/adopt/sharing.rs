//! Rows go both ways, and what has no place at central stays where it is.

use merge::{Key, Row};
use migrations::catalogue::{CLIENTS, MACHINES, PROJECTS, SITES, TAGS};

use super::{adopted, uuid};
use crate::reconcile::{Machine, id};
use crate::verify::compare;

pub(super) async fn row(machine: &Machine, entity: &'static migrations::Entity, key: &str) -> Option<Row> {
    let key = Key::new(key);
    machine.store.read_async(move |tx| tx.get(entity, &key)).await.unwrap()
}

/// A second round moves nothing, and a comparison finds nothing.
async fn is_still(machine: &Machine) {
    machine.round().await;
    let again = machine.round().await;
    assert_eq!((again.pulled, again.pushed), (0, 0), "{again:?}");
    let report = compare(machine).await;
    assert_eq!((report.differences, report.left), (0, 0), "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_there_is_on_every_machine() {
    let place = adopted().await;
    let (a, b) = (Machine::new("a", &place).await, Machine::new("b", &place).await);
    for machine in [&a, &b] {
        assert_eq!(machine.column("clients", "name").lines().count(), 3, "both of a pair");
        let first = row(machine, CLIENTS, &uuid("a")).await.unwrap();
        assert_eq!(first.text("created_at"), Some("2020-02-29T12:00:00.000000Z"));
        let second = row(machine, CLIENTS, &uuid("b")).await.unwrap();
        assert_eq!((second.text("client_type"), second.int("is_active")), (Some("msp_client"), Some(1)));
        assert!(row(machine, CLIENTS, &uuid("c")).await.is_some(), "ids are in lower case here");
        assert_eq!(
            row(machine, TAGS, "0199aaaa-0000-7000-8000-000000000001").await.unwrap().text("name"),
            Some("Rust")
        );
        let status = machine.engine.status();
        assert_eq!((status.quarantined, status.parked, status.conflicts), (0, 0, 0));
        let versions = status.versions.unwrap();
        assert!(versions.is_adopted && versions.missing_tables.contains(&"projects".to_owned()));
        assert!(versions.missing_columns.contains(&"clients.updated_at".to_owned()));
        is_still(machine).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_sides_write_and_what_has_no_place_stays() {
    let place = adopted().await;
    let (a, b) = (Machine::new("a", &place).await, Machine::new("b", &place).await);
    let acme = row(&a, CLIENTS, &uuid("a")).await.unwrap();
    a.put(acme.with("notes", "edited here").with("address", "known here only")).await;
    a.put(Row::new(CLIENTS).with("id", id("new")).with("name", "from a").with("contact_email", "x@y.z")).await;
    a.put(Row::new(SITES).with("id", id("site")).with("client_id", id("new")).with("name", "Köln")).await;
    a.put(Row::new(TAGS).with("id", id("tag")).with("name", "c++")).await;
    assert_eq!(a.round().await.pushed, 4);
    // The other program, which knows nothing of it.
    place.sql("UPDATE Client SET name = 'Acme AG' WHERE id = '00000000-0000-4000-8000-00000000000A'");
    place.sql("INSERT INTO Client (id, name) VALUES ('00000000-0000-4000-8000-00000000000E', 'from there')");
    assert_eq!(place.sql("SELECT notes, tenant FROM Client WHERE name = 'Acme AG'"), "edited here\t7");
    assert_eq!(place.sql("SELECT active, tenant FROM Client WHERE name = 'from a'"), "1\t7");
    for machine in [&a, &b] {
        machine.round().await;
        let acme = row(machine, CLIENTS, &uuid("a")).await.unwrap();
        assert_eq!((acme.text("name"), acme.text("notes")), (Some("Acme AG"), Some("edited here")));
        assert_eq!(row(machine, CLIENTS, &uuid("e")).await.unwrap().text("name"), Some("from there"));
        assert!(row(machine, SITES, &id("site")).await.is_some());
        assert_eq!(machine.engine.status().pending, 0);
    }
    assert_eq!(row(&a, CLIENTS, &uuid("a")).await.unwrap().text("address"), Some("known here only"));
    assert_eq!(row(&a, CLIENTS, &id("new")).await.unwrap().text("contact_email"), Some("x@y.z"));
    assert_eq!(row(&b, CLIENTS, &uuid("a")).await.unwrap().text("address"), None);
    assert_eq!((a.engine.status().conflicts, b.engine.status().conflicts), (0, 0));
    // A change of nothing but what stays is no change for central.
    let acme = row(&a, CLIENTS, &uuid("a")).await.unwrap();
    a.put(acme.with("address", "moved")).await;
    a.round().await;
    assert_eq!(a.engine.status().pending, 0);
    assert_eq!(row(&a, CLIENTS, &uuid("a")).await.unwrap().text("address"), Some("moved"));
    is_still(&a).await;
    is_still(&b).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_central_cannot_take_waits_visibly() {
    let place = adopted().await;
    let a = Machine::new("a", &place).await;
    a.put(Row::new(PROJECTS).with("id", id("p")).with("name", "p").with("slug", "p")).await;
    a.put(Row::new(MACHINES).with("id", id("m")).with("hostname", "m")).await;
    a.put(Row::new(CLIENTS).with("id", id("long")).with("name", "long").with("notes", "x".repeat(70_000))).await;
    a.put(Row::new(TAGS).with("id", id("rust")).with("name", "rust")).await;
    a.put(Row::new(CLIENTS).with("id", id("fine")).with("name", "fine")).await;
    a.round().await;
    assert_eq!(place.sql("SELECT name FROM Client WHERE name IN ('fine', 'long')"), "fine", "the others go on");
    let status = a.engine.status();
    assert_eq!((status.waiting, status.quarantined, status.pending), (1, 3, 4));
    let quarantined = a.store.read(sync::local::quarantine).unwrap();
    for (table, part) in [("machines", "rack"), ("clients", "notes is longer"), ("tags", "same name")] {
        let row = quarantined.iter().find(|row| row.table == table).unwrap();
        assert!(row.reason.contains(part) && !row.hint.is_empty(), "{row:?}");
    }
    // What was there before came here all the same.
    assert!(row(&a, MACHINES, &uuid("d1")).await.is_some());
    // Once the other program's table lets it be, it goes by itself.
    place.sql("ALTER TABLE machines ALTER COLUMN rack SET DEFAULT ''");
    a.round().await;
    a.round().await;
    assert_eq!(place.sql("SELECT hostname FROM machines WHERE rack = ''"), "m");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_comes_back_has_a_value_where_there_must_be_one() {
    let place = adopted().await;
    let (a, b) = (Machine::new("a", &place).await, Machine::new("b", &place).await);
    let second = row(&a, CLIENTS, &uuid("b")).await.unwrap();
    // As it goes there, its type and the time of its making are NULL; both are kept in what is noted of it.
    place.sql(&format!("DELETE FROM Client WHERE id = '{}'", uuid("b")));
    a.put(second.with("notes", "edited while it went")).await;
    for machine in [&a, &b] {
        machine.round().await;
        let back = row(machine, CLIENTS, &uuid("b")).await.expect("an edit outlives a delete");
        assert_eq!((back.text("client_type"), back.text("notes")), (Some("msp_client"), Some("edited while it went")));
        machine.put(back.with("name", "and is edited again")).await;
        is_still(machine).await;
    }
    assert_eq!(place.sql(&format!("SELECT client_type FROM Client WHERE id = '{}'", uuid("b"))), "msp_client");
}
