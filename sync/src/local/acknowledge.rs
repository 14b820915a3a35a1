//! The batch in flight: what was sent, and what becomes of it once central's answer is known.
//!
//! A batch is written down before it is sent and forgotten only when its receipt was read, so that a lost answer, a
//! crash or a power cut leaves the question open instead of answered wrongly. A row that was edited while its push was
//! in flight stays in the journal, with what was sent as its new base.

use std::collections::HashMap;

use merge::{FieldConflict, HybridTime, Key, Row, RowId};
use migrations::entity;
use rusqlite::params;

use super::apply::{Applied, FeedState, Incoming, Page, apply};
use super::journal::{self, Entry};
use super::ledger::{self, Cause, RefusedBy};
use super::tx::WriteTx;
use super::{StoreError, rows, state};
use crate::mechanism::{Mechanism, is_on};

/// Rows that are sent together.
#[derive(Debug)]
pub(crate) struct Flight {
    pub(crate) batch_no: u64,
    pub(crate) items: Vec<FlightItem>,
}

/// One row in flight.
#[derive(Debug)]
pub(crate) struct FlightItem {
    pub(crate) entry: Entry,
    /// What is sent; None for a delete.
    pub(crate) image: Option<Row>,
}

/// What central made of a row.
#[derive(Debug)]
pub(crate) enum Settled {
    /// Both sides agree on this; None: it is gone.
    Agreed { row: Option<Row>, conflicts: Vec<FieldConflict> },
    /// Central cannot take it.
    Refused(Refusal),
}

/// Why central cannot take a row.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) kind: &'static str,
    pub(crate) reason: String,
    pub(crate) hint: String,
    /// The row that is in the way, when it is known.
    pub(crate) because_of: Option<RowId>,
    /// The table of which any row may be in the way.
    pub(crate) because_table: Option<&'static str>,
}

/// The next batch, written down as in flight; the one that is in flight already, if there is one; None when there is
/// nothing to send. At most `limit` rows and about `bytes` bytes, but always one row.
pub(crate) fn depart(tx: &mut WriteTx<'_>, limit: usize, bytes: usize) -> Result<Option<Flight>, StoreError> {
    let db = tx.connection();
    if let Some(flight) = in_flight(tx)? {
        return Ok(Some(flight));
    }
    let mut items = Vec::new();
    let mut size = 0;
    for entry in journal::pushable(db, limit, tx.now_us())? {
        let image = rows::get(db, entry.id.entity, &entry.id.key)?;
        let encoded = image.as_ref().map(merge::encode);
        size += encoded.as_ref().map_or(100, Vec::len);
        if size > bytes && !items.is_empty() {
            break;
        }
        db.prepare_cached(
            "INSERT INTO ct_sync_inflight (tbl, pk, position, generation, time_us, base, image) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            entry.id.entity.name,
            entry.id.key.as_str(),
            entry.position,
            entry.generation,
            journal::stamp(entry.time),
            entry.base.as_ref().map(merge::encode),
            encoded
        ])?;
        items.push(FlightItem { entry, image });
    }
    if items.is_empty() {
        return Ok(None);
    }
    let batch_no = state::number(db, state::BATCH_NO)? + 1;
    state::set(db, state::BATCH_NO, batch_no)?;
    Ok(Some(Flight { batch_no: u64::try_from(batch_no).unwrap_or(0), items }))
}

/// The batch that is in flight.
pub(crate) fn in_flight(tx: &WriteTx<'_>) -> Result<Option<Flight>, StoreError> {
    let db = tx.connection();
    let mut statement = db.prepare_cached(
        "SELECT tbl, pk, position, generation, time_us, base, image FROM ct_sync_inflight ORDER BY position",
    )?;
    let mut found = statement.query([])?;
    let mut items = Vec::new();
    while let Some(row) = found.next()? {
        let table: String = row.get(0)?;
        let entity = entity(&table).ok_or_else(|| StoreError::Damaged(format!("table {table} is unknown")))?;
        let entry = Entry {
            id: RowId::new(entity, Key::new(row.get::<_, String>(1)?)),
            position: row.get(2)?,
            generation: row.get(3)?,
            time: journal::unstamp(row.get(4)?),
            base: journal::image(entity, row.get(5)?)?,
            enrolled: false,
        };
        items.push(FlightItem { entry, image: journal::image(entity, row.get(6)?)? });
    }
    let batch_no = u64::try_from(state::number(db, state::BATCH_NO)?).unwrap_or(0);
    Ok((!items.is_empty()).then_some(Flight { batch_no, items }))
}

/// Central never saw the batch: its rows are still in the journal, and travel again with the next one.
pub(crate) fn discard(tx: &WriteTx<'_>) -> Result<(), StoreError> {
    tx.connection().execute("DELETE FROM ct_sync_inflight", [])?;
    Ok(())
}

/// Settles the batch in flight by central's receipt.
pub(crate) fn acknowledge(
    tx: &mut WriteTx<'_>,
    flight: &Flight,
    receipt: Vec<(RowId, Settled)>,
) -> Result<Applied, StoreError> {
    let mut agreed = Vec::new();
    let mut needs = Vec::new();
    let mut conflicts_seen = 0;
    let sent: HashMap<&RowId, &FlightItem> = flight.items.iter().map(|item| (&item.entry.id, item)).collect();
    let mut nobody_waits = !ledger::has_quarantined(tx)?;
    for (id, settled) in receipt {
        let Some(item) = sent.get(&id) else { continue };
        match settled {
            Settled::Agreed { row, conflicts }
                if nobody_waits && conflicts.is_empty() && row == item.image && leaves_as_sent(tx, item)? => {}
            Settled::Agreed { row, conflicts } => {
                for conflict in &conflicts {
                    ledger::record(tx.connection(), &id, conflict, tx.corrected_us())?;
                }
                // Those that wait for this row may go now, whether or not it changed here.
                ledger::changed(tx.connection(), &id)?;
                conflicts_seen += conflicts.len() as u64;
                agreed.extend(rebase(tx, item, row)?);
            }
            Settled::Refused(refusal) => {
                let by = RefusedBy::Central { generation: item.entry.generation };
                let Refusal { kind, reason, hint, because_of, because_table } = &refusal;
                let row = because_of.as_ref().map(|row| (row.entity.name, row.key.as_str()));
                let because = row.or(because_table.map(|table| (table, "")));
                ledger::refuse(tx, &id, by, &Cause { kind, reason, hint, because })?;
                nobody_waits = false;
                needs.extend(refusal.because_of);
            }
        }
    }
    discard(tx)?;
    let mut applied = apply(tx, Page { rows: agreed, cursor: None })?;
    applied.conflicts += conflicts_seen;
    applied.needs.extend(needs);
    Ok(applied)
}

/// The usual end of a row in flight: central took it as it was sent, and nothing has happened to it since, so it leaves
/// the journal. False when something has happened, and then nothing is done.
fn leaves_as_sent(tx: &WriteTx<'_>, item: &FlightItem) -> Result<bool, StoreError> {
    let entry = &item.entry;
    let sql = "DELETE FROM ct_sync_dirty WHERE tbl = ?1 AND pk = ?2 AND generation = ?3 AND base IS ?4";
    let base = entry.base.as_ref().map(merge::encode);
    let left = tx.connection().prepare_cached(sql)?.execute(params![
        entry.id.entity.name,
        entry.id.key.as_str(),
        entry.generation,
        base
    ])?;
    Ok(left > 0)
}

/// A row that did not change since it was sent leaves the journal; one that did stays, with what was sent as its base.
/// Either way central's result is then applied like any row from there, unless it is what was sent and nothing has
/// happened to the row since.
fn rebase(tx: &WriteTx<'_>, item: &FlightItem, row: Option<Row>) -> Result<Option<Incoming>, StoreError> {
    let (db, id) = (tx.connection(), &item.entry.id);
    if let Some(entry) = journal::entry(db, id)? {
        if entry.generation == item.entry.generation || !is_on(Mechanism::Generations) {
            journal::clear(db, id)?;
            if row == item.image && entry.base == item.entry.base {
                ledger::decided(db, id, true)?;
                return Ok(None);
            }
        } else {
            journal::rebase(db, id, item.image.as_ref(), entry.generation, entry.time)?;
        }
    }
    let time: HybridTime = item.entry.time;
    let state = row.map_or(FeedState::Deleted(None), FeedState::Present);
    Ok(Some(Incoming { id: id.clone(), seq: 0, time, state }))
}

/// The kind of a refusal that time may heal.
pub(crate) const MISSING_PARENT: &str = "missing parent";
