//! Rows that vanish in masses: nothing is deleted on a guess, a person says which side is right.

use sync::engine::{Heal, Kind};

use super::{compare, equal_everywhere, kinds, of, rows, two_with_clients, with};
use crate::reconcile::central;

const TRUNCATE: &str = "SET FOREIGN_KEY_CHECKS = 0; TRUNCATE TABLE clients";

#[tokio::test(flavor = "multi_thread")]
async fn truncate_is_reported_and_left_until_somebody_decides() {
    let central = central().await;
    let (a, b) = two_with_clients(&central, 200).await;
    central.sql(TRUNCATE);
    let report = with(&a, Heal::Careful).await;
    let clients = of(&report, "clients");
    assert_eq!((clients.found[&Kind::Vanished], clients.healed, clients.mass), (200, 0, true));
    assert_eq!(report.left, 200);
    b.round().await;
    assert_eq!((rows(&a, "clients").len(), rows(&b, "clients").len()), (200, 200));
    let status = a.engine.status().verify;
    assert_eq!(status.found.len(), 1);
    assert_eq!((status.found[0].table.as_str(), status.found[0].found["vanished"]), ("clients", 200));

    let restored = with(&a, Heal::Restore).await;
    assert_eq!((restored.healed, restored.left), (200, 0));
    equal_everywhere([&a, &b], "clients").await;
    assert_eq!(central.sql("SELECT COUNT(*) FROM clients"), "200");
    assert_eq!(a.engine.status().verify.found, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn accepted_deletes_reach_every_machine_and_leave_their_image() {
    let central = central().await;
    let (a, b) = two_with_clients(&central, 200).await;
    central.sql(TRUNCATE);
    let report = with(&b, Heal::AcceptDeletes).await;
    assert_eq!((report.healed, report.left), (200, 0));
    equal_everywhere([&a, &b], "clients").await;
    assert_eq!(rows(&a, "clients").len(), 0);
    let images = "SELECT COUNT(*) FROM ct_sync_rows WHERE tbl = 'clients' AND deleted AND image IS NOT NULL";
    assert_eq!(central.sql(images), "200");
}

#[tokio::test(flavor = "multi_thread")]
async fn create_or_replace_table_loses_triggers_and_rows() {
    let central = central().await;
    let (a, b) = two_with_clients(&central, 40).await;
    let create = central.sql("SHOW CREATE TABLE clients");
    let create = create.split_once('\t').unwrap().1.replacen("CREATE TABLE", "CREATE OR REPLACE TABLE", 1);
    central.sql(&format!("SET FOREIGN_KEY_CHECKS = 0; {create}"));
    let missing = central.sql("SELECT COUNT(*) FROM information_schema.triggers WHERE event_object_table = 'clients' AND trigger_schema = DATABASE()");
    assert_eq!(missing, "0");
    assert_eq!(kinds(&compare(&a).await, "clients"), [(Kind::Vanished, 40)].into());
    with(&b, Heal::Restore).await;
    equal_everywhere([&a, &b], "clients").await;
    assert_eq!(rows(&b, "clients").len(), 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_share_is_taken_for_deleted() {
    let central = central().await;
    let (a, b) = two_with_clients(&central, 200).await;
    central.sql("SET FOREIGN_KEY_CHECKS = 0; DROP TRIGGER ct_sync_clients_delete; DELETE FROM clients LIMIT 15");
    let report = with(&a, Heal::Careful).await;
    assert_eq!((report.healed, report.left, of(&report, "clients").mass), (15, 0, false));
    equal_everywhere([&a, &b], "clients").await;
    assert_eq!(rows(&b, "clients").len(), 185);
}
