//! Keeping to what was forgotten: names that are new here, whoever forgot it, and rows that have come back are taken out;
//! then the files of this machine are cleaned, in small steps.

use std::path::Path;
use std::time::Duration;

use merge::{Key, RowId};
use migrations::catalogue as tables;
use sync::local::{ReadTx, WriteTx};
use sync::{Store, StoreError, parse_datetime};

use super::act::{delete, drop_traces, empty, forget_turns, note_unclean};
use super::find::{Plan, Wanted, find, made};
use super::{DELETED, drop_events, names};
use crate::memory::index::Index;

/// Names of one transaction.
const AT_ONCE: usize = 200;
/// Pages of the text index that are merged in one transaction.
const MERGED_PAGES: i64 = 64;
/// A replica of at most so many bytes is written anew, which takes a fraction of a second; in a larger one what was deleted is
/// overwritten, and that has to do.
const REWRITTEN_UP_TO: u64 = 64 << 20;

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Swept {
    /// There was nothing to do.
    Nothing,
    /// There is more to do.
    More,
    /// The files hold nothing of it any more.
    Clean,
}

/// One step. Errors: as of any write; it is done again with the next one.
pub(crate) async fn step(store: &Store, index: &Index, spool: &Path) -> Result<Swept, StoreError> {
    let (due, unclean) = store.read_async(look).await?;
    if !due.is_empty() {
        let conversations = store.write_async(move |tx| take_out(tx, &due)).await?;
        if !conversations.is_empty() {
            let spool = spool.to_path_buf();
            let dropped = tokio::task::spawn_blocking(move || drop_events(&spool, None, &conversations)).await;
            dropped.map_err(StoreError::other)?.map_err(StoreError::other)?;
        }
        return Ok(Swept::More);
    }
    if !unclean {
        return Ok(Swept::Nothing);
    }
    clean(store, index).await?;
    Ok(Swept::Clean)
}

/// Steps until there is nothing to do, but no longer than `patience`; false when there still is.
pub(crate) async fn until_clean(store: &Store, index: &Index, spool: &Path, patience: Duration) -> bool {
    let all = async {
        loop {
            match step(store, index, spool).await {
                Ok(Swept::Nothing | Swept::Clean) => return true,
                Ok(Swept::More) => {}
                Err(error) => {
                    tracing::warn!(%error, "what was forgotten is not out of all files yet; it is tried again");
                    return false;
                }
            }
        }
    };
    tokio::time::timeout(patience, all).await.unwrap_or(false)
}

/// Names that are due, and whether files are to be cleaned.
fn look(tx: &ReadTx<'_>) -> Result<(Vec<(String, String)>, bool), StoreError> {
    let db = tx.connection();
    let most = i64::try_from(AT_ONCE).unwrap_or(i64::MAX);
    let mut due = db.prepare_cached("SELECT source_table, source_id FROM ct_forget_due LIMIT ?1")?;
    let due = due.query_map([most], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
    Ok((due, db.prepare_cached("SELECT 1 FROM ct_forget_clean")?.exists([])?))
}

/// Takes out what these names name; gives the conversations of which events may be set aside, with the moment.
fn take_out(tx: &mut WriteTx<'_>, due: &[(String, String)]) -> Result<Vec<(String, u64)>, StoreError> {
    let mut conversations = Vec::new();
    for (table, id) in due {
        let until = names::until(tx.connection(), table, id)?;
        let until_us = until.as_deref().and_then(parse_datetime).unwrap_or(0);
        match (table.as_str(), until) {
            (_, None) => {}
            (names::CONVERSATION, Some(until)) => {
                forget_turns(tx, id, until_us)?;
                reject(tx, id, until_us)?;
                again(tx, &Wanted { sessions: vec![id.clone()], ..Wanted::default() }, &until)?;
                conversations.push((id.clone(), until_us));
            }
            (names::PROJECT, Some(until)) => {
                again(tx, &Wanted { projects: vec![id.clone()], ..Wanted::default() }, &until)?;
            }
            (name, Some(until)) => row(tx, name, id, &until)?,
        }
        let done = "DELETE FROM ct_forget_due WHERE source_table = ?1 AND source_id = ?2";
        tx.connection().prepare_cached(done)?.execute([table, id])?;
    }
    note_unclean(tx)?;
    Ok(conversations)
}

/// A single row.
fn row(tx: &mut WriteTx<'_>, table: &str, id: &str, until: &str) -> Result<(), StoreError> {
    let Some(entity) = migrations::entity(table) else { return Ok(()) };
    let id = RowId::new(entity, Key::new(id));
    let found = tx.get(entity, &id.key)?;
    if entity == tables::WORK_ITEMS {
        return empty(tx, &id, true);
    }
    match found {
        Some(row) if DELETED.contains(&entity) && made(&row) <= until => delete(tx, &id),
        // It was made since.
        Some(_) => Ok(()),
        None => drop_traces(tx, &id),
    }
}

/// What there is of a conversation or a project that was made before it was forgotten: another machine may have sent it since.
fn again(tx: &mut WriteTx<'_>, wanted: &Wanted, until: &str) -> Result<(), StoreError> {
    let Ok(Plan { deleted, emptied, .. }) = find(&tx.reading(), wanted)? else { return Ok(()) };
    for id in deleted.iter().chain(emptied.keys().filter(|id| id.entity == tables::WORK_ITEMS)) {
        let is_before = tx.get(id.entity, &id.key)?.is_some_and(|row| made(&row) <= until);
        if is_before && id.entity == tables::WORK_ITEMS {
            empty(tx, id, true)?;
        } else if is_before {
            delete(tx, id)?;
        }
    }
    // A title or a summary that another machine has written meanwhile; of a session that goes on they tell what was said since.
    for id in emptied.keys().filter(|id| id.entity == tables::SESSIONS) {
        let key = id.key.as_str().into();
        if tx.find(tables::CONVERSATION_CONTEXTS, "session_id", &key)?.is_none() {
            empty(tx, id, false)?;
        }
    }
    Ok(())
}

/// Events of the conversation that could not be taken.
fn reject(tx: &WriteTx<'_>, conversation: &str, until_us: u64) -> Result<(), StoreError> {
    let sql = "DELETE FROM ct_hook_rejected WHERE at_us <= ?2 AND instr(CAST(body AS TEXT), ?1)";
    tx.connection().prepare_cached(sql)?.execute((conversation, until_us.cast_signed()))?;
    Ok(())
}

/// The text index forgets words when it is merged, the memory index when its files are written anew, the replica when its
/// log is emptied.
async fn clean(store: &Store, index: &Index) -> Result<(), StoreError> {
    let mut pages = -MERGED_PAGES;
    loop {
        let changed = store.write_async(move |tx| {
            let db = tx.connection();
            let before: i64 = db.query_row("SELECT total_changes()", [], |row| row.get(0))?;
            let merge = "INSERT INTO ct_memory_fts (ct_memory_fts, rank) VALUES ('merge', ?1)";
            db.prepare_cached(merge)?.execute([pages])?;
            let after: i64 = db.query_row("SELECT total_changes()", [], |row| row.get(0))?;
            Ok(after - before)
        });
        // As SQLite's documentation has it: a merge with nothing to do changes less than two rows.
        if changed.await? < 2 {
            break;
        }
        pages = MERGED_PAGES;
    }
    index.purge();
    store.tidy(REWRITTEN_UP_TO).await?;
    store
        .write_async(|tx| {
            tx.connection().execute("DELETE FROM ct_forget_clean", [])?;
            Ok(())
        })
        .await
}
