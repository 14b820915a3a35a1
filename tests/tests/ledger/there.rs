//! Values that central does not take: the row stops itself, the others of its batch go, and it goes by itself once either
//! side is corrected.

use merge::Row;
use migrations::catalogue::{CLIENTS, SITES, TAGS};
use world::MariaDb;
use world::mariadb::Options;

use super::{Pair, quarantine, refused};
use crate::reconcile::{Central, Machine, client, id};

/// Sends a bad row between two good ones; the bad one is refused, the others arrive at the other machine.
async fn send(pair: &Pair, bad: Row) {
    let name =
        |n: u8| format!("good {n} beside {}", bad.text("name").unwrap_or_default().chars().take(5).collect::<String>());
    pair.a.put(client(&name(1))).await;
    pair.a.put(bad.clone()).await;
    pair.a.put(client(&name(2))).await;
    let report = pair.a.round().await;
    assert_eq!((report.pushed, report.quarantined), (2, 1));
    pair.b.round().await;
    for n in [1, 2] {
        assert!(pair.b.get(CLIENTS, &name(n)).await.is_some(), "{n}");
    }
    let again = pair.a.round().await;
    assert_eq!((again.pushed, again.quarantined), (0, 0), "not tried in a hot loop");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_condition_that_central_has_in_addition() {
    let pair = Pair::new().await;
    pair.central.sql("ALTER TABLE clients ADD CONSTRAINT ck_house CHECK (notes IS NULL OR notes <> 'forbidden')");
    send(&pair, client("bad").with("notes", "forbidden")).await;
    let row = refused(&pair.a);
    assert_eq!((row.kind.as_str(), row.refused_by.as_str()), ("check", "central"));
    assert!(row.reason.contains("ck_house") && row.hint.contains("ck_house"), "{row:?}");
    pair.central.sql("ALTER TABLE clients DROP CONSTRAINT ck_house");
    pair.rounds().await;
    assert_eq!(pair.b.get(CLIENTS, "bad").await.unwrap().text("notes"), Some("forbidden"));
    pair.assert_settled("clients", "notes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_is_longer_than_centrals_column() {
    let pair = Pair::new().await;
    pair.central.sql("ALTER TABLE clients MODIFY domain_name VARCHAR(20)");
    let long = "a-name-of-thirty-characters.ex";
    send(&pair, client("bad").with("domain_name", long)).await;
    let row = refused(&pair.a);
    assert!(row.kind == "too long" && row.hint.contains("domain_name"), "{row:?}");
    pair.central.sql("ALTER TABLE clients MODIFY domain_name VARCHAR(255)");
    pair.rounds().await;
    assert_eq!(pair.b.get(CLIENTS, "bad").await.unwrap().text("domain_name"), Some(long));
    pair.assert_settled("clients", "domain_name");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_duplicate_to_a_collation_that_folds_case() {
    let pair = Pair::new().await;
    pair.central
        .sql("ALTER TABLE tags MODIFY name VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci NOT NULL");
    let tag = |name: &str| Row::new(TAGS).with("id", id(name)).with("name", name);
    pair.a.put(tag("Rust")).await;
    pair.a.round().await;
    pair.b.put(tag("rust")).await;
    pair.b.put(tag("other")).await;
    assert_eq!(pair.b.round().await.pushed, 1, "the other one goes");
    let row = refused(&pair.b);
    assert_eq!(
        (row.kind.as_str(), row.waits_for.as_deref()),
        ("unique key", Some(format!("tags {}", id("Rust")).as_str()))
    );
    assert!(row.hint.contains(&id("Rust")), "{row:?}");
    assert!(pair.b.get(TAGS, "rust").await.is_some() && pair.b.get(TAGS, "Rust").await.is_some());
    // The one in the way gets another name on the other machine.
    pair.a.put(pair.a.get(TAGS, "Rust").await.unwrap().with("name", "Crab")).await;
    pair.rounds().await;
    assert!(pair.a.get(TAGS, "rust").await.is_some());
    pair.assert_settled("tags", "name");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decimal_that_is_out_of_centrals_range() {
    let pair = Pair::new().await;
    pair.central.sql("ALTER TABLE clients MODIFY default_hourly_rate DECIMAL(5,2)");
    send(&pair, client("bad").with("default_hourly_rate", 1_234_550_i64)).await;
    let row = refused(&pair.a);
    assert!(row.kind == "bad value" && row.hint.contains("default_hourly_rate"), "{row:?}");
    // This time the row itself is corrected.
    pair.a.put(pair.a.get(CLIENTS, "bad").await.unwrap().with("default_hourly_rate", 12_345_i64)).await;
    pair.rounds().await;
    assert_eq!(pair.central.sql("SELECT default_hourly_rate FROM clients WHERE name = 'bad'"), "123.45");
    pair.assert_settled("clients", "default_hourly_rate");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_value_where_central_wants_one() {
    let pair = Pair::new().await;
    pair.central.sql("ALTER TABLE clients MODIFY domain_name VARCHAR(255) NOT NULL");
    pair.a.put(client("good").with("domain_name", "good.example")).await;
    pair.a.put(client("bad")).await;
    assert_eq!(pair.a.round().await.pushed, 1);
    let row = refused(&pair.a);
    assert!(row.kind == "bad value" && row.reason.contains("domain_name"), "{row:?}");
    pair.a.edit("bad", "domain_name", "bad.example").await;
    pair.rounds().await;
    assert_eq!(pair.b.get(CLIENTS, "bad").await.unwrap().text("domain_name"), Some("bad.example"));
    pair.assert_settled("clients", "domain_name");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_is_larger_than_the_packet() {
    let server =
        MariaDb::start_with(Options { arguments: vec!["--max-allowed-packet=1M".into()], ..Options::default() })
            .unwrap();
    let central = Central::on(&server).await;
    let machine = Machine::new("a", &central).await;
    let half = "x".repeat(700 << 10);
    machine.put(client("large").with("notes", half.clone()).with("address", half.clone())).await;
    machine.put(client("good")).await;
    assert_eq!(machine.round().await.pushed, 1);
    let row = refused(&machine);
    assert!(row.kind == "too big" && row.hint.contains("max_allowed_packet"), "{row:?}");
    central.sql("SET GLOBAL max_allowed_packet = 16777216");
    assert_eq!(machine.round().await.pushed, 1);
    assert_eq!(
        central.sql("SELECT LENGTH(notes) + LENGTH(address) FROM clients WHERE name = 'large'"),
        (1400 << 10).to_string()
    );
    assert!(quarantine(&machine).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_grew_larger_than_the_packet_at_central_holds_nobody_up() {
    let server =
        MariaDb::start_with(Options { arguments: vec!["--max-allowed-packet=1M".into()], ..Options::default() })
            .unwrap();
    let central = Central::on(&server).await;
    let (a, b) = (Machine::new("a", &central).await, Machine::new("b", &central).await);
    // Two statements of another program, each within the packet.
    central.sql(&format!(
        "INSERT INTO clients (id, name, notes) VALUES ('{}', 'large', REPEAT('x', 700000)), ('{}', 'good', NULL); \
         UPDATE clients SET address = REPEAT('y', 700000) WHERE name = 'large'",
        id("large"),
        id("good")
    ));
    for machine in [&a, &b] {
        machine.round().await;
        assert_eq!(machine.get(CLIENTS, "large").await.unwrap().text("address").map(str::len), Some(700_000));
        assert!(machine.get(CLIENTS, "good").await.is_some());
    }
    a.edit("large", "domain_name", "small.change").await;
    assert_eq!(a.round().await.pushed, 1, "{:?}", quarantine(&a));
    central.sql("DELETE FROM clients WHERE name = 'large'");
    for machine in [&a, &b] {
        machine.round().await;
        assert_eq!(machine.get(CLIENTS, "large").await, None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn children_of_a_refused_row_wait_and_others_go() {
    let pair = Pair::new().await;
    pair.central.sql("ALTER TABLE clients ADD CONSTRAINT ck_house CHECK (notes IS NULL OR notes <> 'forbidden')");
    let site = |name: &str, of: &str| Row::new(SITES).with("id", id(name)).with("client_id", id(of)).with("name", name);
    pair.a.put(client("bad").with("notes", "forbidden")).await;
    pair.a.put(site("of bad", "bad")).await;
    pair.a.put(client("good")).await;
    pair.a.put(site("of good", "good")).await;
    assert_eq!(pair.a.round().await.pushed, 2);
    let waiting = quarantine(&pair.a).into_iter().find(|row| row.table == "sites").unwrap();
    assert_eq!(
        (waiting.kind.as_str(), waiting.waits_for.as_deref()),
        ("missing parent", Some(format!("clients {}", id("bad")).as_str()))
    );
    pair.a.edit("bad", "notes", "allowed").await;
    pair.rounds().await;
    assert!(pair.b.get(SITES, "of bad").await.is_some());
    pair.assert_settled("sites", "name");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delete_that_central_refuses_is_given_up_or_goes_later() {
    let pair = Pair::new().await;
    pair.a.put(client("Acme")).await;
    pair.a.put(client("Zenith")).await;
    pair.rounds().await;
    // A table of another program refers to ours: it forbids the delete, and its rows never come here.
    pair.central.sql(&format!(
        "CREATE TABLE invoices (client CHAR(36) CHARACTER SET ascii COLLATE ascii_bin, \
           CONSTRAINT fk_invoice FOREIGN KEY (client) REFERENCES clients (id)); \
         INSERT INTO invoices VALUES ('{}'), ('{}')",
        id("Acme"),
        id("Zenith")
    ));
    pair.a.delete(CLIENTS, "Acme").await;
    pair.a.delete(CLIENTS, "Zenith").await;
    pair.a.round().await;
    assert_eq!(quarantine(&pair.a).len(), 2);
    assert!(quarantine(&pair.a).iter().all(|row| row.kind == "has children" && row.reason.contains("invoices")));
    // One is given up: the row is back here, and the delete on record.
    let discarded = pair.a.engine.discard("clients", &id("Acme")).await.unwrap();
    assert!(discarded.at_central);
    assert!(pair.a.get(CLIENTS, "Acme").await.is_some());
    // The other goes once its invoice has gone: no notice tells of that, so it is asked for.
    pair.central.sql(&format!("DELETE FROM invoices WHERE client = '{}'", id("Zenith")));
    pair.a.engine.retry(Some(("clients".into(), id("Zenith")))).await.unwrap();
    pair.rounds().await;
    assert_eq!(pair.b.get(CLIENTS, "Zenith").await, None);
    pair.central.sql("DELETE FROM invoices");
    pair.a.engine.restore(discarded.conflict.unwrap(), false).await.unwrap();
    pair.rounds().await;
    assert_eq!(pair.b.get(CLIENTS, "Acme").await, None);
    pair.assert_settled("clients", "name");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delete_that_a_child_made_elsewhere_forbids_is_undone() {
    let pair = Pair::new().await;
    pair.a.put(client("Acme")).await;
    pair.rounds().await;
    pair.a.delete(CLIENTS, "Acme").await;
    pair.b.put(Row::new(SITES).with("id", id("HQ")).with("client_id", id("Acme")).with("name", "HQ")).await;
    pair.b.round().await;
    pair.rounds().await;
    for machine in [&pair.a, &pair.b] {
        assert!(machine.get(SITES, "HQ").await.is_some() && machine.get(CLIENTS, "Acme").await.is_some());
    }
    assert_eq!(pair.a.engine.status().conflicts, 1, "the delete that lost is on record");
    pair.assert_settled("sites", "name");
}
