//! References that the server let go: parents deleted with the checks off, and cascades within the engine.

use merge::Row;
use migrations::catalogue::{CLIENTS, SITES};
use sync::engine::{Heal, Kind};

use super::{compare, equal_everywhere, kinds, two_with_clients, with};
use crate::reconcile::{Machine, central, id};

async fn with_sites(machine: &Machine, others: &Machine) {
    for number in 0..20 {
        let (site, client) = (id(&format!("site {number}")), id(&format!("client {number}")));
        machine.put(Row::new(SITES).with("id", site).with("client_id", client).with("name", "HQ")).await;
    }
    machine.round().await;
    others.round().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parent_deleted_with_the_checks_off_comes_back_for_its_children() {
    let central = central().await;
    let (a, b) = two_with_clients(&central, 20).await;
    with_sites(&a, &b).await;
    central.sql(&format!("SET FOREIGN_KEY_CHECKS = 0; DELETE FROM clients WHERE id = '{}'", id("client 3")));
    a.round().await;
    b.round().await;
    let report = compare(&a).await;
    assert_eq!(kinds(&report, "sites"), [(Kind::Orphaned, 1)].into());
    with(&a, Heal::Careful).await;
    equal_everywhere([&a, &b], "sites").await;
    equal_everywhere([&a, &b], "clients").await;
    // A site is real work: its client is revived from the tombstone.
    assert_eq!(b.get(CLIENTS, "client 3").await.unwrap().text("name"), Some("client 3"));
    let orphans = "SELECT COUNT(*) FROM sites s LEFT JOIN clients c ON c.id = s.client_id WHERE c.id IS NULL";
    assert_eq!(central.sql(orphans), "0");
    assert_eq!((a.engine.status().parked, b.engine.status().parked), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn children_that_a_cascade_took_go_with_their_parent() {
    let central = central().await;
    let (a, b) = two_with_clients(&central, 20).await;
    with_sites(&a, &b).await;
    central.sql(&format!(
        "ALTER TABLE sites DROP FOREIGN KEY fk_sites_client_id; \
         ALTER TABLE sites ADD CONSTRAINT fk_sites_client_id FOREIGN KEY (client_id) REFERENCES clients (id) ON DELETE CASCADE; \
         DELETE FROM clients WHERE id = '{}'",
        id("client 5")
    ));
    // The parent's delete is captured, so its children are looked at again: nothing is left for a comparison.
    equal_everywhere([&a, &b], "sites").await;
    assert_eq!((a.get(SITES, "site 5").await, b.get(CLIENTS, "client 5").await), (None, None));
    // A cascade whose parent's delete was not captured either is two rows that vanished.
    central.sql(&format!("DROP TRIGGER ct_sync_clients_delete; DELETE FROM clients WHERE id = '{}'", id("client 6")));
    let report = with(&a, Heal::Careful).await;
    assert_eq!(kinds(&report, "clients"), [(Kind::Vanished, 1)].into());
    assert_eq!(kinds(&report, "sites"), [(Kind::Vanished, 1)].into());
    equal_everywhere([&a, &b], "sites").await;
    assert_eq!((b.get(SITES, "site 6").await, b.get(CLIENTS, "client 6").await), (None, None));
    assert_eq!((a.engine.status().parked, b.engine.status().parked), (0, 0));
}
