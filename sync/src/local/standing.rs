//! What central should have of single rows, and what repairs do here: everything goes through the journal, so that the
//! next round and its planner decide.

use std::collections::HashMap;

use merge::{HybridTime, Key, Row, RowId, Winner};
use migrations::Entity;
use migrations::entity::OnOrphan;
use rusqlite::params;

use super::extent::Gaps;
use super::{ReadTx, StoreError, WriteTx, journal, ledger, rows, state};

/// What central should have of some rows, and how far the replica had pulled when it said so.
#[derive(Debug)]
pub(crate) struct Expected {
    pub(crate) epoch: Option<String>,
    pub(crate) cursor: u64,
    pub(crate) rows: HashMap<RowId, Expectation>,
}

/// What central should have of one row.
#[derive(Debug, Default)]
pub(crate) struct Expectation {
    /// None: nothing.
    pub(crate) row: Option<Row>,
    /// True when its difference is on record.
    pub(crate) quarantined: bool,
}

/// What central should have of these rows.
pub(crate) fn expected(tx: &ReadTx<'_>, ids: &[RowId]) -> Result<Expected, StoreError> {
    let db = tx.connection();
    let gaps = Gaps::load(db)?;
    let mut found = HashMap::with_capacity(ids.len());
    for id in ids {
        let entry = journal::entry(db, id)?;
        let mut row = match entry {
            Some(entry) => entry.base,
            None => rows::get(db, id.entity, &id.key)?,
        };
        if let Some(row) = &mut row {
            gaps.without(row);
        }
        let quarantined = db
            .prepare_cached("SELECT 1 FROM ct_sync_quarantine WHERE tbl = ?1 AND pk = ?2")?
            .exists([id.entity.name, id.key.as_str()])?;
        found.insert(id.clone(), Expectation { row, quarantined });
    }
    let cursor = u64::try_from(state::number(db, state::CURSOR)?).unwrap_or(0);
    Ok(Expected { epoch: state::text(db, state::EPOCH)?, cursor, rows: found })
}

/// Enters rows into the journal as never agreed on, at the dawn of hybrid time: central lacks them, and takes them anew.
/// Those that changed meanwhile or are gone stay as they are. How many there were.
pub(crate) fn readmit(tx: &mut WriteTx<'_>, ids: &[RowId]) -> Result<u64, StoreError> {
    let mut readmitted = 0;
    for id in ids {
        let db = tx.connection();
        if journal::entry(db, id)?.is_none() && rows::exists(db, id.entity, &id.key)? {
            let generation = tx.next_generation();
            journal::rebase(tx.connection(), id, None, generation, HybridTime(0))?;
            readmitted += 1;
        }
    }
    Ok(readmitted)
}

/// A row that refers to nothing, on both sides alike.
#[derive(Debug, Clone)]
pub(crate) struct Orphan {
    pub(crate) child: RowId,
    pub(crate) column: &'static str,
    pub(crate) parent: RowId,
    /// True when the catalogue's rule can be carried out without a guess: the reference can be emptied, or the parent's
    /// last image is known, or such rows go with their parent.
    pub(crate) settleable: bool,
}

/// The rows of a table that have been parked since before `before_us`, and have no local changes.
pub(crate) fn orphans(tx: &ReadTx<'_>, entity: &'static Entity, before_us: u64) -> Result<Vec<Orphan>, StoreError> {
    let sql = "SELECT pk, col, parent_tbl, parent_pk, parent_image IS NOT NULL FROM ct_sync_parked p \
               WHERE tbl = ?1 AND since_us <= ?2 \
                 AND NOT EXISTS (SELECT 1 FROM ct_sync_dirty d WHERE d.tbl = p.tbl AND d.pk = p.pk)";
    let db = tx.connection();
    let mut statement = db.prepare_cached(sql)?;
    let mut found = statement.query(params![entity.name, before_us])?;
    let mut orphans = Vec::new();
    while let Some(row) = found.next()? {
        let (column, parent): (String, String) = (row.get(1)?, row.get(2)?);
        let (Some(column), Some(parent)) = (entity.column(&column), migrations::entity(&parent)) else { continue };
        let parent = RowId::new(parent, Key::new(row.get::<_, String>(3)?));
        let rule = entity.foreign_keys.iter().find(|key| key.column == column.name).map(|key| key.on_orphan);
        let drops = matches!(rule, Some(OnOrphan::Drop));
        let settleable = column.nullable || drops || row.get::<_, bool>(4)?;
        let child = RowId::new(entity, Key::new(row.get::<_, String>(0)?));
        if !rows::exists(db, parent.entity, &parent.key)? {
            orphans.push(Orphan { child, column: column.name, parent, settleable });
        }
    }
    Ok(orphans)
}

/// Enters orphans into the journal as they are, so that the next round settles them by the catalogue's rule, as it does
/// for rows that were changed here. How many there were.
pub(crate) fn settle_orphans(tx: &mut WriteTx<'_>, ids: &[RowId]) -> Result<u64, StoreError> {
    let mut entered = 0;
    for id in ids {
        let db = tx.connection();
        if journal::entry(db, id)?.is_some() {
            continue;
        }
        if let Some(row) = rows::get(db, id.entity, &id.key)? {
            tx.note(id.clone(), Some(&row))?;
            entered += 1;
        }
    }
    Ok(entered)
}

/// Keeps a row that is about to be replaced by an older one on record.
pub(crate) fn set_aside(tx: &WriteTx<'_>, id: &RowId, row: Option<&Row>) -> Result<(), StoreError> {
    match row {
        Some(row) => {
            let lost = ledger::Lost::new(id.entity, "repaired", Winner::Remote);
            ledger::record_row(tx.connection(), lost, row, tx.corrected_us())
        }
        None => Ok(()),
    }
}
