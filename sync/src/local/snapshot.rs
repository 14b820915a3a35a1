//! A snapshot that is being taken: whole tables from central, page by page.
//!
//! Each page is stored in one transaction with the key to go on after, so that a snapshot goes on where it was, whatever
//! ended it. A row that has a journal entry is not decided here: pages tell no times, so it is read again by its key and
//! goes through the planner like any change.
//!
//! A replica that has rows already and fell behind the floor of the change log takes a snapshot *again*: it may have missed
//! deletes whose tombstones are gone. So the keys that central has are noted; a row here that is not among them, and that
//! both sides had agreed on, is read once more by its key, and what is then not at central is deleted here like after any
//! other delete there. A row that was made here and never sent is none of those.

use merge::{HybridTime, Key, RowId};
use migrations::{Entity, entity};
use rusqlite::params;
use serde::{Deserialize, Serialize};

use super::apply::{Applied, FeedState, Incoming, Page, apply};
use super::tx::WriteTx;
use super::{ReadTx, StoreError, journal, rows, state};

/// The snapshot that is being taken.
#[derive(Debug)]
pub(crate) struct Snapshot {
    /// The number from which the feed is followed afterwards.
    pub(crate) head: u64,
    /// True when the replica had rows before.
    pub(crate) again: bool,
    /// The table to go on with, and the key to go on after; None when all are done.
    pub(crate) next: Option<(&'static Entity, Option<Key>)>,
}

/// How far a snapshot has come.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct SnapshotProgress {
    /// The table that is being read.
    pub table: String,
    /// Rows read of all tables.
    pub rows: u64,
    /// All rows, as central estimates them.
    pub total: u64,
    /// Tables that were read to their end.
    pub tables_done: u64,
    /// All tables.
    pub tables: u64,
}

/// Begins a snapshot, in the place of one that is under way.
pub(crate) fn begin(
    tx: &mut WriteTx<'_>,
    (head, now): (u64, HybridTime),
    again: bool,
    tables: &[(&'static Entity, u64)],
) -> Result<(), StoreError> {
    abandon(tx)?;
    // What is written here from now on is later than anything the pages hold.
    tx.witness(now);
    let db = tx.connection();
    for (position, (entity, total)) in tables.iter().enumerate() {
        db.execute(
            "INSERT INTO ct_sync_snapshot (tbl, position, last_pk, done, rows, total) VALUES (?1, ?2, NULL, 0, 0, ?3)",
            params![entity.name, position, total],
        )?;
    }
    state::set(db, state::SNAPSHOT_HEAD, i64::try_from(head).unwrap_or(i64::MAX))?;
    state::set(db, state::SNAPSHOT_AGAIN, again)
}

/// Forgets the snapshot that is under way; what it brought stays.
pub(crate) fn abandon(tx: &WriteTx<'_>) -> Result<(), StoreError> {
    tx.connection().execute("DELETE FROM ct_sync_snapshot", [])?;
    tx.connection().execute("DELETE FROM ct_sync_snapshot_seen", [])?;
    Ok(())
}

/// The snapshot that is under way.
pub(crate) fn under_way(tx: &WriteTx<'_>) -> Result<Option<Snapshot>, StoreError> {
    let db = tx.connection();
    let mut statement = db.prepare_cached("SELECT tbl, last_pk, done FROM ct_sync_snapshot ORDER BY position")?;
    let found = statement.query_map([], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, Option<String>>(1)?, row.get::<_, bool>(2)?))
    })?;
    let tables = found.collect::<Result<Vec<_>, _>>()?;
    if tables.is_empty() {
        return Ok(None);
    }
    let open = tables.into_iter().filter(|(_, _, done)| !done);
    let mut open = open.filter_map(|(table, last, _)| Some((entity(&table)?, last.map(Key::new))));
    Ok(Some(Snapshot {
        head: u64::try_from(state::number(db, state::SNAPSHOT_HEAD)?).unwrap_or(0),
        again: state::number(db, state::SNAPSHOT_AGAIN)? != 0,
        next: open.next(),
    }))
}

/// Stores a page of a table, with the key to go on after. Rows with a journal entry are named among those to read again.
pub(crate) fn take_page(
    tx: &mut WriteTx<'_>,
    entity: &'static Entity,
    page: Vec<(RowId, FeedState)>,
    last: Option<&Key>,
    again: bool,
) -> Result<Applied, StoreError> {
    let count = page.len();
    let is_dirty = "SELECT 1 FROM ct_sync_dirty WHERE tbl = ?1 LIMIT 1";
    let is_dirty = tx.connection().prepare_cached(is_dirty)?.exists([entity.name])?;
    let (mut plain, mut needs) = (Vec::with_capacity(count), Vec::new());
    for (id, state) in page {
        if again {
            tx.connection()
                .prepare_cached("INSERT OR IGNORE INTO ct_sync_snapshot_seen (tbl, pk) VALUES (?1, ?2)")?
                .execute([entity.name, id.key.as_str()])?;
        }
        if is_dirty && journal::entry(tx.connection(), &id)?.is_some() {
            needs.push(id);
        } else {
            plain.push(Incoming { id, seq: 0, time: HybridTime(0), state });
        }
    }
    let mut applied = apply(tx, Page { rows: plain, cursor: None })?;
    applied.needs.extend(needs);
    tx.connection()
        .prepare_cached(
            "UPDATE ct_sync_snapshot SET last_pk = coalesce(?2, last_pk), rows = rows + ?3, \
               total = max(total, rows + ?3) WHERE tbl = ?1",
        )?
        .execute(params![entity.name, last.map(Key::as_str), count])?;
    Ok(applied)
}

/// Rows of a table that both sides had agreed on and that central was not found to have, after a key, in the order of keys.
pub(crate) fn unseen(
    tx: &WriteTx<'_>,
    entity: &'static Entity,
    after: Option<&Key>,
    limit: usize,
) -> Result<Vec<RowId>, StoreError> {
    let key = rows::key_expression(entity);
    let sql = format!(
        "SELECT key FROM (SELECT {key} AS key FROM \"{table}\") t WHERE key > ?1 \
           AND NOT EXISTS (SELECT 1 FROM ct_sync_snapshot_seen s WHERE s.tbl = ?2 AND s.pk = key) \
           AND NOT EXISTS (SELECT 1 FROM ct_sync_dirty d WHERE d.tbl = ?2 AND d.pk = key AND d.base IS NULL) \
         ORDER BY key LIMIT ?3",
        table = entity.name
    );
    let mut statement = tx.connection().prepare_cached(&sql)?;
    let found = statement.query_map(params![after.map_or("", Key::as_str), entity.name, limit], |row| row.get(0))?;
    let keys = found.collect::<Result<Vec<String>, _>>()?;
    Ok(keys.into_iter().map(|key| RowId::new(entity, Key::new(key))).collect())
}

/// All of a table was read.
pub(crate) fn table_done(tx: &WriteTx<'_>, entity: &'static Entity) -> Result<(), StoreError> {
    let db = tx.connection();
    db.execute("UPDATE ct_sync_snapshot SET done = 1 WHERE tbl = ?1", [entity.name])?;
    db.execute("DELETE FROM ct_sync_snapshot_seen WHERE tbl = ?1", [entity.name])?;
    Ok(())
}

/// All tables were read: the feed is followed from the snapshot's head.
pub(crate) fn finish(tx: &WriteTx<'_>, head: u64) -> Result<(), StoreError> {
    abandon(tx)?;
    state::set(tx.connection(), state::CURSOR, i64::try_from(head).unwrap_or(i64::MAX))
}

/// How far the snapshot that is being taken has come; None when there is none.
pub fn snapshot_progress(tx: &ReadTx<'_>) -> Result<Option<SnapshotProgress>, StoreError> {
    let db = tx.connection();
    // A replica that no daemon of this version has opened has no such table.
    if !db.prepare_cached("SELECT 1 FROM sqlite_master WHERE name = 'ct_sync_snapshot'")?.exists([])? {
        return Ok(None);
    }
    let sql = "SELECT coalesce((SELECT tbl FROM ct_sync_snapshot WHERE NOT done ORDER BY position LIMIT 1), ''), \
                      coalesce(sum(rows), 0), coalesce(sum(total), 0), coalesce(sum(done), 0), count(*) \
               FROM ct_sync_snapshot";
    let progress = db.prepare_cached(sql)?.query_row([], |row| {
        Ok(SnapshotProgress {
            table: row.get(0)?,
            rows: row.get(1)?,
            total: row.get(2)?,
            tables_done: row.get(3)?,
            tables: row.get(4)?,
        })
    })?;
    Ok((progress.tables > 0).then_some(progress))
}
