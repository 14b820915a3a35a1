//! One writer: transactions of random statements, held open for random times, some of them taken back.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use sqlx::Error;
use sqlx::mysql::{MySqlConnection, MySqlDatabaseError};
use world::random::Random;

use super::statements::{self, Statement, id};
use crate::reconcile::Central;

/// Transactions that end with ROLLBACK, of a hundred.
const ROLLBACKS: u64 = 10;
/// Transactions that are held open before they end, of a hundred, and for how many milliseconds at most.
const HELD: u64 = 30;
const HELD_MS: u64 = 300;

/// A connection as any program has it.
pub(super) async fn connect(central: &Central<'_>) -> MySqlConnection {
    central.connect().await
}

/// Runs a statement; returns how many rows it touched.
pub(super) async fn run(connection: &mut MySqlConnection, statement: &Statement) -> Result<u64, Error> {
    let mut query = sqlx::query(statement.sql);
    for value in &statement.values {
        query = query.bind(value);
    }
    Ok(query.execute(connection).await?.rows_affected())
}

/// What writers did.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) committed: u64,
    pub(super) rolled_back: u64,
    /// Given up after an error.
    pub(super) failed: u64,
    /// In committed transactions.
    statements: u64,
    /// Rows that the statements of committed transactions touched, as the server counts.
    rows: u64,
    /// By MariaDB's number.
    pub(super) errors: BTreeMap<u16, u64>,
    longest: Duration,
}

impl Tally {
    pub(super) fn add(&mut self, other: Tally) {
        self.committed += other.committed;
        self.rolled_back += other.rolled_back;
        self.failed += other.failed;
        self.statements += other.statements;
        self.rows += other.rows;
        self.longest = self.longest.max(other.longest);
        for (number, count) in other.errors {
            *self.errors.entry(number).or_default() += count;
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} transactions committed ({} statements, {} rows), {} rolled back, {} failed (errors {:?}), longest statement {} ms",
            self.committed,
            self.statements,
            self.rows,
            self.rolled_back,
            self.failed,
            self.errors,
            self.longest.as_millis()
        )
    }
}

pub(super) struct Writer {
    number: u64,
    random: Random,
    connection: MySqlConnection,
    tally: Tally,
}

impl Writer {
    /// A writer with a session of its own, to which the rows belong that it never touches again.
    pub(super) async fn new(number: u64, connection: MySqlConnection) -> Self {
        let mut writer = Self { number, random: Random::new(number), connection, tally: Tally::default() };
        let session = Statement {
            sql: "INSERT INTO sessions (id, title) VALUES (?, 'a session that stays')",
            values: vec![id("writer", number)],
        };
        writer.run(&session).await.unwrap();
        writer.leave_a_row(0).await.unwrap();
        writer
    }

    /// Writes until then, and ends with the transaction that is open at that moment.
    pub(super) async fn write(mut self, until: Instant) -> Tally {
        while Instant::now() < until {
            match self.transaction().await {
                Ok(true) => self.tally.committed += 1,
                Ok(false) => self.tally.rolled_back += 1,
                Err(error) => {
                    *self.tally.errors.entry(number_of(error)).or_default() += 1;
                    self.tally.failed += 1;
                    self.say("ROLLBACK").await.unwrap();
                }
            }
        }
        self.tally
    }

    /// True when it was committed.
    async fn transaction(&mut self) -> Result<bool, Error> {
        self.say("START TRANSACTION").await?;
        let (mut statements, mut rows) = (1, self.leave_a_row(self.tally.committed + 1).await?);
        for _ in 0..=self.random.below(4) {
            let statement = statements::draw(&mut self.random);
            rows += self.run(&statement).await?;
            statements += 1;
        }
        if self.random.percent(HELD) {
            // The time that a transaction stays open is what this load is about.
            tokio::time::sleep(Duration::from_millis(self.random.below(HELD_MS))).await;
        }
        if self.random.percent(ROLLBACKS) {
            self.say("ROLLBACK").await?;
            return Ok(false);
        }
        self.say("COMMIT").await?;
        self.tally.statements += statements;
        self.tally.rows += rows;
        Ok(true)
    }

    async fn leave_a_row(&mut self, transaction: u64) -> Result<u64, Error> {
        let row = Statement {
            sql: "INSERT INTO work_items (id, session_id, category, title, description, item_order) \
                  VALUES (?, ?, 'maintenance', 'a row that stays', 'it shows that its transaction arrived', ?)",
            values: vec![
                id(&format!("work item of writer {}", self.number), transaction),
                id("writer", self.number),
                transaction.to_string(),
            ],
        };
        self.run(&row).await
    }

    async fn run(&mut self, statement: &Statement) -> Result<u64, Error> {
        let started = Instant::now();
        let rows = run(&mut self.connection, statement).await?;
        self.tally.longest = self.tally.longest.max(started.elapsed());
        Ok(rows)
    }

    async fn say(&mut self, sql: &'static str) -> Result<(), Error> {
        sqlx::raw_sql(sql).execute(&mut self.connection).await.map(drop)
    }
}

/// MariaDB's number of an error; an error of another kind has none and fails the test.
fn number_of(error: Error) -> u16 {
    let error = error.into_database_error().expect("an answer of the server");
    error.downcast_ref::<MySqlDatabaseError>().number()
}
