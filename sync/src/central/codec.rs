//! Between MariaDB's values and canonical ones.
//!
//! Reading: whatever is not text or bytes is turned into text by the server, so that nothing depends on how the driver
//! decodes a type: a zero date would become NULL there, an impossible one an error for the whole page. The text is then
//! read here, and what has no canonical form makes its row unreadable, never its page.
//!
//! Writing: text that the server parses into its type under strict modes, which refuse what does not fit.

use merge::{Row, Value};
use migrations::{Column, Kind};
use sqlx::mysql::{MySqlArguments, MySqlRow};
use sqlx::query::Query;
use sqlx::{MySql, Row as _};

use super::CentralError;
use super::layout::{Table, stand_in};
use crate::local::canonical_json;

/// A value that has no canonical form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// The column.
    pub column: &'static str,
    /// What is wrong, without the value.
    pub reason: &'static str,
}

/// A row selected with [`Table::select`], its first column at `start`. What central does not hold is NULL.
pub(super) fn read_row(table: &Table, found: &MySqlRow, start: usize) -> Result<Result<Row, Unreadable>, CentralError> {
    let entity = table.entity;
    let mut row = Row::new(entity);
    for (position, column) in entity.columns.iter().enumerate() {
        let bytes: Option<&[u8]> = found.try_get_unchecked(start + position)?;
        match bytes.map_or_else(|| absent(table, position, column), |bytes| canonical(column.kind, bytes)) {
            Ok(value) => row.set_at(position, value),
            Err(reason) => return Ok(Err(Unreadable { column: column.name, reason })),
        }
    }
    Ok(Ok(row))
}

/// What NULL stands for. Only a database that was adopted has one where there must be a value.
fn absent(table: &Table, position: usize, column: &Column) -> Result<Value, &'static str> {
    let value = table.null_at(position);
    let is_empty = value.is_null() && !column.nullable && table.at(position).is_some();
    if is_empty { Err("has no value at central, where it must have one") } else { Ok(value) }
}

/// A row that a trigger noted as it went, as it would have been read. The trigger writes what is there: of another
/// program's table that may be NULL where there must be a value, JSON in any spelling, or a day that is none; and what an
/// older schema noted lacks newer columns. A row that comes back starts from it.
pub(super) fn read_image(table: &Table, image: &[u8]) -> Option<Row> {
    let mut row = merge::decode(table.entity, image).ok()?;
    for (position, column) in table.entity.columns.iter().enumerate() {
        if let (Value::Text(text), Kind::Json | Kind::Date | Kind::DateTime) = (row.at(position), column.kind) {
            let value = canonical(column.kind, text.as_bytes()).unwrap_or_default();
            row.set_at(position, value);
        }
        if row.at(position).is_null() && !column.nullable && table.at(position).is_some() {
            row.set_at(position, stand_in(column).unwrap_or_default());
        }
    }
    Some(row)
}

/// The canonical form of what the server sent, or why there is none.
fn canonical(kind: Kind, bytes: &[u8]) -> Result<Value, &'static str> {
    if kind == Kind::Blob {
        return Ok(Value::Blob(bytes.to_vec()));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| "is not UTF-8")?;
    match kind {
        Kind::Uuid | Kind::String(_) | Kind::Text | Kind::Blob => Ok(text.into()),
        Kind::Json => canonical_json(text).map(Value::Text).ok_or("is not JSON"),
        Kind::Int | Kind::BigInt => text.parse().map(Value::Int).map_err(|_| "is not a whole number of 64 bits"),
        Kind::Bool => text.parse::<i64>().map(|number| (number != 0).into()).map_err(|_| "is neither true nor false"),
        Kind::Decimal(_, scale) => scaled(text, scale).map(Value::Int).ok_or("has too many digits"),
        Kind::Date => is_date(text).then(|| text.into()).ok_or("is not a date"),
        Kind::DateTime => is_date_time(text).then(|| text.into()).ok_or("is not a time"),
    }
}

/// `-12.5` with scale 2 as -1250; None when it does not fit exactly.
fn scaled(text: &str, scale: u8) -> Option<i64> {
    let scale = usize::from(scale);
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let (kept, cut) = fraction.split_at_checked(scale).unwrap_or((fraction, ""));
    let digits_only = [kept, cut].iter().all(|part| part.bytes().all(|b| b.is_ascii_digit()));
    if !digits_only || cut.bytes().any(|b| b != b'0') {
        return None;
    }
    format!("{whole}{kept:0<scale$}").parse().ok()
}

/// -1250 with scale 2 as `-12.50`.
pub(crate) fn unscaled(number: i64, scale: u8) -> String {
    let width = usize::from(scale);
    let sign = if number < 0 { "-" } else { "" };
    let digits = format!("{:0>fill$}", number.unsigned_abs(), fill = width + 1);
    let (whole, fraction) = digits.split_at(digits.len() - width);
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

fn is_date(text: &str) -> bool {
    let number = |range: std::ops::Range<usize>| {
        text.get(range)
            .filter(|part| part.bytes().all(|b| b.is_ascii_digit()))
            .and_then(|part| part.parse::<u32>().ok())
    };
    let (Some(year), Some(month), Some(day)) = (number(0..4), number(5..7), number(8..10)) else { return false };
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => 0,
    };
    text.len() == 10
        && text.as_bytes()[4] == b'-'
        && text.as_bytes()[7] == b'-'
        && year > 0
        && (1..=days).contains(&day)
}

/// The server has checked the time of day, and wrote the text itself; an impossible day it keeps.
fn is_date_time(text: &str) -> bool {
    text.len() == 27 && text.get(..10).is_some_and(is_date)
}

/// A canonical value in the form that the server takes.
#[derive(Debug, PartialEq, Eq)]
enum Sent<'v> {
    Null,
    Int(i64),
    Text(&'v str),
    Made(String),
    Bytes(&'v [u8]),
}

fn sent(kind: Kind, value: &Value) -> Sent<'_> {
    match (kind, value) {
        (_, Value::Null) => Sent::Null,
        (Kind::Decimal(_, scale), Value::Int(number)) => Sent::Made(unscaled(*number, scale)),
        (_, Value::Int(number)) => Sent::Int(*number),
        // The server refuses the T and the Z of ISO 8601.
        (Kind::DateTime, Value::Text(text)) if text.len() == 27 && text.ends_with('Z') => {
            Sent::Made(text[..26].replacen('T', " ", 1))
        }
        (_, Value::Text(text)) => Sent::Text(text),
        (_, Value::Blob(bytes)) => Sent::Bytes(bytes),
    }
}

/// Binds a canonical value for a column.
pub(super) fn bind<'q>(
    query: Query<'q, MySql, MySqlArguments>,
    kind: Kind,
    value: &Value,
) -> Query<'q, MySql, MySqlArguments> {
    match sent(kind, value) {
        Sent::Null => query.bind(None::<&str>),
        Sent::Int(number) => query.bind(number),
        Sent::Text(text) => query.bind(text),
        Sent::Made(text) => query.bind(text),
        Sent::Bytes(bytes) => query.bind(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_sends_becomes_canonical() {
        for (kind, bytes, value) in [
            (Kind::String(9), "a\0é🙂 ", Value::from("a\0é🙂 ")),
            (Kind::BigInt, "-9223372036854775808", Value::Int(i64::MIN)),
            (Kind::Bool, "5", Value::Int(1)),
            (Kind::Bool, "0", Value::Int(0)),
            (Kind::Decimal(10, 2), "-12.50", Value::Int(-1250)),
            (Kind::Decimal(10, 2), "-0.05", Value::Int(-5)),
            (Kind::Decimal(10, 2), "7", Value::Int(700)),
            (Kind::Decimal(10, 2), "7.1200", Value::Int(712)),
            (Kind::Date, "2024-02-29", "2024-02-29".into()),
            (Kind::DateTime, "1965-03-29T01:30:00.000001Z", "1965-03-29T01:30:00.000001Z".into()),
            (Kind::Json, "{ \"b\": 1, \"a\": [\"é\"] }", "{\"a\":[\"é\"],\"b\":1}".into()),
        ] {
            assert_eq!(canonical(kind, bytes.as_bytes()).map(|v| format!("{v:?}")), Ok(format!("{value:?}")));
            assert_eq!(canonical(kind, bytes.as_bytes()), Ok(value), "{kind:?} {bytes}");
        }
        assert_eq!(canonical(Kind::Blob, &[0, 255]), Ok(Value::Blob(vec![0, 255])));
    }

    #[test]
    fn what_has_no_canonical_form_says_why() {
        for (kind, bytes) in [
            (Kind::Text, &b"\xed\xa0\x80"[..]),
            (Kind::Int, b"1e3"),
            (Kind::BigInt, b"18446744073709551615"),
            (Kind::Decimal(10, 2), b"1.005"),
            (Kind::Decimal(10, 2), b"1.-5"),
            (Kind::Decimal(18, 2), b"99999999999999999999"),
            (Kind::Date, b"0000-00-00"),
            (Kind::Date, b"2026-02-29"),
            (Kind::Date, b"2026-13-01"),
            (Kind::DateTime, b"2026-01-00T00:00:00.000000Z"),
            (Kind::Json, b"{"),
        ] {
            assert!(canonical(kind, bytes).is_err(), "{kind:?} {bytes:?}");
        }
    }

    #[test]
    fn decimals_and_times_come_back_as_they_were() {
        for number in [0, 1, -1, 99, -100, 1250, i64::MAX, i64::MIN] {
            for scale in [0, 1, 2, 4] {
                assert_eq!(scaled(&unscaled(number, scale), scale), Some(number), "{number} {scale}");
            }
        }
        let time = Value::from("2026-03-29T01:30:00.000001Z");
        assert_eq!(sent(Kind::DateTime, &time), Sent::Made("2026-03-29 01:30:00.000001".into()));
        assert_eq!(sent(Kind::DateTime, &Value::from("soon")), Sent::Text("soon"));
    }
}
