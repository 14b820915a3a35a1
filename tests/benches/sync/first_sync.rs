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
use world::{Error, Result};

use super::daemon::Daemon;
use super::report::Report;
use super::rows::groups;
use super::server::Server;

/// Returns the machine, which has everything.
pub(crate) fn measure(runtime: &Runtime, server: &Server, rows: usize, report: &mut Report) -> Result<Daemon> {
    let read = runtime.block_on(streamed_read(server, rows))?;
    report.rate("first sync", "streamed read of the rows, all columns", rows, read);
    let bare = bulk_insert(rows, false)?;
    report.rate("first sync", "bare SQLite bulk insert, 1,000 rows a commit, its primary key only", rows, bare);
    let indexed = bulk_insert(rows, true)?;
    report.rate("first sync", "the same with the replica's indexes of that table", rows, indexed);
    let head = server.number("memory", "SELECT last_seq FROM ct_sync_counter")?;
    let daemon = Daemon::new("newcomer", server)?;
    let started = Instant::now();
    daemon.machine.start_daemon()?;
    let memory = daemon.watch("everything pulled", |daemon| {
        daemon.number("SELECT value FROM ct_sync_state WHERE name = 'cursor'") >= head
    })?;
    let pulled = started.elapsed();
    report.rate("first sync", "**first sync**, start of the daemon included", rows, pulled);
    report.memory("first sync", memory);
    report.goal_rate("first sync", rows, pulled, 40_000.0);
    report.goal_share("first sync", read.max(bare), pulled, 0.4);
    let there = daemon.number("SELECT count(*) FROM conversation_contexts");
    if there != rows as u64 {
        return Err(Error::new(format!("first sync: the new machine has {there} of {rows} rows")));
    }
    let memory =
        daemon.watch("everything indexed", |daemon| daemon.number("SELECT count(*) FROM ct_memory") >= rows as u64)?;
    report.rate("first sync", "until recall finds all of it", rows, started.elapsed());
    report.memory("first sync, until recall finds all of it", memory);
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

/// The rows into a table of the same form in a file of its own, as durable as the replica.
#[expect(clippy::disallowed_methods, reason = "a bare file beside the replica, for comparison")]
fn bulk_insert(rows: usize, indexed: bool) -> Result<Duration> {
    let scratch = Scratch::new("bare")?;
    let mut db = Connection::open(scratch.path().join("bare.db")).map_err(Error::doing("make a database"))?;
    let failed = |error: rusqlite::Error| Error::new(format!("insert in bulk: {error}"));
    for (name, value) in [("journal_mode", "WAL"), ("synchronous", "FULL"), ("foreign_keys", "OFF")] {
        db.pragma_update(None, name, value).map_err(failed)?;
    }
    db.execute_batch(&schema(indexed)).map_err(failed)?;
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
    Ok(took)
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

/// The statements of the replica's first step that make the table, and its indexes if asked for.
fn schema(indexed: bool) -> String {
    let wanted = |statement: &&str| {
        statement.starts_with("CREATE TABLE conversation_contexts ")
            || (indexed && statement.contains(" ON conversation_contexts "))
    };
    let statements: Vec<&str> = migrations::ladder::statements(SQLITE[0].sql).filter(wanted).collect();
    statements.join(";\n") + ";"
}
