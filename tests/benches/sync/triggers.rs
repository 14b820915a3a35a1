//! What the capture triggers cost other programs: 16 writers, single durable statements, with and without them in turns.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sqlx::Executor as _;
use sqlx::mysql::MySqlConnection;
use world::{Error, Result};

use super::options::Options;
use super::report::Report;
use super::server::Server;

const WRITERS: usize = 16;
/// Short turns, and many: what else the machine does falls on both ways alike.
const TURN: Duration = Duration::from_millis(1500);
/// Updates after each insert, of rows of the same writer.
const UPDATES: usize = 2;

pub(crate) async fn measure(server: &Server, options: &Options, report: &mut Report) -> Result<()> {
    for database in ["captured", "uncaptured"] {
        server.init(database).await?;
    }
    let drop = "SELECT CONCAT('DROP TRIGGER uncaptured.', trigger_name, ';') FROM information_schema.triggers \
                WHERE trigger_schema = 'uncaptured'";
    server.mariadb.sql("uncaptured", &server.mariadb.sql("", drop)?)?;
    let turns = Duration::from_secs(options.seconds).div_duration_f64(TURN).ceil().max(3.0);
    let (mut with, mut without, mut costs) = (0.0, 0.0, Vec::new());
    while f64::from(u32::try_from(costs.len()).unwrap_or(u32::MAX)) < turns {
        // Neither is always the first.
        let order = if costs.len() % 2 == 0 { [true, false] } else { [false, true] };
        let mut found = [0.0; 2];
        for captured in order {
            let database = if captured { "captured" } else { "uncaptured" };
            found[usize::from(captured)] = statements_per_second(server, database, TURN).await?;
        }
        without += found[0] / turns;
        with += found[1] / turns;
        costs.push(100.0 * (1.0 - found[1] / found[0]));
    }
    costs.sort_by(f64::total_cmp);
    let quarter = costs.len() / 4;
    let (cost, low, high) = (costs[costs.len() / 2], costs[quarter], costs[costs.len() - 1 - quarter]);
    report.value("triggers", "statements of 16 writers without capture", without, "/s");
    report.value("triggers", "statements of 16 writers with capture", with, "/s");
    let found = format!("{cost:.1} % (median of {} pairs of turns, half of them {low:.1} to {high:.1} %)", costs.len());
    report.goal("triggers: cost for other programs at most 15 %", cost <= 15.0, found);
    Ok(())
}

async fn statements_per_second(server: &Server, database: &str, each: Duration) -> Result<f64> {
    let stop = Arc::new(AtomicBool::new(false));
    let mut writers = Vec::with_capacity(WRITERS);
    for _ in 0..WRITERS {
        writers.push(server.connect(database).await?);
    }
    let started = Instant::now();
    let writers: Vec<_> =
        writers.into_iter().map(|connection| tokio::spawn(write(connection, Arc::clone(&stop)))).collect();
    tokio::time::sleep(each).await;
    stop.store(true, Ordering::Relaxed);
    let mut statements = 0;
    for writer in writers {
        statements += writer.await.map_err(Error::doing("run a writer"))??;
    }
    #[expect(clippy::cast_precision_loss, reason = "a few ten thousand")]
    Ok(statements as f64 / started.elapsed().as_secs_f64())
}

/// Makes clients and edits them; how many statements that were.
async fn write(mut connection: MySqlConnection, stop: Arc<AtomicBool>) -> Result<usize> {
    let mut statements = 0;
    let failed = |error: sqlx::Error| Error::new(format!("write as another program: {error}"));
    while !stop.load(Ordering::Relaxed) {
        let id = sync::local::new_id(statements as u64);
        let insert = sqlx::query("INSERT INTO clients (id, name, notes) VALUES (?, ?, 'a note of some length')");
        connection.execute(insert.bind(&id).bind(&id)).await.map_err(failed)?;
        for update in 0..UPDATES {
            let text = sqlx::query("UPDATE clients SET notes = CONCAT(notes, ?) WHERE id = ?");
            connection.execute(text.bind(update.to_string()).bind(&id)).await.map_err(failed)?;
        }
        statements += 1 + UPDATES;
    }
    Ok(statements)
}
