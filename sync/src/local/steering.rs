//! What its user has said about the exchange with central, and what waits for it.

use rusqlite::params;
use schemars::JsonSchema;
use serde::Serialize;

use super::{ReadTx, StoreError, WriteTx, ledger, state};

/// A change that central has not got yet.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Queued {
    /// The table.
    pub table: String,
    /// The row's key; the parts of a composite one are joined by `/`.
    pub key: String,
    /// Its place in the order in which changes are sent.
    pub position: i64,
    /// True when central has had the row, so that this is a change or a delete of it.
    pub known_at_central: bool,
    /// True while it is on its way.
    pub in_flight: bool,
    /// When the row changed last, microseconds since the Unix epoch.
    pub changed_us: i64,
}

/// The changes that central has not got yet, oldest first.
pub fn queue(tx: &ReadTx<'_>, skip: u64, limit: u64) -> Result<Vec<Queued>, StoreError> {
    let mut statement = tx.connection().prepare_cached(
        "SELECT d.tbl, d.pk, d.position, d.base IS NOT NULL, i.pk IS NOT NULL, d.time_us FROM ct_sync_dirty d \
           LEFT JOIN ct_sync_inflight i ON i.tbl = d.tbl AND i.pk = d.pk ORDER BY d.position LIMIT ?1 OFFSET ?2",
    )?;
    let found = statement.query_map(params![limit, skip], |row| {
        Ok(Queued {
            table: row.get(0)?,
            key: ledger::key_text(&row.get::<_, String>(1)?),
            position: row.get(2)?,
            known_at_central: row.get(3)?,
            in_flight: row.get(4)?,
            changed_us: row.get(5)?,
        })
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// What waits and what was refused, of one table.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct TableQueue {
    /// The table.
    pub table: String,
    /// Rows that central has not got yet.
    pub pending: u64,
    /// Rows refused by one side.
    pub quarantined: u64,
    /// Why the latest of them was refused.
    pub last_error: Option<String>,
}

/// What waits and what was refused, by table; those with neither are left out.
pub fn table_queues(tx: &ReadTx<'_>) -> Result<Vec<TableQueue>, StoreError> {
    let mut statement = tx.connection().prepare_cached(
        "SELECT tbl, sum(pending), sum(refused), \
           (SELECT reason FROM ct_sync_quarantine q WHERE q.tbl = both.tbl ORDER BY since_us DESC LIMIT 1) \
         FROM (SELECT tbl, 1 AS pending, 0 AS refused FROM ct_sync_dirty \
               UNION ALL SELECT tbl, 0, 1 FROM ct_sync_quarantine) AS both GROUP BY tbl ORDER BY tbl",
    )?;
    let found = statement.query_map([], |row| {
        Ok(TableQueue { table: row.get(0)?, pending: row.get(1)?, quarantined: row.get(2)?, last_error: row.get(3)? })
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// Microseconds that central's clock is ahead of this machine's (negative: behind), as it was last found.
pub fn clock_offset_us(tx: &ReadTx<'_>) -> Result<i64, StoreError> {
    state::number(tx.connection(), state::CLOCK_OFFSET)
}

/// Whether the user wants no exchange with central.
pub(crate) fn is_paused(tx: &ReadTx<'_>) -> Result<bool, StoreError> {
    Ok(state::number(tx.connection(), state::PAUSED)? != 0)
}

/// Remembers whether the user wants an exchange with central, also over a restart.
pub(crate) fn set_paused(tx: &WriteTx<'_>, paused: bool) -> Result<(), StoreError> {
    state::set(tx.connection(), state::PAUSED, i64::from(paused))
}
