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
const TURNS: u32 = 3;
/// Updates after each insert, of rows of the same writer.
const UPDATES: usize = 2;

pub(crate) async fn measure(server: &Server, options: &Options, report: &mut Report) -> Result<()> {
    for database in ["captured", "uncaptured"] {
        server.init(database).await?;
    }
    let drop = "SELECT CONCAT('DROP TRIGGER uncaptured.', trigger_name, ';') FROM information_schema.triggers \
                WHERE trigger_schema = 'uncaptured'";
    server.mariadb.sql("uncaptured", &server.mariadb.sql("", drop)?)?;
    let each = Duration::from_secs(options.seconds);
    let (mut with, mut without) = (0.0, 0.0);
    for turn in 0..TURNS {
        // Neither is always the first.
        for captured in [turn % 2 == 0, turn % 2 == 1] {
            let (database, sum) = if captured { ("captured", &mut with) } else { ("uncaptured", &mut without) };
            *sum += statements_per_second(server, database, each).await? / f64::from(TURNS);
        }
    }
    report.value("triggers", "statements of 16 writers without capture", without, "/s");
    report.value("triggers", "statements of 16 writers with capture", with, "/s");
    let cost = 100.0 * (1.0 - with / without);
    report.goal("triggers: cost for other programs at most 15 %", cost <= 15.0, format!("{cost:.1} %"));
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
