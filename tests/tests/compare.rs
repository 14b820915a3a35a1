//! Rows of both sides in one form, read without the product's own conversion.

use std::collections::BTreeSet;
use std::path::Path;

use migrations::{Column, Entity, Kind};
use rusqlite::types::ValueRef;
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Row as _};
use sync::local::{canonical_json, inspect};

use crate::reconcile::Central;
use crate::replica::hex;

/// A row: a text for each column.
type Texts = Vec<String>;

/// All rows of a table at central.
pub(crate) async fn at_central(connection: &mut MySqlConnection, table: &'static Entity) -> BTreeSet<Texts> {
    let columns: Vec<String> = table.columns.iter().map(as_text).collect();
    let sql = format!("SELECT {} FROM {}", columns.join(", "), table.name);
    let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(connection).await.unwrap();
    let texts = |row: &sqlx::mysql::MySqlRow| {
        let text = |at| row.try_get_unchecked::<Option<String>, _>(at).unwrap();
        table.columns.iter().enumerate().map(|(at, column)| in_one_form(column, text(at))).collect()
    };
    rows.iter().map(texts).collect()
}

/// A column as the text that a replica's value has too.
fn as_text(column: &Column) -> String {
    let name = column.name;
    match column.kind {
        Kind::DateTime => format!("DATE_FORMAT({name}, '%Y-%m-%dT%H:%i:%s.%fZ')"),
        Kind::Decimal(_, scale) => format!("CAST(CAST({name} * POW(10, {scale}) AS DECIMAL(65, 0)) AS CHAR)"),
        Kind::Blob => format!("LOWER(HEX({name}))"),
        Kind::Uuid | Kind::String(_) | Kind::Text | Kind::Json => name.to_owned(),
        Kind::Int | Kind::BigInt | Kind::Bool | Kind::Date => format!("CAST({name} AS CHAR)"),
    }
}

/// JSON may be spelt in several ways.
fn in_one_form(column: &Column, text: Option<String>) -> String {
    match text {
        None => "NULL".to_owned(),
        Some(text) if column.kind == Kind::Json => canonical_json(&text).expect("JSON"),
        Some(text) => text,
    }
}

/// All rows of a table of a replica, given by its file.
pub(crate) fn at_replica(path: &Path, table: &'static Entity) -> BTreeSet<Texts> {
    let columns: Vec<&str> = table.columns.iter().map(|column| column.name).collect();
    let sql = format!("SELECT {} FROM {}", columns.join(", "), table.name);
    let rows = inspect(path, |tx| {
        let mut statement = tx.connection().prepare(&sql)?;
        let texts = |row: &rusqlite::Row<'_>| (0..columns.len()).map(|at| row.get_ref(at).map(text)).collect();
        Ok(statement.query_map([], texts)?.collect::<Result<_, _>>()?)
    });
    rows.unwrap()
}

fn text(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "NULL".to_owned(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        ValueRef::Blob(bytes) => hex(bytes),
    }
}

/// What a table has on one side only, as a sentence; None when it is the same on both.
pub(crate) fn difference(table: &Entity, central: &BTreeSet<Texts>, replica: &BTreeSet<Texts>) -> Option<String> {
    let only = |one: &BTreeSet<Texts>, other: &BTreeSet<Texts>| one.difference(other).cloned().collect::<Vec<_>>();
    let (missed, stale) = (only(central, replica), only(replica, central));
    if missed.is_empty() && stale.is_empty() {
        return None;
    }
    Some(format!(
        "{}: of {} rows at central {} are not like that on the replica, which has {} others; for instance\n{:?}\n{:?}",
        table.name,
        central.len(),
        missed.len(),
        stale.len(),
        missed.first(),
        stale.first()
    ))
}

/// Every difference between central and a replica, table by table.
pub(crate) async fn differences(central: &Central<'_>, replica: &Path, tables: &[&'static Entity]) -> Vec<String> {
    let mut connection = central.connect().await;
    let mut found = Vec::new();
    for table in tables {
        let there = at_central(&mut connection, table).await;
        found.extend(difference(table, &there, &at_replica(replica, table)));
    }
    found
}

/// The tables that both sides have.
pub(crate) fn shared_tables() -> Vec<&'static Entity> {
    migrations::ENTITIES.iter().copied().filter(|entity| entity.is_replicated() && entity.on_mariadb).collect()
}
