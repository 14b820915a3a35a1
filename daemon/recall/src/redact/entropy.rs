//! What is assigned to a name and looks drawn by lot: secrets of makers that no rule knows.
//!
//! A value counts when it is long, of mixed letters and digits that change places as often as chance has it (Shannon's
//! entropy alone takes `getUserNameFromDatabase` for random), and its name does not say that it is a hash or a number.

use super::placeholder;

/// The kind.
pub(super) const KIND: &str = "entropy";
/// Characters of a value; longer ones are data.
const LENGTH: std::ops::RangeInclusive<usize> = 24..=512;
/// Letters and digits of each kind that it has at least.
const OF_EACH: usize = 2;
/// Changes between small letters, capitals and digits for each hundred characters. Chance makes about 62, names in
/// camel-case 15 to 30.
const CHANGES: usize = 40;
/// Bits for each character, of those that a value of its length can have.
const BITS: f64 = 3.9;
/// Parts of names whose values are known to all, or say nothing.
const NAMES: &[&str] = &[
    "sha",
    "hash",
    "digest",
    "checksum",
    "integrity",
    "commit",
    "rev",
    "etag",
    "uuid",
    "guid",
    "fingerprint",
    "public",
    "pubkey",
    "cert",
    "version",
    "url",
    "href",
    "src",
    "path",
    "file",
    "image",
    "img",
    "class",
    "charset",
    "alphabet",
    "nonce",
    "cursor",
    "trace",
    "span",
    "request",
    "build",
    "blob",
    "data",
    "base64",
    "pattern",
    "regex",
    "test",
];

/// The text with such values replaced, and how many they were; None when there was none.
pub(super) fn apply(text: &str) -> Option<(String, usize)> {
    let bytes = text.as_bytes();
    let (mut replaced, mut from, mut count, mut at) = (String::new(), 0, 0, 0);
    while at < bytes.len() {
        if !is_part(bytes[at]) {
            at += 1;
            continue;
        }
        let end = at + bytes[at..].iter().position(|&byte| !is_part(byte)).unwrap_or(bytes.len() - at);
        if LENGTH.contains(&(end - at)) && is_drawn(&bytes[at..end]) && is_assigned(&bytes[..at]) {
            replaced.push_str(&text[from..at]);
            replaced.push_str(&placeholder(KIND));
            from = end;
            count += 1;
        }
        at = end;
    }
    if count == 0 {
        return None;
    }
    replaced.push_str(&text[from..]);
    Some((replaced, count))
}

fn is_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'_' | b'-')
}

/// True for a value that chance has made.
fn is_drawn(value: &[u8]) -> bool {
    let longest = value.split(|byte| matches!(byte, b'/' | b'_' | b'-')).map(<[u8]>::len).max().unwrap_or(0);
    if longest < LENGTH.start() / 2 {
        return false;
    }
    let (mut counts, mut changes, mut before) = ([0_usize; 4], 0, None);
    for &byte in value {
        let kind = match byte {
            b'a'..=b'z' => 0,
            b'A'..=b'Z' => 1,
            b'0'..=b'9' => 2,
            _ => 3,
        };
        counts[kind] += 1;
        changes += usize::from(before.is_some_and(|before| before != kind));
        before = Some(kind);
    }
    counts[..3].iter().all(|&count| count >= OF_EACH) && changes * 100 >= value.len() * CHANGES && bits(value) >= BITS
}

/// Shannon's entropy of the characters, in bits for each.
#[expect(clippy::cast_precision_loss, reason = "characters of one value")]
fn bits(value: &[u8]) -> f64 {
    let mut counts = [0_usize; 256];
    for &byte in value {
        counts[usize::from(byte)] += 1;
    }
    let all = value.len() as f64;
    counts.iter().filter(|&&count| count > 0).map(|&count| count as f64 / all).map(|share| -share * share.log2()).sum()
}

/// True when what stands before a value gives it to a name that may hold a secret.
fn is_assigned(before: &[u8]) -> bool {
    let unquoted = before.trim_ascii_end_matches(b"\"'`");
    let spaced = unquoted.trim_ascii_end();
    let Some((operator, named)) = spaced.split_last() else { return false };
    // A line's end between a name and its value: no assignment.
    if !matches!(operator, b'=' | b':' | b'>') || unquoted[spaced.len()..].contains(&b'\n') {
        return false;
    }
    let named = named.trim_ascii_end_matches(b"=:\"'`]) ");
    let start = named.iter().rposition(|byte| !(byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')));
    let name = &named[start.map_or(0, |at| at + 1)..];
    // In an address it is a parameter, and `key` there may be anything.
    let is_in_address = start.is_some_and(|at| matches!(named[at], b'?' | b'&' | b'/'));
    let name = String::from_utf8_lossy(name).to_ascii_lowercase();
    name.len() >= 3
        && !is_in_address
        && name.bytes().any(|b| b.is_ascii_alphabetic())
        && !NAMES.iter().any(|harmless| name.contains(harmless))
}

trait Trim {
    fn trim_ascii_end_matches(&self, any: &[u8]) -> &[u8];
}

impl Trim for [u8] {
    /// Without bytes at the end that are any of these.
    fn trim_ascii_end_matches(&self, any: &[u8]) -> &[u8] {
        let kept = self.iter().rposition(|byte| !any.contains(byte)).map_or(0, |at| at + 1);
        &self[..kept]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Built here, so that scanners of this repository find no token in it.
    fn drawn() -> String {
        ["q7Rz", "2LmX", "9vKd", "T4wB", "8sYf", "H3pN", "c6Jg"].concat()
    }

    #[test]
    fn what_is_assigned_and_drawn_by_lot_is_taken_out() {
        let value = drawn();
        for text in [
            format!("WIDGET_AUTH={value}"),
            format!("  \"widgetAuth\": \"{value}\","),
            format!("widget.auth = '{value}'"),
            format!("auth => \"{value}\""),
        ] {
            let (clean, count) = apply(&text).unwrap_or_else(|| panic!("{text} is left"));
            assert!(count == 1 && !clean.contains(&value), "{clean}");
        }
    }

    #[test]
    fn hashes_names_paths_and_what_is_not_assigned_stay() {
        let value = drawn();
        for text in [
            format!("checksum = \"{value}\""),
            format!("integrity: sha512-{value}"),
            format!("see {value} there"),
            format!("https://example.com/watch?key={value}"),
            "handler = getUserNameFromDatabaseConnection2Cache3".to_owned(),
            "commit: 4898ae7c2f1b0d3e5a69788c9d0e1f2a3b4c5d6e".to_owned(),
            "path = src/Components/Widget2/ListView3/Item4Row.tsx".to_owned(),
            "target = x86_64-unknown-linux-gnu-with-Some-Extra-42".to_owned(),
        ] {
            assert_eq!(apply(&text), None, "{text}");
        }
    }
}
