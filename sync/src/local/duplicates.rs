//! Two rows that a person says are one: the values are merged by column, what referred to the one refers to the other, and
//! the id that is given up goes on meaning the row that stays, on this machine.
//!
//! Two things bind a row to its id, and a merge that would break them is refused before anything is written: rows of a
//! chained table ([`migrations::entity::SyncPolicy::is_chained`]) vouch for the id that they name, and a secret is sealed for the row
//! that it stands in.
//!
//! Unlike a collision of natural keys ([`super::collision`]), both rows may be known everywhere: each step is an ordinary
//! change, and travels.

use merge::{Key, Row, Value, Winner};
use migrations::{Direction, Entity};

use super::collision::holder_of_any;
use super::ledger::{self, Lost};
use super::tx::{WriteTx, children};
use super::{StoreError, alias, rows};

/// Merges the row `drop` into the row `keep`; the row that stays.
pub fn merge_duplicates(
    tx: &mut WriteTx<'_>,
    entity: &'static Entity,
    keep: &Key,
    drop: &Key,
) -> Result<Row, StoreError> {
    let is_merged = entity.sync.direction == Direction::Both && !entity.sync.is_chained;
    if !is_merged || keep == drop {
        return Err(StoreError::Declined {
            reason: format!("two rows of {} cannot be merged so", entity.name),
            remedy: "name two different rows of a table that is written on all machines".into(),
        });
    }
    let row = |tx: &WriteTx<'_>, key: &Key| {
        tx.get(entity, key)?.ok_or_else(|| StoreError::Declined {
            reason: format!("there is no row {key} of {}", entity.name),
            remedy: "look at the list of likely duplicates again".into(),
        })
    };
    let (survivor, given_up) = (row(tx, keep)?, row(tx, drop)?);
    fold(tx, survivor, &given_up)
}

fn fold(tx: &mut WriteTx<'_>, survivor: Row, given_up: &Row) -> Result<Row, StoreError> {
    let (entity, keep, drop) = (survivor.entity(), survivor.key(), given_up.key());
    move_children(tx, entity, &drop, &keep)?;
    // A child that was merged on the way may have changed the survivor itself (a task and its subtask).
    let survivor = tx.get(entity, &keep)?.unwrap_or(survivor);
    let (merged, conflicts) = merge::merge_collision(&survivor, given_up);
    keep_sealed(&survivor, &merged, given_up)?;
    for conflict in &conflicts {
        ledger::record_quietly(tx.connection(), &survivor.id(), conflict, tx.corrected_us())?;
    }
    let lost = Lost::new(entity, "merged by hand", Winner::Local).quietly();
    ledger::record_row(tx.connection(), lost, given_up, tx.corrected_us())?;
    tx.delete(entity, &drop)?;
    alias::set(tx, entity, &drop, &keep)?;
    tx.put(merged.clone())?;
    Ok(tx.get(entity, &keep)?.unwrap_or(merged))
}

/// What referred to the one row refers to the other. A child that would then have the key of another is merged into it.
fn move_children(tx: &mut WriteTx<'_>, entity: &'static Entity, from: &Key, to: &Key) -> Result<(), StoreError> {
    for (child, column) in children(entity) {
        let below = rows::find(tx.connection(), child, &[(column, &Value::from(from.as_str()))])?;
        if child.sync.is_chained && !below.is_empty() {
            return Err(vouched_for(entity, from, child, below.len()));
        }
        for before in below {
            let after = before.clone().with(column, to.as_str());
            if after.key() != before.key() {
                tx.delete(child, &before.key())?;
                tx.put(after)?;
            } else if child == entity && after.key() == *to {
                // The survivor was below the row that goes: it comes to stand where that one stood.
                let above = tx.get(entity, from)?.map_or(Value::Null, |row| row.get(column).clone());
                let above = if above.as_text() == Some(to.as_str()) { Value::Null } else { above };
                tx.put(before.with(column, above))?;
            } else if let Some(holder) = holder_of_any(tx, &after)? {
                fold(tx, holder, &after)?;
            } else {
                tx.put(after)?;
            }
        }
    }
    Ok(())
}

/// Why a row that chained rows name is not given up.
fn vouched_for(entity: &Entity, id: &Key, child: &Entity, count: usize) -> StoreError {
    let (entity, child) = (entity.name, child.name);
    let rows = if count == 1 { "row vouches" } else { "rows vouch" };
    StoreError::Declined {
        reason: format!(
            "the row {id} of {entity} stays: {count} {rows} for it in {child}, a chain in which nothing is ever changed"
        ),
        remedy: format!(
            "if the other row has none in {child}, keep this one and drop that one; \
             else keep both, and set the one that is out of use to is_active = false"
        ),
    }
}

/// A sealed value opens only in the row that it was sealed for.
fn keep_sealed(survivor: &Row, merged: &Row, given_up: &Row) -> Result<(), StoreError> {
    let mut sealed = survivor.entity().columns.iter().filter(|column| column.encrypted);
    if sealed.all(|column| merged.get(column.name) == survivor.get(column.name)) {
        return Ok(());
    }
    let (table, keep, drop) = (survivor.entity().name, survivor.key(), given_up.key());
    Err(StoreError::Declined {
        reason: format!("the secrets of the row {drop} of {table} were sealed for it, and would not open in {keep}"),
        remedy: "keep the row whose secrets are in use, or write them into the other one first".into(),
    })
}
