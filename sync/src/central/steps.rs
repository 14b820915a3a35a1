//! Applying the ladder. DDL commits by itself in MariaDB, so a step that was interrupted is simply run again.

use std::fmt::Write as _;
use std::time::Instant;

use migrations::ladder::{self, Step};
use sha2::{Digest, Sha256};
use sqlx::mysql::MySqlConnection;

use super::CentralError;
use super::error::server_error;
use super::layout::ADOPTED_STEPS;
use super::schema::step_id;
use super::sql::{run, statement};

/// How often a statement is tried that collides with others. Besides what it is about, DDL locks tables of the server's
/// own, its statistics, and can so collide with the DDL of any database there; the server undoes it, and says to try again.
const ATTEMPTS: usize = 5;

/// Errors of a statement that an interrupted run had already done: the table, column, index or constraint is there.
const DONE_BEFORE: [u16; 4] = [1050, 1060, 1061, 1826];

/// The steps that are not among the recorded ones.
pub(super) fn outstanding(applied: &[super::schema::Applied]) -> impl Iterator<Item = &'static Step> {
    ladder::MARIADB.iter().filter(|step| applied.iter().all(|done| done.id != step_id(step)))
}

/// Where steps are applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ground {
    /// A database of our own: every statement is run.
    Own,
    /// One that was adopted: only statements about tables of ours are run, the others are its owner's to decide on.
    Adopted,
}

impl Ground {
    /// The table in which steps are recorded.
    fn record(self) -> &'static str {
        match self {
            Self::Own => "schema_migrations",
            Self::Adopted => ADOPTED_STEPS,
        }
    }
}

/// Runs a step and records it; the statements that were left out.
pub(super) async fn apply(
    connection: &mut MySqlConnection,
    step: &'static Step,
    ground: Ground,
) -> Result<Vec<&'static str>, CentralError> {
    let started = Instant::now();
    let mut left_out = Vec::new();
    for statement in statements(step.sql) {
        if ground == Ground::Adopted && !is_about_ours(statement) {
            left_out.push(statement);
            continue;
        }
        run_apart(connection, statement).await?;
    }
    let text = format!(
        "INSERT INTO {} (version_id, description, checksum, applied_by, execution_ms) \
         VALUES (?, ?, ?, CURRENT_USER(), ?)",
        ground.record()
    );
    statement(text)
        .bind(step_id(step))
        .bind(step.name)
        .bind(checksum(step))
        .bind(i64::try_from(started.elapsed().as_millis()).unwrap_or(i64::MAX))
        .execute(connection)
        .await?;
    Ok(left_out)
}

/// Runs a statement of a step, again when it collides with those of others.
async fn run_apart(connection: &mut MySqlConnection, statement: &'static str) -> Result<(), CentralError> {
    for _ in 1..ATTEMPTS {
        match run_or_done(connection, statement).await {
            Err(CentralError::Deadlock) => {
                tracing::info!("a statement of a step collided with others, and is tried again");
            }
            other => return other,
        }
    }
    run_or_done(connection, statement).await
}

async fn run_or_done(connection: &mut MySqlConnection, statement: &'static str) -> Result<(), CentralError> {
    match run(connection, statement).await {
        Err(error) if server_error(&error).is_some_and(|(code, _)| DONE_BEFORE.contains(&code)) => Ok(()),
        other => Ok(other?),
    }
}

/// True for a statement about one of our own tables.
fn is_about_ours(statement: &str) -> bool {
    table_of(statement).is_some_and(|table| table.starts_with("ct_sync_"))
}

/// The table that a statement of a step is about.
pub(super) fn table_of(statement: &str) -> Option<&str> {
    let lines = statement.lines().filter(|line| !line.trim_start().starts_with("--"));
    let mut words = lines.flat_map(str::split_whitespace);
    words.find(|word| ["TABLE", "INTO", "UPDATE", "ON"].contains(word))?;
    let name = words.find(|word| !["IF", "NOT", "EXISTS"].contains(word))?;
    name.split('(').next().map(|name| name.trim_matches('`'))
}

/// SHA-256 of the step's text, in hexadecimal.
pub(super) fn checksum(step: &Step) -> String {
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(step.sql.as_bytes()) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The statements of a step: each ends with `;` at the end of a line that is no comment.
pub(super) fn statements(sql: &'static str) -> Vec<&'static str> {
    let mut found = Vec::new();
    let (mut start, mut end) = (0, 0);
    for line in sql.split_inclusive('\n') {
        end += line.len();
        let line = line.trim();
        if line.ends_with(';') && !line.starts_with("--") {
            found.push(sql[start..end].trim());
            start = end;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_at_line_ends_only() {
        let sql = "-- a; b;\nCREATE TABLE x (\n  y INT -- one; two\n);\nINSERT INTO x VALUES (';');\n\n-- the end\n";
        assert_eq!(
            statements(sql),
            ["-- a; b;\nCREATE TABLE x (\n  y INT -- one; two\n);", "INSERT INTO x VALUES (';');"]
        );
    }

    #[test]
    fn what_a_statement_is_about() {
        for (text, table) in [
            ("-- The table.\nCREATE TABLE IF NOT EXISTS ct_sync_x (", "ct_sync_x"),
            ("CREATE TABLE clients (\n id INT)", "clients"),
            ("ALTER TABLE `clients` ADD COLUMN x INT", "clients"),
            ("INSERT INTO ct_sync_counter (id) VALUES (1)", "ct_sync_counter"),
            ("CREATE INDEX i ON tags(name)", "tags"),
        ] {
            assert_eq!(table_of(text), Some(table), "{text}");
        }
        for step in ladder::MARIADB {
            for statement in statements(step.sql) {
                let table = table_of(statement).unwrap();
                let known = table.starts_with("ct_sync_") || migrations::entity(table).is_some();
                assert!(known, "{}: {table}", step.name);
            }
        }
    }

    #[test]
    fn every_step_ends_with_a_complete_statement() {
        for step in ladder::MARIADB {
            let found = statements(step.sql);
            assert!(!found.is_empty(), "{}", step.name);
            assert!(
                step.sql.trim_end().ends_with(found[found.len() - 1]),
                "{}: text after the last statement",
                step.name
            );
        }
    }
}
