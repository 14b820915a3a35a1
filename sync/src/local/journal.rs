//! The journal: which rows differ from what both sides last agreed on, and the agreed image of each (its base).
//!
//! The first change since an agreement keeps the base, later changes only raise the generation. Generations are
//! issued by one counter, so they order the journal too.

use merge::{HybridTime, Key, Row, RowId};
use migrations::{Entity, entity};
use rusqlite::{Connection, OptionalExtension, params};

use super::StoreError;
use super::extent::waiting_tables;
use super::ledger::LONGEST_RETRY_US;

/// One entry of the journal.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) id: RowId,
    pub(crate) position: i64,
    pub(crate) generation: i64,
    pub(crate) time: HybridTime,
    pub(crate) base: Option<Row>,
    /// Nobody wrote the row here since the agreements were forgotten (see [`super::enrol`]).
    pub(crate) enrolled: bool,
}

/// A row that was entered because the agreements were forgotten.
pub(super) const ENROLLED: i64 = 1;
/// The same, and somebody has changed it here since; or a row of which an older copy of this replica cannot know whether
/// it was sent. It is an edit like any other, but its delete has to be told.
pub(super) const MAYBE_KNOWN: i64 = 2;

/// The rows that have an entry.
pub(super) fn ids(db: &Connection) -> Result<Vec<RowId>, StoreError> {
    let mut statement = db.prepare_cached("SELECT tbl, pk FROM ct_sync_dirty")?;
    let found = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
    let mut ids = Vec::new();
    for found in found {
        let (table, pk) = found?;
        ids.extend(entity(&table).map(|entity| RowId::new(entity, Key::new(pk))));
    }
    Ok(ids)
}

/// Notes a change of a row. `before` is its image before the change, the base if this is the first change since it was
/// agreed on; `is_gone`: the change was a delete.
///
/// What an enrolled row was before its change is no base: central may have an older one, and would seem to have changed
/// all in which that differs. Only its delete has to say what it deleted, or nobody would know that there was anything.
pub(super) fn mark(
    db: &Connection,
    id: &RowId,
    (before, is_gone): (Option<&Row>, bool),
    generation: i64,
    time: HybridTime,
) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT INTO ct_sync_dirty (tbl, pk, position, generation, time_us, base) VALUES (?1, ?2, ?3, ?3, ?4, ?5) \
         ON CONFLICT (tbl, pk) DO UPDATE SET generation = excluded.generation, time_us = excluded.time_us, \
           base = CASE WHEN enrolled AND ?6 THEN excluded.base ELSE base END, \
           enrolled = CASE WHEN enrolled AND NOT ?6 THEN ?7 ELSE 0 END",
    )?
    .execute(params![
        id.entity.name,
        id.key.as_str(),
        generation,
        stamp(time),
        before.map(merge::encode),
        is_gone,
        MAYBE_KNOWN
    ])?;
    Ok(())
}

/// Forgets the entry of a row that is gone, when nobody else has ever heard of it; false when it has to stay.
pub(super) fn forget(db: &Connection, id: &RowId) -> Result<bool, StoreError> {
    let forgotten = db
        .prepare_cached(
            "DELETE FROM ct_sync_dirty WHERE tbl = ?1 AND pk = ?2 AND base IS NULL AND NOT EXISTS \
               (SELECT 1 FROM ct_sync_inflight i WHERE i.tbl = ?1 AND i.pk = ?2)",
        )?
        .execute([id.entity.name, id.key.as_str()])?;
    Ok(forgotten > 0)
}

/// Replaces the base of an entry, or makes the entry, with the generation and time that it has or gets.
pub(super) fn rebase(
    db: &Connection,
    id: &RowId,
    base: Option<&Row>,
    generation: i64,
    time: HybridTime,
) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT INTO ct_sync_dirty (tbl, pk, position, generation, time_us, base) VALUES (?1, ?2, ?3, ?3, ?4, ?5) \
         ON CONFLICT (tbl, pk) DO UPDATE SET base = excluded.base, enrolled = 0",
    )?
    .execute(params![id.entity.name, id.key.as_str(), generation, stamp(time), base.map(merge::encode)])?;
    Ok(())
}

/// The entry of a row.
pub(crate) fn entry(db: &Connection, id: &RowId) -> Result<Option<Entry>, StoreError> {
    let found = db
        .prepare_cached(
            "SELECT position, generation, time_us, base, enrolled FROM ct_sync_dirty WHERE tbl = ?1 AND pk = ?2",
        )?
        .query_row([id.entity.name, id.key.as_str()], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get::<_, Option<Vec<u8>>>(3)?, row.get::<_, i64>(4)?))
        })
        .optional()?;
    let Some((position, generation, time, base, enrolled)) = found else { return Ok(None) };
    let base = image(id.entity, base)?;
    Ok(Some(Entry { id: id.clone(), position, generation, time: unstamp(time), base, enrolled: enrolled == ENROLLED }))
}

/// Forgets the entry: both sides agree.
pub(super) fn clear(db: &Connection, id: &RowId) -> Result<(), StoreError> {
    db.prepare_cached("DELETE FROM ct_sync_dirty WHERE tbl = ?1 AND pk = ?2")?
        .execute([id.entity.name, id.key.as_str()])?;
    Ok(())
}

/// The oldest entries that may be pushed now: neither refused in their present form a short while ago, nor of a table
/// that is unknown here or at central.
pub(crate) fn pushable(db: &Connection, limit: usize, now_us: u64) -> Result<Vec<Entry>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT tbl, pk, position, generation, time_us, base FROM ct_sync_dirty d WHERE NOT EXISTS \
           (SELECT 1 FROM ct_sync_quarantine q WHERE q.tbl = d.tbl AND q.pk = d.pk AND q.refused_by = 'central' \
            AND q.generation = d.generation AND q.retry_us BETWEEN ?2 + 1 AND ?2 + ?4) \
           AND tbl NOT IN (SELECT value FROM json_each(?3)) ORDER BY position LIMIT ?1",
    )?;
    let mut found = statement.query(params![limit, now_us, waiting_tables(db)?, LONGEST_RETRY_US])?;
    let mut entries = Vec::new();
    while let Some(row) = found.next()? {
        let table: String = row.get(0)?;
        let Some(entity) = entity(&table) else { continue };
        let id = RowId::new(entity, Key::new(row.get::<_, String>(1)?));
        let base = image(entity, row.get(5)?)?;
        let (position, generation, time) = (row.get(2)?, row.get(3)?, unstamp(row.get(4)?));
        entries.push(Entry { id, position, generation, time, base, enrolled: false });
    }
    Ok(entries)
}

/// The rows of a table that have an entry.
pub(super) fn ids_of(db: &Connection, entity: &'static Entity) -> Result<Vec<RowId>, StoreError> {
    let mut statement = db.prepare_cached("SELECT pk FROM ct_sync_dirty WHERE tbl = ?1")?;
    let found = statement.query_map([entity.name], |row| Ok(RowId::new(entity, Key::new(row.get::<_, String>(0)?))))?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// The highest generation and hybrid time that the file knows.
pub(super) fn heads(db: &Connection) -> Result<(i64, HybridTime), StoreError> {
    let (generation, time): (i64, i64) = db.query_row(
        "SELECT coalesce(max(generation), 0), coalesce(max(time_us), 0) FROM \
           (SELECT generation, time_us FROM ct_sync_dirty UNION ALL SELECT generation, time_us FROM ct_sync_inflight \
            UNION ALL SELECT generation, 0 FROM ct_sync_quarantine)",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    Ok((generation, unstamp(time)))
}

/// A stored image as a row.
pub(crate) fn image(entity: &'static Entity, bytes: Option<Vec<u8>>) -> Result<Option<Row>, StoreError> {
    bytes.map(|bytes| merge::decode(entity, &bytes)).transpose().map_err(|error| StoreError::Damaged(error.to_string()))
}

/// Hybrid time as SQLite's signed integer.
pub(super) fn stamp(time: HybridTime) -> i64 {
    i64::try_from(time.0).unwrap_or(i64::MAX)
}

/// The inverse.
pub(super) fn unstamp(number: i64) -> HybridTime {
    HybridTime(u64::try_from(number).unwrap_or(0))
}
