//! Doing it: a part of a plan within a transaction.

use merge::{Row, RowId};
use migrations::Kind;
use migrations::catalogue as tables;
use sync::local::{WriteTx, forget_images};
use sync::{StoreError, parse_datetime};

use super::find::{NOTHING, Plan, made};
use super::state::{self, Lines};
use super::text::{Needle, worded};
use super::{BLANK, names};
use crate::capture::pattern_without;

/// Does all of a plan, and says so to every machine.
pub(crate) fn carry_out(tx: &mut WriteTx<'_>, plan: &Plan) -> Result<(), StoreError> {
    let now_us = tx.now_us();
    for (scope, name) in &plan.scopes {
        names::record(tx, scope, name, now_us)?;
        if *scope == names::CONVERSATION {
            forget_turns(tx, name, now_us)?;
        }
    }
    for id in &plan.deleted {
        delete(tx, id)?;
    }
    for (id, all) in &plan.emptied {
        empty(tx, id, *all)?;
    }
    for (id, lines) in &plan.trimmed {
        trim(tx, id, lines)?;
    }
    note_unclean(tx)
}

/// Deletes a row by its name, and what the bookkeeping holds of it.
pub(super) fn delete(tx: &mut WriteTx<'_>, id: &RowId) -> Result<(), StoreError> {
    let Some(row) = tx.get(id.entity, &id.key)? else { return Ok(()) };
    // A row of another machine may have been made by a clock that is ahead.
    let at_us = tx.now_us().max(parse_datetime(made(&row)).unwrap_or(0));
    names::record(tx, id.entity.name, id.key.as_str(), at_us)?;
    if id.entity == tables::COMMAND_RUNS {
        drop_pattern(tx, &row)?;
    }
    tx.delete(id.entity, &id.key)?;
    drop_traces(tx, id)
}

/// The pattern of a failure that is forgotten: it has its words. It is made again when that fails twice more.
fn drop_pattern(tx: &mut WriteTx<'_>, run: &Row) -> Result<(), StoreError> {
    let Some((pattern, is_made_here)) = pattern_without(tx, run)? else { return Ok(()) };
    let id = pattern.id();
    if is_made_here {
        tx.delete(id.entity, &id.key)?;
    } else {
        tx.put(pattern)?;
    }
    forget_images(tx, &[id])
}

/// What this machine's bookkeeping holds of a row that was forgotten.
pub(super) fn drop_traces(tx: &mut WriteTx<'_>, id: &RowId) -> Result<(), StoreError> {
    if id.entity == tables::CONVERSATION_CONTEXTS {
        let db = tx.connection();
        // The summary of a session that has ended is made anew of what stays.
        let anew = "UPDATE ct_hook_sessions SET transcript_due = 1 WHERE ended_us > 0 AND claude_session_id = \
                      (SELECT claude_session_id FROM ct_hook_turns WHERE context_id = ?1)";
        db.prepare_cached(anew)?.execute([id.key.as_str()])?;
        db.prepare_cached("DELETE FROM ct_hook_turns WHERE context_id = ?1")?.execute([id.key.as_str()])?;
    }
    forget_images(tx, std::slice::from_ref(id))
}

/// Takes the words out of a work item or a session; `all`: the notes of a session, too.
pub(super) fn empty(tx: &mut WriteTx<'_>, id: &RowId, all: bool) -> Result<(), StoreError> {
    let Some(row) = tx.get(id.entity, &id.key)? else { return Ok(()) };
    if id.entity == tables::WORK_ITEMS {
        names::record(tx, id.entity.name, id.key.as_str(), tx.now_us())?;
    }
    let columns: &[&str] = match (id.entity == tables::SESSIONS, all) {
        (true, true) => &["title", "summary", "notes"],
        (true, false) => &["title", "summary"],
        (false, _) => &["title", "description", "affected_systems", "technologies_used"],
    };
    put_blank(tx, row, columns)?;
    forget_images(tx, std::slice::from_ref(id))
}

fn put_blank(tx: &mut WriteTx<'_>, mut row: Row, columns: &[&str]) -> Result<(), StoreError> {
    let entity = row.entity();
    for column in worded(entity).filter(|column| columns.contains(&column.name)) {
        let blank = if column.nullable || column.kind == Kind::Json { NOTHING } else { BLANK.into() };
        row.set(column.name, blank);
    }
    tx.put(row)
}

fn trim(tx: &mut WriteTx<'_>, id: &RowId, lines: &Lines) -> Result<(), StoreError> {
    let Some(row) = tx.get(id.entity, &id.key)? else { return Ok(()) };
    if let Some(trimmed) = state::without(&row, lines) {
        tx.put(trimmed)?;
        forget_images(tx, std::slice::from_ref(id))?;
    }
    Ok(())
}

/// The turns of a conversation up to a moment, as this machine's hooks have told of them: none of them is ever taken in again.
pub(super) fn forget_turns(tx: &mut WriteTx<'_>, conversation: &str, until_us: u64) -> Result<(), StoreError> {
    let db = tx.connection();
    let mut known =
        db.prepare_cached("SELECT turn_id FROM ct_hook_turns WHERE claude_session_id = ?1 AND started_us <= ?2")?;
    let turns = known.query_map((conversation, until_us.cast_signed()), |row| row.get(0))?;
    for turn in turns.collect::<Result<Vec<String>, _>>()? {
        names::refuse_turn(tx, &turn)?;
        db.prepare_cached("DELETE FROM ct_hook_turns WHERE turn_id = ?1")?.execute([turn])?;
    }
    Ok(())
}

/// Records of this machine, other than rows, that hold the text: events that could not be taken, values that lost a conflict.
pub(crate) fn drop_records(tx: &WriteTx<'_>, needle: &Needle) -> Result<u64, StoreError> {
    let db = tx.connection();
    let mut dropped = 0;
    let texts = [
        ("ct_sync_conflicts", "id", "kept || ' ' || set_aside || ' ' || coalesce(parents, '')"),
        ("ct_hook_rejected", "event_id", "CAST(body AS TEXT)"),
    ];
    for (table, key, text) in texts {
        let held = format!("instr(lower({text}), ?1) OR instr(lower({text}), ?2)");
        let sql = format!("DELETE FROM {table} WHERE {key} IN (SELECT {key} FROM {table} WHERE {held})");
        dropped += db.prepare(&sql)?.execute([needle.plain(), needle.json()])? as u64;
    }
    Ok(dropped)
}

/// The files of this machine are to be cleaned.
pub(super) fn note_unclean(tx: &WriteTx<'_>) -> Result<(), StoreError> {
    let sql = "INSERT OR IGNORE INTO ct_forget_clean (id, since_us) VALUES (1, ?1)";
    tx.connection().prepare_cached(sql)?.execute([tx.now_us().cast_signed()])?;
    Ok(())
}
