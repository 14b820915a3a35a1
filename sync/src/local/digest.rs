//! The replica's side of a comparison with central: digests of key ranges, and what central should have of a row.
//!
//! A row with local changes counts as what both sides last agreed on, its base: that it differs now is no damage, it is
//! on its way. Rows whose hash is known to differ although they are equal count with central's hash, for as long as
//! neither hash changes ([`note_alike`]); so do rows that are in quarantine, whose difference is on record.

use std::collections::{BTreeMap, HashMap};

use merge::{Key, Row, RowId};
use migrations::Entity;
use rusqlite::{Connection, OptionalExtension, ToSql, params};

use super::extent::Gaps;
use super::{ReadTx, StoreError, WriteTx, journal, rows};
use crate::digest::{Digest, KeyRange, row_hash};

/// A part of a table.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    pub(crate) range: KeyRange,
    pub(crate) digest: Digest,
}

/// The range of about `size` rows from a key on (None: the first). It holds all rows of each first key column, and the
/// last one all that is behind.
pub(crate) fn stretch(
    tx: &ReadTx<'_>,
    entity: &'static Entity,
    from: Option<String>,
    size: usize,
) -> Result<KeyRange, StoreError> {
    let (table, key) = (entity.name, entity.primary_key[0]);
    let nth = format!("SELECT \"{key}\" FROM \"{table}\" WHERE \"{key}\" >= ?1 ORDER BY \"{key}\" LIMIT 1 OFFSET ?2");
    let start = from.clone().unwrap_or_default();
    let db = tx.connection();
    let mut until: Option<String> =
        db.prepare_cached(&nth)?.query_row(params![start, size.max(1)], |row| row.get(0)).optional()?;
    if until.as_deref() == Some(start.as_str()) {
        let next = format!("SELECT min(\"{key}\") FROM \"{table}\" WHERE \"{key}\" > ?1");
        until = db.prepare_cached(&next)?.query_row([start], |row| row.get(0))?;
    }
    Ok(KeyRange { from, until })
}

/// Cuts a range into pieces of about `size` rows, with their digests. A piece holds all rows of each first key column.
pub(crate) fn pieces(
    tx: &ReadTx<'_>,
    entity: &'static Entity,
    range: &KeyRange,
    size: u64,
) -> Result<Vec<Piece>, StoreError> {
    let mut pieces = Vec::new();
    let mut from = range.from.clone();
    let mut digest = Digest::default();
    let mut seen = String::new();
    let mut known = Known::of(tx.connection(), entity, range)?;
    each_row(tx.connection(), entity, range, |row| {
        let key = row.key();
        let first = key.parts().next().unwrap_or_default();
        if digest.rows >= size && seen != first {
            known.add_gone(&mut digest, Some(first));
            let range = KeyRange { from: from.replace(first.to_owned()), until: Some(first.to_owned()) };
            pieces.push(Piece { range, digest: std::mem::take(&mut digest) });
        }
        if seen != first {
            first.clone_into(&mut seen);
        }
        if let Some(hash) = known.take(&key, || row_hash(&row)) {
            digest.add(hash);
        }
    })?;
    known.add_gone(&mut digest, range.until.as_deref());
    pieces.push(Piece { range: KeyRange { from, until: range.until.clone() }, digest });
    Ok(pieces)
}

/// The hashes that central should have in a range, by key.
pub(crate) fn hashes(
    tx: &ReadTx<'_>,
    entity: &'static Entity,
    range: &KeyRange,
) -> Result<HashMap<Key, u64>, StoreError> {
    let mut known = Known::of(tx.connection(), entity, range)?;
    let mut hashes = HashMap::new();
    each_row(tx.connection(), entity, range, |row| {
        let key = row.key();
        if let Some(hash) = known.take(&key, || row_hash(&row)) {
            hashes.insert(key, hash);
        }
    })?;
    hashes.extend(known.gone(range.until.as_deref()));
    Ok(hashes)
}

/// True when the table has a row, or had one when both sides last agreed.
pub(crate) fn is_occupied(tx: &ReadTx<'_>, entity: &'static Entity) -> Result<bool, StoreError> {
    let db = tx.connection();
    let any = db.prepare_cached(&format!("SELECT 1 FROM \"{}\" LIMIT 1", entity.name))?.exists([])?;
    let base = "SELECT 1 FROM ct_sync_dirty WHERE tbl = ?1 AND base IS NOT NULL LIMIT 1";
    Ok(any || db.prepare_cached(base)?.exists([entity.name])?)
}

/// How many rows the table has here.
pub(crate) fn row_count(tx: &ReadTx<'_>, entity: &'static Entity) -> Result<u64, StoreError> {
    let sql = format!("SELECT count(*) FROM \"{}\"", entity.name);
    Ok(tx.connection().prepare_cached(&sql)?.query_row([], |row| row.get(0))?)
}

/// Remembers that a row's difference is none: its hash here (None: it is not here) and at central.
pub(crate) fn note_alike(
    tx: &WriteTx<'_>,
    id: &RowId,
    here: Option<u64>,
    there: u64,
    quarantined: bool,
) -> Result<(), StoreError> {
    let (table, key) = (id.entity.name, id.key.as_str());
    if here == Some(there) {
        tx.connection()
            .prepare_cached("DELETE FROM ct_sync_alike WHERE tbl = ?1 AND pk = ?2")?
            .execute([table, key])?;
        return Ok(());
    }
    tx.connection()
        .prepare_cached(
            "INSERT INTO ct_sync_alike (tbl, pk, here, there, quarantined) VALUES (?1, ?2, ?3, ?4, ?5) \
             ON CONFLICT (tbl, pk) DO UPDATE SET here = excluded.here, there = excluded.there, \
               quarantined = excluded.quarantined",
        )?
        .execute(params![table, key, here.map(u64::cast_signed), there.cast_signed(), quarantined])?;
    Ok(())
}

/// Where the hash that counts is not that of the row that is there.
struct Known {
    /// Rows with local changes: the hash of the base, None without one. By key, as those that are gone come in between.
    bases: BTreeMap<Key, Option<u64>>,
    alike: HashMap<Key, (Option<u64>, u64)>,
}

impl Known {
    fn of(db: &Connection, entity: &'static Entity, range: &KeyRange) -> Result<Self, StoreError> {
        Ok(Self { bases: bases(db, entity, range)?, alike: alike(db, entity, range)? })
    }

    /// The hash that counts for a row that is in the table; None: central should not have it.
    fn take(&mut self, key: &Key, hash: impl FnOnce() -> u64) -> Option<u64> {
        let hash = match self.bases.remove(key) {
            None => Some(hash()),
            Some(base) => base,
        };
        self.as_there(key, hash)
    }

    fn as_there(&mut self, key: &Key, here: Option<u64>) -> Option<u64> {
        match self.alike.remove(key) {
            Some((known, there)) if known == here => Some(there),
            _ => here,
        }
    }

    /// What should be at central and is no longer in the table, with keys before `until`.
    fn gone(&mut self, until: Option<&str>) -> Vec<(Key, u64)> {
        let later = match until {
            Some(until) => self.bases.split_off(&Key::new(until)),
            None => BTreeMap::new(),
        };
        let gone = std::mem::replace(&mut self.bases, later);
        let mut found: Vec<(Key, u64)> =
            gone.into_iter().filter_map(|(key, base)| Some((key.clone(), self.as_there(&key, base)?))).collect();
        // Rows that are only at central, and are known to be.
        let only_there: Vec<Key> = self
            .alike
            .iter()
            .filter(|(key, (here, _))| here.is_none() && until.is_none_or(|until| key.as_str() < until))
            .map(|(key, _)| key.clone())
            .collect();
        found.extend(only_there.into_iter().filter_map(|key| Some((key.clone(), self.alike.remove(&key)?.1))));
        found
    }

    fn add_gone(&mut self, digest: &mut Digest, until: Option<&str>) {
        self.gone(until).into_iter().for_each(|(_, hash)| digest.add(hash));
    }
}

fn bases(db: &Connection, entity: &'static Entity, range: &KeyRange) -> Result<BTreeMap<Key, Option<u64>>, StoreError> {
    let gaps = Gaps::load(db)?;
    let sql = "SELECT pk, base FROM ct_sync_dirty WHERE tbl = ?1 AND pk >= ?2 AND (?3 IS NULL OR pk < ?3)";
    let mut statement = db.prepare_cached(sql)?;
    let mut found = statement.query(params![entity.name, range.from.as_deref().unwrap_or(""), range.until])?;
    let mut bases = BTreeMap::new();
    while let Some(row) = found.next()? {
        let mut base = journal::image(entity, row.get(1)?)?;
        if let Some(base) = &mut base {
            gaps.without(base);
        }
        bases.insert(Key::new(row.get::<_, String>(0)?), base.as_ref().map(row_hash));
    }
    Ok(bases)
}

fn alike(
    db: &Connection,
    entity: &'static Entity,
    range: &KeyRange,
) -> Result<HashMap<Key, (Option<u64>, u64)>, StoreError> {
    let sql = "SELECT pk, here, there FROM ct_sync_alike a WHERE tbl = ?1 AND pk >= ?2 AND (?3 IS NULL OR pk < ?3) \
                 AND (NOT quarantined OR EXISTS \
                   (SELECT 1 FROM ct_sync_quarantine q WHERE q.tbl = a.tbl AND q.pk = a.pk))";
    let mut statement = db.prepare_cached(sql)?;
    let mut found = statement.query(params![entity.name, range.from.as_deref().unwrap_or(""), range.until])?;
    let mut alike = HashMap::new();
    while let Some(row) = found.next()? {
        let here: Option<i64> = row.get(1)?;
        let there: i64 = row.get(2)?;
        alike.insert(Key::new(row.get::<_, String>(0)?), (here.map(i64::cast_unsigned), there.cast_unsigned()));
    }
    Ok(alike)
}

/// Visits the rows of a range in the order of their keys, without what central has no place for.
fn each_row(
    db: &Connection,
    entity: &'static Entity,
    range: &KeyRange,
    mut visit: impl FnMut(Row),
) -> Result<(), StoreError> {
    let gaps = Gaps::load(db)?;
    let visit = |mut row: Row| {
        gaps.without(&mut row);
        visit(row);
    };
    let bounds = [(">=", &range.from), ("<", &range.until)];
    let conditions: Vec<String> = bounds
        .iter()
        .filter(|(_, bound)| bound.is_some())
        .enumerate()
        .map(|(position, (sign, _))| format!("\"{}\" {sign} ?{}", entity.primary_key[0], position + 1))
        .collect();
    let bound: Vec<&dyn ToSql> = bounds.iter().filter_map(|(_, bound)| Some(bound.as_ref()? as &dyn ToSql)).collect();
    rows::visit(db, entity, &conditions.join(" AND "), bound.as_slice(), visit)
}
