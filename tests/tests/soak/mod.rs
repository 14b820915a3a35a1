//! Many real daemons against one MariaDB, while everything breaks at random: daemons and the server are killed, the
//! network between them fails, other programs write with plain SQL. At the end all are equal, and every prompt, command
//! and memory whose hook or command ended well is at central.
//!
//! In an ordinary run a small one; `cargo xtask soak` runs it with twenty daemons, built for release, for five minutes.

mod breakers;
mod machine;
mod usage;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sqlx::mysql::MySqlConnection;
use world::eventually;
use world::mariadb::MariaDb;
use world::proxy::Proxy;
use world::wait::pause;

use crate::breakdown::load;
use crate::compare::shared_tables;
use crate::reconcile::Central;
use crate::record::{Record, Summary};
use machine::Desk;

/// How many daemons, and for how many seconds.
const MACHINES: &str = "CLAUDETOOLS_SOAK_MACHINES";
const SECONDS: &str = "CLAUDETOOLS_SOAK_SECONDS";
/// Programs that write plain SQL.
const WRITERS: u64 = 3;
/// Clients that they write.
const CLIENTS: u64 = 40;
/// Until everything that waits anywhere has arrived everywhere.
const QUIET_WITHIN: Duration = Duration::from_mins(4);

/// What all threads of a soak share.
pub(super) struct Stage<'a> {
    server: &'a MariaDb,
    central: Central<'a>,
    proxy: Proxy,
    desks: Vec<Desk>,
    record: Record,
    over: AtomicBool,
}

impl Stage<'_> {
    fn goes_on(&self) -> bool {
        !self.over.load(Ordering::Relaxed)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_daemons_that_are_killed_and_cut_off_lose_nothing() {
    let (machines, seconds) = (number(MACHINES, 3), number(SECONDS, 10));
    let server = MariaDb::start().unwrap();
    let central = Central::on(&server).await;
    let proxy = Proxy::start(&server).unwrap();
    let url = proxy.url(&central.database);
    let desks = (0..machines).map(|number| Desk::new(number, &url)).collect();
    let (record, over) = (Record::default(), AtomicBool::new(false));
    let stage = Stage { server: &server, central, proxy, desks, record, over };
    stage.proxy.storm(7, 3);
    let mut broken = Summary::default();
    let writing = async { tokio::join!(foreign(&stage, 1), foreign(&stage, 2), foreign(&stage, WRITERS)) };
    let living = async { broken = tokio::task::block_in_place(|| live(&stage, Duration::from_secs(seconds))) };
    tokio::join!(writing, living);
    let usage: Vec<usage::Usage> = stage.desks.iter().filter_map(|desk| usage::of(desk.pid()?)).collect();
    let quiet = tokio::task::block_in_place(|| come_to_rest(&stage));
    let paths: Vec<_> = stage.desks.iter().map(Desk::replica).collect();
    let replicas: Vec<&std::path::Path> = paths.iter().map(std::path::PathBuf::as_path).collect();
    let mut summary = stage.record.settle(&stage.central, &replicas, &shared_tables()).await;
    for (kind, count) in &broken.faults {
        summary.injected(kind, *count);
    }
    summary.injected_by(&stage.proxy);
    summary.figures.insert("daemons", machines.to_string());
    summary.figures.insert("seconds", seconds.to_string());
    summary.figures.insert("seconds until all were equal", quiet.as_secs().to_string());
    summary.figures.insert("rows at central", rows(&stage).await.to_string());
    summary.figures.extend(usage::figures(&usage));
    let pushed: Vec<&Desk> = stage.desks.iter().filter(|desk| desk.acknowledged() == 0).collect();
    assert!(pushed.is_empty(), "{} machines wrote nothing", pushed.len());
    summary.report(&format!("{machines} daemons for {seconds} s"));
}

fn number(variable: &str, usual: u64) -> u64 {
    std::env::var(variable).map_or(usual, |text| text.parse().expect("a number"))
}

/// The machines work and the breakers break for so long; what was broken.
fn live(stage: &Stage<'_>, time: Duration) -> Summary {
    let until = Instant::now() + time;
    let summary = std::thread::scope(|scope| {
        for desk in &stage.desks {
            scope.spawn(|| desk.work(stage));
        }
        let daemons = scope.spawn(|| breakers::kill_daemons(stage));
        let server = scope.spawn(|| breakers::kill_server(stage));
        while Instant::now() < until {
            pause(Duration::from_millis(100));
        }
        stage.over.store(true, Ordering::Relaxed);
        let mut summary = Summary::default();
        summary.injected("daemon killed", daemons.join().unwrap());
        summary.injected("mariadbd killed", server.join().unwrap());
        summary
    });
    stage.proxy.storm(0, 0);
    summary
}

/// Another program, which connects again whenever the server is back.
async fn foreign(stage: &Stage<'_>, seed: u64) {
    let mut random = world::random::Random::new(seed);
    while stage.goes_on() {
        let Ok(mut connection) = stage.central.try_connect().await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        while stage.goes_on() {
            let done = write(stage, &mut connection, &mut random).await;
            // The pace of a person's scripts, not that of a benchmark.
            tokio::time::sleep(Duration::from_millis(random.below(60))).await;
            if done.is_err() {
                break;
            }
        }
    }
}

async fn write(
    stage: &Stage<'_>,
    connection: &mut MySqlConnection,
    random: &mut world::random::Random,
) -> Result<(), sqlx::Error> {
    let name = format!("client{}", random.below(CLIENTS));
    if random.percent(10) {
        load::delete_there(connection, &stage.record, &name).await
    } else {
        let column = *random.pick(&load::COLUMNS);
        load::write_there(connection, &stage.record, &name, column).await
    }
}

/// Rounds of every machine until none has anything to do; how long that took.
fn come_to_rest(stage: &Stage<'_>) -> Duration {
    let started = Instant::now();
    for desk in &stage.desks {
        desk.revive();
    }
    eventually("all machines equal", QUIET_WITHIN, || {
        let waiting = stage.central.sql("SELECT COUNT(*) FROM ct_sync_outbox");
        // Of all of them, so that each has had its round.
        stage.desks.iter().filter(|desk| !desk.is_still()).count() == 0 && waiting == "0"
    })
    .unwrap();
    started.elapsed()
}

async fn rows(stage: &Stage<'_>) -> i64 {
    let mut connection = stage.central.connect().await;
    let mut sum = 0;
    for table in shared_tables() {
        let text = format!("SELECT COUNT(*) FROM {}", table.name);
        sum += sqlx::query_scalar::<_, i64>(sqlx::AssertSqlSafe(text)).fetch_one(&mut connection).await.unwrap();
    }
    sum
}
