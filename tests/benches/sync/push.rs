//! A machine that worked offline sends its rows.

use std::sync::Arc;
use std::time::{Duration, Instant};

use merge::{Row, Value};
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Executor as _};
use sync::{Store, SystemClock};
use tokio::runtime::Runtime;
use world::{Error, Result};

use super::daemon::Daemon;
use super::report::Report;
use super::rows::groups;
use super::server::Server;

/// Columns of the plain INSERT: those that are filled.
const COLUMNS: [&str; 8] =
    ["id", "context_type", "title", "dense_summary", "relevance_score", "usage_count", "created_at", "updated_at"];

/// Returns the machine, which central has everything of.
pub(crate) fn measure(runtime: &Runtime, server: &Server, rows: usize, report: &mut Report) -> Result<Daemon> {
    let plain = runtime.block_on(plain_inserts(server, rows))?;
    report.rate("push", "multi-row INSERT without triggers, 1,000 rows a statement and commit", rows, plain);
    let daemon = Daemon::new("sender", server)?;
    let written = write_offline(&daemon, rows)?;
    report.rate("push", "written at the machine while central was away, 500 rows a commit", rows, written);
    let started = Instant::now();
    daemon.machine.start_daemon()?;
    let memory = daemon
        .watch("everything pushed", |daemon| daemon.number("SELECT EXISTS (SELECT 1 FROM ct_sync_dirty)") == 0)?;
    let pushed = started.elapsed();
    report.rate("push", "**push**, start of the daemon included", rows, pushed);
    report.memory("push", memory);
    report.goal_rate("push", rows, pushed, 20_000.0);
    report.goal_share("push", plain, pushed, 0.35);
    let there = server.number("memory", "SELECT COUNT(*) FROM conversation_contexts")?;
    if there != rows as u64 {
        return Err(Error::new(format!("push: central has {there} of {rows} rows")));
    }
    Ok(daemon)
}

/// The same rows into a table of the same form, with nothing of ours.
async fn plain_inserts(server: &Server, rows: usize) -> Result<Duration> {
    server.mariadb.create_database("plain")?;
    server.mariadb.sql("plain", "CREATE TABLE conversation_contexts LIKE memory.conversation_contexts")?;
    let mut connection = server.connect("plain").await?;
    let mut took = Duration::ZERO;
    for group in groups(rows) {
        let started = Instant::now();
        insert(&mut connection, &group).await?;
        took += started.elapsed();
    }
    server.mariadb.sql("", "DROP DATABASE plain")?;
    Ok(took)
}

async fn insert(connection: &mut MySqlConnection, rows: &[Row]) -> Result<()> {
    let one = format!("({})", vec!["?"; COLUMNS.len()].join(", "));
    let values = vec![one; rows.len()].join(", ");
    let text = format!("INSERT INTO conversation_contexts ({}) VALUES {values}", COLUMNS.join(", "));
    let mut query = sqlx::query(AssertSqlSafe(text));
    for row in rows {
        for column in COLUMNS {
            query = match (column, row.get(column)) {
                ("relevance_score", _) => query.bind("5.00"),
                ("created_at" | "updated_at", Value::Text(text)) => query.bind(text[..26].replace('T', " ")),
                (_, Value::Text(text)) => query.bind(text.clone()),
                (_, Value::Int(number)) => query.bind(*number),
                _ => query.bind(None::<String>),
            };
        }
    }
    connection.execute(query).await.map_err(Error::doing("insert rows"))?;
    Ok(())
}

fn write_offline(daemon: &Daemon, rows: usize) -> Result<Duration> {
    let store = Store::open(&daemon.machine.home().replica(), Arc::new(SystemClock));
    let store = store.map_err(Error::doing("open a replica"))?;
    let mut took = Duration::ZERO;
    for group in groups(rows) {
        let started = Instant::now();
        for half in group.chunks(500) {
            let half = half.to_vec();
            let written = store.write(move |tx| half.into_iter().try_for_each(|row| tx.put(row)));
            written.map_err(Error::doing("write rows"))?;
        }
        took += started.elapsed();
    }
    store.close().map_err(Error::doing("close a replica"))?;
    Ok(took)
}
