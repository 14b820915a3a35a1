//! Starting over with a central that is not the one we knew: another epoch, a restored backup, or another server.
//!
//! Every row enters the journal as one that was never agreed on, at the dawn of hybrid time: what central has wins
//! where the two differ in a column and nothing newer was written here, what it lacks is uploaded again. Nothing is
//! deleted on a guess.

use merge::HybridTime;
use migrations::{Direction, ENTITIES};

use super::tx::WriteTx;
use super::{StoreError, journal, state};

/// Forgets all agreements and starts to read the feed of `epoch` from its beginning.
pub(crate) fn start_over(tx: &mut WriteTx<'_>, epoch: &str) -> Result<(), StoreError> {
    let db = tx.connection();
    db.execute("DELETE FROM ct_sync_inflight", [])?;
    db.execute("UPDATE ct_sync_dirty SET base = NULL", [])?;
    // Without a base, a delete that central has not heard of has nothing left to say: the row is gone here, and if
    // central still has it, it comes back, visibly, rather than vanish there.
    for entity in ENTITIES.iter().filter(|entity| entity.is_replicated()) {
        if entity.sync.direction == Direction::Pull {
            continue;
        }
        let key: Vec<String> = entity.primary_key.iter().map(|column| format!("\"{column}\"")).collect();
        let sql = format!(
            "INSERT INTO ct_sync_dirty (tbl, pk, position, generation, time_us, base) \
             SELECT ?1, {key}, ?2 + row_number() OVER (), ?2 + row_number() OVER (), ?3, NULL FROM \"{table}\" WHERE true \
             ON CONFLICT (tbl, pk) DO NOTHING",
            key = key.join(" || char(31) || "),
            table = entity.name
        );
        let first = tx.next_generation();
        let made = db.execute(&sql, rusqlite::params![entity.name, first, journal::stamp(HybridTime(0))])?;
        tx.skip_generations(i64::try_from(made).unwrap_or(0) + 1);
    }
    state::set(db, state::EPOCH, epoch)?;
    state::set(db, state::CURSOR, 0_i64)
}

/// The epoch that the cursor belongs to, and the cursor.
pub(crate) fn cursor(tx: &WriteTx<'_>) -> Result<(Option<String>, u64), StoreError> {
    let cursor = state::number(tx.connection(), state::CURSOR)?;
    Ok((state::text(tx.connection(), state::EPOCH)?, u64::try_from(cursor).unwrap_or(0)))
}

/// Gives this replica another identity: it was found to be a copy, or restored from a backup.
pub(crate) fn rename(tx: &WriteTx<'_>, id: &str) -> Result<(), StoreError> {
    state::set(tx.connection(), state::REPLICA_ID, id)?;
    state::set(tx.connection(), state::BATCH_NO, 0_i64)
}

/// Corrects the hybrid time's physical part by the measured distance to central's clock.
pub(crate) fn set_clock_offset(tx: &mut WriteTx<'_>, offset_us: i64) -> Result<(), StoreError> {
    tx.set_offset(offset_us);
    state::set(tx.connection(), state::CLOCK_OFFSET, offset_us)
}
