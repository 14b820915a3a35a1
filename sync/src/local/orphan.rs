//! References whose parent is missing: parked while the feed may still bring it, then settled by the catalogue's rule.

use merge::{Key, Row, RowId, Value, Winner};
use migrations::entity;
use migrations::entity::OnOrphan;
use rusqlite::params;

use super::ledger::Lost;
use super::tx::{WriteTx, children};
use super::{StoreError, journal, ledger, rows};
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
    let mut again = Vec::new();
    for waiting in parked(tx)? {
        let db = tx.connection();
        let child = rows::get(db, waiting.child.entity, &waiting.child.key)?;
        let child = child.filter(|row| row.text(waiting.column) == Some(waiting.parent.key.as_str()));
        let Some(child) = child else {
            unpark(tx, &waiting)?;
            continue;
        };
        if rows::exists(db, waiting.parent.entity, &waiting.parent.key)? {
            unpark(tx, &waiting)?;
        } else if journal::entry(db, &waiting.child)?.is_some() {
            adopt(tx, &waiting, &child)?;
            unpark(tx, &waiting)?;
        } else {
            again.extend([waiting.parent, waiting.child]);
        }
    }
    Ok(again)
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

/// A child that was written here while its parent was deleted elsewhere.
fn adopt(tx: &mut WriteTx<'_>, waiting: &Waiting, child: &Row) -> Result<(), StoreError> {
    let reference = child.entity().foreign_keys.iter().find(|fk| fk.column == waiting.column);
    let nullable = child.entity().column(waiting.column).is_some_and(|column| column.nullable);
    match (reference.map(|fk| fk.on_orphan), &waiting.image) {
        (Some(OnOrphan::Revive), Some(image)) => {
            rows::insert(tx.connection(), image)?;
            tx.note(image.id(), None)?;
            ledger::record_delete(
                tx.connection(),
                Lost::new(image.entity(), "revived", Winner::Local),
                image,
                tx.corrected_us(),
            )?;
            arrived(tx, image)
        }
        (Some(OnOrphan::Null | OnOrphan::Revive), _) if nullable => {
            let row = child.clone().with(waiting.column, Value::Null);
            let position = super::tx::differing(child, &row).collect::<Vec<_>>();
            rows::update(tx.connection(), &row, &position)?;
            let parents = parents(waiting);
            let lost = Lost::new(child.entity(), "orphan emptied", Winner::Remote).with_parents(&parents);
            ledger::record_change(tx.connection(), lost, (child, &row), tx.corrected_us())?;
            tx.note(child.id(), Some(child))
        }
        _ => {
            rows::delete(tx.connection(), child.entity(), &child.key())?;
            let parents = parents(waiting);
            let lost = Lost::new(child.entity(), "orphan dropped", Winner::Remote).with_parents(&parents);
            ledger::record_row(tx.connection(), lost, child, tx.corrected_us())?;
            tx.note(child.id(), Some(child))?;
            left(tx, &child.id(), Some(child))
        }
    }
}

/// The parent as it was last seen, so that the child can be restored with it.
fn parents(waiting: &Waiting) -> Vec<Row> {
    waiting.image.iter().cloned().collect()
}
