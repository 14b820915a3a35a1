//! Two rows, one natural key.
//!
//! The row that central has keeps its id: it is the one place where all machines meet, and programs that know nothing
//! of us may hold that id already. (The schema notes propose the older id; that would rewrite ids at central, and gives
//! the same convergence.) The row that central has never seen becomes an alias of it, its values are merged by column,
//! and what referred to it refers to the survivor. No other machine can name an alias that never reached central. One that
//! did was deleted there, and is here again only because of what was written here ([`resolve`]): whoever else wrote something
//! of it decides so too.

use merge::{HybridTime, Key, Row, RowId, Value, Winner};
use migrations::entity::OnCollision;
use migrations::{Class, Entity};

use super::apply::{Applied, Pending};
use super::ledger::Lost;
use super::tx::{WriteTx, children};
use super::{StoreError, alias, journal, ledger, orphan, rows};
use crate::mechanism::{Mechanism, is_on};

/// Tries before a suffix is found that nobody has.
const MOST_SUFFIXES: u32 = 1000;

/// Makes room for the item's target; false when nothing is left to be written: it became an alias of another row, or has
/// to wait for others to be read again.
pub(super) fn resolve(tx: &mut WriteTx<'_>, item: &mut Pending, applied: &mut Applied) -> Result<bool, StoreError> {
    if make_room(tx, item, applied)? {
        return Ok(true);
    }
    let Some((other, columns)) = item.target.as_ref().map(|row| taken_key(tx, row)).transpose()?.flatten() else {
        return Ok(true);
    };
    // Central does not have the item any more, and it is here again because of what was written here.
    if item.remote.is_none() && rule(item.id.entity, columns) == OnCollision::Merge {
        return fold_into(tx, item, &other, applied).map(|()| false);
    }
    if item.remote.is_none() || (item.entry.is_some() && !can_go_back(tx, item)?) {
        if step_aside(tx, item, applied)? {
            return Ok(true);
        }
        if let Some(row) = &item.target {
            let lost = Lost::new(row.entity(), "unique key", Winner::Remote);
            ledger::record_row(tx.connection(), lost, row, tx.corrected_us())?;
        }
    }
    wait(tx, item, &other, applied)
}

/// The item is one that central does not have: it becomes an alias of the row that has its place there.
fn fold_into(tx: &mut WriteTx<'_>, item: &mut Pending, other: &Row, applied: &mut Applied) -> Result<(), StoreError> {
    let Some(given_up) = item.target.take() else { return Ok(()) };
    let mut survivor = unchanged(other);
    fold(tx, &mut survivor, &given_up, applied)?;
    if let Some(merged) = survivor.target {
        write(tx, other, &merged)?;
    }
    ledger::changed(tx.connection(), &other.id())
}

/// The item is written under another name, as what was written here would be lost if it were not written at all.
fn step_aside(tx: &mut WriteTx<'_>, item: &mut Pending, applied: &mut Applied) -> Result<bool, StoreError> {
    while let Some((row, columns)) = match &item.target {
        Some(row) => taken_key(tx, row)?.map(|(_, columns)| (row.clone(), columns)),
        None => None,
    } {
        let Some(free) = renamed(tx, &row, columns, applied)? else { return Ok(false) };
        item.target = Some(free);
    }
    Ok(true)
}

/// An item that leaves a row as it is.
fn unchanged(row: &Row) -> Pending {
    Pending {
        id: row.id(),
        seq: 0,
        before: Some(row.clone()),
        target: Some(row.clone()),
        remote: None,
        entry: None,
        is_news: false,
        last_image: None,
        time: HybridTime::default(),
    }
}

/// Makes room for the item's target in every unique key; false when one of them stays taken.
fn make_room(tx: &mut WriteTx<'_>, item: &mut Pending, applied: &mut Applied) -> Result<bool, StoreError> {
    for index in item.id.entity.unique {
        let Some(row) = &item.target else { return Ok(true) };
        let Some(other) = holder(tx, row, index.columns)? else { continue };
        let rule = rule(item.id.entity, index.columns);
        if !tx.gaps()?.enforces(index.name) && !is_ours_alone(tx, &other)? {
            continue;
        }
        if !settle(tx, item, &other, index.columns, rule, applied)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// True for a row that central has never seen: where central enforces no key, two of its rows may well share one.
fn is_ours_alone(tx: &WriteTx<'_>, row: &Row) -> Result<bool, StoreError> {
    Ok(journal::entry(tx.connection(), &row.id())?.is_some_and(|entry| entry.base.is_none()))
}

/// The other row that holds the same values in these columns; NULLs never collide.
pub(super) fn holder(tx: &WriteTx<'_>, row: &Row, columns: &[&'static str]) -> Result<Option<Row>, StoreError> {
    let wanted: Vec<(&str, &Value)> = columns.iter().map(|column| (*column, row.get(column))).collect();
    if wanted.iter().any(|(_, value)| value.is_null()) {
        return Ok(None);
    }
    let found = rows::find(tx.connection(), row.entity(), &wanted)?;
    Ok(found.into_iter().find(|other| other.key() != row.key()))
}

/// The other row that holds one of the unique keys of this one.
pub(super) fn holder_of_any(tx: &WriteTx<'_>, row: &Row) -> Result<Option<Row>, StoreError> {
    Ok(taken_key(tx, row)?.map(|(holder, _)| holder))
}

/// The first unique key of the row that another one holds, and that one.
fn taken_key(tx: &WriteTx<'_>, row: &Row) -> Result<Option<(Row, &'static [&'static str])>, StoreError> {
    for index in row.entity().unique {
        if let Some(other) = holder(tx, row, index.columns)? {
            return Ok(Some((other, index.columns)));
        }
    }
    Ok(None)
}

/// True when nobody is in the place that the row had here.
fn can_go_back(tx: &WriteTx<'_>, item: &Pending) -> Result<bool, StoreError> {
    item.before.as_ref().map_or(Ok(false), |before| Ok(taken_key(tx, before)?.is_none()))
}

fn rule(entity: &Entity, columns: &[&str]) -> OnCollision {
    let key = entity.natural_keys.iter().find(|key| key.columns == columns);
    key.map_or(OnCollision::KeepBoth, |key| key.on_collision)
}

fn settle(
    tx: &mut WriteTx<'_>,
    item: &mut Pending,
    other: &Row,
    columns: &[&'static str],
    rule: OnCollision,
    applied: &mut Applied,
) -> Result<bool, StoreError> {
    if give_up_own_edit(tx, item, columns, applied)? {
        return Ok(holder(tx, item.target.as_ref().unwrap_or(other), columns)?.is_none());
    }
    let Some(entry) = journal::entry(tx.connection(), &other.id())? else { return Ok(false) };
    match (&entry.base, rule) {
        (Some(base), _) => take_back(tx, other, base, columns, applied),
        (None, OnCollision::Merge) => {
            fold(tx, item, other, applied)?;
            Ok(true)
        }
        (None, OnCollision::Rename) => rename(tx, other, columns, applied),
        (None, OnCollision::KeepBoth | OnCollision::Error) => Ok(false),
    }
}

/// When the item itself was moved onto the key by a local edit, central's values stand.
fn give_up_own_edit(
    tx: &WriteTx<'_>,
    item: &mut Pending,
    columns: &[&'static str],
    applied: &mut Applied,
) -> Result<bool, StoreError> {
    let (Some(target), Some(remote)) = (&mut item.target, &item.remote) else { return Ok(false) };
    if columns.iter().all(|column| target.get(column) == remote.get(column)) {
        return Ok(false);
    }
    let lost = target.clone();
    for column in columns {
        target.set(column, remote.get(column).clone());
    }
    let now_us = tx.corrected_us();
    ledger::record_change(
        tx.connection(),
        Lost::new(item.id.entity, "unique key", Winner::Remote),
        (&lost, target),
        now_us,
    )?;
    applied.conflicts += 1;
    Ok(true)
}

/// The other row was moved onto the key by a local edit: that edit goes back to what both sides had agreed on.
fn take_back(
    tx: &mut WriteTx<'_>,
    other: &Row,
    base: &Row,
    columns: &[&'static str],
    applied: &mut Applied,
) -> Result<bool, StoreError> {
    if columns.iter().all(|column| base.get(column) == other.get(column)) {
        return Ok(false);
    }
    let mut row = other.clone();
    for column in columns {
        row.set(column, base.get(column).clone());
    }
    // Somebody may be in its old place by now, and has to make room in turn: first it leaves, then the other comes.
    rows::delete(tx.connection(), other.entity(), &other.key())?;
    let mut back = Pending { target: Some(row), remote: Some(base.clone()), ..unchanged(other) };
    let has_room = make_room(tx, &mut back, applied)?;
    let Some(row) = back.target.filter(|_| has_room) else {
        rows::insert(tx.connection(), other)?;
        return Ok(false);
    };
    let lost = Lost::new(row.entity(), "unique key", Winner::Remote);
    ledger::record_change(tx.connection(), lost, (other, &row), tx.corrected_us())?;
    applied.conflicts += 1;
    rows::insert(tx.connection(), &row)?;
    tx.note(row.id(), Some(other))?;
    // The parent that it had may have been deleted since it was given another one.
    orphan::arrived(tx, &row)?;
    Ok(true)
}

/// The other row is one that central has never seen: it becomes an alias of the item.
fn fold(tx: &mut WriteTx<'_>, item: &mut Pending, other: &Row, applied: &mut Applied) -> Result<(), StoreError> {
    let Some(survivor) = &item.target else { return Ok(()) };
    let (merged, conflicts) = merge::merge_collision(survivor, other);
    for conflict in &conflicts {
        ledger::record(tx.connection(), &item.id, conflict, tx.corrected_us())?;
    }
    // Quietly: nothing is lost, since the values that lost against the survivor's are on record themselves.
    let lost = Lost::new(other.entity(), "same key", Winner::Remote).quietly();
    ledger::record_row(tx.connection(), lost, other, tx.corrected_us())?;
    applied.conflicts += conflicts.len() as u64;
    applied.merged += 1;
    item.target = Some(merged);
    let given_up = other.id();
    rows::delete(tx.connection(), given_up.entity, &given_up.key)?;
    journal::clear(tx.connection(), &given_up)?;
    ledger::accept(tx.connection(), &given_up)?;
    if !is_on(Mechanism::Aliases) {
        return Ok(());
    }
    alias::set(tx, given_up.entity, &given_up.key, &item.id.key)?;
    repoint(tx, &given_up, &item.id.key, applied)
}

/// What referred to the alias refers to the survivor.
fn repoint(tx: &mut WriteTx<'_>, alias: &RowId, target: &Key, applied: &mut Applied) -> Result<(), StoreError> {
    for (child, column) in children(alias.entity) {
        let from = Value::from(alias.key.as_str());
        for before in rows::find(tx.connection(), child, &[(column, &from)])? {
            let after = before.clone().with(column, target.as_str());
            move_child(tx, &before, &after, applied)?;
        }
    }
    Ok(())
}

/// A junction is its references: the old link goes, the new one comes unless it is there.
fn move_link(tx: &mut WriteTx<'_>, before: &Row, after: &Row) -> Result<(), StoreError> {
    rows::delete(tx.connection(), before.entity(), &before.key())?;
    tx.note(before.id(), Some(before))?;
    if !rows::exists(tx.connection(), after.entity(), &after.key())? {
        rows::insert(tx.connection(), after)?;
        tx.note(after.id(), None)?;
        // Its other end may be what the old link was parked for.
        orphan::arrived(tx, after)?;
    }
    Ok(())
}

/// A row gets another parent. One that has a natural key of its own with its parent in it may collide in its turn.
pub(super) fn move_child(
    tx: &mut WriteTx<'_>,
    before: &Row,
    after: &Row,
    applied: &mut Applied,
) -> Result<(), StoreError> {
    if after.key() != before.key() {
        return move_link(tx, before, after);
    }
    for index in after.entity().unique {
        let Some(holder) = holder(tx, after, index.columns)? else { continue };
        let mut item = unchanged(&holder);
        fold(tx, &mut item, after, applied)?;
        if let Some(merged) = item.target.filter(|merged| *merged != holder) {
            write(tx, &holder, &merged)?;
        }
        return Ok(());
    }
    write(tx, before, after)
}

/// The other row, which central has never seen, gets a suffix that nobody has.
fn rename(
    tx: &mut WriteTx<'_>,
    other: &Row,
    columns: &[&'static str],
    applied: &mut Applied,
) -> Result<bool, StoreError> {
    let Some(row) = renamed(tx, other, columns, applied)? else { return Ok(false) };
    write(tx, other, &row)?;
    Ok(true)
}

/// The row under a name that nobody has, on record; None where its key has no name.
fn renamed(
    tx: &WriteTx<'_>,
    row: &Row,
    columns: &[&'static str],
    applied: &mut Applied,
) -> Result<Option<Row>, StoreError> {
    let Some(free) = free_name(tx, row, columns)? else { return Ok(None) };
    let lost = Lost::new(row.entity(), "renamed", Winner::Remote);
    ledger::record_change(tx.connection(), lost, (row, &free), tx.corrected_us())?;
    applied.conflicts += 1;
    Ok(Some(free))
}

/// The row with a suffix that nobody has.
fn free_name(tx: &WriteTx<'_>, row: &Row, columns: &[&'static str]) -> Result<Option<Row>, StoreError> {
    let entity = row.entity();
    let is_free = |name: &str| entity.column(name).is_some_and(|column| column.values.is_empty());
    let is_reference = |name: &str| entity.foreign_keys.iter().any(|key| key.column == name);
    let Some(column) = columns.last().filter(|name| is_free(name) && !is_reference(name)) else { return Ok(None) };
    for number in 2..MOST_SUFFIXES {
        let renamed = merge::renamed(row, column, number);
        if holder(tx, &renamed, columns)?.is_none() {
            return Ok(Some(renamed));
        }
    }
    Ok(None)
}

/// A local change that a collision brings about.
fn write(tx: &mut WriteTx<'_>, before: &Row, after: &Row) -> Result<(), StoreError> {
    let changed: Vec<usize> = super::tx::differing(before, after).collect();
    if !changed.is_empty() {
        rows::update(tx.connection(), after, &changed)?;
        tx.note(after.id(), Some(before))?;
    }
    Ok(())
}

/// Puts the item off: both rows are read from central again, since one of them must have changed there.
fn wait(tx: &WriteTx<'_>, item: &Pending, other: &Row, applied: &mut Applied) -> Result<bool, StoreError> {
    let db = tx.connection();
    if let Some(before) = &item.before
        && !rows::exists(db, item.id.entity, &item.id.key)?
        && can_go_back(tx, item)?
    {
        rows::insert(db, before)?;
    }
    let other_key = other.key();
    let kind = if item.id.entity.sync.class == Class::Junction { "link" } else { "unique key" };
    let reason = format!("its unique key is held here by the row {}", other.key());
    let hint = "it is read again when that row changes; if it stays, change or delete one of the two";
    let because = Some((other.entity().name, other_key.as_str()));
    let cause = ledger::Cause { kind, reason: &reason, hint, because };
    ledger::refuse(tx, &item.id, ledger::RefusedBy::Replica { seq: item.seq }, &cause)?;
    applied.needs.extend([item.id.clone(), other.id()]);
    Ok(false)
}
