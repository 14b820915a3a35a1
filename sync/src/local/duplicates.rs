//! Two rows that a person says are one: the values are merged by column, what referred to the one refers to the other, and
//! the id that is given up goes on meaning the row that stays, on this machine.
//!
//! Unlike a collision of natural keys ([`super::collision`]), both rows may be known everywhere: each step is an ordinary
//! change, and travels.

use merge::{Key, Row, Value, Winner};
use migrations::catalogue::CREDENTIAL_AUDIT_LOG;
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
    let is_merged = entity.sync.direction == Direction::Both && entity != CREDENTIAL_AUDIT_LOG;
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
        for before in rows::find(tx.connection(), child, &[(column, &Value::from(from.as_str()))])? {
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
