//! References whose parent is missing: parked while the feed may still bring it, then settled by the catalogue's rule.

use merge::{HybridTime, Key, Row, RowId, Value, Winner};
use migrations::entity;
use migrations::entity::OnOrphan;
use rusqlite::params;

use super::apply::{Applied, FeedState, Incoming, Page, apply};
use super::ledger::Lost;
use super::tx::{WriteTx, children};
use super::{StoreError, alias, collision, journal, ledger, rows};
use crate::mechanism::{Mechanism, is_on};

/// A row came: its references are parked where they point at nothing, and those who waited for it wait no more.
pub(super) fn arrived(tx: &WriteTx<'_>, row: &Row) -> Result<(), StoreError> {
    let db = tx.connection();
    let id = row.id();
    db.prepare_cached("DELETE FROM ct_sync_parked WHERE parent_tbl = ?1 AND parent_pk = ?2")?
        .execute([id.entity.name, id.key.as_str()])?;
    db.prepare_cached("DELETE FROM ct_sync_parked WHERE tbl = ?1 AND pk = ?2")?
        .execute([id.entity.name, id.key.as_str()])?;
    for (reference, parent) in merge::parents(row) {
        let Some(entity) = entity(reference.references) else { continue };
        if !rows::exists(db, entity, &parent)? {
            park(tx, &id, reference.column, &RowId::new(entity, parent), None)?;
        }
    }
    Ok(())
}

/// A row went: those who refer to it are parked with its last image.
pub(super) fn left(tx: &WriteTx<'_>, id: &RowId, last: Option<&Row>) -> Result<(), StoreError> {
    let db = tx.connection();
    db.prepare_cached("DELETE FROM ct_sync_parked WHERE tbl = ?1 AND pk = ?2")?
        .execute([id.entity.name, id.key.as_str()])?;
    for (child, column) in children(id.entity) {
        for row in rows::find(db, child, &[(column, &Value::from(id.key.as_str()))])? {
            park(tx, &row.id(), column, id, last)?;
        }
    }
    Ok(())
}

fn park(tx: &WriteTx<'_>, id: &RowId, column: &str, parent: &RowId, last: Option<&Row>) -> Result<(), StoreError> {
    if !is_on(Mechanism::Parking) {
        return Ok(());
    }
    tx.connection()
        .prepare_cached(
            "INSERT INTO ct_sync_parked (tbl, pk, col, parent_tbl, parent_pk, parent_image, since_us) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (tbl, pk, col) DO UPDATE SET \
               parent_tbl = excluded.parent_tbl, parent_pk = excluded.parent_pk, \
               parent_image = coalesce(excluded.parent_image, parent_image)",
        )?
        .execute(params![
            id.entity.name,
            id.key.as_str(),
            column,
            parent.entity.name,
            parent.key.as_str(),
            last.map(merge::encode),
            tx.now_us()
        ])?;
    Ok(())
}

/// True when a reference points at nothing for the moment.
pub(crate) fn has_parked(tx: &WriteTx<'_>) -> Result<bool, StoreError> {
    Ok(tx.connection().prepare_cached("SELECT 1 FROM ct_sync_parked LIMIT 1")?.exists([])?)
}

struct Waiting {
    child: RowId,
    column: &'static str,
    parent: RowId,
    image: Option<Row>,
}

/// After the feed is drained: settles what is still parked. Returns the rows to read again: a child without local
/// changes must have changed at central, or its parent must be there.
pub(crate) fn settle_all(tx: &mut WriteTx<'_>) -> Result<Vec<RowId>, StoreError> {
    // A parent that comes back may miss its own.
    loop {
        let (mut again, mut settled) = (Vec::new(), false);
        for waiting in parked(tx)? {
            match settle(tx, &waiting)? {
                Verdict::Settled => settled = true,
                Verdict::ReadAgain => again.extend([waiting.parent, waiting.child]),
            }
        }
        if !settled {
            return Ok(again);
        }
    }
}

enum Verdict {
    Settled,
    ReadAgain,
}

fn settle(tx: &mut WriteTx<'_>, waiting: &Waiting) -> Result<Verdict, StoreError> {
    let db = tx.connection();
    let child = rows::get(db, waiting.child.entity, &waiting.child.key)?;
    let child = child.filter(|row| row.text(waiting.column) == Some(waiting.parent.key.as_str()));
    if let Some(child) = child
        && !rows::exists(db, waiting.parent.entity, &waiting.parent.key)?
    {
        // A row that vouches for its references keeps them: its parent comes back.
        if !child.entity().sync.is_chained
            && let Some(target) = alias::stand_in(db, waiting.parent.entity, &waiting.parent.key)?
        {
            let moved = child.clone().with(waiting.column, target.as_str());
            collision::move_child(tx, &child, &moved, &mut Applied::default())?;
            unpark(tx, waiting)?;
            return Ok(Verdict::Settled);
        }
        // The parent's delete is our own, and central has not heard of it: or it is one that we were told of.
        let deleted_here = journal::entry(db, &waiting.parent)?.and_then(|entry| entry.base);
        if deleted_here.is_none() && journal::entry(db, &waiting.child)?.is_none() {
            return Ok(Verdict::ReadAgain);
        }
        adopt(tx, waiting, &child, deleted_here.as_ref())?;
    }
    unpark(tx, waiting)?;
    Ok(Verdict::Settled)
}

fn parked(tx: &WriteTx<'_>) -> Result<Vec<Waiting>, StoreError> {
    let mut statement = tx
        .connection()
        .prepare_cached("SELECT tbl, pk, col, parent_tbl, parent_pk, parent_image FROM ct_sync_parked")?;
    let mut found = statement.query([])?;
    let mut list = Vec::new();
    while let Some(row) = found.next()? {
        let (table, column, parent): (String, String, String) = (row.get(0)?, row.get(2)?, row.get(3)?);
        let (Some(table), Some(parent)) = (entity(&table), entity(&parent)) else { continue };
        let Some(column) = table.column(&column) else { continue };
        list.push(Waiting {
            child: RowId::new(table, Key::new(row.get::<_, String>(1)?)),
            column: column.name,
            parent: RowId::new(parent, Key::new(row.get::<_, String>(4)?)),
            image: journal::image(parent, row.get(5)?)?,
        });
    }
    Ok(list)
}

fn unpark(tx: &WriteTx<'_>, waiting: &Waiting) -> Result<(), StoreError> {
    tx.connection().prepare_cached("DELETE FROM ct_sync_parked WHERE tbl = ?1 AND pk = ?2 AND col = ?3")?.execute([
        waiting.child.entity.name,
        waiting.child.key.as_str(),
        waiting.column,
    ])?;
    Ok(())
}

/// A child that was written on one side while its parent was deleted on the other.
fn adopt(tx: &mut WriteTx<'_>, waiting: &Waiting, child: &Row, deleted_here: Option<&Row>) -> Result<(), StoreError> {
    let reference = child.entity().foreign_keys.iter().find(|fk| fk.column == waiting.column);
    let nullable = child.entity().column(waiting.column).is_some_and(|column| column.nullable);
    // The child is of the other side than the delete.
    let (child_side, other) = match deleted_here {
        Some(_) => (Winner::Remote, Winner::Local),
        None => (Winner::Local, Winner::Remote),
    };
    let image = deleted_here.or(waiting.image.as_ref());
    let parents: Vec<Row> = image.iter().copied().cloned().collect();
    let now_us = tx.corrected_us();
    match (reference.map(|fk| fk.on_orphan), image) {
        (Some(OnOrphan::Revive), Some(image)) => {
            let lost = Lost::new(image.entity(), "revived", child_side);
            ledger::record_delete(tx.connection(), lost, image, now_us)?;
            match collision::holder_of_any(tx, image)? {
                // Another row has its place at central by now, and so becomes the child's parent.
                Some(holder) if deleted_here.is_none() && !child.entity().sync.is_chained => {
                    let moved = child.clone().with(waiting.column, holder.key().as_str());
                    collision::move_child(tx, child, &moved, &mut Applied::default())
                }
                _ => revive(tx, image, deleted_here.is_some()),
            }
        }
        (Some(OnOrphan::Null | OnOrphan::Revive), _) if nullable => {
            let row = child.clone().with(waiting.column, Value::Null);
            let lost = Lost::new(child.entity(), "orphan emptied", other).with_parents(&parents);
            ledger::record_change(tx.connection(), lost, (child, &row), now_us)?;
            change(tx, child, &row)
        }
        _ => {
            rows::delete(tx.connection(), child.entity(), &child.key())?;
            let lost = Lost::new(child.entity(), "orphan dropped", other).with_parents(&parents);
            ledger::record_row(tx.connection(), lost, child, now_us)?;
            tx.note(child.id(), Some(child))?;
            left(tx, &child.id(), Some(child))
        }
    }
}

/// The row is there again. One that central never lost is agreed on, as it was before.
fn revive(tx: &mut WriteTx<'_>, image: &Row, at_central: bool) -> Result<(), StoreError> {
    if at_central {
        journal::clear(tx.connection(), &image.id())?;
        let incoming =
            Incoming { id: image.id(), seq: 0, time: HybridTime::default(), state: FeedState::Present(image.clone()) };
        return apply(tx, Page { rows: vec![incoming], cursor: None }).map(drop);
    }
    rows::insert(tx.connection(), image)?;
    tx.note(image.id(), None)?;
    arrived(tx, image)
}

fn change(tx: &mut WriteTx<'_>, before: &Row, after: &Row) -> Result<(), StoreError> {
    let positions = super::tx::differing(before, after).collect::<Vec<_>>();
    rows::update(tx.connection(), after, &positions)?;
    tx.note(after.id(), Some(before))
}
