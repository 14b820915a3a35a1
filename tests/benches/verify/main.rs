//! What comparing a large table with central costs: rows, seconds, and bytes on the wire each way.
//!
//! `cargo xtask bench verify [ROWS]`, 1,000,000 rows of `conversation_contexts` with bodies of about 350 bytes unless
//! told otherwise. Bytes are the server's own count for the connection that compares. A run with nothing different comes
//! first, then one with three rows that differ and nobody captured, then the repair of those.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on ends")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use sync::central::{self, InitOptions};
use sync::engine::{self, EngineSettings, Heal, VerifyReport, VerifyRequest};
use sync::{Store, SystemClock};
use world::mariadb::{MariaDb, Options};

const ROWS: u64 = 1_000_000;
/// Rows of one INSERT.
const AT_ONCE: u64 = 50_000;

fn main() {
    let rows = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(ROWS);
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(run(rows));
}

async fn run(rows: u64) {
    // A buffer pool as a central for millions of rows would have.
    let arguments = vec!["--innodb-buffer-pool-size=1G".to_owned()];
    let server = MariaDb::start_with(Options { arguments, ..Options::default() }).unwrap();
    let database = server.fresh_database("bench").unwrap();
    let url = server.url(&database);
    central::init(&url.parse().unwrap(), InitOptions::default()).await.unwrap();
    fill(&server, &database, rows);
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("replica.db"), Arc::new(SystemClock)).unwrap();
    let mut settings = EngineSettings::new(Some(url.parse().unwrap()), "bench");
    settings.poll = Duration::from_hours(1);
    settings.verify.every = Duration::ZERO;
    let engine = engine::start(store.clone(), settings);
    let started = Instant::now();
    engine.round().await.unwrap();
    println!("first sync of {rows} rows: {:.1} s", started.elapsed().as_secs_f64());

    println!("| comparison of {rows} rows | seconds | rows/s | sent | received | differences |");
    println!("|---|--:|--:|--:|--:|--:|");
    let compare = |heal| engine.verify(VerifyRequest { tables: Vec::new(), heal });
    show("nothing differs", &compare(Heal::Nothing).await.unwrap());
    show("nothing differs, again", &compare(Heal::Nothing).await.unwrap());
    let unseen = "DROP TRIGGER ct_sync_conversation_contexts_update; \
                  UPDATE conversation_contexts SET title = 'unseen' WHERE id IN (SELECT id FROM (SELECT id FROM \
                  conversation_contexts ORDER BY RAND(1) LIMIT 3) three)";
    server.sql(&database, unseen).unwrap();
    show("three rows differ", &compare(Heal::Nothing).await.unwrap());
    show("three rows healed", &compare(Heal::Careful).await.unwrap());
    show("nothing differs, after that", &compare(Heal::Nothing).await.unwrap());
    engine.stop().await;
    store.close().unwrap();
}

/// Keys as version 7 has them, in the order of time; words that do not repeat from row to row.
fn fill(server: &MariaDb, database: &str, rows: u64) {
    let started = Instant::now();
    for first in (1..=rows).step_by(usize::try_from(AT_ONCE).unwrap_or(usize::MAX)) {
        let last = rows.min(first + AT_ONCE - 1);
        let insert = format!(
            "INSERT INTO conversation_contexts (id, context_type, title, dense_summary, tags) \
             SELECT LOWER(CONCAT(LPAD(HEX(seq DIV 65536), 8, '0'), '-', LPAD(HEX(seq MOD 65536), 4, '0'), \
             '-7000-8000-', LEFT(MD5(seq), 12))), 'checkpoint', CONCAT('what was done, number ', seq), \
             CONCAT(REPEAT(MD5(seq), 9), ' ', SHA1(seq)), CONCAT('[\"tag\",\"', seq MOD 100, '\"]') \
             FROM seq_{first}_to_{last}"
        );
        server.sql(database, &insert).unwrap();
    }
    println!("{rows} rows at central: {:.1} s", started.elapsed().as_secs_f64());
}

fn show(what: &str, report: &VerifyReport) {
    let seconds = Duration::from_millis(report.millis).as_secs_f64();
    println!(
        "| {what} | {seconds:.2} | {} | {} B | {} B | {} |",
        u128::from(report.rows) * 1000 / u128::from(report.millis.max(1)),
        report.sent_bytes,
        report.received_bytes,
        report.differences
    );
}
