//! Whole tables, page by page, for a machine that is new or was away for longer than deletes are remembered.
//!
//! Pages follow the primary key in the order of the server, whatever its collation: the last key of a page is all that
//! the next one needs. They are not of one moment. That does no harm, since the feed is followed from the number that was
//! the head before the first page: what changed meanwhile comes again.

use merge::{HybridTime, Key, RowId};
use migrations::Entity;
use sqlx::Row as _;
use sqlx::mysql::MySqlConnection;

use super::batch::bytes_of_row;
use super::codec::read_row;
use super::connect::{ANSWER_WITHIN, BATCH_WITHIN};
use super::layout::{Layout, Table};
use super::pool::within;
use super::sql::{bind_keys, name, statement};
use super::triggers::NOW_US;
use super::{Central, CentralError, FeedState};

/// Where a snapshot begins.
#[derive(Clone, Debug)]
pub struct SnapshotStart {
    /// Names central's numbering.
    pub epoch: String,
    /// The last number that was given out: the feed is followed from here.
    pub head: u64,
    /// Central's clock: no change that the pages tell is later.
    pub now: HybridTime,
    /// The tables, parents first, with an estimate of their rows.
    pub tables: Vec<(&'static Entity, u64)>,
}

/// A page of a table.
#[derive(Clone, Debug)]
pub struct TablePage {
    /// The rows, none of them `Deleted`.
    pub rows: Vec<(RowId, FeedState)>,
    /// The key to go on after; None for an empty page.
    pub last: Option<Key>,
    /// True when the table has no row after it.
    pub complete: bool,
    /// Bytes that the rows take.
    pub bytes: usize,
}

impl Central {
    /// Notes where a snapshot begins. Ask [`Central::sequence`] first, so that little comes twice.
    pub async fn snapshot_start(&self) -> Result<SnapshotStart, CentralError> {
        let layout = self.layout();
        let mut lease = self.lease().await?;
        let start = within(ANSWER_WITHIN, start(lease.connection(), &layout)).await?;
        lease.keep();
        Ok(start)
    }

    /// At most `limit` rows of a table that come after a key, as they are now.
    pub async fn table_page(
        &self,
        entity: &'static Entity,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<TablePage, CentralError> {
        let layout = self.layout();
        let mut lease = self.lease().await?;
        let page = within(BATCH_WITHIN, page(lease.connection(), layout.held(entity)?, after, limit)).await?;
        lease.keep();
        Ok(page)
    }
}

async fn start(connection: &mut MySqlConnection, layout: &Layout) -> Result<SnapshotStart, CentralError> {
    let text = format!("SELECT epoch, last_seq, {NOW_US} FROM ct_sync_counter WHERE id = 1");
    let row = statement(text).fetch_optional(&mut *connection).await?;
    let row = row.ok_or_else(|| CentralError::NotInitialised("the row of ct_sync_counter".into()))?;
    let now: i64 = row.try_get_unchecked(2)?;
    let mut tables = Vec::new();
    for table in layout.tables().filter(|table| table.entity.is_replicated()) {
        let text = "SELECT CAST(COALESCE(table_rows, 0) AS UNSIGNED) FROM information_schema.tables \
                    WHERE table_schema = DATABASE() AND table_name = ?";
        let found = sqlx::query(text).bind(&table.name).fetch_optional(&mut *connection).await?;
        tables.push((table.entity, found.map_or(Ok(0), |row| row.try_get_unchecked(0))?));
    }
    Ok(SnapshotStart {
        epoch: row.try_get_unchecked(0)?,
        head: row.try_get_unchecked(1)?,
        now: HybridTime(now.max(0).unsigned_abs()),
        tables,
    })
}

async fn page(
    connection: &mut MySqlConnection,
    table: &Table,
    after: Option<&Key>,
    limit: usize,
) -> Result<TablePage, CentralError> {
    let condition = after.map_or(String::new(), |_| format!(" WHERE {}", key_after(table)));
    let text = format!(
        "SELECT {}, {} FROM {}{}{condition} ORDER BY {} LIMIT {limit}",
        table.key_text(""),
        table.select(),
        table.quoted(),
        table.by_key(),
        table.key_columns(),
    );
    let query = bind_keys(statement(text), after.map(prefixes).iter().flatten());
    let found = query.fetch_all(connection).await?;
    let mut page =
        TablePage { rows: Vec::with_capacity(found.len()), last: None, complete: found.len() < limit, bytes: 0 };
    for row in &found {
        let key = Key::new(row.try_get_unchecked::<String, _>(0)?);
        page.last = Some(key.clone());
        let state = match read_row(table, row, 1)? {
            Ok(row) => {
                page.bytes += bytes_of_row(&row);
                FeedState::Present(row)
            }
            Err(why) => FeedState::Unreadable { column: why.column, reason: why.reason.to_owned() },
        };
        page.rows.push((RowId::new(table.entity, key), state));
    }
    Ok(page)
}

/// `` (`a` > ?) OR (`a` = ? AND `b` > ?) ``, which the server reads as a range of the primary key, unlike a comparison of
/// tuples. Bind with [`prefixes`].
fn key_after(table: &Table) -> String {
    let columns: Vec<String> = table.key_names().map(|column| name(&column)).collect();
    let cases = (0..columns.len()).map(|last| {
        let equal = columns[..last].iter().map(|column| format!("{column} = ? AND "));
        format!("({}{} > ?)", equal.collect::<String>(), columns[last])
    });
    cases.collect::<Vec<_>>().join(" OR ")
}

/// The first part of a key, the first two, and so on.
fn prefixes(key: &Key) -> Vec<Key> {
    let parts: Vec<&str> = key.parts().collect();
    (1..=parts.len()).map(|count| Key::new(parts[..count].join("\u{1f}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_composite_key_is_compared_part_by_part() {
        let layout = Layout::of_ours();
        let table = |name: &str| layout.table(migrations::entity(name).unwrap()).unwrap();
        assert_eq!(key_after(table("session_tags")), "(`session_id` > ?) OR (`session_id` = ? AND `tag_id` > ?)");
        assert_eq!(prefixes(&Key::new("a\u{1f}b")), [Key::new("a"), Key::new("a\u{1f}b")]);
        assert_eq!(key_after(table("clients")), "(`id` > ?)");
    }

    #[test]
    fn parents_come_before_their_children() {
        let order: Vec<&str> = migrations::ENTITIES.iter().map(|entity| entity.name).collect();
        let place = |name: &str| order.iter().position(|other| *other == name);
        for entity in migrations::ENTITIES {
            for reference in entity.foreign_keys.iter().filter(|key| key.references != entity.name) {
                assert!(place(reference.references) < place(entity.name), "{} {}", entity.name, reference.column);
            }
        }
    }
}
