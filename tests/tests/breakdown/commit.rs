//! The moment between a push's last statement and the answer to its COMMIT.

use std::sync::atomic::Ordering;
use std::time::Duration;

use world::mariadb::shared;
use world::proxy::{At, Fault, Proxy, Rule};

use super::{Stage, recover};
use crate::compare::shared_tables;
use crate::reconcile::central;

/// The COMMIT of a push, and of nothing else.
const COMMIT: &str = "COMMIT; SET @ct_sync_origin";
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_killed_at_commit_has_done_nothing() {
    let central = central().await;
    let proxy = Proxy::start(shared().unwrap()).unwrap();
    let url = proxy.url(&central.database);
    let mut stage = Stage::new(central, &url).await;
    stage.write_here("killed", "notes").await;
    stage.count().await;
    proxy.arm(vec![Rule { at: At::Text(COMMIT), fault: Fault::Hold }]);
    let engine = stage.a.engine.clone();
    let round = tokio::spawn(async move { engine.round().await });
    tokio::task::block_in_place(|| proxy.wait_until_held(PATIENCE)).unwrap();
    assert_eq!(stage.central.sql("SELECT COUNT(*) FROM clients WHERE name = 'killed'"), "0", "not committed yet");
    let sessions = stage.central.sql(
        "SELECT id FROM information_schema.processlist \
         WHERE db = DATABASE() AND id <> CONNECTION_ID() AND host <> 'none' AND command = 'Sleep'",
    );
    let killed = sessions.lines().count() as u64;
    for session in sessions.lines() {
        stage.central.sql(&format!("KILL CONNECTION {session}"));
    }
    proxy.release();
    let error = round.await.unwrap().unwrap_err();
    assert!(error.to_string().contains("cannot be reached"), "{error}");
    assert_eq!(stage.central.sql("SELECT COUNT(*) FROM clients WHERE name = 'killed'"), "0");
    assert!(recover(&stage.a).await.pushed >= 2);
    stage.foreign = stage.central.connect().await;
    let mut summary = stage.settle(&shared_tables()).await;
    summary.injected("connection killed at commit", killed);
    summary.report("a connection killed at commit");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_arrives_after_its_client_was_cut_off_counts_once() {
    let central = central().await;
    let proxy = Proxy::start(shared().unwrap()).unwrap();
    let url = proxy.url(&central.database);
    let stage = Stage::new(central, &url).await;
    for case in 0..3 {
        stage.write_here(&format!("late{case}"), "notes").await;
        stage.count().await;
        proxy.arm(vec![Rule { at: At::Text(COMMIT), fault: Fault::Late(Duration::from_millis(400)) }]);
        stage.a.engine.round().await.unwrap_err();
        // Edited while nobody knows what became of the batch in flight.
        stage.write_here(&format!("late{case}"), "notes").await;
        stage.count().await;
        // The dead client's transaction still holds this machine's row: the question waits until it has committed.
        let report = recover(&stage.a).await;
        assert!(report.pushed >= 2, "{report:?}");
    }
    let mut summary = stage.settle(&shared_tables()).await;
    assert_eq!(stage.uses.load(Ordering::Relaxed), 6);
    summary.injected_by(&proxy);
    summary.report("commits of dead clients");
}
