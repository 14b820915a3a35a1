//! Applies what came from central, in one transaction with the cursor.
//!
//! Rows arrive in the order in which they changed, not parents first, so references may dangle until the feed is
//! drained; dangling ones are parked ([`super::orphan`]). A row with local changes goes through the planner with its
//! base. Unique keys are kept by taking the page's old rows out before its new ones go in, so that swaps and chains
//! within a page need no order; collisions with other rows are settled by [`super::collision`].

use merge::{Case, Change, HybridTime, Input, Outcome, Row, RowId, Side, Winner};
use rusqlite::Connection;

use super::journal::{self, Entry};
use super::tx::WriteTx;
use super::{StoreError, collision, fresh, ledger, orphan, rows, state};
use crate::mechanism::{Mechanism, is_on, resurrected};

/// A row's state at central.
#[derive(Debug, Clone)]
pub(crate) enum FeedState {
    /// It is there.
    Present(Row),
    /// It was deleted; the image is its last one, when the trigger could tell.
    Deleted(Option<Row>),
    /// A value that this side cannot hold.
    Unreadable { column: String, reason: String },
}

/// One changed row of central.
#[derive(Debug, Clone)]
pub(crate) struct Incoming {
    pub(crate) id: RowId,
    pub(crate) seq: u64,
    pub(crate) time: HybridTime,
    pub(crate) state: FeedState,
}

/// A page of the feed.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) rows: Vec<Incoming>,
    /// The cursor after this page; None for rows that were read out of turn.
    pub(crate) cursor: Option<u64>,
}

/// What applying a page did.
#[derive(Debug, Default)]
pub(crate) struct Applied {
    /// Rows that changed here.
    pub(crate) changed: u64,
    /// Rows that both sides had changed.
    pub(crate) merged: u64,
    /// Values set aside.
    pub(crate) conflicts: u64,
    /// Rows that must be read from central again before their neighbours can settle.
    pub(crate) needs: Vec<RowId>,
}

/// A row that is to be written, with what both sides will have agreed on.
pub(super) struct Pending {
    pub(super) id: RowId,
    pub(super) seq: u64,
    pub(super) before: Option<Row>,
    pub(super) target: Option<Row>,
    /// What central has: the new base.
    pub(super) remote: Option<Row>,
    /// Set when the row stays dirty: its journal entry.
    pub(super) entry: Option<Entry>,
    /// False when central has what was agreed on: the row was read for the sake of another.
    pub(super) is_news: bool,
    /// The last image of a row that is deleted.
    pub(super) last_image: Option<Row>,
    /// When it changed at central.
    pub(super) time: HybridTime,
}

/// Applies a page.
pub(crate) fn apply(tx: &mut WriteTx<'_>, page: Page) -> Result<Applied, StoreError> {
    let mut applied = Applied::default();
    let in_turn = page.cursor.is_some();
    if page.rows.len() >= fresh::LARGE {
        fresh::in_bulk(tx, |tx| {
            let (fresh, others) = fresh::part(tx, page.rows)?;
            apply_rows(tx, others, in_turn, &mut applied)?;
            fresh::store(tx, fresh, in_turn, &mut applied)
        })?;
    } else {
        apply_rows(tx, page.rows, in_turn, &mut applied)?;
    }
    if let Some(cursor) = page.cursor {
        state::set(tx.connection(), state::CURSOR, i64::try_from(cursor).unwrap_or(i64::MAX))?;
    }
    Ok(applied)
}

/// The general way, for any rows. `in_turn`: they come from the feed.
pub(super) fn apply_rows(
    tx: &mut WriteTx<'_>,
    rows: Vec<Incoming>,
    in_turn: bool,
    applied: &mut Applied,
) -> Result<(), StoreError> {
    let mut pending = Vec::with_capacity(rows.len());
    for incoming in rows {
        pending.extend(plan(tx, incoming, in_turn, applied)?);
    }
    for item in pending.iter().filter(|item| item.before.is_some() && must_leave_first(item)) {
        rows::delete(tx.connection(), item.id.entity, &item.id.key)?;
    }
    for item in pending {
        settle(tx, item, applied)?;
    }
    Ok(())
}

/// A row of a table with unique keys, or one that goes, leaves before the new ones come.
fn must_leave_first(item: &Pending) -> bool {
    item.target.is_none() || !item.id.entity.unique.is_empty()
}

/// Decides what a changed row becomes here; None when there is nothing to do.
fn plan(
    tx: &mut WriteTx<'_>,
    incoming: Incoming,
    in_turn: bool,
    applied: &mut Applied,
) -> Result<Option<Pending>, StoreError> {
    let Incoming { id, seq, time, state } = incoming;
    let db = tx.connection();
    tx.witness(time);
    let (mut remote, mut last_image) = match state {
        FeedState::Present(row) => (Some(row), None),
        FeedState::Deleted(image) => (None, image.filter(|_| is_on(Mechanism::TombstoneImages))),
        FeedState::Unreadable { column, reason } => {
            let reason = format!("column {column} {reason}");
            let hint = format!("correct {column} of this row at central; it is read again when it changes");
            let cause = ledger::Cause { kind: "unreadable", reason: &reason, hint: &hint, because: None };
            ledger::refuse(tx, &id, ledger::RefusedBy::Replica { seq }, &cause)?;
            return Ok(None);
        }
    };
    let before = rows::get(db, id.entity, &id.key)?;
    let mut entry = journal::entry(db, &id)?;
    let sides = (&mut remote, &mut last_image, &mut entry);
    if let Err(column) = fill_up(tx, before.as_ref(), time, sides)? {
        let reason = format!("central has no place for {column}, which must have a value");
        let hint = "give the table at central that column, or map it to one that it has; then it is read again";
        let cause = ledger::Cause { kind: "no place", reason: &reason, hint, because: None };
        ledger::refuse(tx, &id, ledger::RefusedBy::Replica { seq }, &cause)?;
        return Ok(None);
    }
    let Some(entry) = entry else {
        if before == remote {
            ledger::decided(db, &id, true)?;
            return Ok(None);
        }
        let target = remote.clone();
        return Ok(Some(Pending { target, id, seq, before, remote, entry: None, is_news: true, last_image, time }));
    };
    if remote == entry.base && (remote.is_some() || !in_turn) {
        // Nothing new there: what there is to decide, the push will, against central itself.
        return Ok(None);
    }
    let local = side(before.as_ref(), entry.base.as_ref(), entry.time);
    let there = match &remote {
        Some(row) => Side::Present { row, time },
        None => Side::Deleted { image: last_image.as_ref(), time },
    };
    if remote.is_none() && before.as_ref().is_some_and(|row| knew_of_it(&entry, row, last_image.as_ref(), time)) {
        // Made here by itself, all the same, if only as a link that others made too.
        if let Some(row) = before.as_ref().filter(|_| entry.enrolled || entry.base.is_none()) {
            let lost = ledger::Lost::new(id.entity, "delete against edit", Winner::Remote).quietly();
            ledger::record_row(db, lost, row, tx.corrected_us())?;
        }
        return Ok(Some(Pending {
            id,
            seq,
            before,
            target: None,
            remote,
            entry: None,
            is_news: true,
            last_image,
            time,
        }));
    }
    let decision =
        resurrected(merge::decide(&Input { id: id.clone(), base: entry.base.as_ref(), local, remote: there }));
    if decision.case == Case::Left {
        return Ok(None);
    }
    for conflict in &decision.conflicts {
        let record = if entry.enrolled { ledger::record_quietly } else { ledger::record };
        record(db, &id, conflict, tx.corrected_us())?;
    }
    applied.conflicts += decision.conflicts.len() as u64;
    applied.merged += 1;
    let target = match decision.outcome {
        Outcome::Row(row) => Some(row),
        Outcome::Gone => None,
    };
    let is_news = remote != entry.base;
    let entry = (target != remote).then_some(entry);
    Ok(Some(Pending { id, seq, before, target, remote, entry, is_news, last_image, time }))
}

/// True when whoever deleted the row at central knew all that was written here before: the row that was deleted was the one
/// that is here (this replica is a restored copy, and its former self sent the edit and then the delete), or what is here
/// was enrolled. What was written here after the delete is another matter.
fn knew_of_it(entry: &Entry, row: &Row, image: Option<&Row>, deleted: HybridTime) -> bool {
    let here = Side::Present { row, time: entry.time };
    let same = image.is_some_and(|image| matches!(Change::of(Some(image), &here), Change::Unchanged | Change::Touched));
    entry.time <= deleted && (same || entry.enrolled)
}

/// What central has no place for is on all sides as it is here, so that nothing looks changed by it. Err names a column
/// that must have a value and has none.
fn fill_up(
    tx: &mut WriteTx<'_>,
    before: Option<&Row>,
    time: HybridTime,
    (remote, image, entry): (&mut Option<Row>, &mut Option<Row>, &mut Option<Entry>),
) -> Result<Result<(), &'static str>, StoreError> {
    let gaps = tx.gaps()?;
    if gaps.lacks_no_column() {
        return Ok(Ok(()));
    }
    let mut base = entry.as_mut().and_then(|entry| entry.base.as_mut());
    let here = before.or(base.as_deref()).cloned();
    if let (Some(base), Some(here)) = (&mut base, &here) {
        gaps.align(base, here);
    }
    if let (Some(image), Some(here)) = (image, &here) {
        gaps.align(image, here);
    }
    Ok(remote.as_mut().map_or(Ok(()), |remote| gaps.fill(remote, here.as_ref(), time)))
}

/// The local side of a row with a journal entry.
pub(super) fn side<'a>(row: Option<&'a Row>, base: Option<&'a Row>, time: HybridTime) -> Side<'a> {
    match (row, base) {
        (Some(row), _) => Side::Present { row, time },
        (None, Some(base)) => Side::Deleted { image: Some(base), time },
        (None, None) => Side::Absent,
    }
}

/// Writes one row and brings the journal, the quarantine and the parked references into line.
fn settle(tx: &mut WriteTx<'_>, item: Pending, applied: &mut Applied) -> Result<(), StoreError> {
    let Some(mut item) = up_to_date(tx, item, applied)? else { return Ok(()) };
    if item.target.is_some() && !collision::resolve(tx, &mut item, applied)? {
        return Ok(());
    }
    match write(tx.connection(), &item) {
        Err(error @ StoreError::Invalid { .. }) => return refuse(tx, &item, &error),
        other => other?,
    }
    agree(tx, &item)?;
    ledger::decided(tx.connection(), &item.id, item.is_news)?;
    if item.before != item.target {
        applied.changed += 1;
        ledger::changed(tx.connection(), &item.id)?;
    }
    match &item.target {
        Some(row) => orphan::arrived(tx, row),
        None => orphan::left(tx, &item.id, item.last_image.as_ref().or(item.before.as_ref())),
    }
}

/// The item, planned once more if a neighbour on its page has moved the row since: a parent that was folded into another
/// one takes its children along.
fn up_to_date(tx: &mut WriteTx<'_>, item: Pending, applied: &mut Applied) -> Result<Option<Pending>, StoreError> {
    let now = rows::get(tx.connection(), item.id.entity, &item.id.key)?;
    let planned_on = item.before.as_ref().filter(|_| !must_leave_first(&item));
    if now.as_ref() == planned_on {
        return Ok(Some(item));
    }
    let state = item.remote.map_or(FeedState::Deleted(item.last_image), FeedState::Present);
    let again = plan(tx, Incoming { id: item.id, seq: item.seq, time: item.time, state }, false, applied)?;
    if let Some(again) = again.as_ref().filter(|again| must_leave_first(again)) {
        rows::delete(tx.connection(), again.id.entity, &again.id.key)?;
    }
    Ok(again)
}

fn write(db: &Connection, item: &Pending) -> Result<(), StoreError> {
    let Some(row) = &item.target else { return Ok(()) };
    match rows::get(db, item.id.entity, &item.id.key)? {
        Some(before) => {
            let changed: Vec<usize> = super::tx::differing(&before, row).collect();
            if changed.is_empty() { Ok(()) } else { rows::update(db, row, &changed) }
        }
        None => rows::insert(db, row),
    }
}

/// The table here cannot hold the row: it stays as it was, and the others of the page go on.
fn refuse(tx: &WriteTx<'_>, item: &Pending, error: &StoreError) -> Result<(), StoreError> {
    let db = tx.connection();
    if let Some(before) = &item.before
        && !rows::exists(db, item.id.entity, &item.id.key)?
    {
        rows::insert(db, before)?;
    }
    let hint = "correct this row at central, or the condition there; it is read again when the row changes";
    let cause = ledger::Cause { kind: "refused here", reason: &error.to_string(), hint, because: None };
    ledger::refuse(tx, &item.id, ledger::RefusedBy::Replica { seq: item.seq }, &cause)
}

/// Moves the base to what central has; the row stays in the journal only while it differs.
fn agree(tx: &mut WriteTx<'_>, item: &Pending) -> Result<(), StoreError> {
    let db = tx.connection();
    if item.target == item.remote {
        return journal::clear(db, &item.id);
    }
    let (generation, time) = match &item.entry {
        Some(entry) => (entry.generation, entry.time),
        None => (tx.next_generation(), tx.next_time()),
    };
    journal::rebase(db, &item.id, item.remote.as_ref(), generation, time)
}
