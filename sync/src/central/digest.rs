//! Digests of central's rows, computed by the server: a comparison of a million equal rows transfers a few numbers.
//!
//! The text that is hashed is that of [`crate::digest`]. JSON that a foreign program wrote with blanks hashes as without;
//! what is still not the canonical text (keys in another order, escapes) gives another hash for an equal row, which the
//! comparison finds out once and remembers.
//!
//! Ranges are taken by the first column of the primary key, whose collation compares bytes, so that the key's index
//! serves them. Every statement reads one range and is over in well under a second: nothing is locked, and no long
//! transaction holds back the server's purge.

use merge::Key;
use migrations::{Column, Entity, Kind};
use sqlx::MySql;
use sqlx::Row as _;
use sqlx::mysql::{MySqlArguments, MySqlRow};
use sqlx::query::Query;

use super::connect::BATCH_WITHIN;
use super::layout::{Physical, Table};
use super::pool::within;
use super::sql::statement;
use super::{Central, CentralError};
use crate::digest::{Digest, KeyRange};

/// Rows of a page of hashes.
const HASHES_AT_ONCE: usize = 2000;

/// Bytes that went over a connection so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Traffic {
    /// From here to central.
    pub(crate) sent: u64,
    /// From central to here.
    pub(crate) received: u64,
}

impl Central {
    /// The digest of a range.
    pub(crate) async fn digest(&self, entity: &'static Entity, range: &KeyRange) -> Result<Digest, CentralError> {
        let layout = self.layout();
        let table = layout.held(entity)?;
        let text = format!(
            "SELECT COUNT(*), {} FROM {} WHERE {}",
            combined(table),
            table.quoted(),
            within_range(table, range)
        );
        let mut lease = self.lease().await?;
        let query = bind_range(statement(text), range);
        let row = within(BATCH_WITHIN, async { Ok(query.fetch_one(lease.connection()).await?) }).await?;
        let digest = read_digest(&row, 0)?;
        lease.keep();
        Ok(digest)
    }

    /// The digests of the pieces of a range, which these ascending keys within it cut: one more than there are keys.
    pub(crate) async fn digests(
        &self,
        entity: &'static Entity,
        range: &KeyRange,
        cuts: &[String],
    ) -> Result<Vec<Digest>, CentralError> {
        let layout = self.layout();
        let table = layout.held(entity)?;
        let key = table.first_key();
        let piece = vec![format!("({key} >= ?)"); cuts.len()].join(" + ");
        let text = format!(
            "SELECT {piece} AS piece, COUNT(*), {} FROM {} WHERE {} GROUP BY piece",
            combined(table),
            table.quoted(),
            within_range(table, range),
        );
        let mut query = statement(text).persistent(false);
        for cut in cuts {
            query = query.bind(cut);
        }
        let query = bind_range(query, range);
        let mut lease = self.lease().await?;
        let rows = within(BATCH_WITHIN, async { Ok(query.fetch_all(lease.connection()).await?) }).await?;
        let mut digests = vec![Digest::default(); cuts.len() + 1];
        for row in &rows {
            let piece: i64 = row.try_get_unchecked(0)?;
            if let Some(digest) = usize::try_from(piece).ok().and_then(|piece| digests.get_mut(piece)) {
                *digest = read_digest(row, 1)?;
            }
        }
        lease.keep();
        Ok(digests)
    }

    /// The hashes of the rows of a range, by key, from the one behind `after`; and whether these were the last.
    pub(crate) async fn row_hashes(
        &self,
        entity: &'static Entity,
        range: &KeyRange,
        after: Option<&Key>,
    ) -> Result<(Vec<(Key, u64)>, bool), CentralError> {
        let layout = self.layout();
        let table = layout.held(entity)?;
        let keys = table.ordered_keys();
        let text = format!(
            "SELECT {}, {} FROM {} WHERE {} AND {} ORDER BY {} LIMIT {HASHES_AT_ONCE}",
            table.key_text(""),
            row_hash(table),
            table.quoted(),
            within_range(table, range),
            if after.is_some() { behind(&keys) } else { "TRUE".to_owned() },
            keys.join(", "),
        );
        let mut query = bind_range(statement(text), range);
        if let Some(after) = after {
            query = bind_behind(query, &after.parts().collect::<Vec<_>>());
        }
        let mut lease = self.lease().await?;
        let rows = within(BATCH_WITHIN, async { Ok(query.fetch_all(lease.connection()).await?) }).await?;
        let mut hashes = Vec::with_capacity(rows.len());
        for row in &rows {
            hashes.push((Key::new(row.try_get_unchecked::<String, _>(0)?), row.try_get_unchecked(1)?));
        }
        lease.keep();
        let last = hashes.len() < HASHES_AT_ONCE;
        Ok((hashes, last))
    }

    /// The tables that have a row.
    pub(crate) async fn occupied(&self) -> Result<Vec<&'static str>, CentralError> {
        let layout = self.layout();
        let tables: Vec<&Table> = layout.tables().collect();
        let looks: Vec<String> =
            tables.iter().map(|table| format!("EXISTS(SELECT 1 FROM {})", table.quoted())).collect();
        let text = format!("SELECT CONCAT({})", looks.join(", "));
        let mut lease = self.lease().await?;
        let query = statement(text).persistent(false);
        let row = within(BATCH_WITHIN, async { Ok(query.fetch_one(lease.connection()).await?) }).await?;
        let found: String = row.try_get_unchecked(0)?;
        lease.keep();
        Ok(tables
            .iter()
            .zip(found.bytes())
            .filter(|(_, seen)| *seen == b'1')
            .map(|(table, _)| table.entity.name)
            .collect())
    }

    /// What went over the connection so far, while there is only one.
    pub(crate) async fn traffic(&self) -> Result<Traffic, CentralError> {
        let mut lease = self.lease().await?;
        let text = "SHOW SESSION STATUS WHERE Variable_name IN ('Bytes_received', 'Bytes_sent')";
        let rows = within(BATCH_WITHIN, async { Ok(sqlx::query(text).fetch_all(lease.connection()).await?) }).await?;
        let mut traffic = Traffic::default();
        for row in &rows {
            let (variable, value): (String, String) = (row.try_get_unchecked(0)?, row.try_get_unchecked(1)?);
            let value = value.parse().unwrap_or(0);
            // Named from the server's side.
            if variable.eq_ignore_ascii_case("bytes_received") {
                traffic.sent = value;
            } else {
                traffic.received = value;
            }
        }
        lease.keep();
        Ok(traffic)
    }
}

/// The hashes of the rows, combined.
fn combined(table: &Table) -> String {
    format!("BIT_XOR({})", row_hash(table))
}

/// The hash of a row. One too large for the server's packet has none; 0 is as good as any other wrong one.
pub(super) fn row_hash(table: &Table) -> String {
    let columns = || table.entity.columns.iter().enumerate().map(|(at, column)| (column, table.at(at)));
    let parts: Vec<String> = columns().map(|(column, held)| part(column, held)).collect();
    let texts = columns().filter(|(column, _)| is_text(column));
    let tail: Vec<String> = texts.filter_map(|(column, held)| Some(hashed(column, held?))).collect();
    format!(
        "CAST(COALESCE(CONV(LEFT(SHA2(CONCAT_WS(',', {}, CONCAT_WS('', '', {})), 256), 16), 16, 10), '0') AS UNSIGNED)",
        parts.join(", "),
        if tail.is_empty() { "''".to_owned() } else { tail.join(", ") }
    )
}

fn is_text(column: &Column) -> bool {
    matches!(column.kind, Kind::String(_) | Kind::Text | Kind::Json)
}

/// What central does not hold is NULL on both sides.
fn part(column: &Column, held: Option<&Physical>) -> String {
    let Some(held) = held else { return "'~'".to_owned() };
    let value = hashed(column, held);
    if is_text(column) { format!("IFNULL(LENGTH({value}), '~')") } else { format!("IFNULL({value}, '~')") }
}

/// A column's canonical value as text, or as near to it as the server can tell.
fn hashed(column: &Column, held: &Physical) -> String {
    let read = held.to_read("");
    match column.kind {
        Kind::Json => format!("CONVERT(COALESCE(JSON_COMPACT({read}), {read}) USING utf8mb4) COLLATE utf8mb4_bin"),
        Kind::Bool => format!("IF({read} IS NULL, NULL, IF({read}, 1, 0))"),
        Kind::Decimal(_, scale) => format!("CAST(CAST({read} AS DECIMAL(38, {scale})) AS CHAR)"),
        Kind::Blob => format!("HEX({read})"),
        // One collation for all: the server refuses a mixture (1271).
        Kind::Uuid | Kind::String(_) | Kind::Text => format!("CONVERT({read} USING utf8mb4) COLLATE utf8mb4_bin"),
        Kind::Int | Kind::BigInt | Kind::Date | Kind::DateTime => read,
    }
}

fn within_range(table: &Table, range: &KeyRange) -> String {
    let key = table.first_key();
    match (&range.from, &range.until) {
        (None, None) => "TRUE".to_owned(),
        (Some(_), None) => format!("{key} >= ?"),
        (None, Some(_)) => format!("{key} < ?"),
        (Some(_), Some(_)) => format!("{key} >= ? AND {key} < ?"),
    }
}

fn bind_range<'q>(mut query: Query<'q, MySql, MySqlArguments>, range: &KeyRange) -> Query<'q, MySql, MySqlArguments> {
    for bound in [&range.from, &range.until].into_iter().flatten() {
        query = query.bind(bound.clone());
    }
    query
}

/// `a > ? OR (a = ? AND (b > ?))`: the server has no use of an index for `(a, b) > (?, ?)`.
fn behind(columns: &[String]) -> String {
    match columns {
        [] => "FALSE".to_owned(),
        [last] => format!("{last} > ?"),
        [first, rest @ ..] => format!("({first} > ? OR ({first} = ? AND {}))", behind(rest)),
    }
}

fn bind_behind<'q>(mut query: Query<'q, MySql, MySqlArguments>, parts: &[&str]) -> Query<'q, MySql, MySqlArguments> {
    for (position, part) in parts.iter().enumerate() {
        query = query.bind((*part).to_owned());
        if position + 1 < parts.len() {
            query = query.bind((*part).to_owned());
        }
    }
    query
}

fn read_digest(row: &MySqlRow, at: usize) -> Result<Digest, CentralError> {
    let rows: i64 = row.try_get_unchecked(at)?;
    Ok(Digest { rows: rows.max(0).unsigned_abs(), hash: row.try_get_unchecked(at + 1)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_a_composite_key_starts_behind_the_last() {
        assert_eq!(behind(&["`id`".into()]), "`id` > ?");
        assert_eq!(behind(&["`a`".into(), "`b`".into()]), "(`a` > ? OR (`a` = ? AND `b` > ?))");
    }

    #[test]
    fn texts_give_their_length_first_and_themselves_last() {
        let tags = migrations::entity("tags").unwrap();
        let layout = crate::central::layout::Layout::of_ours();
        let text = row_hash(layout.table(tags).unwrap());
        let one = |name: &str| format!("CONVERT(`{name}` USING utf8mb4) COLLATE utf8mb4_bin");
        assert!(text.contains(&format!("IFNULL(LENGTH({}), '~')", one("name"))), "{text}");
        let tail = format!("CONCAT_WS('', '', {}, {}, {})", one("name"), one("category"), one("description"));
        assert!(text.contains(&tail), "{text}");
    }
}
