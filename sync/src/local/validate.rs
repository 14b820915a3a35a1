//! What a value must be before it is written here: central would refuse it later, when nobody is looking.

use merge::{Row, Value};
use migrations::entity::ColumnDefault;
use migrations::{Column, Kind};

use super::StoreError;
use crate::clock::{datetime_text, parse_datetime};

/// Largest text or JSON, in bytes of UTF-8.
const TEXT_LIMIT: usize = 1 << 20;
/// Largest blob: what a MEDIUMBLOB holds, in bytes.
const BLOB_LIMIT: usize = (16 << 20) - 1;

/// Fills the defaults of a new row's empty columns.
pub(super) fn fill_defaults(row: &mut Row, now_us: u64) {
    for (position, column) in row.entity().columns.iter().enumerate() {
        if !row.at(position).is_null() {
            continue;
        }
        row.set_at(position, default_of(column, now_us));
    }
}

/// What a column holds in a new row that does not give it; for a time that is filled in, the epoch.
pub fn default_value(column: &Column) -> Value {
    default_of(column, 0)
}

/// The default of a column; NULL where it has none.
pub(super) fn default_of(column: &Column, now_us: u64) -> Value {
    match column.default {
        None => Value::Null,
        Some(ColumnDefault::Now) => datetime_text(now_us).into(),
        Some(ColumnDefault::Bool(flag)) => flag.into(),
        Some(ColumnDefault::Int(number)) => number.into(),
        Some(ColumnDefault::Decimal(text)) => scaled(text, column.kind),
        Some(ColumnDefault::Text(text)) => text.into(),
    }
}

/// A catalogue's decimal ("5.00") as a scaled integer.
fn scaled(text: &str, kind: Kind) -> Value {
    let Kind::Decimal(_, scale) = kind else { return Value::Null };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = format!("{whole}{fraction:0<width$}", width = usize::from(scale));
    digits.parse::<i64>().map_or(Value::Null, Value::Int)
}

/// Puts JSON into its canonical form and checks every value that is new: what the row holds already may have come from
/// central, which may take more than is taken here, and must not forbid an edit of another column.
pub(super) fn check(row: &mut Row, before: Option<&Row>) -> Result<(), StoreError> {
    let table = row.entity().name;
    for (position, column) in row.entity().columns.iter().enumerate() {
        let invalid = |reason: String| StoreError::Invalid { table, column: column.name.into(), reason };
        if column.kind == Kind::Json
            && let Some(text) = row.at(position).as_text()
        {
            let canonical = canonical_json(text).ok_or_else(|| invalid("is not valid JSON".into()))?;
            row.set_at(position, canonical.into());
        }
        if before.is_none_or(|before| before.at(position) != row.at(position)) {
            check_value(column, row.at(position)).map_err(invalid)?;
        }
    }
    Ok(())
}

/// JSON text without blanks and with sorted keys, None when it is not JSON.
pub fn canonical_json(text: &str) -> Option<String> {
    let mut value: serde_json::Value = serde_json::from_str(text).ok()?;
    value.sort_all_objects();
    Some(value.to_string())
}

fn check_value(column: &Column, value: &Value) -> Result<(), String> {
    if value.is_null() {
        return if column.nullable { Ok(()) } else { Err("must have a value".into()) };
    }
    match (column.kind, value) {
        (Kind::Uuid, Value::Text(text)) if is_uuid(text) => Ok(()),
        (Kind::Uuid, _) => Err("must be a lower-case UUID".into()),
        (Kind::String(limit), Value::Text(text)) => check_string(column, usize::from(limit), text),
        (Kind::Text | Kind::Json, Value::Text(text)) => check_text(text),
        (Kind::Int, Value::Int(number)) if i32::try_from(*number).is_ok() => Ok(()),
        (Kind::Int, _) => Err("must be a whole number of 32 bits".into()),
        (Kind::BigInt, Value::Int(_)) | (Kind::Bool, Value::Int(0 | 1)) => Ok(()),
        (Kind::Bool, _) => Err("must be 0 or 1".into()),
        (Kind::Decimal(precision, _), Value::Int(number)) => {
            let digits = number.unsigned_abs().checked_ilog10().map_or(1, |log| log + 1);
            if digits <= u32::from(precision) { Ok(()) } else { Err(format!("has more than {precision} digits")) }
        }
        (Kind::Date, Value::Text(text)) if parse_datetime(&format!("{text}T00:00:00.000000Z")).is_some() => Ok(()),
        (Kind::Date, _) => Err("must be a date, YYYY-MM-DD, from 1970 on".into()),
        (Kind::DateTime, Value::Text(text)) if parse_datetime(text).is_some() => Ok(()),
        (Kind::DateTime, _) => Err("must be a time, YYYY-MM-DDTHH:MM:SS.ffffffZ, from 1970 on".into()),
        (Kind::Blob, Value::Blob(bytes)) if bytes.len() <= BLOB_LIMIT => Ok(()),
        (Kind::Blob, Value::Blob(_)) => Err("is longer than 16 MiB".into()),
        _ => Err("has a value of the wrong type".into()),
    }
}

fn check_string(column: &Column, limit: usize, text: &str) -> Result<(), String> {
    if text.chars().count() > limit {
        return Err(format!("is longer than {limit} characters"));
    }
    if !column.values.is_empty() && !column.values.contains(&text) {
        return Err(format!("must be one of {}", column.values.join(", ")));
    }
    check_text(text)
}

fn check_text(text: &str) -> Result<(), String> {
    if text.len() > TEXT_LIMIT {
        return Err("is longer than 1 MiB".into());
    }
    if text.contains('\0') { Err("must not contain U+0000".into()) } else { Ok(()) }
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(i, b)| match i {
            8 | 13 | 18 | 23 => b == b'-',
            _ => matches!(b, b'0'..=b'9' | b'a'..=b'f'),
        })
}
