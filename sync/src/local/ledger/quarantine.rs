//! Rows that one side refused: each stops itself, says why and what would help, and is tried again when something that
//! it waits for has changed.
//!
//! What releases a row:
//! - a change of the row itself, here (its journal entry has another generation) or at central (it comes by the feed);
//! - a change of the row in the way: the holder of a unique key, the missing parent, a child that forbids a delete;
//! - another definition of its table at central ([`note_definition`]), and a new connection to central;
//! - time: what no notice tells (a privilege, another program's trigger, a server's setting) is found by trying: with the
//!   first round after a minute, then ever more rarely, at least once an hour. So nothing is tried in a hot loop, and
//!   nothing waits for ever: what seems to be due later than that was put off before this machine's clock was set back.
//!
//! A row that the replica refused is not in the journal, and the feed's cursor has moved past it: [`due`] names it, to be
//! read again by its key.

use merge::{Key, RowId};
use migrations::entity;
use rusqlite::{Connection, params};
use serde::Serialize;

use super::key_text;
use crate::local::{ReadTx, StoreError, WriteTx};

/// The shortest and the longest time until a refused row is tried again, in microseconds.
const FIRST_RETRY_US: u64 = 60 * 1_000_000;
pub(in crate::local) const LONGEST_RETRY_US: u64 = 3_600 * 1_000_000;

/// A row that one side refused, as `sync quarantine --json` shows it.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct Quarantined {
    /// The table.
    pub table: String,
    /// The row's key; the parts of a composite one are joined by `/`.
    pub key: String,
    /// `central`: what was written here has not arrived there. `replica`: what is at central has not arrived here.
    pub refused_by: String,
    /// What kind of refusal: `check`, `unique key`, `missing parent`, `unreadable`, …
    pub kind: String,
    /// What is wrong.
    pub reason: String,
    /// What to do.
    pub hint: String,
    /// The row that it waits for, as `TABLE KEY`, when it is known; a table alone stands for any of its rows.
    pub waits_for: Option<String>,
    /// How often it was tried.
    pub tries: i64,
    /// When it is tried again at the latest, microseconds since the Unix epoch.
    pub retry_us: i64,
    /// Microseconds since the Unix epoch.
    pub since_us: i64,
}

/// Everything in quarantine, oldest first.
pub fn quarantine(tx: &ReadTx<'_>) -> Result<Vec<Quarantined>, StoreError> {
    let mut statement = tx.connection().prepare_cached(
        "SELECT tbl, pk, refused_by, kind, reason, hint, because_tbl, because_pk, tries, retry_us, since_us \
         FROM ct_sync_quarantine ORDER BY since_us, tbl, pk",
    )?;
    let found = statement.query_map([], |row| {
        let (table, pk): (String, String) = (row.get(6)?, row.get(7)?);
        let waits_for = format!("{table} {}", key_text(&pk)).trim().to_owned();
        Ok(Quarantined {
            table: row.get(0)?,
            key: key_text(&row.get::<_, String>(1)?),
            refused_by: row.get(2)?,
            kind: row.get(3)?,
            reason: row.get(4)?,
            hint: row.get(5)?,
            waits_for: (!waits_for.is_empty()).then_some(waits_for),
            tries: row.get(8)?,
            retry_us: row.get(9)?,
            since_us: row.get(10)?,
        })
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// The row in quarantine that a user names by table and key (as [`Quarantined::key`] shows it), and who refused it.
pub fn find(tx: &ReadTx<'_>, table: &str, key: &str) -> Result<(RowId, String), StoreError> {
    let mut statement = tx
        .connection()
        .prepare_cached("SELECT pk, refused_by FROM ct_sync_quarantine WHERE tbl = ?1 ORDER BY refused_by")?;
    let found = statement.query_map([table], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
    for found in found {
        let (pk, refused_by) = found?;
        if (pk == key || key_text(&pk) == key)
            && let Some(entity) = entity(table)
        {
            return Ok((RowId::new(entity, Key::new(pk)), refused_by));
        }
    }
    Err(StoreError::Declined {
        reason: format!("there is no row {key} of {table} in quarantine"),
        remedy: "see: claudetools sync quarantine".into(),
    })
}

/// Which side refused a row, and in which form.
#[derive(Debug, Clone, Copy)]
pub(in crate::local) enum RefusedBy {
    /// Central refused the journal entry of this generation.
    Central {
        /// Of the journal entry.
        generation: i64,
    },
    /// The replica refused the central change of this number.
    Replica {
        /// Of the central change.
        seq: u64,
    },
}

/// Why, what would help, and what it waits for.
#[derive(Debug)]
pub(in crate::local) struct Cause<'a> {
    pub(in crate::local) kind: &'a str,
    pub(in crate::local) reason: &'a str,
    pub(in crate::local) hint: &'a str,
    /// Table and key of the row in the way; an empty key stands for any row of the table.
    pub(in crate::local) because: Option<(&'static str, &'a str)>,
}

/// Records a refusal; the count of tries goes up when it is there already.
pub(in crate::local) fn refuse(
    tx: &WriteTx<'_>,
    id: &RowId,
    by: RefusedBy,
    cause: &Cause<'_>,
) -> Result<(), StoreError> {
    let (by, generation, seq) = match by {
        RefusedBy::Central { generation } => ("central", generation, 0),
        RefusedBy::Replica { seq } => ("replica", 0, seq),
    };
    let (because_tbl, because_pk) = cause.because.unwrap_or_default();
    tx.connection()
        .prepare_cached(
            "INSERT INTO ct_sync_quarantine (tbl, pk, refused_by, kind, reason, hint, generation, seq, tries, since_us, \
               because_tbl, because_pk, retry_us) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 1, ?9, ?10, ?11, ?9 + ?12) \
             ON CONFLICT (tbl, pk, refused_by) DO UPDATE SET kind = excluded.kind, reason = excluded.reason, \
               hint = excluded.hint, generation = excluded.generation, seq = excluded.seq, tries = tries + 1, \
               because_tbl = excluded.because_tbl, because_pk = excluded.because_pk, definition = '', \
               retry_us = ?9 + min(max((?9 - since_us) / 2, ?12), ?13)",
        )?
        .execute(params![
            id.entity.name,
            id.key.as_str(),
            by,
            cause.kind,
            cause.reason,
            cause.hint,
            generation,
            seq,
            tx.now_us(),
            because_tbl,
            because_pk,
            FIRST_RETRY_US,
            LONGEST_RETRY_US
        ])?;
    Ok(())
}

/// Forgets refusals of a row by either side: it has been taken, or has gone.
pub(in crate::local) fn accept(db: &Connection, id: &RowId) -> Result<(), StoreError> {
    db.prepare_cached("DELETE FROM ct_sync_quarantine WHERE tbl = ?1 AND pk = ?2")?
        .execute([id.entity.name, id.key.as_str()])?;
    Ok(())
}

/// Central's state of a row was applied: the replica has taken it. What central had refused of it is settled when the row
/// left the journal; else it was decided anew, and is tried again if that state was news.
pub(in crate::local) fn decided(db: &Connection, id: &RowId, is_news: bool) -> Result<(), StoreError> {
    db.prepare_cached(
        "DELETE FROM ct_sync_quarantine WHERE tbl = ?1 AND pk = ?2 AND (refused_by = 'replica' \
           OR NOT EXISTS (SELECT 1 FROM ct_sync_dirty d WHERE d.tbl = ?1 AND d.pk = ?2))",
    )?
    .execute([id.entity.name, id.key.as_str()])?;
    if is_news {
        let sql = "UPDATE ct_sync_quarantine SET generation = 0, retry_us = 0 WHERE tbl = ?1 AND pk = ?2";
        db.prepare_cached(sql)?.execute([id.entity.name, id.key.as_str()])?;
    }
    Ok(())
}

/// A row changed, on whichever side: those that wait for it are tried again, and so is its own state at central that
/// the replica had refused.
pub(in crate::local) fn changed(db: &Connection, id: &RowId) -> Result<(), StoreError> {
    // As a rule there is nothing to release, and to look for what there is takes longer than the change.
    if !is_any(db)? {
        return Ok(());
    }
    db.prepare_cached(
        "UPDATE ct_sync_quarantine SET generation = 0, retry_us = 0 WHERE (because_tbl = ?1 AND because_pk IN (?2, '')) \
           OR (tbl = ?1 AND pk = ?2 AND refused_by = 'replica')",
    )?
    .execute([id.entity.name, id.key.as_str()])?;
    Ok(())
}

/// True when something is in quarantine.
pub(crate) fn has_quarantined(tx: &WriteTx<'_>) -> Result<bool, StoreError> {
    is_any(tx.connection())
}

fn is_any(db: &Connection) -> Result<bool, StoreError> {
    Ok(db.prepare_cached("SELECT 1 FROM ct_sync_quarantine LIMIT 1")?.exists([])?)
}

/// The rows that the replica refused and that are to be read again by now.
pub(crate) fn due(tx: &WriteTx<'_>) -> Result<Vec<RowId>, StoreError> {
    let mut statement = tx.connection().prepare_cached(
        "SELECT tbl, pk FROM ct_sync_quarantine WHERE refused_by = 'replica' AND retry_us NOT BETWEEN ?1 + 1 AND ?1 + ?2 \
         ORDER BY since_us LIMIT 500",
    )?;
    let found = statement
        .query_map([tx.now_us(), LONGEST_RETRY_US], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
    let mut rows = Vec::new();
    for found in found {
        let (table, pk) = found?;
        rows.extend(entity(&table).map(|entity| RowId::new(entity, Key::new(pk))));
    }
    Ok(rows)
}

/// The tables of which central refused rows, for asking how it defines them.
pub(crate) fn refused_tables(tx: &WriteTx<'_>) -> Result<Vec<&'static migrations::Entity>, StoreError> {
    let mut statement = tx
        .connection()
        .prepare_cached("SELECT DISTINCT tbl FROM ct_sync_quarantine WHERE refused_by = 'central' ORDER BY tbl")?;
    let found = statement.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
    Ok(found.iter().filter_map(|table| entity(table)).collect())
}

/// What central's definition of a table is now: rows that it refused under another one are tried again. How many those are.
pub(crate) fn note_definition(tx: &WriteTx<'_>, table: &str, definition: &str) -> Result<usize, StoreError> {
    let db = tx.connection();
    let released = db
        .prepare_cached(
            "UPDATE ct_sync_quarantine SET generation = 0, retry_us = 0 WHERE refused_by = 'central' AND tbl = ?1 \
           AND definition NOT IN ('', ?2)",
        )?
        .execute([table, definition])?;
    db.prepare_cached(
        "UPDATE ct_sync_quarantine SET definition = ?2 WHERE refused_by = 'central' AND tbl = ?1 AND definition <> ?2",
    )?
    .execute([table, definition])?;
    Ok(released)
}

/// One row is tried again with the next round.
pub(crate) fn retry(tx: &WriteTx<'_>, id: &RowId) -> Result<(), StoreError> {
    tx.connection()
        .prepare_cached("UPDATE ct_sync_quarantine SET generation = 0, retry_us = 0 WHERE tbl = ?1 AND pk = ?2")?
        .execute([id.entity.name, id.key.as_str()])?;
    Ok(())
}

/// Everything that was refused may be tried again: something may have changed. How many rows that are.
pub(crate) fn release_all(tx: &WriteTx<'_>) -> Result<u64, StoreError> {
    Ok(tx.connection().execute("UPDATE ct_sync_quarantine SET generation = 0, retry_us = 0", [])? as u64)
}
