//! A new machine gets everything that central has.

use std::time::{Duration, Instant};

use merge::Value;
use migrations::catalogue::CONVERSATION_CONTEXTS;
use migrations::ladder::SQLITE;
use rusqlite::Connection;
use sqlx::{Executor as _, Row as _};
use tokio::runtime::Runtime;
use tokio_stream::StreamExt as _;
use world::scratch::Scratch;
use world::{Error, Result, wait};

use super::daemon::{Daemon, Look};
use super::guest::Guest;
use super::report::Report;
use super::rows::groups;
use super::server::Server;

const PART: &str = "first sync";
/// How long somebody works after all is done, for comparison.
const REST: Duration = Duration::from_secs(5);

/// Returns the machine, which has everything.
pub(crate) fn measure(runtime: &Runtime, server: &Server, rows: usize, report: &mut Report) -> Result<Daemon> {
    let read = runtime.block_on(streamed_read(server, rows))?;
    report.rate(PART, "streamed read of the rows, all columns", rows, read);
    let bare = bulk_insert(rows)?;
    report.rate(PART, "bare SQLite bulk insert, the replica's indexes of that table, durable at its end", rows, bare);
    let head = server.number("memory", "SELECT last_seq FROM ct_sync_counter")?;
    let daemon = Daemon::new("newcomer", server, "memory")?;
    let started = Instant::now();
    daemon.machine.start_daemon()?;
    let guest = Guest::arrive(&daemon);
    let memory = daemon.watch("everything pulled", |daemon, look| match look {
        Look::Whether => u64::from(daemon.number("SELECT value FROM ct_sync_state WHERE name = 'cursor'") < head),
        Look::HowMany => daemon.number("SELECT coalesce(sum(total - rows), 0) FROM ct_sync_snapshot"),
    })?;
    let pulled = started.elapsed();
    let waited = guest.leave()?;
    report.rate(PART, "**first sync**, start of the daemon included", rows, pulled);
    report.memory(PART, memory);
    report.goal_rate(PART, rows, pulled, 40_000.0);
    report.goal_share(PART, read.max(bare), pulled, 0.4);
    report.times(PART, "a memory saved meanwhile, durable", &waited);
    let longest = waited.last().copied().unwrap_or_default();
    let found = format!("{:.0} ms", longest.as_secs_f64() * 1e3);
    report.goal(
        "first sync: a memory saved meanwhile takes at most 50 ms",
        longest <= Duration::from_millis(50),
        found,
    );
    let there = daemon.number("SELECT count(*) FROM conversation_contexts");
    if there != rows as u64 {
        return Err(Error::new(format!("first sync: the new machine has {there} of {rows} rows")));
    }
    let memory = daemon.watch("everything indexed", |daemon, look| {
        daemon.number(match look {
            Look::Whether => "SELECT EXISTS (SELECT 1 FROM ct_memory_queue)",
            Look::HowMany => "SELECT count(*) FROM ct_memory_queue",
        })
    })?;
    report.rate(PART, "until recall finds all of it", rows, started.elapsed());
    report.memory("first sync, until recall finds all of it", memory);
    let indexed = daemon.number("SELECT count(*) FROM ct_memory WHERE source_table = 'conversation_contexts'");
    if indexed != rows as u64 {
        return Err(Error::new(format!("first sync: {indexed} of {rows} rows are indexed")));
    }
    let guest = Guest::arrive(&daemon);
    wait::pause(REST);
    report.times(PART, "a memory saved when nothing else goes on there, durable", &guest.leave()?);
    Ok(daemon)
}

async fn streamed_read(server: &Server, rows: usize) -> Result<Duration> {
    let mut connection = server.connect("memory").await?;
    let started = Instant::now();
    let mut stream = connection.fetch("SELECT * FROM conversation_contexts");
    let (mut count, mut bytes) = (0, 0);
    while let Some(row) = stream.next().await {
        let row = row.map_err(Error::doing("read a row"))?;
        count += 1;
        for column in 0..row.len() {
            let value: Option<&[u8]> = row.try_get_unchecked(column).map_err(Error::doing("read a value"))?;
            bytes += value.map_or(0, <[u8]>::len);
        }
    }
    let took = started.elapsed();
    if count != rows || bytes < rows * 350 {
        return Err(Error::new(format!("read all rows: {count} rows, {bytes} bytes")));
    }
    Ok(took)
}

/// The rows into a table of the same form in a file of its own. It need not be durable before its end, and nobody waits
/// for it meanwhile.
#[expect(clippy::disallowed_methods, reason = "a bare file beside the replica, for comparison")]
fn bulk_insert(rows: usize) -> Result<Duration> {
    let scratch = Scratch::new("bare")?;
    let mut db = Connection::open(scratch.path().join("bare.db")).map_err(Error::doing("make a database"))?;
    let failed = |error: rusqlite::Error| Error::new(format!("insert in bulk: {error}"));
    for (name, value) in [("journal_mode", "WAL"), ("synchronous", "NORMAL"), ("foreign_keys", "OFF")] {
        db.pragma_update(None, name, value).map_err(failed)?;
    }
    db.execute_batch(&schema()).map_err(failed)?;
    let columns = CONVERSATION_CONTEXTS.columns.len();
    let sql = format!("INSERT INTO conversation_contexts VALUES ({})", vec!["?"; columns].join(", "));
    let mut took = Duration::ZERO;
    for group in groups(rows) {
        let started = Instant::now();
        let transaction = db.transaction().map_err(failed)?;
        let mut statement = transaction.prepare_cached(&sql).map_err(failed)?;
        for row in &group {
            let values = row.values().iter().map(value);
            statement.execute(rusqlite::params_from_iter(values)).map_err(failed)?;
        }
        drop(statement);
        transaction.commit().map_err(failed)?;
        took += started.elapsed();
    }
    let started = Instant::now();
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).map_err(failed)?;
    Ok(took + started.elapsed())
}

fn value(value: &Value) -> rusqlite::types::ToSqlOutput<'_> {
    use rusqlite::types::{ToSqlOutput, ValueRef};
    ToSqlOutput::Borrowed(match value {
        Value::Null => ValueRef::Null,
        Value::Int(number) => ValueRef::Integer(*number),
        Value::Text(text) => ValueRef::Text(text.as_bytes()),
        Value::Blob(bytes) => ValueRef::Blob(bytes),
    })
}

/// The statements of the replica's first step that make the table and its indexes.
fn schema() -> String {
    let wanted = |statement: &&str| {
        statement.starts_with("CREATE TABLE conversation_contexts ") || statement.contains(" ON conversation_contexts ")
    };
    let statements: Vec<&str> = migrations::ladder::statements(SQLITE[0].sql).filter(wanted).collect();
    statements.join(";\n") + ";"
}
