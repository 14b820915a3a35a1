//! Times in any offset, as the replica holds them.

use sync::{datetime_text, parse_datetime};

/// The canonical form of an RFC 3339 time; None when it is none, or lies outside the years 1970 to 9999 (UTC).
pub(crate) fn canonical(text: &str) -> Option<String> {
    // The parser takes a blank for the `T`, which RFC 3339 allows and the description of the API does not.
    if !text.is_ascii() || text.as_bytes().get(10).is_none_or(|b| !b.eq_ignore_ascii_case(&b't')) {
        return None;
    }
    let time = chrono::DateTime::parse_from_rfc3339(text).ok()?;
    let micros = u64::try_from(time.timestamp_micros()).ok()?;
    let canonical = datetime_text(micros);
    (parse_datetime(&canonical) == Some(micros)).then_some(canonical)
}

/// Whether the text is a day from 1970 on.
pub(crate) fn is_date(text: &str) -> bool {
    text.len() == 10 && parse_datetime(&format!("{text}T00:00:00.000000Z")).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_converted_and_digits_filled_up() {
        for (given, canonical_text) in [
            ("2026-03-01T10:00:00Z", "2026-03-01T10:00:00.000000Z"),
            ("2026-03-01T10:00:00.5+02:00", "2026-03-01T08:00:00.500000Z"),
            ("2026-01-01T00:30:00-01:00", "2026-01-01T01:30:00.000000Z"),
            ("2026-01-01t00:30:00.1234567z", "2026-01-01T00:30:00.123456Z"),
        ] {
            assert_eq!(canonical(given).as_deref(), Some(canonical_text));
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "2026-03-01",
            "2026-03-01 10:00:00Z",
            "2026-03-01T10:00:00",
            "1969-12-31T23:59:59Z",
            "é026-03-01T10:00:00Z",
        ] {
            assert_eq!(canonical(text), None, "{text}");
        }
        assert!(is_date("2026-02-28") && !is_date("2026-02-30") && !is_date("26-02-01") && !is_date("2026-02-28T"));
    }
}
