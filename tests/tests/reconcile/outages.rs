//! Central away, killed, replaced; the file copied.

use std::sync::Arc;

use migrations::catalogue::CLIENTS;
use sync::engine::SyncState;
use sync::{Store, SystemClock};
use world::mariadb::MariaDb;

use super::{Central, Machine, central, central_column, client};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_while_central_is_away_arrives_when_it_is_back() {
    let server = MariaDb::start().unwrap();
    let (database, a) = {
        let central = Central::on(&server).await;
        let a = Machine::new("a", &central).await;
        a.put(client("before")).await;
        a.round().await;
        (central.database, a)
    };
    server.kill9().unwrap();
    a.put(client("during")).await;
    let error = a.engine.round().await.unwrap_err();
    assert!(error.to_string().contains("cannot be reached"), "{error}");
    let status = a.engine.status();
    assert_eq!((status.state, status.pending), (SyncState::Offline, 1));
    assert!(status.last_error.is_some() && status.retry_at_us.is_some());
    server.restart().unwrap();
    let central = Central { server: &server, database };
    let b = Machine::new("b", &central).await;
    // On a busy machine it may have tried again by itself meanwhile.
    a.round().await;
    assert_eq!(a.engine.status().pending, 0);
    b.round().await;
    assert!(b.column("clients", "name").contains("during"));
    assert_eq!(a.column("clients", "name"), b.column("clients", "name"));
    assert_eq!(b.column("clients", "name"), central_column(&central, "clients", "name"));
    assert_eq!(a.engine.status().state, SyncState::Idle);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_central_that_was_restarted_between_two_rounds_is_not_away() {
    let server = MariaDb::start().unwrap();
    let a = {
        let central = Central::on(&server).await;
        Machine::new("a", &central).await
    };
    server.kill9().unwrap();
    server.restart().unwrap();
    a.put(client("after")).await;
    assert_eq!(a.round().await.pushed, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_central_gets_everything() {
    let (first, second) = (central().await, central().await);
    let a = Machine::new("a", &first).await;
    a.put(client("one")).await;
    a.round().await;
    let folder = a.stop().await;
    let store = Store::open(&folder.path().join("replica.db"), Arc::new(SystemClock)).unwrap();
    let a = Machine::with(store, folder, "a", &second).await;
    assert_eq!(central_column(&second, "clients", "name"), a.column("clients", "name"));
    a.put(client("two")).await;
    assert_eq!(a.round().await.pushed, 1);
    assert_eq!(a.column("clients", "name"), central_column(&second, "clients", "name"));
    assert_eq!(a.engine.status().pending, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copied_replica_takes_an_identity_of_its_own() {
    let central = central().await;
    let a = Machine::new("a", &central).await;
    a.put(client("one")).await;
    a.round().await;
    let folder = a.stop().await;
    let copy = tempfile::tempdir().unwrap();
    std::fs::copy(folder.path().join("replica.db"), copy.path().join("replica.db")).unwrap();
    let open =
        |folder: &tempfile::TempDir| Store::open(&folder.path().join("replica.db"), Arc::new(SystemClock)).unwrap();
    let (store, copied) = (open(&folder), open(&copy));
    let a = Machine::with(store, folder, "a", &central).await;
    let b = Machine::with(copied, copy, "b", &central).await;
    assert_eq!(a.store.replica_id(), b.store.replica_id());
    a.put(client("from a")).await;
    b.put(client("from b")).await;
    a.round().await;
    b.round().await;
    a.round().await;
    assert_ne!(a.store.replica_id(), b.store.replica_id());
    for machine in [&a, &b] {
        for name in ["one", "from a", "from b"] {
            assert!(machine.get(CLIENTS, name).await.is_some(), "{name}");
        }
        assert_eq!(machine.column("clients", "name"), central_column(&central, "clients", "name"));
        assert_eq!(machine.engine.status().pending, 0);
    }
}
