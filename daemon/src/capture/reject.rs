//! Events that cannot be taken: kept aside, so that nothing is lost and nothing is tried for ever.

use sync::{Store, StoreError};

use super::arrival::Refused;
use super::reply::Reply;
use crate::redaction::redact;

/// Rejected events that are kept, the newest.
const KEPT: i64 = 100;
/// Bytes of one that are kept.
const BODY_BYTES: usize = 256 << 10;

/// True when trying again cannot help: the rows themselves are refused.
pub(super) fn is_hopeless(error: &StoreError) -> bool {
    match error {
        StoreError::Invalid { .. }
        | StoreError::MissingParent { .. }
        | StoreError::HasChildren { .. }
        | StoreError::Panicked => true,
        StoreError::Sqlite(error) => error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation),
        _ => false,
    }
}

/// Keeps the event with its reason and says so. Secrets are taken out here too, as far as text can be read.
pub(super) async fn keep(store: &Store, refused: Refused) -> Result<Reply, StoreError> {
    tracing::warn!(event = %refused.event, reason = %refused.reason, "an event could not be taken");
    let (event, reason) = (refused.event.clone(), refused.reason.clone());
    store
        .write_async(move |tx| {
            let text = String::from_utf8_lossy(&refused.body);
            let body = super::fit::bytes(&redact(&text).text, BODY_BYTES);
            let db = tx.connection();
            db.prepare_cached(
                "INSERT OR IGNORE INTO ct_hook_rejected (event_id, event, reason, body, at_us) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute((
                &refused.id,
                &refused.event,
                &refused.reason,
                body.as_bytes(),
                refused.sent_at_us.cast_signed(),
            ))?;
            db.prepare_cached(
                "DELETE FROM ct_hook_rejected WHERE event_id NOT IN \
                 (SELECT event_id FROM ct_hook_rejected ORDER BY at_us DESC LIMIT ?1)",
            )?
            .execute([KEPT])?;
            Ok(())
        })
        .await?;
    Ok(Reply::rejected(&event, reason))
}
