//! Removing what nobody asks for any more: locks that ended long ago, and messages that were read or are no news. They are
//! deleted as rows are, so central and the other machines lose them too; whichever machine is first does it for all.
//!
//! A message to one session that it never read stays: nothing unread is thrown away. Who is there is not kept anywhere, it
//! is seen from the sessions.

use merge::{Key, Value};
use migrations::Entity;
use migrations::catalogue::{COORD_MESSAGES, COORD_SESSION_LOCKS};
use sync::local::WriteTx;
use sync::{StoreError, datetime_text};

use super::HOUR_US;

/// How long what has ended is kept.
const KEPT_US: u64 = 30 * 24 * HOUR_US;
/// Rows of one transaction, so that hooks do not wait for it.
const AT_ONCE: i64 = 200;

/// Removes a few; how many there were, 0 when all is done.
pub(crate) fn prune(tx: &mut WriteTx<'_>) -> Result<u64, StoreError> {
    let before_us = tx.corrected_us().saturating_sub(KEPT_US);
    let before = Value::from(datetime_text(before_us));
    let ended = "WHERE (released_at < ? OR expires_at < ?) \
        AND NOT EXISTS (SELECT 1 FROM ct_coord_claims c WHERE c.lock_id = coord_session_locks.id)";
    let locks = delete(tx, COORD_SESSION_LOCKS, ended, &[before.clone(), before.clone()])?;
    let settled = "WHERE created_at < ? AND (to_session IS NULL OR read_at < ?)";
    let messages = delete(tx, COORD_MESSAGES, settled, &[before.clone(), before])?;
    let marks = "DELETE FROM ct_coord_reads WHERE read_us < ?1 \
        AND NOT EXISTS (SELECT 1 FROM coord_messages m WHERE m.id = ct_coord_reads.message_id)";
    tx.connection().prepare_cached(marks)?.execute([before_us.cast_signed()])?;
    Ok(locks + messages)
}

fn delete(tx: &mut WriteTx<'_>, entity: &'static Entity, which: &str, bound: &[Value]) -> Result<u64, StoreError> {
    let bound: Vec<Value> = bound.iter().cloned().chain([AT_ONCE.into()]).collect();
    let rows = tx.reading().select(entity, &format!("{which} ORDER BY id LIMIT ?"), &bound)?;
    for row in &rows {
        tx.delete(entity, &Key::new(row.text("id").unwrap_or_default()))?;
    }
    Ok(rows.len() as u64)
}
