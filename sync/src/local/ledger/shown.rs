//! A value on record as it may be shown: secrets masked, blobs by their size, long texts by the part that differs.

use migrations::{Entity, Kind};
use serde_json::Value as Json;

use super::Detail;

/// What stands for a value that may be a secret.
const MASK: &str = "***";
/// Characters of a text that are shown in a list.
const EXCERPT: usize = 120;
/// Characters of a text that are shown at all.
const WHOLE: usize = 20_000;
/// Characters that are shown before the first difference.
const BEFORE: usize = 30;

/// A value of a stored image beside the value that it is compared with; None: NULL.
pub(super) fn value(
    entity: Option<&'static Entity>,
    column: &str,
    stored: Option<&Json>,
    other: Option<&Json>,
    detail: Detail,
) -> Json {
    let Some(stored) = stored.filter(|stored| !stored.is_null()) else { return Json::Null };
    // What this build does not know may be anything.
    let Some(column) = entity.and_then(|entity| entity.column(column)) else { return MASK.into() };
    // The size of a compressed text tells nothing, that of a sealed value its length.
    if column.sensitive && (column.encrypted || column.kind != Kind::Blob) {
        return MASK.into();
    }
    match (column.kind, stored) {
        (Kind::Blob, Json::String(hex)) => {
            // Earlier versions kept the size in words.
            let size = if hex.ends_with("bytes") { hex.clone() } else { format!("{} bytes", hex.len() / 2) };
            if column.compressed { format!("compressed, {size}").into() } else { size.into() }
        }
        (Kind::Bool, Json::Number(number)) => (number.as_i64() != Some(0)).into(),
        (Kind::Decimal(_, scale), Json::Number(number)) => decimal(number.as_i64().unwrap_or_default(), scale).into(),
        (_, Json::String(text)) => {
            let limit = if detail == Detail::Excerpt { EXCERPT } else { WHOLE };
            excerpt(text, other.and_then(Json::as_str).unwrap_or_default(), limit).into()
        }
        (_, other) => other.clone(),
    }
}

/// 1250 with scale 2 as `12.50`.
fn decimal(scaled: i64, scale: u8) -> String {
    let width = usize::from(scale);
    let digits = format!("{:0>fill$}", scaled.unsigned_abs(), fill = width + 1);
    let (whole, fraction) = digits.split_at(digits.len() - width);
    let sign = if scaled < 0 { "-" } else { "" };
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

/// A text of more than `limit` characters from shortly before the place where it begins to differ from the other; what
/// is left out is marked with its length: `[12 before]… … …[340 after]`.
fn excerpt(text: &str, other: &str, limit: usize) -> String {
    let count = text.chars().count();
    if count <= limit {
        return text.to_owned();
    }
    let same = text.chars().zip(other.chars()).take_while(|(one, other)| one == other).count();
    let from = same.saturating_sub(BEFORE).min(count - limit);
    let shown: String = text.chars().skip(from).take(limit).collect();
    let after = count - from - limit;
    let head = if from > 0 { format!("[{from} before]…") } else { String::new() };
    let tail = if after > 0 { format!("…[{after} after]") } else { String::new() };
    format!("{head}{shown}{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(table: &str, column: &str, stored: impl Into<Json>) -> Json {
        value(migrations::entity(table), column, Some(&stored.into()), None, Detail::Excerpt)
    }

    #[test]
    fn secrets_are_masked_whatever_their_kind() {
        assert_eq!(show("credentials", "username", "root"), "***");
        assert_eq!(show("credentials", "password_encrypted", "00ff"), "***");
        assert_eq!(show("credentials", "column_of_tomorrow", "x"), "***");
        assert_eq!(show("table_of_tomorrow", "name", "x"), "***");
        assert_eq!(value(migrations::entity("credentials"), "username", None, None, Detail::Whole), Json::Null);
    }

    #[test]
    fn values_are_shown_as_people_write_them() {
        assert_eq!(show("clients", "default_hourly_rate", 12_550), "125.50");
        assert_eq!(show("clients", "is_active", 0), false);
        assert_eq!(show("clients", "name", "Acme"), "Acme");
        assert_eq!(show("conversation_contexts", "detail_zst", "28b52ffd"), "compressed, 4 bytes");
        assert_eq!(show("conversation_contexts", "detail_zst", "77 bytes"), "compressed, 77 bytes");
    }

    #[test]
    fn a_long_text_is_shown_where_it_differs() {
        let (one, other) = ("é".repeat(400) + "here" + &"z".repeat(400), "é".repeat(400) + "there");
        let shown = excerpt(&one, &other, 120);
        assert!(
            shown.starts_with("[370 before]…éé") && shown.contains("here") && shown.ends_with("…[314 after]"),
            "{shown}"
        );
        assert_eq!(excerpt(&one, &other, 20_000), one);
        assert_eq!(excerpt("short", "", 120), "short");
    }
}
