//! Two machines that change the same things while they cannot see each other.

use merge::Row;
use migrations::catalogue::{CLIENTS, CONVERSATION_CONTEXTS, PROJECTS, SESSIONS, SITES};

use super::{Machine, central, central_column, client, id};

#[tokio::test(flavor = "multi_thread")]
async fn different_columns_of_one_row_both_stay() {
    let central = central().await;
    let (a, b) = (Machine::new("a", &central).await, Machine::new("b", &central).await);
    a.put(client("Acme")).await;
    a.round().await;
    b.round().await;
    a.edit("Acme", "notes", "from a").await;
    b.edit("Acme", "domain_name", "b.example").await;
    a.round().await;
    b.round().await;
    a.round().await;
    for machine in [&a, &b] {
        let row = machine.get(CLIENTS, "Acme").await.unwrap();
        assert_eq!((row.text("notes"), row.text("domain_name")), (Some("from a"), Some("b.example")));
        assert_eq!(machine.engine.status().pending, 0);
    }
    assert_eq!(a.get(CLIENTS, "Acme").await, b.get(CLIENTS, "Acme").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_one_column_the_later_value_stays_and_the_other_is_on_record() {
    let central = central().await;
    let (a, b) = (Machine::new("a", &central).await, Machine::new("b", &central).await);
    a.put(client("Acme")).await;
    a.round().await;
    b.round().await;
    a.edit("Acme", "notes", "earlier").await;
    b.edit("Acme", "notes", "later").await;
    b.round().await;
    a.round().await;
    b.round().await;
    for machine in [&a, &b] {
        assert_eq!(machine.get(CLIENTS, "Acme").await.unwrap().text("notes"), Some("later"));
    }
    assert_eq!(central_column(&central, "clients", "notes"), format!("{}\tlater", id("Acme")));
    let record = a.store.read(|tx| sync::local::conflicts(tx, 10, false, None)).unwrap();
    assert_eq!(record.len(), 1);
    assert_eq!((record[0].winner.as_str(), &record[0].set_aside["notes"]), ("remote", &"earlier".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn counters_add_up() {
    let central = central().await;
    let (a, b) = (Machine::new("a", &central).await, Machine::new("b", &central).await);
    let context = Row::new(CONVERSATION_CONTEXTS)
        .with("id", id("c"))
        .with("context_type", "checkpoint")
        .with("title", "t")
        .with("dense_summary", "s")
        .with("usage_count", 10_i64);
    a.put(context).await;
    a.round().await;
    b.round().await;
    for (machine, uses) in [(&a, 3), (&b, 4)] {
        let row = machine.get(CONVERSATION_CONTEXTS, "c").await.unwrap();
        machine.put(row.with("usage_count", 10_i64 + uses)).await;
    }
    a.round().await;
    b.round().await;
    a.round().await;
    for machine in [&a, &b] {
        assert_eq!(machine.get(CONVERSATION_CONTEXTS, "c").await.unwrap().int("usage_count"), Some(17));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_machines_that_meet_one_repository_end_with_one_project() {
    let central = central().await;
    let (a, b) = (Machine::new("a", &central).await, Machine::new("b", &central).await);
    for (machine, name) in [(&a, "pa"), (&b, "pb")] {
        machine
            .put(Row::new(PROJECTS).with("id", id(name)).with("name", "app").with("slug", "github.com/acme/app"))
            .await;
        machine.put(Row::new(SESSIONS).with("id", id(&format!("s{name}"))).with("project_id", id(name))).await;
    }
    a.round().await;
    b.round().await;
    a.round().await;
    for machine in [&a, &b] {
        assert_eq!(machine.get(PROJECTS, "pb").await, None);
        for session in ["spa", "spb"] {
            let row = machine.get(SESSIONS, session).await.unwrap();
            assert_eq!(row.text("project_id"), Some(id("pa").as_str()), "{session}");
        }
        let status = machine.engine.status();
        assert_eq!((status.pending, status.quarantined, status.parked), (0, 0, 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_revives_what_another_machine_deleted() {
    let central = central().await;
    let (a, b) = (Machine::new("a", &central).await, Machine::new("b", &central).await);
    a.put(client("Acme").with("domain_name", "acme.example")).await;
    a.round().await;
    b.round().await;
    a.delete(CLIENTS, "Acme").await;
    b.edit("Acme", "notes", "still needed").await;
    a.round().await;
    b.round().await;
    a.round().await;
    for machine in [&a, &b] {
        let row = machine.get(CLIENTS, "Acme").await.expect("revived");
        assert_eq!((row.text("notes"), row.text("domain_name")), (Some("still needed"), Some("acme.example")));
        assert_eq!(machine.engine.status().pending, 0);
    }
    assert!(b.engine.status().conflicts > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_made_elsewhere_revives_its_parent() {
    let central = central().await;
    let (a, b) = (Machine::new("a", &central).await, Machine::new("b", &central).await);
    a.put(client("Acme")).await;
    a.round().await;
    b.round().await;
    a.delete(CLIENTS, "Acme").await;
    b.put(Row::new(SITES).with("id", id("HQ")).with("client_id", id("Acme")).with("name", "HQ")).await;
    a.round().await;
    b.round().await;
    a.round().await;
    for machine in [&a, &b] {
        assert!(machine.get(CLIENTS, "Acme").await.is_some());
        assert!(machine.get(SITES, "HQ").await.is_some());
        let status = machine.engine.status();
        assert_eq!((status.pending, status.quarantined, status.parked), (0, 0, 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_central_refuses_stops_only_itself() {
    let central = central().await;
    let machine = Machine::new("a", &central).await;
    // A stricter central than the catalogue knows: as an administrator may have made it.
    central.sql("ALTER TABLE clients ADD CONSTRAINT ck_house CHECK (notes IS NULL OR notes <> 'forbidden')");
    machine.put(client("bad").with("notes", "forbidden")).await;
    machine.put(client("good")).await;
    let report = machine.round().await;
    assert_eq!((report.pushed, report.quarantined), (1, 1));
    let list = machine.store.read(sync::local::quarantine).unwrap();
    assert_eq!((list[0].kind.as_str(), list[0].refused_by.as_str()), ("check", "central"));
    assert!(list[0].reason.contains("ck_house"), "{}", list[0].reason);
    // The next round does not try it again, a correction does.
    assert_eq!(machine.round().await.quarantined, 0);
    machine.edit("bad", "notes", "allowed").await;
    assert_eq!(machine.round().await.pushed, 1);
    assert_eq!(machine.engine.status().quarantined, 0);
    assert_eq!(central.sql("SELECT count(*) FROM clients"), "2");
}
