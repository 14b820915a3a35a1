//! Hashes of rows and of ranges of rows, the same on both engines.
//!
//! A row's hash is the first 8 bytes of SHA-256 over its canonical text; a range's digest is the number of its rows and
//! the exclusive or of their hashes, so that neither engine needs an order to compute it. A checksum such as CRC-32 would
//! not do: it is linear, and what one row gained another could cancel.
//!
//! The canonical text is, parted by commas, each column in the catalogue's order: a key, number, flag or time as text,
//! the length in bytes of a text, a blob in hexadecimal, `~` for NULL; then all texts, one behind the other. No two
//! rows have the same: the lengths say where each text ends.

use merge::{Row, Value};
use migrations::Kind;
use sha2::{Digest as _, Sha256};

use crate::central::unscaled;

/// Keys from one up to, but without, another, compared as bytes. Only the first column of a composite key counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct KeyRange {
    /// The first key; None: from the beginning.
    pub(crate) from: Option<String>,
    /// The first key behind it; None: to the end.
    pub(crate) until: Option<String>,
}

impl KeyRange {
    /// True when a key is in it.
    #[cfg(test)]
    pub(crate) fn holds(&self, key: &str) -> bool {
        self.from.as_deref().is_none_or(|from| key >= from) && self.until.as_deref().is_none_or(|until| key < until)
    }
}

/// What a range of rows comes down to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Digest {
    /// How many.
    pub(crate) rows: u64,
    /// Their hashes, combined.
    pub(crate) hash: u64,
}

impl Digest {
    /// Adds a row.
    pub(crate) fn add(&mut self, hash: u64) {
        self.rows += 1;
        self.hash ^= hash;
    }
}

/// The hash of a row.
pub(crate) fn row_hash(row: &Row) -> u64 {
    let digest = Sha256::digest(canonical_text(row));
    digest[..8].iter().fold(0, |hash, byte| hash << 8 | u64::from(*byte))
}

fn canonical_text(row: &Row) -> Vec<u8> {
    let mut text = Vec::with_capacity(256);
    let mut tail = Vec::with_capacity(1024);
    for (column, value) in row.entity().columns.iter().zip(row.values()) {
        match (column.kind, value) {
            (_, Value::Null) => text.push(b'~'),
            (Kind::Decimal(_, scale), Value::Int(number)) => text.extend(unscaled(*number, scale).bytes()),
            (_, Value::Int(number)) => text.extend(number.to_string().bytes()),
            (_, Value::Blob(bytes)) => text.extend(bytes.iter().flat_map(|byte| hex(*byte))),
            (Kind::String(_) | Kind::Text | Kind::Json, Value::Text(value)) => {
                text.extend(value.len().to_string().bytes());
                tail.extend(value.bytes());
            }
            (_, Value::Text(value)) => text.extend(value.bytes()),
        }
        text.push(b',');
    }
    text.append(&mut tail);
    text
}

/// As MariaDB's `HEX` writes it.
fn hex(byte: u8) -> [u8; 2] {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Row {
        Row::new(migrations::catalogue::TAGS)
    }

    #[test]
    fn null_and_empty_differ_and_text_cannot_move_between_columns() {
        let named = |name: &str, description: &str| row().with("name", name).with("description", description);
        assert_ne!(row_hash(&row()), row_hash(&row().with("description", "")));
        assert_ne!(row_hash(&named("ab", "c")), row_hash(&named("a", "bc")));
        assert_eq!(row_hash(&named("ab", "c")), row_hash(&named("ab", "c")));
    }

    #[test]
    fn the_text_in_full() {
        let client = Row::new(migrations::catalogue::CLIENTS);
        let text = String::from_utf8(canonical_text(&client.with("id", "k").with("name", "é"))).unwrap();
        assert!(text.starts_with("k,2,~,"), "{text}");
        assert!(text.ends_with(",é"), "{text}");
    }

    #[test]
    fn the_order_of_rows_does_not_count() {
        let sum = |hashes: [u64; 3]| {
            let mut digest = Digest::default();
            for hash in hashes {
                digest.add(hash);
            }
            digest
        };
        assert_eq!(sum([1, 2, 3]), sum([3, 1, 2]));
    }

    #[test]
    fn a_range_holds_its_first_key_and_not_its_end() {
        let range = KeyRange { from: Some("b".into()), until: Some("d".into()) };
        assert_eq!(["a", "b", "c", "d"].map(|key| range.holds(key)), [false, true, true, false]);
        assert!(KeyRange::default().holds(""));
    }
}
