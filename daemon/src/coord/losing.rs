//! A session loses a lock: its row ends, and the session is told, in its inbox and by its hooks.

use merge::{Key, Row};
use migrations::catalogue::{COORD_MESSAGES, COORD_SESSION_LOCKS};
use sync::local::{WriteTx, new_id};
use sync::{StoreError, datetime_text};

use super::claims::{Record, State};

/// Who writes such messages.
const SENDER: &str = "claudetools";

/// Ends the claim; `because` says what happened to the lock: `is held by …`.
pub(super) fn lose(tx: &mut WriteTx<'_>, record: Record, because: &str) -> Result<(), StoreError> {
    end(tx, &record.lock_id)?;
    let resource: String = recall::excerpt::title(&record.resource, 200);
    let body = format!(
        "The lock on {} in {} that {} claimed is lost: it {because}. Stop working on it, or agree with its holder.",
        record.resource, record.project_key, record.session_id
    );
    let message = Row::new(COORD_MESSAGES)
        .with("id", new_id(tx.now_us()))
        .with("from_session", SENDER)
        .with("to_session", record.session_id.as_str())
        .with("project_key", record.project_key.as_str())
        .with("subject", format!("Lock lost: {resource}"))
        .with("body", body);
    tx.put(message)?;
    tracing::warn!(lock = record.lock_id, session = record.session_id, because, "a lock was lost");
    Record { state: State::Lost, reason: Some(because.to_owned()), ..record }.save(tx.connection())
}

/// Marks the lock's row as released, if it is here and is not yet.
pub(super) fn end(tx: &mut WriteTx<'_>, lock_id: &str) -> Result<(), StoreError> {
    let Some(mut row) = tx.get(COORD_SESSION_LOCKS, &Key::new(lock_id))? else { return Ok(()) };
    if row.get("released_at").is_null() {
        row.set("released_at", datetime_text(tx.corrected_us()));
        tx.put(row)?;
    }
    Ok(())
}
