//! Rows to try the tables with: text that breaks careless quoting, numbers beyond 2^53, times at both ends of an hour
//! that some time zones skip.

use merge::{Row, Value};
use migrations::{Column, Entity, Kind};
use uuid::Uuid;

/// Quotes, backslashes, several planes of Unicode, wildcards, a comment mark, a blank at the end.
const AWKWARD: &str = "O'Brien \\ \"q\" é 日本 🙂 %_; -- ";

/// The id of the n-th row of a table.
pub(crate) fn id(table: &str, n: u8) -> String {
    Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("{table} {n}").as_bytes()).to_string()
}

/// The n-th row of a table with a value in every column, except that it has no parent in its own table; its parents are
/// the rows number `parents` of theirs.
pub(crate) fn full(entity: &'static Entity, n: u8, parents: u8) -> Row {
    let values = entity.columns.iter().map(|column| value(entity, column, n, parents)).collect();
    Row::from_values(entity, values).unwrap()
}

/// As [`full`], but only what is mandatory and has no default.
pub(super) fn minimal(entity: &'static Entity, n: u8, parents: u8) -> Row {
    let mut row = full(entity, n, parents);
    for column in entity.columns.iter().filter(|column| column.nullable || column.default.is_some()) {
        row.set(column.name, Value::Null);
    }
    row
}

fn value(entity: &Entity, column: &Column, n: u8, parents: u8) -> Value {
    if let Some(key) = entity.foreign_keys.iter().find(|key| key.column == column.name) {
        return match (key.references, key.column) {
            (table, _) if table == entity.name => Value::Null,
            // A service does not relate to itself.
            (table, "to_service_id") => id(table, parents - 1).into(),
            (table, _) => id(table, parents).into(),
        };
    }
    if !column.values.is_empty() {
        return column.values[usize::from(n) % column.values.len()].into();
    }
    match column.kind {
        Kind::Uuid if column.name == "id" => id(entity.name, n).into(),
        Kind::Uuid => id(column.name, n).into(),
        Kind::String(length) if length > 20 => cut(&format!("{n} {} {AWKWARD}", column.name), length).into(),
        Kind::String(length) => cut(&format!("{n}x"), length).into(),
        Kind::Text => format!("{}\r\n\tend {n}", AWKWARD.repeat(40)).into(),
        Kind::Int => Value::Int(3 + i64::from(n)),
        Kind::BigInt => Value::Int(9_007_199_254_740_993 + i64::from(n)),
        Kind::Bool => Value::Int(i64::from(n % 2)),
        Kind::Decimal(precision, _) if precision > 9 => Value::Int(123_456_789),
        Kind::Decimal(..) => Value::Int(725),
        Kind::Date => "2024-02-29".into(),
        Kind::DateTime => time(column.name).into(),
        Kind::Json => r#"{"a":[1,"é🙂'\\"],"b":null}"#.into(),
        Kind::Blob => (0..=u8::MAX).chain([n]).collect::<Vec<_>>().into(),
    }
}

fn time(column: &str) -> &'static str {
    match column {
        "started_at" => "2026-03-29T01:30:00.000001Z",
        "ended_at" => "2026-03-29T02:30:00.999999Z",
        _ => "1999-12-31T23:59:59.123456Z",
    }
}

fn cut(text: &str, length: u16) -> String {
    text.chars().take(length.into()).collect()
}
