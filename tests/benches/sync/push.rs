//! A machine that worked offline sends its rows.

use std::sync::Arc;
use std::time::{Duration, Instant};

use merge::{Row, Value};
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Executor as _};
use sync::{Store, SystemClock};
use tokio::runtime::Runtime;
use world::{Error, Result};

use super::daemon::{Daemon, Look, Memory};
use super::report::Report;
use super::rows::groups;
use super::server::Server;

/// Columns of the plain INSERT: those that are filled.
const COLUMNS: [&str; 8] =
    ["id", "context_type", "title", "dense_summary", "relevance_score", "usage_count", "created_at", "updated_at"];

const PLAIN: &str = "multi-row INSERT without triggers, 1,000 rows a statement and commit";

/// Returns the machine, which central has everything of.
pub(crate) fn measure(runtime: &Runtime, server: &Server, rows: usize, report: &mut Report) -> Result<Daemon> {
    for database in ["memory", "without_full_text"] {
        runtime.block_on(server.init(database))?;
    }
    server.without_full_text("without_full_text")?;
    let sender = Daemon::new("sender", server, "memory")?;
    let written = write_offline(&sender, rows)?;
    report.rate("push", "written at the machine while central was away, 500 rows a commit", rows, written);
    // No daemon has met the file yet, so its copy is as good as one that was written anew.
    let other = Daemon::new("other-sender", server, "without_full_text")?;
    let (from, to) = (sender.machine.home().replica(), other.machine.home().replica());
    std::fs::copy(&from, &to).map_err(Error::doing(format!("copy {}", from.display())))?;

    let plain = runtime.block_on(plain_inserts(server, "memory", rows))?;
    report.rate("push", PLAIN, rows, plain);
    let (pushed, memory) = push(server, &sender, "memory", rows)?;
    report.rate("push", "**push**, start of the daemon included", rows, pushed);
    report.memory("push", memory);
    report.goal_rate("push", rows, pushed, 20_000.0);
    report.goal_share("push", plain, pushed, 0.35);

    let part = "push, central without full text indexes";
    let plain = runtime.block_on(plain_inserts(server, "without_full_text", rows))?;
    report.rate(part, PLAIN, rows, plain);
    let (pushed, _) = push(server, &other, "without_full_text", rows)?;
    report.rate(part, "**push**, start of the daemon included", rows, pushed);
    report.goal_rate(part, rows, pushed, 20_000.0);
    report.goal_share(part, plain, pushed, 0.35);
    Ok(sender)
}

fn push(server: &Server, daemon: &Daemon, database: &str, rows: usize) -> Result<(Duration, Memory)> {
    let started = Instant::now();
    daemon.machine.start_daemon()?;
    let memory = daemon.watch("everything pushed", |daemon, look| {
        daemon.number(match look {
            Look::Whether => "SELECT EXISTS (SELECT 1 FROM ct_sync_dirty)",
            Look::HowMany => "SELECT count(*) FROM ct_sync_dirty",
        })
    })?;
    let took = started.elapsed();
    let there = server.number(database, "SELECT COUNT(*) FROM conversation_contexts")?;
    if there != rows as u64 {
        return Err(Error::new(format!("push: central has {there} of {rows} rows")));
    }
    Ok((took, memory))
}

/// The same rows into a table of the same form, with nothing of ours.
async fn plain_inserts(server: &Server, like: &str, rows: usize) -> Result<Duration> {
    server.mariadb.create_database("plain")?;
    server.mariadb.sql("plain", &format!("CREATE TABLE conversation_contexts LIKE {like}.conversation_contexts"))?;
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
