//! Transactions of other programs that are open, hold rows, or collide with ours.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sqlx::Connection as _;
use world::random::Random;

use super::{Stage, load, recover};
use crate::compare::shared_tables;
use crate::reconcile::central;
use crate::record::everything;

/// The most that a round may take beside an open transaction.
const PROMPT: Duration = Duration::from_secs(5);
/// Rows that everybody writes.
const CONTESTED: u64 = 6;

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_is_held_at_central_stops_only_itself() {
    let central = central().await;
    let url = central.url().expose();
    let mut stage = Stage::new(central, &url).await;
    let mut holder = stage.central.connect().await;
    let mut transaction = holder.begin().await.unwrap();
    let hold = sqlx::query("UPDATE clients SET address = 'held' WHERE id = ?").bind(load::key("shared"));
    hold.execute(&mut *transaction).await.unwrap();
    // The held row is the oldest of the journal.
    stage.write_here("shared", "notes").await;
    stage.write_here("free", "notes").await;
    stage.write_there("news", "notes").await;
    let report = stage.a.round().await;
    assert_eq!((report.pushed, report.quarantined), (1, 1), "the other row has gone, the held one waits");
    let waiting = stage.a.store.read(sync::local::quarantine).unwrap();
    assert!(waiting[0].reason.contains("holds what is needed"), "{waiting:?}");
    assert!(waiting[0].hint.contains("tried again by itself"), "{waiting:?}");
    assert_eq!(stage.central.sql("SELECT COUNT(*) FROM clients WHERE name = 'free'"), "1");
    assert_eq!(stage.a.round().await.quarantined, 0, "it is not tried again at once");
    stage.b.round().await;
    transaction.commit().await.unwrap();
    // The other transaction changed the row: that is news, and the row is tried again.
    let mut summary = stage.settle(&shared_tables()).await;
    assert_eq!(summary.quarantined, 0);
    assert_eq!(stage.central.sql("SELECT address FROM clients WHERE name = 'shared'"), "held");
    summary.injected("lock wait timed out", 1);
    summary.report("a row held at central");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_left_open_holds_no_pull_up_and_is_not_skipped() {
    let open_for = Duration::from_secs(if everything() { 60 } else { 8 });
    let central = central().await;
    let url = central.url().expose();
    let mut stage = Stage::new(central, &url).await;
    let mut holder = stage.central.connect().await;
    let mut transaction = holder.begin().await.unwrap();
    let insert = sqlx::query("INSERT INTO clients (id, name, notes) VALUES (?, 'late', 'committed late')");
    insert.bind(load::key("late")).execute(&mut *transaction).await.unwrap();
    let (started, mut number) = (Instant::now(), 0);
    while started.elapsed() < open_for {
        number += 1;
        stage.write_there(&format!("during{number}"), "notes").await;
        stage.write_here(&format!("here{number}"), "notes").await;
        let began = Instant::now();
        stage.a.round().await;
        stage.b.round().await;
        assert!(began.elapsed() < PROMPT, "two rounds took {:?}", began.elapsed());
        for machine in [&stage.a, &stage.b] {
            let names = machine.column("clients", "name");
            assert!(names.lines().any(|line| line.ends_with(&format!("\tduring{number}"))), "pulled beside it");
            assert!(!names.contains("late"), "not committed yet");
        }
    }
    transaction.commit().await.unwrap();
    for machine in [&stage.a, &stage.b] {
        machine.round().await;
        assert!(machine.column("clients", "name").contains("late"));
    }
    let mut summary = stage.settle(&shared_tables()).await;
    summary.injected("transaction left open", 1);
    summary.report(&format!("a transaction left open for {} s", open_for.as_secs()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn deadlocks_end_and_nothing_is_lost() {
    let central = central().await;
    let url = central.url().expose();
    let stage = Arc::new(Stage::new(central, &url).await);
    let (over, collided) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let others = [1, 2].map(|seed| {
        let (stage, over, collided) = (Arc::clone(&stage), Arc::clone(&over), Arc::clone(&collided));
        tokio::spawn(async move { collide(&stage, seed, &over, &collided).await })
    });
    let until = Instant::now() + Duration::from_secs(5);
    let mut random = Random::new(3);
    while Instant::now() < until {
        for (machine, by) in [(&stage.a, "a"), (&stage.b, "b")] {
            for _ in 0..CONTESTED {
                let name = format!("row{}", random.below(CONTESTED));
                load::write(machine, &stage.record, by, &name, "notes").await;
            }
        }
        // Both at once; a round that gives up is tried again in the next turn.
        let _ = tokio::join!(stage.a.engine.round(), stage.b.engine.round());
    }
    over.store(true, Ordering::Relaxed);
    for other in others {
        other.await.unwrap();
    }
    let mut summary = stage.settle(&shared_tables()).await;
    summary.injected("deadlock met by another program", collided.load(Ordering::Relaxed));
    assert!(summary.acknowledged > 30, "{summary}");
    summary.report("deadlocks");
}

/// Another program, which changes the same rows in an order of its own, several in a transaction.
async fn collide(stage: &Stage<'_>, seed: u64, over: &AtomicBool, collided: &AtomicU64) {
    let mut connection = stage.central.connect().await;
    let mut random = Random::new(seed);
    while !over.load(Ordering::Relaxed) {
        let mut transaction = connection.begin().await.unwrap();
        let mut outcome = Ok(());
        for _ in 0..3 {
            let key = load::key(&format!("row{}", random.below(CONTESTED)));
            let update = sqlx::query("UPDATE clients SET address = ? WHERE id = ?").bind(random.below(9)).bind(key);
            outcome = update.execute(&mut *transaction).await.map(drop);
            if outcome.is_err() {
                break;
            }
        }
        match outcome {
            Ok(()) => transaction.commit().await.unwrap(),
            Err(error) => {
                let code = error.into_database_error().and_then(|error| error.code().map(Cow::into_owned));
                assert_eq!(code.as_deref(), Some("40001"), "other programs meet deadlocks only, as without us");
                collided.fetch_add(1, Ordering::Relaxed);
                transaction.rollback().await.unwrap();
            }
        }
    }
    recover(&stage.a).await;
}
