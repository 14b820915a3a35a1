//! What is remembered of the comparisons with central: when each table was last compared, what was left as it was, and
//! which tables are suspected.

use std::collections::BTreeMap;

use migrations::Entity;
use rusqlite::{OptionalExtension, params};
use serde::Serialize;

use super::{ReadTx, StoreError, WriteTx};

/// How one table compared with central.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Verified {
    /// The table.
    pub table: String,
    /// End of the last complete comparison, microseconds since the Unix epoch; 0: never.
    pub verified_us: u64,
    /// Rows compared then.
    pub rows: u64,
    /// Differences that were left as they were, by kind.
    pub found: BTreeMap<String, u64>,
    /// Rows healed by all comparisons together.
    pub healed: u64,
    /// Why it will be compared before its turn.
    pub suspicion: Option<String>,
    /// When central made the table, as it last said.
    #[serde(skip)]
    pub(crate) made_at: Option<String>,
}

const COLUMNS: &str = "tbl, verified_us, rows, found, healed, suspicion, made_at";

fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Verified> {
    Ok(Verified {
        table: row.get(0)?,
        verified_us: row.get(1)?,
        rows: row.get(2)?,
        found: serde_json::from_str(&row.get::<_, String>(3)?).unwrap_or_default(),
        healed: row.get(4)?,
        suspicion: row.get(5)?,
        made_at: row.get(6)?,
    })
}

/// How all tables compared that ever were, by name.
pub fn verified(tx: &ReadTx<'_>) -> Result<Vec<Verified>, StoreError> {
    let mut statement =
        tx.connection().prepare_cached(&format!("SELECT {COLUMNS} FROM ct_sync_verify ORDER BY tbl"))?;
    let found = statement.query_map([], read)?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// How one table compared; as never, at first.
pub(crate) fn verified_of(tx: &ReadTx<'_>, entity: &Entity) -> Result<Verified, StoreError> {
    let found = tx
        .connection()
        .prepare_cached(&format!("SELECT {COLUMNS} FROM ct_sync_verify WHERE tbl = ?1"))?
        .query_row([entity.name], read)
        .optional()?;
    Ok(found.unwrap_or_else(|| Verified { table: entity.name.to_owned(), ..Verified::default() }))
}

/// Records a complete comparison: the suspicion is cleared, unless a later one came up.
pub(crate) fn note_verified(
    tx: &WriteTx<'_>,
    entity: &Entity,
    rows: u64,
    found: &BTreeMap<&'static str, u64>,
    healed: u64,
    began_us: u64,
) -> Result<(), StoreError> {
    let found = serde_json::to_string(found).map_err(StoreError::other)?;
    tx.connection()
        .prepare_cached(
            "INSERT INTO ct_sync_verify (tbl, verified_us, rows, found, healed) VALUES (?1, ?2, ?3, ?4, ?5) \
             ON CONFLICT (tbl) DO UPDATE SET verified_us = excluded.verified_us, rows = excluded.rows, \
               found = excluded.found, healed = healed + excluded.healed, \
               suspicion = CASE WHEN suspected_us > ?6 THEN suspicion END, \
               suspected_us = CASE WHEN suspected_us > ?6 THEN suspected_us END",
        )?
        .execute(params![entity.name, tx.now_us(), rows, found, healed, began_us])?;
    Ok(())
}

/// Has a table compared before its turn.
pub(crate) fn suspect(tx: &WriteTx<'_>, entity: &Entity, why: &str) -> Result<(), StoreError> {
    tx.connection()
        .prepare_cached(
            "INSERT INTO ct_sync_verify (tbl, suspicion, suspected_us) VALUES (?1, ?2, ?3) \
             ON CONFLICT (tbl) DO UPDATE SET suspicion = excluded.suspicion, suspected_us = excluded.suspected_us",
        )?
        .execute(params![entity.name, why, tx.now_us()])?;
    Ok(())
}

/// Remembers when central made a table.
pub(crate) fn note_made(tx: &WriteTx<'_>, entity: &Entity, made_at: &str) -> Result<(), StoreError> {
    tx.connection()
        .prepare_cached(
            "INSERT INTO ct_sync_verify (tbl, made_at) VALUES (?1, ?2) \
             ON CONFLICT (tbl) DO UPDATE SET made_at = excluded.made_at WHERE made_at IS NOT excluded.made_at",
        )?
        .execute(params![entity.name, made_at])?;
    Ok(())
}
