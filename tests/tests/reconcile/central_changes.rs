//! Changes in both directions, and the SQL of programs that know nothing of us.

use merge::Row;
use migrations::catalogue::{CLIENTS, CONVERSATION_CONTEXTS, SESSION_TAGS, SESSIONS, SITES, TAGS};

use super::{Machine, central, central_column, client, id};

#[tokio::test(flavor = "multi_thread")]
async fn what_one_machine_writes_the_other_has() {
    let central = central().await;
    let (a, b) = (Machine::new("a", &central).await, Machine::new("b", &central).await);
    let detail = sync::local::compress("the whole text".repeat(100).as_bytes());
    a.put(client("Acme").with("default_hourly_rate", 12_550_i64)).await;
    a.put(Row::new(SITES).with("id", id("HQ")).with("client_id", id("Acme")).with("name", "Häuptsitz 🏢")).await;
    a.put(Row::new(TAGS).with("id", id("dns")).with("name", "dns")).await;
    a.put(Row::new(SESSIONS).with("id", id("s")).with("claude_session_id", "c-1")).await;
    a.put(Row::new(SESSION_TAGS).with("session_id", id("s")).with("tag_id", id("dns"))).await;
    a.put(
        Row::new(CONVERSATION_CONTEXTS)
            .with("id", id("c"))
            .with("context_type", "checkpoint")
            .with("title", "t\\'\"\n")
            .with("dense_summary", "s")
            .with("tags", "[\"b\",\"a\"]")
            .with("detail_zst", detail.clone()),
    )
    .await;
    assert_eq!(a.round().await.pushed, 6);
    assert_eq!(central.sql("SELECT default_hourly_rate FROM clients"), "125.50");
    assert_eq!(b.round().await.pulled, 6);
    for (entity, name) in
        [(CLIENTS, "Acme"), (SITES, "HQ"), (TAGS, "dns"), (SESSIONS, "s"), (CONVERSATION_CONTEXTS, "c")]
    {
        let row = b.get(entity, name).await;
        assert!(row.is_some(), "{}", entity.name);
        assert_eq!(row, a.get(entity, name).await, "{}", entity.name);
    }
    assert_eq!(b.get(CONVERSATION_CONTEXTS, "c").await.unwrap().get("detail_zst").as_blob(), Some(detail.as_slice()));
    // Nothing is left to do for anybody.
    for machine in [&a, &b, &a] {
        let report = machine.round().await;
        assert_eq!((report.pushed, report.pulled, report.merged), (0, 0, 0));
        assert_eq!(machine.engine.status().pending, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_sql_at_central_reaches_every_replica() {
    let central = central().await;
    let (a, b) = (Machine::new("a", &central).await, Machine::new("b", &central).await);
    a.put(client("Acme")).await;
    a.round().await;
    b.round().await;
    let acme = id("Acme");
    central.sql(&format!(
        "INSERT INTO clients (id, name) VALUES ('{}', 'Zenith'), ('{}', 'Orbit');
         UPDATE clients SET notes = 'by hand' WHERE id = '{acme}';
         INSERT INTO sites (id, client_id, name) VALUES ('{}', '{acme}', 'HQ')",
        id("Zenith"),
        id("Orbit"),
        id("HQ")
    ));
    for machine in [&a, &b] {
        assert_eq!(machine.round().await.pulled, 4);
        assert_eq!(machine.column("clients", "notes"), central_column(&central, "clients", "notes"));
        assert_eq!(machine.get(SITES, "HQ").await.unwrap().text("client_id"), Some(acme.as_str()));
    }
    central.sql(&format!("DELETE FROM clients WHERE id = '{}'; UPDATE clients SET notes = NULL", id("Orbit")));
    for machine in [&a, &b] {
        machine.round().await;
        assert_eq!(machine.get(CLIENTS, "Orbit").await, None);
        assert_eq!(machine.column("clients", "notes"), central_column(&central, "clients", "notes"));
        assert_eq!(machine.engine.status().pending, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn deletes_travel() {
    let central = central().await;
    let (a, b) = (Machine::new("a", &central).await, Machine::new("b", &central).await);
    a.put(client("Acme")).await;
    a.put(Row::new(SITES).with("id", id("HQ")).with("client_id", id("Acme")).with("name", "HQ")).await;
    a.round().await;
    b.round().await;
    b.delete(SITES, "HQ").await;
    b.delete(CLIENTS, "Acme").await;
    assert_eq!(b.round().await.pushed, 2);
    assert_eq!(central.sql("SELECT count(*) FROM clients"), "0");
    a.round().await;
    assert_eq!((a.get(CLIENTS, "Acme").await, a.get(SITES, "HQ").await), (None, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_were_there_before_us_are_enrolled() {
    let server = world::mariadb::shared().unwrap();
    let first = super::Central::on(server).await;
    // A database with our tables and rows, but none of our bookkeeping: as after a restore of the entity tables alone.
    first.sql(&format!("INSERT INTO clients (id, name) VALUES ('{}', 'old')", id("old")));
    first.sql("DELETE FROM ct_sync_outbox; DELETE FROM ct_sync_rows");
    sync::central::init(&first.url(), sync::central::InitOptions::default()).await.unwrap();
    let machine = Machine::new("a", &first).await;
    assert_eq!(machine.get(CLIENTS, "old").await.unwrap().text("name"), Some("old"));
}
