//! Snapshots: new machines, machines that were away for longer than deletes are remembered, and who forgets deletes.

use std::time::Duration;

use merge::Row;
use migrations::catalogue::{CLIENTS, TAGS};
use sync::central::{Central as Connection, KEPT, Pruned};
use sync::local;
use world::{Machine as World, eventually};

use super::{Central, Machine, central, central_column, client, derived_id, id};

const DAY_US: u64 = 86_400 * 1_000_000;

/// So many tags, written at central as any program would.
fn tags(central: &Central<'_>, count: u32) {
    central.sql(&format!("INSERT INTO tags (id, name) SELECT UUID(), CONCAT('tag ', seq) FROM seq_1_to_{count}"));
}

async fn connect(central: &Central<'_>) -> Connection {
    Connection::connect(&central.url()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_machine_gets_whole_tables_and_then_follows() {
    let central = central().await;
    tags(&central, 6_000);
    central.sql(&format!("INSERT INTO clients (id, name) VALUES ('{}', 'Acme')", id("Acme")));
    connect(&central).await.sequence().await.unwrap();
    // The log knows nothing of most of them any more: only whole tables can bring them.
    central.sql("DELETE FROM ct_sync_rows WHERE tbl = 'tags'");
    let machine = Machine::new("a", &central).await;
    assert_eq!(machine.column("tags", "name"), central_column(&central, "tags", "name"));
    assert!(machine.get(CLIENTS, "Acme").await.is_some());
    assert_eq!(machine.store.read(local::snapshot_progress).unwrap(), None);
    central.sql("UPDATE tags SET description = 'new' WHERE name = 'tag 77'; DELETE FROM tags WHERE name = 'tag 78'");
    machine.put(client("from here")).await;
    let report = machine.round().await;
    assert_eq!((report.pulled, report.pushed), (2, 1));
    assert_eq!(machine.column("tags", "description"), central_column(&central, "tags", "description"));
    assert_eq!(machine.round().await.pulled, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_meets_rows_that_were_written_here_before() {
    let central = central().await;
    tags(&central, 5_500);
    central.sql(&format!("INSERT INTO clients (id, name) VALUES ('{}', 'Acme')", id("Acme")));
    let machine = Machine::offline();
    // The same client by its name, made offline under another id; a tag too.
    machine
        .put(Row::new(CLIENTS).with("id", derived_id("test", "other id")).with("name", "Acme").with("notes", "n"))
        .await;
    machine.put(Row::new(TAGS).with("id", derived_id("test", "a tag")).with("name", "tag 5")).await;
    machine.put(client("only here")).await;
    let machine = machine.join("a", &central).await;
    machine.round().await;
    for (table, column) in [("clients", "name"), ("clients", "notes"), ("tags", "name")] {
        assert_eq!(machine.column(table, column), central_column(&central, table, column));
    }
    assert_eq!(central.sql("SELECT COUNT(*) FROM clients"), "2");
    assert_eq!(central.sql("SELECT notes FROM clients WHERE name = 'Acme'"), "n");
    assert_eq!(machine.engine.status().pending, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_copy_that_is_killed_goes_on_where_it_was() {
    let central = central().await;
    tags(&central, 30_000);
    let machine = World::new("newcomer").unwrap();
    let home = machine.home();
    std::fs::create_dir_all(home.root()).unwrap();
    std::fs::write(home.config(), format!("[central]\nurl = \"{}\"\n", central.server.url(&central.database))).unwrap();
    let mut permissions = std::fs::metadata(home.config()).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o600);
    std::fs::set_permissions(home.config(), permissions).unwrap();
    let look = || local::inspect(&home.replica(), local::snapshot_progress).ok().flatten();
    let patience = Duration::from_mins(1);
    tokio::task::block_in_place(|| {
        machine.start_daemon().unwrap();
        eventually("some of the rows", patience, || look().is_some_and(|progress| progress.rows > 1_000)).unwrap();
        machine.kill_daemon().unwrap();
        let half = look().expect("it was killed in the middle");
        assert!(half.rows < 30_000, "{half:?}");
        let status = machine.cli(&["status", "--json"]).unwrap().stdout;
        let status: serde_json::Value = serde_json::from_str(&status).unwrap();
        assert_eq!(status["sync"]["snapshot"]["rows"], half.rows, "{status}");
        machine.start_daemon().unwrap();
        eventually("all of the rows", patience, || {
            let count = |tx: &local::ReadTx<'_>| {
                Ok(tx.connection().query_row("SELECT count(*) FROM tags", [], |row| row.get::<_, i64>(0))?)
            };
            look().is_none() && local::inspect(&home.replica(), count).unwrap() == 30_000
        })
        .unwrap();
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn deletes_are_remembered_for_their_time_and_until_every_live_machine_has_them() {
    let central = central().await;
    let (a, b) = (Machine::new("a", &central).await, Machine::new("b", &central).await);
    a.put(client("one")).await;
    a.round().await;
    b.round().await;
    let theirs = connect(&central).await;
    let now_us = a.store.clock().now_us();
    a.delete(CLIENTS, "one").await;
    a.round().await;
    let kept = || central.sql("SELECT COUNT(*) FROM ct_sync_rows WHERE deleted");
    // B was seen just now and has not got the delete.
    central.sql("UPDATE ct_sync_counter SET pruned_us = 0");
    assert_eq!(theirs.prune(now_us + DAY_US, KEPT).await.unwrap(), Some(Pruned::default()));
    assert_eq!(kept(), "1");
    assert_eq!(theirs.prune(now_us + DAY_US, KEPT).await.unwrap(), None, "another machine has looked lately");
    b.round().await;
    let pruned = theirs.prune(now_us + 3 * DAY_US, Duration::from_hours(1)).await.unwrap().unwrap();
    assert_eq!((pruned.tombstones, kept().as_str()), (1, "0"));
    let floor: u64 = central.sql("SELECT floor_seq FROM ct_sync_counter").parse().unwrap();
    assert!(floor > 0);
    // Who has passed the floor reads on.
    b.put(client("two")).await;
    b.round().await;
    assert_eq!(a.round().await.pulled, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_was_away_for_longer_compares_all_and_loses_nothing() {
    let central = central().await;
    let (a, laptop) = (Machine::new("a", &central).await, Machine::new("laptop", &central).await);
    for name in ["stays", "edited there", "edited here", "deleted there", "deleted there, edited here", "deleted here"]
    {
        a.put(client(name)).await;
    }
    a.round().await;
    laptop.round().await;
    // The laptop works on without central; elsewhere rows go, and with them, in the end, their tombstones.
    laptop.edit("edited here", "notes", "laptop").await;
    laptop.edit("deleted there, edited here", "notes", "laptop").await;
    laptop.delete(CLIENTS, "deleted here").await;
    laptop.put(client("made here")).await;
    a.edit("edited there", "notes", "a").await;
    a.delete(CLIENTS, "deleted there").await;
    a.delete(CLIENTS, "deleted there, edited here").await;
    a.round().await;
    let now_us = a.store.clock().now_us();
    let theirs = connect(&central).await;
    central.sql("UPDATE ct_sync_counter SET pruned_us = 0");
    theirs.prune(now_us, KEPT).await.unwrap();
    let pruned = theirs.prune(now_us + 91 * DAY_US, KEPT).await.unwrap().unwrap();
    assert_eq!(pruned.tombstones, 2, "nobody was seen for so long");
    laptop.round().await;
    a.round().await;
    laptop.round().await;
    let names = central.sql("SELECT name FROM clients ORDER BY name");
    let expected = ["deleted there, edited here", "edited here", "edited there", "made here", "stays"];
    assert_eq!(names.lines().collect::<Vec<_>>(), expected);
    for machine in [&a, &laptop] {
        for column in ["name", "notes"] {
            assert_eq!(machine.column("clients", column), central_column(&central, "clients", column));
        }
        let status = machine.engine.status();
        assert_eq!((status.pending, status.quarantined, status.parked), (0, 0, 0));
    }
    let notes = central.sql("SELECT notes FROM clients WHERE notes IS NOT NULL ORDER BY notes");
    assert_eq!(notes.lines().collect::<Vec<_>>(), ["a", "laptop", "laptop"]);
    assert!(laptop.engine.status().conflicts + a.engine.status().conflicts > 0, "what came back is on record");
}
