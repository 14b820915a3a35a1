//! Applying the ladder. DDL commits by itself in MariaDB, so a step that was interrupted is simply run again.

use std::fmt::Write as _;
use std::time::Instant;

use migrations::ladder::{self, Step};
use sha2::{Digest, Sha256};
use sqlx::mysql::MySqlConnection;

use super::CentralError;
use super::error::server_error;
use super::schema::step_id;
use super::sql::run;

/// Errors of a statement that an interrupted run had already done: the table, column, index or constraint is there.
const DONE_BEFORE: [u16; 4] = [1050, 1060, 1061, 1826];

/// The steps that are not among the recorded ones.
pub(super) fn outstanding(applied: &[super::schema::Applied]) -> impl Iterator<Item = &'static Step> {
    ladder::MARIADB.iter().filter(|step| applied.iter().all(|done| done.id != step_id(step)))
}

/// Runs a step and records it.
pub(super) async fn apply(connection: &mut MySqlConnection, step: &'static Step) -> Result<(), CentralError> {
    let started = Instant::now();
    for statement in statements(step.sql) {
        match run(connection, statement).await {
            Err(error) if server_error(&error).is_some_and(|(code, _)| DONE_BEFORE.contains(&code)) => {}
            other => other?,
        }
    }
    let text = "INSERT INTO schema_migrations (version_id, description, checksum, applied_by, execution_ms) \
                VALUES (?, ?, ?, CURRENT_USER(), ?)";
    sqlx::query(text)
        .bind(step_id(step))
        .bind(step.name)
        .bind(checksum(step))
        .bind(i64::try_from(started.elapsed().as_millis()).unwrap_or(i64::MAX))
        .execute(connection)
        .await?;
    Ok(())
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
fn statements(sql: &'static str) -> Vec<&'static str> {
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
