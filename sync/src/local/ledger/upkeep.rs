//! Acknowledging conflicts, and forgetting those that are old.

use rusqlite::OptionalExtension;

use crate::local::{StoreError, WriteTx, unheard};

/// How long a record is kept, in microseconds: 90 days.
pub const KEPT_US: u64 = 90 * 86_400 * 1_000_000;
/// Records forgotten in one transaction, so that hooks do not wait for it.
const AT_ONCE: usize = 500;

/// Its user has seen it: it counts in `status` no more. False when that was so before; an error when there is none of
/// that number.
pub fn acknowledge_conflict(tx: &mut WriteTx<'_>, id: i64) -> Result<bool, StoreError> {
    let db = tx.connection();
    let known: Option<Option<i64>> = db
        .prepare_cached("SELECT acknowledged_us FROM ct_sync_conflicts WHERE id = ?1")?
        .query_row([id], |row| row.get(0))
        .optional()?;
    let Some(before) = known else { return Err(unknown(id)) };
    db.prepare_cached("UPDATE ct_sync_conflicts SET acknowledged_us = ?2 WHERE id = ?1 AND acknowledged_us IS NULL")?
        .execute(rusqlite::params![id, tx.corrected_us()])?;
    Ok(before.is_none())
}

/// All that are flagged and not acknowledged yet; how many there were.
pub fn acknowledge_all_conflicts(tx: &mut WriteTx<'_>) -> Result<u64, StoreError> {
    let sql = "UPDATE ct_sync_conflicts SET acknowledged_us = ?1 WHERE flagged AND acknowledged_us IS NULL";
    Ok(tx.connection().prepare_cached(sql)?.execute([tx.corrected_us()])? as u64)
}

/// Forgets a few records that are older than [`KEPT_US`]; how many there were, 0 when all is done. What is flagged and
/// was never acknowledged is kept.
pub fn purge_conflicts(tx: &mut WriteTx<'_>) -> Result<u64, StoreError> {
    let sql = "DELETE FROM ct_sync_conflicts WHERE id IN (SELECT id FROM ct_sync_conflicts \
                 WHERE at_us < ?1 AND (NOT flagged OR acknowledged_us IS NOT NULL) ORDER BY at_us LIMIT ?2)";
    let before_us = tx.corrected_us().saturating_sub(KEPT_US);
    unheard::purge(tx.connection(), before_us)?;
    Ok(tx.connection().prepare_cached(sql)?.execute(rusqlite::params![before_us, AT_ONCE])? as u64)
}

/// There is no such record.
pub(super) fn unknown(id: i64) -> StoreError {
    StoreError::Declined {
        reason: format!("there is no conflict {id} on this machine"),
        remedy: "see: claudetools sync conflicts --all   (records are kept on the machine that decided, for 90 days)"
            .into(),
    }
}
