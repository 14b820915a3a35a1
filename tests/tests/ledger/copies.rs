//! A replica that is an older copy of itself: restored from a backup, or copied to a second machine.

use std::sync::Arc;
use std::time::Duration;

use merge::Row;
use migrations::catalogue::{CLIENTS, CONVERSATION_CONTEXTS, MACHINES};
use sync::{Store, SystemClock, local};
use world::{MariaDb, eventually};

use super::{Pair, copy_replica};
use crate::reconcile::{Central, Machine, central, client, id};

const PATIENCE: Duration = Duration::from_secs(30);

fn context(uses: i64) -> Row {
    Row::new(CONVERSATION_CONTEXTS)
        .with("id", id("c"))
        .with("context_type", "checkpoint")
        .with("title", "t")
        .with("dense_summary", "s")
        .with("usage_count", uses)
}

async fn uses(machine: &Machine) -> i64 {
    machine.get(CONVERSATION_CONTEXTS, "c").await.unwrap().int("usage_count").unwrap()
}

async fn use_it(machine: &Machine, times: i64) {
    let row = machine.get(CONVERSATION_CONTEXTS, "c").await.unwrap();
    let uses = row.int("usage_count").unwrap();
    machine.put(row.with("usage_count", uses + times)).await;
}

/// Opens a replica that somebody put there.
async fn reopened(folder: tempfile::TempDir, name: &str, central: &Central<'_>) -> Machine {
    let store = Store::open(&folder.path().join("replica.db"), Arc::new(SystemClock)).unwrap();
    Machine::with(store, folder, name, central).await
}

fn assert_same(machines: &[&Machine], table: &str, column: &str) {
    for machine in machines {
        assert_eq!(machine.column(table, column), machines[0].column(table, column));
        let status = machine.engine.status();
        assert_eq!((status.pending, status.quarantined, status.parked), (0, 0, 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_was_taken_while_a_batch_was_in_flight() {
    let server = MariaDb::start().unwrap();
    let central = Central::on(&server).await;
    let (a, b) = (Machine::new("a", &central).await, Machine::new("b", &central).await);
    for name in ["kept", "deleted later"] {
        a.put(client(name)).await;
    }
    a.put(context(10)).await;
    a.round().await;
    b.round().await;
    use_it(&a, 3).await;
    a.edit("deleted later", "notes", "edited before").await;
    let backup = tempfile::tempdir().unwrap();
    server.sigstop().unwrap();
    let engine = a.engine.clone();
    let round = tokio::spawn(async move { engine.round().await });
    // The batch is written down before it is sent; the server is asked first for other things, so it may not come to that.
    let in_flight = || {
        a.store
            .read(|tx| {
                Ok(tx
                    .connection()
                    .query_row("SELECT count(*) FROM ct_sync_inflight", [], |row| row.get::<_, i64>(0))?)
            })
            .unwrap()
            > 0
    };
    server.sigcont().unwrap();
    let seen = tokio::task::block_in_place(|| {
        eventually("the batch in flight", PATIENCE, || {
            let seen = in_flight();
            if seen {
                server.sigstop().unwrap();
            }
            seen || round.is_finished()
        })
        .is_ok()
            && in_flight()
    });
    copy_replica(a.folder(), backup.path());
    server.sigcont().unwrap();
    round.await.unwrap().unwrap();
    assert_eq!(
        central.sql("SELECT usage_count FROM conversation_contexts"),
        "13",
        "in flight when it was copied: {seen}"
    );

    // After the backup: rows made, deleted, and more counted, here and elsewhere.
    a.put(client("made later")).await;
    a.delete(CLIENTS, "deleted later").await;
    use_it(&a, 1).await;
    a.round().await;
    b.round().await;
    use_it(&b, 2).await;
    b.round().await;
    let former = a.store.replica_id();
    drop(a.stop().await);

    let a = reopened(backup, "a", &central).await;
    assert_ne!(a.store.replica_id(), former);
    let identity = a.store.read(local::identity).unwrap();
    assert!(identity.reason.unwrap().contains("restored from a backup"));
    for machine in [&b, &a, &b] {
        machine.round().await;
    }
    assert_eq!((uses(&a).await, uses(&b).await), (16, 16), "10 and 3 and 1 and 2, each once");
    assert!(a.get(CLIENTS, "made later").await.is_some(), "what was sent after the backup comes back");
    for machine in [&a, &b] {
        assert_eq!(machine.get(CLIENTS, "deleted later").await, None, "not resurrected");
    }
    a.put(client("after the restore")).await;
    use_it(&a, 1).await;
    a.round().await;
    b.round().await;
    assert!(b.get(CLIENTS, "after the restore").await.is_some());
    assert_eq!(central.sql("SELECT usage_count FROM conversation_contexts"), "17");
    assert_same(&[&a, &b], "clients", "name");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_runs_beside_its_original() {
    let central = central().await;
    let original = Machine::new("original", &central).await;
    original.put(client("Acme")).await;
    original.put(context(10)).await;
    original.round().await;
    // Copied with something unsent.
    use_it(&original, 3).await;
    original.edit("Acme", "notes", "unsent").await;
    let folder = original.stop().await;
    let other = tempfile::tempdir().unwrap();
    copy_replica(folder.path(), other.path());
    let original = reopened(folder, "original", &central).await;
    let copy = reopened(other, "copy", &central).await;
    assert_ne!(original.store.replica_id(), copy.store.replica_id(), "found out before the copy sent anything");
    assert_eq!((uses(&original).await, uses(&copy).await), (13, 13));
    for (machine, name) in [(&original, "by the original"), (&copy, "by the copy")] {
        use_it(machine, 1).await;
        machine.put(client(name)).await;
    }
    original.edit("Acme", "domain_name", "acme.example").await;
    copy.edit("Acme", "address", "Here 1").await;
    for machine in [&copy, &original, &copy, &original] {
        machine.round().await;
    }
    assert_eq!(central.sql("SELECT usage_count FROM conversation_contexts"), "15");
    let row = copy.get(CLIENTS, "Acme").await.unwrap();
    let values = ["notes", "domain_name", "address"].map(|column| row.text(column).map(str::to_owned));
    assert_eq!(values.map(Option::unwrap), ["unsent", "acme.example", "Here 1"]);
    assert_same(&[&original, &copy], "clients", "name");
    assert_eq!(copy.engine.status().conflicts + original.engine.status().conflicts, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_original_gives_way_when_the_copy_was_first() {
    let central = central().await;
    let original = Machine::new("original", &central).await;
    original.put(client("Acme")).await;
    original.round().await;
    let folder = original.stop().await;
    let other = tempfile::tempdir().unwrap();
    copy_replica(folder.path(), other.path());
    let original = reopened(folder, "original", &central).await;
    let copy = reopened(other, "copy", &central).await;
    let first = original.store.replica_id();
    copy.put(client("by the copy")).await;
    copy.round().await;
    original.put(client("by the original")).await;
    original.round().await;
    copy.round().await;
    assert_eq!(copy.store.replica_id(), first);
    assert_ne!(original.store.replica_id(), first);
    for name in ["Acme", "by the copy", "by the original"] {
        assert!(copy.get(CLIENTS, name).await.is_some() && original.get(CLIENTS, name).await.is_some(), "{name}");
    }
    assert_same(&[&original, &copy], "clients", "name");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_machines_of_one_name_stay_apart() {
    let pair = Pair::new().await;
    let machine = |name: &str| {
        Row::new(MACHINES).with("id", id(name)).with("hostname", "BENCH").with("machine_fingerprint", name)
    };
    pair.a.put(machine("one")).await;
    pair.b.put(machine("other")).await;
    pair.rounds().await;
    let replicas = [pair.a.store.replica_id(), pair.b.store.replica_id()];
    assert_ne!(replicas[0], replicas[1]);
    assert_eq!(pair.central.sql("SELECT COUNT(*) FROM ct_sync_machines"), "2");
    for machine in [&pair.a, &pair.b] {
        let names = [machine.get(MACHINES, "one").await.unwrap(), machine.get(MACHINES, "other").await.unwrap()];
        assert_eq!(names.map(|row| row.text("hostname").unwrap().to_owned()), ["BENCH", "BENCH~2"]);
    }
    pair.assert_settled("machines", "hostname");
}
