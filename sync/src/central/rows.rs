//! Reading entity rows by key, as the feed and the push both do.

use std::collections::HashMap;

use merge::{Key, Row};
use sqlx::Row as _;
use sqlx::mysql::MySqlConnection;

use super::CentralError;
use super::codec::{Unreadable, read_row};
use super::layout::Table;
use super::sql::{bind_keys, padded, rounded_up, statement};

/// Keys asked for in one statement. Above 1,000 the server would turn the list into a temporary table.
pub(super) const KEYS_AT_ONCE: usize = 256;

/// The rows that exist of those asked for.
pub(super) type Found = HashMap<Key, Result<Row, Unreadable>>;

/// Whether the rows are to stay as they are until the transaction ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Lock {
    No,
    /// In key order, so that two pushes of the same rows wait for each other instead of deadlocking.
    ForUpdate,
}

/// The rows of a table that exist of those asked for.
pub(super) async fn read_keys(
    connection: &mut MySqlConnection,
    table: &Table,
    keys: &[Key],
    lock: Lock,
) -> Result<Found, CentralError> {
    let mut found = Found::with_capacity(keys.len());
    for keys in keys.chunks(KEYS_AT_ONCE) {
        let (hint, tail) = match lock {
            Lock::No => (String::new(), String::new()),
            Lock::ForUpdate => (table.by_key(), format!(" ORDER BY {} FOR UPDATE", table.key_columns())),
        };
        let text = format!(
            "SELECT {}, {} FROM {}{hint} WHERE {}{tail}",
            table.key_text(""),
            table.select(),
            table.quoted(),
            table.key_in(rounded_up(keys.len())),
        );
        for row in bind_keys(statement(text), padded(keys)).fetch_all(&mut *connection).await? {
            let key: String = row.try_get_unchecked(0)?;
            found.insert(Key::new(key), read_row(table, &row, 1)?);
        }
    }
    Ok(found)
}

/// Which of these rows exist.
pub(super) async fn existing_keys(
    connection: &mut MySqlConnection,
    table: &Table,
    keys: &[Key],
) -> Result<Vec<Key>, CentralError> {
    let mut existing = Vec::new();
    for keys in keys.chunks(KEYS_AT_ONCE) {
        let (key, list) = (table.key_text(""), table.key_in(rounded_up(keys.len())));
        let text = format!("SELECT {key} FROM {} WHERE {list}", table.quoted());
        for row in bind_keys(statement(text), padded(keys)).fetch_all(&mut *connection).await? {
            existing.push(Key::new(row.try_get_unchecked::<String, _>(0)?));
        }
    }
    Ok(existing)
}
