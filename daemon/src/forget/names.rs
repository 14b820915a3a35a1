//! The names of what was forgotten, as the table `forgotten` holds them: rows, and whole conversations and projects up to a
//! moment.

use merge::{Key, Row};
use migrations::catalogue::FORGOTTEN;
use rusqlite::{Connection, OptionalExtension};
use sync::local::{WriteTx, derived_id};
use sync::{StoreError, datetime_text};

/// All of a conversation (the client's session id) that was before.
pub(crate) const CONVERSATION: &str = "sessions";
/// All of a project (its slug) that was before.
pub(crate) const PROJECT: &str = "projects";

/// Puts a name on record; `at_us` is when it was forgotten.
pub(crate) fn record(tx: &mut WriteTx<'_>, table: &str, id: &str, at_us: u64) -> Result<(), StoreError> {
    let key = Key::new(derived_id("forgotten", &format!("{table} {id}")));
    let row = tx.get(FORGOTTEN, &key)?.unwrap_or_else(|| {
        Row::new(FORGOTTEN).with("id", key.as_str()).with("source_table", table).with("source_id", id)
    });
    tx.put(row.with("forgotten_at", datetime_text(at_us)))
}

/// Up to when something of that name was forgotten, as the replica writes times.
pub(crate) fn until(db: &Connection, table: &str, id: &str) -> Result<Option<String>, StoreError> {
    let sql = "SELECT max(forgotten_at) FROM forgotten WHERE source_table = ?1 AND source_id = ?2";
    Ok(db.prepare_cached(sql)?.query_row([table, id], |row| row.get(0)).optional()?.flatten())
}

/// True for a row that was forgotten and has come back; one made later is another.
pub(crate) fn is_forgotten(db: &Connection, table: &str, id: &str, created_at: &str) -> Result<bool, StoreError> {
    Ok(until(db, table, id)?.is_some_and(|until| created_at <= until.as_str()))
}

/// True for a turn whose memory was forgotten: nothing of it is kept any more, whenever it comes.
pub(crate) fn is_turn_forgotten(db: &Connection, turn: &str) -> Result<bool, StoreError> {
    let memory = derived_id("conversation_contexts", turn);
    Ok(until(db, "conversation_contexts", &memory)?.is_some())
}

/// True for what was said in a conversation, or in a project, before that was forgotten.
pub(crate) fn covers(db: &Connection, conversation: &str, project: &str, at_us: u64) -> Result<bool, StoreError> {
    let at = datetime_text(at_us);
    Ok(is_forgotten(db, CONVERSATION, conversation, &at)? || is_forgotten(db, PROJECT, project, &at)?)
}

/// What was said is not taken in, and nothing that belongs to its turn will be.
pub(crate) fn refuse_turn(tx: &mut WriteTx<'_>, turn: &str) -> Result<(), StoreError> {
    let memory = derived_id("conversation_contexts", turn);
    if until(tx.connection(), "conversation_contexts", &memory)?.is_none() {
        let now_us = tx.now_us();
        record(tx, "conversation_contexts", &memory, now_us)?;
    }
    Ok(())
}
