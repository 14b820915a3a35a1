//! Comparing and healing, where the tables are another program's.

use migrations::catalogue::{CLIENTS, NETWORKS, SITES, TAGS, TASKS};
use sync::engine::{Heal, Kind, VerifyReport};

use super::sharing::row;
use super::{adopted, uuid};
use crate::reconcile::{Central, Machine, client, id};
use crate::verify::{compare, kinds, of, with};

/// What no trigger sees: those of the tables of clients and sites are gone, also those for their cascades.
fn without_triggers(place: &Central<'_>) {
    let ours = "SELECT GROUP_CONCAT(CONCAT('DROP TRIGGER ', trigger_name) SEPARATOR ';') FROM information_schema.triggers \
                WHERE trigger_schema = DATABASE() AND event_object_table IN ('Client', 'sites')";
    let drop = place.sql(&format!("SET group_concat_max_len = 65536; {ours}"));
    place.sql(&drop);
}

/// Rounds until each machine has what the other did, then both are equal to central.
async fn equal(machines: [&Machine; 2]) -> [VerifyReport; 2] {
    for machine in [machines[0], machines[1], machines[0]] {
        machine.round().await;
    }
    let reports = [compare(machines[0]).await, compare(machines[1]).await];
    for report in &reports {
        assert_eq!((report.differences, report.left), (0, 0), "{report:?}");
    }
    for (table, column) in [("clients", "name"), ("clients", "notes"), ("sites", "name"), ("networks", "site_id")] {
        assert_eq!(machines[0].column(table, column), machines[1].column(table, column), "{table}.{column}");
    }
    reports
}

#[tokio::test(flavor = "multi_thread")]
async fn values_that_each_side_holds_in_its_own_way_are_no_differences() {
    let place = adopted().await;
    let (a, b) = (Machine::new("a", &place).await, Machine::new("b", &place).await);
    // Times without fractions there, ids in upper case, a native UUID, columns without a place, blanks and accents.
    let time = "2026-03-29T01:30:00.123456Z";
    a.put(client("Zoë ").with("notes", "a\tb\nc 🏢 ").with("address", "here only").with("created_at", time)).await;
    a.put(sync_site("there").with("created_at", time).with("updated_at", time).with("dns_servers", "[]")).await;
    let tag = merge::Row::new(TAGS).with("id", id("tag")).with("name", "größe").with("description", "here only");
    a.put(tag).await;
    a.put(merge::Row::new(TASKS).with("id", id("task")).with("title", "t").with("due_on", "2026-02-28")).await;
    a.round().await;
    place.sql(
        "INSERT INTO Client (id, name, notes, created_at) VALUES \
         ('00000000-0000-4000-8000-00000000000D', 'RÜCK ', '', '1999-12-31 23:59:59'); \
         INSERT INTO tags (id, name) VALUES ('0199BBBB-0000-7000-8000-000000000001', 'Ö'); \
         INSERT INTO sites (id, client_id, name, notes) VALUES \
         (UPPER(UUID()), '00000000-0000-4000-8000-00000000000d', 'Ort', 'x ')",
    );
    let reports = equal([&a, &b]).await;
    let rows = |report: &VerifyReport, table| of(report, table).rows;
    assert_eq!((rows(&reports[1], "clients"), rows(&reports[1], "sites"), rows(&reports[1], "tags")), (5, 4, 3));
}

fn sync_site(name: &str) -> merge::Row {
    merge::Row::new(SITES).with("id", id(name)).with("client_id", uuid("a")).with("name", name)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_trigger_saw_is_named_and_healed_on_both_machines() {
    let place = adopted().await;
    let (a, b) = (Machine::new("a", &place).await, Machine::new("b", &place).await);
    for number in 0..20 {
        a.put(client(&format!("client {number}")).with("address", "known to a only")).await;
    }
    a.round().await;
    b.round().await;
    without_triggers(&place);
    place.sql(&format!(
        "UPDATE Client SET notes = 'unseen' WHERE id = '{}'; DELETE FROM Client WHERE id IN ('{}', '{}'); \
         INSERT INTO Client (id, name) VALUES (UPPER('{}'), 'unseen')",
        id("client 1"),
        id("client 2"),
        uuid("a"),
        id("unseen")
    ));
    for machine in [&a, &b] {
        assert_eq!(machine.round().await.pulled, 0);
        let report = compare(machine).await;
        let expected = [(Kind::Differs, 1), (Kind::MissingHere, 1), (Kind::Vanished, 2)];
        assert_eq!(kinds(&report, "clients"), expected.into());
        let differs = of(&report, "clients").examples.iter().find(|one| one.kind == Kind::Differs).unwrap();
        assert_eq!((differs.key.as_str(), &differs.columns[..]), (id("client 1").as_str(), &["notes".to_owned()][..]));
        // The server deleted and emptied these by itself: a site, its network, and the reference of another's.
        assert_eq!(kinds(&report, "sites"), [(Kind::Vanished, 1)].into());
        assert_eq!(kinds(&report, "networks"), [(Kind::Differs, 1), (Kind::Vanished, 1)].into());
    }
    // Offline, the other machine edits another column of the row that differs.
    b.edit("client 1", "client_type", "internal").await;
    let repaired = with(&a, Heal::Careful).await;
    assert_eq!((repaired.differences, repaired.healed, repaired.left), (7, 7, 0), "{repaired:?}");
    equal([&a, &b]).await;
    for machine in [&a, &b] {
        let row = machine.get(CLIENTS, "client 1").await.unwrap();
        assert_eq!((row.text("notes"), row.text("client_type")), (Some("unseen"), Some("internal")));
        assert!(machine.get(CLIENTS, "unseen").await.is_some());
        assert!(machine.get(CLIENTS, "client 2").await.is_none());
        assert!(super::sharing::row(machine, SITES, &uuid("a1")).await.is_none());
        assert_eq!(row_of_b11(machine).await, None);
    }
    assert_eq!(a.get(CLIENTS, "client 1").await.unwrap().text("address"), Some("known to a only"));
    assert_eq!(place.sql(&format!("SELECT client_type FROM Client WHERE id = '{}'", id("client 1"))), "internal");
    assert_eq!(place.sql("SELECT COUNT(*) FROM invoices"), "0", "its own business is its own");
}

/// At which site the network of the second client is.
async fn row_of_b11(machine: &Machine) -> Option<String> {
    row(machine, NETWORKS, &uuid("b11")).await.unwrap().text("site_id").map(str::to_owned)
}
