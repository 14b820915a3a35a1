//! Names and values of this machine's bookkeeping (`ct_sync_state`).

use rusqlite::{Connection, OptionalExtension, params};

use super::StoreError;

pub(super) const REPLICA_ID: &str = "replica_id";
pub(super) const HYBRID_TIME: &str = "hybrid_time";
pub(super) const EPOCH: &str = "epoch";
pub(super) const CURSOR: &str = "cursor";
pub(super) const BATCH_NO: &str = "batch_no";
/// The last batch whose receipt was read.
pub(super) const ACKNOWLEDGED_NO: &str = "acknowledged_no";
/// Where this replica is, to tell a copy: a hash.
pub(super) const PLACE: &str = "place";
/// Why, and since when, the identity is another than the file was made with.
pub(super) const IDENTITY_REASON: &str = "identity_reason";
pub(super) const IDENTITY_SINCE: &str = "identity_since_us";
/// Up to which moment its user has seen it.
pub(super) const IDENTITY_SEEN: &str = "identity_seen_us";
pub(super) const EXTENT: &str = "extent";
pub(super) const GAPS: &str = "gaps";
pub(super) const REFILL: &str = "refill";
/// The number from which the feed is followed after the snapshot, and whether the replica had rows before it.
pub(super) const SNAPSHOT_HEAD: &str = "snapshot_head";
pub(super) const SNAPSHOT_AGAIN: &str = "snapshot_again";
/// Whether the user wants no exchange with central.
pub(super) const PAUSED: &str = "paused";
pub(super) const CLOCK_OFFSET: &str = "clock_offset_us";

/// The text of a name.
pub(super) fn text(db: &Connection, name: &str) -> Result<Option<String>, StoreError> {
    Ok(db
        .prepare_cached("SELECT value FROM ct_sync_state WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()?)
}

/// The number of a name, 0 when it was never set.
pub(super) fn number(db: &Connection, name: &str) -> Result<i64, StoreError> {
    Ok(db
        .prepare_cached("SELECT value FROM ct_sync_state WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()?
        .unwrap_or(0))
}

/// The bytes of a name.
pub(super) fn bytes(db: &Connection, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
    Ok(db
        .prepare_cached("SELECT value FROM ct_sync_state WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()?)
}

/// Sets a name.
pub(super) fn set(db: &Connection, name: &str, value: impl rusqlite::ToSql) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT INTO ct_sync_state (name, value) VALUES (?1, ?2) \
         ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE value IS NOT excluded.value",
    )?
    .execute(params![name, value])?;
    Ok(())
}

/// Unsets a name.
pub(super) fn forget(db: &Connection, name: &str) -> Result<(), StoreError> {
    db.prepare_cached("DELETE FROM ct_sync_state WHERE name = ?1")?.execute([name])?;
    Ok(())
}
