//! Writers of plain SQL at central that know nothing of us, while replicas pull: no change is missed.
//!
//! Their transactions overlap and commit in another order than they wrote, or not at all: what a feed in the order of
//! writing loses. A missed change of a row that is touched again later would not be seen at the end, so each transaction
//! also leaves one row that nobody ever touches again.

mod each_statement;
mod load;
mod statements;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use migrations::Entity;
use migrations::catalogue::{CLIENTS, CONVERSATION_CONTEXTS, SESSION_TAGS, SESSIONS, SITES, TAGS, WORK_ITEMS};
use tokio::task::JoinSet;

use crate::compare;
use crate::reconcile::{Central, Machine, central};
use load::{Tally, Writer, connect, run};

const WRITERS: u64 = 16;
const FOR: Duration = Duration::from_secs(20);
const TABLES: [&Entity; 7] = [CLIENTS, SITES, TAGS, SESSIONS, SESSION_TAGS, WORK_ITEMS, CONVERSATION_CONTEXTS];
/// What the same load meets on a MariaDB without us: foreign keys (1451, 1452) and unique keys (1062) that do not hold,
/// deadlocks among the writers (1213), and snapshots that are too old (1020, MariaDB 11.6 and later).
const USUAL_ERRORS: [u16; 5] = [1020, 1062, 1213, 1451, 1452];

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixteen_writers_and_two_replicas_that_miss_nothing() {
    let central = central().await;
    let (a, b) = (Arc::new(Machine::new("a", &central).await), Arc::new(Machine::new("b", &central).await));
    let writing = Arc::new(AtomicBool::new(true));
    let pulling = [&a, &b].map(|machine| tokio::spawn(pull(Arc::clone(machine), Arc::clone(&writing))));

    let tally = write(&central).await;
    writing.store(false, Ordering::Relaxed);
    println!("{WRITERS} writers, {} s: {tally}", FOR.as_secs());
    let [pulled_a, pulled_b] = pulling;
    let meanwhile = [pulled_a.await.unwrap(), pulled_b.await.unwrap()];
    let rest = [a.round().await.pulled, b.round().await.pulled];
    println!("replicas meanwhile: {meanwhile:?}; rows pulled after that: {rest:?}");

    for errors in tally.errors.keys() {
        assert!(USUAL_ERRORS.contains(errors), "a writer met error {errors}, which it would not meet without us");
    }
    assert!(tally.committed > 500 && tally.rolled_back > 50, "too little was tried: {tally}");
    for pulled in &meanwhile {
        assert!(
            pulled.rounds > 20 && pulled.rows > rest[0].max(rest[1]),
            "too little was pulled meanwhile: {pulled:?}"
        );
    }
    everything_is_equal(&central, &tally, [&a, &b]).await;
}

/// Lets the writers write, each on its own connection.
async fn write(central: &Central<'_>) -> Tally {
    let mut connection = connect(central).await;
    for statement in statements::ground() {
        run(&mut connection, &statement).await.unwrap();
    }
    let until = Instant::now() + FOR;
    let mut writers = JoinSet::new();
    for number in 0..WRITERS {
        let connection = connect(central).await;
        writers.spawn(async move { Writer::new(number, connection).await.write(until).await });
    }
    let mut tally = Tally::default();
    while let Some(one) = writers.join_next().await {
        tally.add(one.unwrap());
    }
    tally
}

#[derive(Debug, Default)]
struct Pulled {
    rounds: u64,
    rows: u64,
}

/// Pulls without a pause while there is writing.
async fn pull(machine: Arc<Machine>, writing: Arc<AtomicBool>) -> Pulled {
    let mut pulled = Pulled::default();
    while writing.load(Ordering::Relaxed) {
        pulled.rows += machine.round().await.pulled;
        pulled.rounds += 1;
    }
    pulled
}

async fn everything_is_equal(central: &Central<'_>, tally: &Tally, replicas: [&Machine; 2]) {
    let mut connection = connect(central).await;
    let kept = compare::at_central(&mut connection, WORK_ITEMS).await.len() as u64;
    assert_eq!(kept, tally.committed + WRITERS, "each transaction leaves one row, and each writer one at its start");
    for table in TABLES {
        let there = compare::at_central(&mut connection, table).await;
        assert!(there.len() > 10, "{} has {} rows", table.name, there.len());
        for replica in replicas {
            assert_eq!(compare::difference(table, &there, &compare::at_replica(&replica.path(), table)), None);
        }
    }
    for replica in replicas {
        assert_eq!(replica.round().await.pulled, 0, "a round without a change moves nothing");
        let status = replica.engine.status();
        assert_eq!((status.pending, status.quarantined, status.conflicts, status.parked), (0, 0, 0, 0));
    }
}
