//! One value, from JSON or from a URL, into the form that the replica holds.

use merge::Value;
use migrations::{Column, Kind};
use serde_json::Value as Json;

use super::form::is_uuid;
use super::{formed, time};
use crate::api::plan::{Field, Form, JsonShape, Role};

/// Largest text or JSON, in bytes of UTF-8.
const TEXT_LIMIT: usize = 1 << 20;
/// Largest text that is kept compressed, in bytes of UTF-8.
pub(crate) const PACKED_LIMIT: usize = 256 << 10;

/// The value of a field from JSON, or what is wrong with it (without the value).
pub(crate) fn of_json(field: &Field, json: &Json) -> Result<Value, String> {
    let column = field.column;
    if json.is_null() {
        return if column.nullable { Ok(Value::Null) } else { Err("must have a value".into()) };
    }
    match column.kind {
        Kind::Json => structured(field, json),
        Kind::Int | Kind::BigInt => number(column, field.range, json),
        Kind::Bool => json.as_bool().map(Value::from).ok_or_else(|| "must be true or false".into()),
        Kind::Blob => {
            let text = json.as_str().ok_or("must be a text")?;
            let limit = if field.role == Role::Packed { PACKED_LIMIT } else { TEXT_LIMIT };
            if text.len() > limit { Err(too_long(limit)) } else { Ok(Value::Text(text.to_owned())) }
        }
        Kind::Decimal(precision, scale) => {
            let text = json.as_str().ok_or("must be a decimal in a text, like \"125.00\"")?;
            decimal(text, precision, scale, field.range)
        }
        _ => {
            let text = json.as_str().ok_or("must be a text")?;
            let text = formed(field.form, text).ok_or_else(|| form_missed(field.form))?;
            of_text(column, &text)
        }
    }
}

/// The value of a parameter of this kind from the text in a URL.
pub(crate) fn of_url(column: &Column, range: (Option<i64>, Option<i64>), text: &str) -> Result<Value, String> {
    match column.kind {
        Kind::Int | Kind::BigInt => {
            let number: i64 = text.parse().map_err(|_| "must be a whole number")?;
            self::number(column, range, &number.into())
        }
        Kind::Decimal(precision, scale) => decimal(text, precision, scale, range),
        Kind::Bool => match text {
            "true" => Ok(true.into()),
            "false" => Ok(false.into()),
            _ => Err("must be true or false".into()),
        },
        _ => of_text(column, text),
    }
}

fn of_text(column: &Column, text: &str) -> Result<Value, String> {
    let is_known = column.values.is_empty() || column.values.contains(&text);
    match column.kind {
        _ if text.contains('\0') => Err("must not contain U+0000".into()),
        Kind::Uuid => {
            let id = text.to_ascii_lowercase();
            if is_uuid(&id) { Ok(id.into()) } else { Err("must be a UUID".into()) }
        }
        Kind::String(limit) if text.chars().count() > usize::from(limit) => {
            Err(format!("is longer than {limit} characters"))
        }
        Kind::String(_) if !is_known => Err(format!("must be one of {}", column.values.join(", "))),
        Kind::Date if !time::is_date(text) => Err("must be a date, YYYY-MM-DD, from 1970 on".into()),
        Kind::DateTime => time::canonical(text).map(Value::from).ok_or_else(|| {
            "must be a time as in RFC 3339 with an offset, like 2026-03-01T09:30:00Z, from 1970 on".into()
        }),
        _ if text.len() > TEXT_LIMIT => Err(too_long(TEXT_LIMIT)),
        _ => Ok(text.into()),
    }
}

fn number(column: &Column, range: (Option<i64>, Option<i64>), json: &Json) -> Result<Value, String> {
    // JSON knows no difference between 5 and 5.0.
    let whole = json.as_i64().or_else(|| json.as_f64().and_then(as_whole));
    let number = whole.ok_or("must be a whole number")?;
    let (low, high) = bounds(column.kind, range);
    if (low..=high).contains(&number) { Ok(number.into()) } else { Err(format!("must be from {low} to {high}")) }
}

/// The whole number that it is.
#[expect(clippy::cast_possible_truncation, reason = "only what is far within the range of exact numbers passes")]
pub(crate) fn as_whole(number: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0; // 2^53
    (number.fract() == 0.0 && number.abs() <= EXACT).then_some(number as i64)
}

/// The least and the greatest number of a kind, within a condition's bounds.
pub(crate) fn bounds(kind: Kind, range: (Option<i64>, Option<i64>)) -> (i64, i64) {
    let (low, high) = if kind == Kind::Int { (i32::MIN.into(), i32::MAX.into()) } else { (i64::MIN, i64::MAX) };
    (range.0.unwrap_or(low), range.1.unwrap_or(high))
}

fn decimal(text: &str, precision: u8, scale: u8, range: (Option<i64>, Option<i64>)) -> Result<Value, String> {
    let wrong = || format!("must be a decimal with at most {scale} digits after the point, like \"125.00\"");
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let leading_zero = whole.len() > 1 && whole.starts_with('0');
    if !is_digits(whole) || !is_digits(fraction) || leading_zero || fraction.len() > usize::from(scale) {
        return Err(wrong());
    }
    if whole.len() + usize::from(scale) > usize::from(precision) {
        return Err(format!("has more than {} digits before the point", precision - scale));
    }
    let scaled: i64 = format!("{whole}{fraction:0<width$}", width = usize::from(scale)).parse().map_err(|_| wrong())?;
    let scaled = if text.starts_with('-') { -scaled } else { scaled };
    let shown = |number| decimal_text(number, scale);
    match range {
        (Some(low), _) if scaled < low => Err(format!("must be at least {}", shown(low))),
        (_, Some(high)) if scaled > high => Err(format!("must be at most {}", shown(high))),
        _ => Ok(scaled.into()),
    }
}

/// A scaled number as a decimal: `12500` with a scale of 2 is `125.00`.
pub(crate) fn decimal_text(scaled: i64, scale: u8) -> String {
    let width = usize::from(scale) + 1;
    let digits = format!("{:0width$}", scaled.unsigned_abs());
    let (whole, fraction) = digits.split_at(digits.len() - usize::from(scale));
    let sign = if scaled < 0 { "-" } else { "" };
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

fn structured(field: &Field, json: &Json) -> Result<Value, String> {
    let shaped = match (field.json, json) {
        (JsonShape::Texts, Json::Array(items)) => texts(field.form, items)?,
        (JsonShape::Array | JsonShape::Any, Json::Array(_)) | (JsonShape::Object | JsonShape::Any, Json::Object(_)) => {
            json.clone()
        }
        (JsonShape::Texts | JsonShape::Array, _) => return Err("must be a list".into()),
        (JsonShape::Object, _) => return Err("must be an object".into()),
        (JsonShape::Any, _) => return Err("must be a list or an object".into()),
    };
    let text = shaped.to_string();
    if text.len() > TEXT_LIMIT { Err(too_long(TEXT_LIMIT)) } else { Ok(text.into()) }
}

/// A list of texts in their form, each once.
fn texts(form: Form, items: &[Json]) -> Result<Json, String> {
    let mut list: Vec<Json> = Vec::with_capacity(items.len());
    for item in items {
        let text = item.as_str().ok_or("must be a list of texts")?;
        let text = Json::from(formed(form, text).ok_or_else(|| form_missed(form))?);
        if !list.contains(&text) {
            list.push(text);
        }
    }
    Ok(list.into())
}

fn form_missed(form: Form) -> String {
    match form {
        Form::Guid => "must be a UUID".into(),
        Form::Slug => "must be of a-z, 0-9 and . _ / - only".into(),
        _ => "must not be empty".into(),
    }
}

fn too_long(limit: usize) -> String {
    format!("is longer than {} KiB", limit >> 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact() {
        let taken = |text| decimal(text, 10, 2, (Some(0), None)).map(|value| value.as_int().unwrap());
        assert_eq!(taken("125.00"), Ok(12_500));
        assert_eq!(taken("0.5"), Ok(50));
        assert_eq!(taken("99999999.99"), Ok(9_999_999_999));
        for text in ["100000000.00", "01", "1.234", "1.", ".5", "", "-", "1e3", "1,5", "+1", "-1"] {
            assert!(taken(text).is_err(), "{text}");
        }
        for (scaled, text) in [(12_500, "125.00"), (5, "0.05"), (-5, "-0.05"), (0, "0.00")] {
            assert_eq!(decimal_text(scaled, 2), text);
        }
        assert_eq!(decimal_text(-7, 0), "-7");
    }

    #[test]
    fn numbers_of_a_url_and_of_json_keep_their_bounds() {
        let column = Column::int("n");
        assert!(of_url(&column, (Some(1), Some(10)), "10").is_ok());
        for text in ["0", "11", "1.0", "a", "", " 1", "99999999999999999999"] {
            assert!(of_url(&column, (Some(1), Some(10)), text).is_err(), "{text}");
        }
        assert_eq!(number(&column, (None, None), &5.0.into()), Ok(Value::Int(5)));
        assert!(number(&column, (None, None), &5.5.into()).is_err());
        assert!(number(&column, (None, None), &3_000_000_000_i64.into()).is_err());
        assert!(number(&Column::bigint("n"), (None, None), &3_000_000_000_i64.into()).is_ok());
        assert!(number(&Column::bigint("n"), (None, None), &1e300.into()).is_err());
    }
}
