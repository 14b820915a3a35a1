//! Central is older than this build.

use std::sync::Arc;

use merge::Row;
use migrations::catalogue::{SITES, TAGS};

use sync::{Store, SystemClock};

use super::{get, settle};
use crate::reconcile::{Machine, central, client, id};
use crate::verify::compare;

/// As before the step that brought settings, and as before one that brought a column and a table.
const PAST: &str = "DELETE FROM schema_migrations WHERE version_id > '0002_sync'; DROP TABLE ct_sync_settings, ct_sync_names; \
    ALTER TABLE sites DROP COLUMN notes; DROP TABLE session_tags, work_item_tags, infrastructure_tags, tags; \
    DROP TRIGGER ct_sync_sites_delete";

/// What `central migrate` of that step would do.
const UPGRADE: &str = "ALTER TABLE sites ADD COLUMN notes MEDIUMTEXT AFTER dns_servers; \
    CREATE TABLE tags (id CHAR(36) COLLATE ascii_bin NOT NULL PRIMARY KEY, name VARCHAR(100) COLLATE utf8mb4_nopad_bin NOT NULL, \
      category VARCHAR(50) COLLATE utf8mb4_nopad_bin, description VARCHAR(500), \
      created_at DATETIME(6) NOT NULL DEFAULT (UTC_TIMESTAMP(6)), updated_at DATETIME(6) NOT NULL DEFAULT (UTC_TIMESTAMP(6)), \
      UNIQUE KEY uq_tags_name (name))";

fn site(name: &str, notes: Option<&str>) -> Row {
    let row = Row::new(SITES).with("id", id(name)).with("client_id", id("c")).with("name", name);
    match notes {
        Some(notes) => row.with("notes", notes),
        None => row,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_machine_keeps_what_has_no_place_until_it_has() {
    let central = central().await;
    central.sql(PAST);
    let (newer, other) = (Machine::new("newer", &central).await, Machine::new("other", &central).await);
    newer.put(client("c")).await;
    newer.put(site("s", Some("of the newer"))).await;
    newer.put(Row::new(TAGS).with("id", id("t")).with("name", "t")).await;
    newer.round().await;
    let status = newer.engine.status();
    assert_eq!((status.pending, status.waiting, status.quarantined), (1, 1, 0));
    let versions = status.versions.unwrap();
    assert!(versions.missing_tables.contains(&"tags".to_owned()) && versions.missing_columns == ["sites.notes"]);
    assert!(versions.remedy.contains("central migrate"), "{versions:?}");
    // Others' changes of the row do not reset what only this machine has.
    other.round().await;
    central.sql("UPDATE sites SET gateway_ip = '10.0.0.1'");
    newer.round().await;
    let here = get(&newer, SITES, &id("s")).await.unwrap();
    assert_eq!((here.text("notes"), here.text("gateway_ip")), (Some("of the newer"), Some("10.0.0.1")));
    assert_eq!(compare(&newer).await.differences, 0);

    // Central is upgraded, and a program writes the new column at once.
    central.sql(UPGRADE);
    central.sql(&format!(
        "INSERT INTO sites (id, client_id, name, notes) VALUES ('{}', '{}', 'direct', 'of a program')",
        id("direct"),
        id("c")
    ));
    sync::central::init(&central.url(), sync::central::InitOptions::default()).await.unwrap();
    for machine in [&newer, &other, &newer, &other] {
        settle(machine).await;
    }
    assert_eq!(central.sql("SELECT name, notes FROM sites ORDER BY name"), "direct\tof a program\ns\tof the newer");
    assert_eq!(central.sql("SELECT name FROM tags"), "t");
    for machine in [&newer, &other] {
        assert_eq!(get(machine, SITES, &id("s")).await.unwrap().text("notes"), Some("of the newer"));
        assert_eq!(get(machine, SITES, &id("direct")).await.unwrap().text("notes"), Some("of a program"));
        assert!(get(machine, TAGS, &id("t")).await.is_some());
        let status = machine.engine.status();
        assert_eq!((status.pending, status.waiting, status.conflicts), (0, 0, 0));
        assert_eq!(compare(machine).await.differences, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn values_that_were_pulled_without_a_column_get_it() {
    let central = central().await;
    let column = "ALTER TABLE sites DROP COLUMN notes; DROP TRIGGER ct_sync_sites_delete";
    central.sql(column);
    let a = Machine::new("a", &central).await;
    a.put(client("c")).await;
    a.put(site("s", None)).await;
    a.put(site("kept", Some("here first"))).await;
    a.round().await;
    // A newer machine's work: the column, and values in it that nobody announces.
    central.sql("ALTER TABLE sites ADD COLUMN notes MEDIUMTEXT AFTER dns_servers");
    central.sql("DROP TRIGGER ct_sync_sites_update; UPDATE sites SET notes = 'there' WHERE name = 's'");
    sync::central::init(&central.url(), sync::central::InitOptions::default()).await.unwrap();
    // It looks at the tables when it connects.
    let folder = a.stop().await;
    let store = Store::open(&folder.path().join("replica.db"), Arc::new(SystemClock)).unwrap();
    let again = Machine::with(store, folder, "a", &central).await;
    assert_eq!(get(&again, SITES, &id("s")).await.unwrap().text("notes"), Some("there"));
    again.round().await;
    assert_eq!(central.sql("SELECT notes FROM sites WHERE name = 'kept'"), "here first");
}
