//! Central is newer than this build.

use migrations::catalogue::CLIENTS;

use super::{get, settle};
use crate::reconcile::{Machine, central, client, id};
use crate::verify::compare;

/// A step of the future: a column, a table with triggers and rows of its own, and its record.
const FUTURE: &str = "ALTER TABLE clients ADD COLUMN mood VARCHAR(20) NOT NULL DEFAULT 'good'; \
    CREATE TABLE moods (id CHAR(36) PRIMARY KEY, name TEXT); \
    CREATE TRIGGER ct_sync_moods_insert AFTER INSERT ON moods FOR EACH ROW INSERT INTO ct_sync_outbox \
      (tbl, pk, op, origin, time_us, image) VALUES ('moods', NEW.id, 'I', NULL, 1, NULL); \
    INSERT INTO moods VALUES (UUID(), 'fair'); \
    INSERT INTO schema_migrations (version_id) VALUES ('0099_future')";

#[tokio::test(flavor = "multi_thread")]
async fn an_older_machine_works_with_what_it_knows() {
    let central = central().await;
    let a = Machine::new("a", &central).await;
    a.put(client("before")).await;
    a.round().await;
    // While it is connected.
    central.sql(FUTURE);
    central.sql("UPDATE clients SET mood = 'bad' WHERE name = 'before'");
    a.put(client("after")).await;
    a.edit("before", "notes", "edited by the older").await;
    // The first round may meet the upgrade in its middle; it is tried again.
    settle(&a).await;
    a.round().await;
    assert_eq!(
        central.sql("SELECT name, mood, notes FROM clients ORDER BY name"),
        "after\tgood\tNULL\nbefore\tbad\tedited by the older"
    );
    let status = a.engine.status();
    assert_eq!((status.pending, status.quarantined), (0, 0));
    let versions = status.versions.unwrap();
    assert_eq!((versions.central, versions.may_write), (99, true));
    assert!(versions.notice.unwrap().contains("leaves the rest alone") && versions.remedy.contains("upgrade"));
    assert_eq!(compare(&a).await.differences, 0);
    // A tombstone whose image knows more than this build.
    central.sql(
        "CREATE OR REPLACE TRIGGER ct_sync_clients_delete AFTER DELETE ON clients FOR EACH ROW INSERT INTO \
        ct_sync_outbox (tbl, pk, op, origin, time_us, image) VALUES ('clients', OLD.id, 'D', NULL, 1, \
        JSON_OBJECT('id', OLD.id, 'name', OLD.name, 'mood', OLD.mood)); DELETE FROM clients WHERE name = 'after'",
    );
    a.round().await;
    assert!(get(&a, CLIENTS, &id("after")).await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn below_the_oldest_that_may_write_it_reads_and_collects() {
    let central = central().await;
    let a = Machine::new("a", &central).await;
    central.sql(
        "INSERT INTO schema_migrations (version_id) VALUES ('0099_future'); UPDATE ct_sync_settings SET value = '99'",
    );
    central.sql(&format!("INSERT INTO clients (id, name) VALUES ('{}', 'news')", id("news")));
    a.put(client("collected")).await;
    settle(&a).await;
    assert!(get(&a, CLIENTS, &id("news")).await.is_some());
    assert_eq!(central.sql("SELECT name FROM clients"), "news");
    let status = a.engine.status();
    assert_eq!(status.pending, 1);
    assert!(!status.versions.unwrap().may_write);
    central.sql("UPDATE ct_sync_settings SET value = '1'");
    settle(&a).await;
    a.round().await;
    assert_eq!(central.sql("SELECT name FROM clients ORDER BY name"), "collected\nnews");
}
