//! Writes of machines and of other programs, each into the record with what its author saw.

use merge::{Key, Row};
use migrations::catalogue::{CLIENTS, CONVERSATION_CONTEXTS};
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Connection as _, Error, Row as _};
use sync::local::derived_id;

use crate::reconcile::Machine;
use crate::record::{Cell, Record};

/// The columns that are written.
pub(crate) const COLUMNS: [&str; 2] = ["notes", "domain_name"];

/// The key of a named thing.
pub(crate) fn key(name: &str) -> String {
    derived_id("stage", name)
}

fn cell(name: &str, column: &'static str) -> Cell {
    Cell { table: "clients", key: key(name), column }
}

/// What a counter is kept in.
pub(crate) fn counter() -> Row {
    Row::new(CONVERSATION_CONTEXTS)
        .with("id", key("counter"))
        .with("context_type", "checkpoint")
        .with("title", "t")
        .with("dense_summary", "s")
}

/// A machine writes a column of a client, which it makes if it has none of that name.
pub(crate) async fn write(machine: &Machine, record: &Record, by: &str, name: &str, column: &'static str) {
    let value = record.token(by);
    let (key, name_of, new) = (Key::new(key(name)), name.to_owned(), value.clone());
    let written = machine.store.write_async(move |tx| {
        let row = tx.get(CLIENTS, &key)?;
        let replaced = row.as_ref().and_then(|row| row.text(column)).map(str::to_owned);
        let row = row.unwrap_or_else(|| Row::new(CLIENTS).with("id", key.as_str()).with("name", name_of));
        tx.put(row.with(column, new))?;
        Ok(replaced)
    });
    record.wrote(by, cell(name, column), &value, written.await.unwrap());
}

/// A machine deletes a client, if it has it.
pub(crate) async fn delete(machine: &Machine, record: &Record, by: &str, name: &str) {
    let key = Key::new(key(name));
    let removed = machine.store.write_async(move |tx| {
        let row = tx.get(CLIENTS, &key)?;
        tx.delete(CLIENTS, &key)?;
        Ok(row)
    });
    let Some(row) = removed.await.unwrap() else { return };
    for column in COLUMNS {
        record.deleted(by, cell(name, column), row.text(column).map(str::to_owned));
    }
}

/// A machine counts one use.
pub(crate) async fn count(machine: &Machine) {
    let counted = machine.store.write_async(|tx| {
        let row = tx.get(CONVERSATION_CONTEXTS, &Key::new(key("counter")))?;
        let row = row.unwrap_or_else(counter);
        let uses = row.int("usage_count").unwrap_or(0);
        tx.put(row.with("usage_count", uses + 1))
    });
    counted.await.unwrap();
}

/// Another program writes a column of a client, in a transaction that has seen what it replaces.
///
/// An error leaves nothing written, unless it comes with the answer to COMMIT: then nobody knows.
pub(crate) async fn write_there(
    connection: &mut MySqlConnection,
    record: &Record,
    name: &str,
    column: &'static str,
) -> Result<(), Error> {
    let value = record.token("sql");
    let mut transaction = connection.begin().await?;
    let seen = sqlx::query(AssertSqlSafe(format!("SELECT {column} FROM clients WHERE id = ? FOR UPDATE")));
    let seen = seen.bind(key(name)).fetch_optional(&mut *transaction).await?;
    let replaced: Option<String> = seen.and_then(|row| row.get(0));
    let text = format!(
        "INSERT INTO clients (id, name, {column}) VALUES (?, ?, ?) ON DUPLICATE KEY UPDATE {column} = VALUES({column})"
    );
    let write = sqlx::query(AssertSqlSafe(text)).bind(key(name)).bind(name).bind(&value);
    write.execute(&mut *transaction).await?;
    let committed = transaction.commit().await;
    match &committed {
        Ok(()) => record.wrote("sql", cell(name, column), &value, replaced),
        Err(_) => record.attempted("sql", cell(name, column), Some(&value), replaced),
    }
    committed
}

/// Another program deletes a client, whatever it holds. Errors as in [`write_there`].
pub(crate) async fn delete_there(connection: &mut MySqlConnection, record: &Record, name: &str) -> Result<(), Error> {
    let mut transaction = connection.begin().await?;
    let seen = sqlx::query("SELECT notes, domain_name FROM clients WHERE id = ? FOR UPDATE").bind(key(name));
    let seen = seen.fetch_optional(&mut *transaction).await?;
    sqlx::query("DELETE FROM clients WHERE id = ?").bind(key(name)).execute(&mut *transaction).await?;
    let committed = transaction.commit().await;
    for (at, column) in COLUMNS.into_iter().enumerate() {
        let replaced = seen.as_ref().and_then(|row| row.get(at));
        match &committed {
            Ok(()) => record.deleted("sql", cell(name, column), replaced),
            Err(_) => record.attempted("sql", cell(name, column), None, replaced),
        }
    }
    committed
}
