//! What a session's hooks do for its locks: renew them, and tell it of those that it lost.

use rusqlite::Connection;
use sync::StoreError;

use super::claims::{Record, State};
use super::label;

/// A session under the names by which it may have claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Session {
    /// Its machine, by the name that all machines know.
    pub(crate) hostname: String,
    /// The client's session id.
    pub(crate) claude_session_id: String,
    /// `sessions.id`
    pub(crate) id: String,
}

impl Session {
    /// The name that it is told to use.
    pub(crate) fn label(&self) -> String {
        label(&self.hostname, &self.claude_session_id)
    }

    /// All of its names.
    pub(crate) fn names(&self) -> [String; 3] {
        [self.label(), self.claude_session_id.clone(), self.id.clone()]
    }
}

/// The session is active: its locks go on. Central hears of it later.
pub(crate) fn note_activity(db: &Connection, session: &Session, at_us: u64) -> Result<(), StoreError> {
    let [label, claude, id] = session.names();
    db.prepare_cached(
        "UPDATE ct_coord_claims SET active_us = ?1 \
          WHERE active_us < ?1 AND state <> 'lost' AND session_id IN (?2, ?3, ?4)",
    )?
    .execute((at_us.cast_signed(), label, claude, id))?;
    Ok(())
}

/// What the session must be told, once: the locks that it lost, and those of sessions that have no hooks here.
pub(crate) fn take_news(db: &Connection, session: &Session) -> Result<Option<String>, StoreError> {
    let mut lines = Vec::new();
    for record in Record::all(db)?.into_iter().filter(|record| record.state == State::Lost) {
        let is_own = session.names().contains(&record.session_id);
        if !is_own && is_live_here(db, &session.hostname, &record.session_id)? {
            continue;
        }
        let because = record.reason.as_deref().unwrap_or("is gone");
        let whose = if is_own { "this session".to_owned() } else { record.session_id.clone() };
        let (resource, project) = (&record.resource, &record.project_key);
        lines.push(format!(
            "ClaudeTools: the lock on {resource} in {project} that {whose} claimed is lost: it {because}."
        ));
        Record::remove(db, &record.lock_id)?;
    }
    Ok((!lines.is_empty()).then(|| lines.join("\n")))
}

/// Whether a session of this name goes on here, so that its own hooks will tell it.
fn is_live_here(db: &Connection, hostname: &str, name: &str) -> Result<bool, StoreError> {
    let mut statement = db.prepare_cached("SELECT claude_session_id FROM ct_hook_sessions WHERE ended_us = 0")?;
    let mut found = statement.query([])?;
    while let Some(row) = found.next()? {
        let id: String = row.get(0)?;
        if id == name || label(hostname, &id) == name {
            return Ok(true);
        }
    }
    Ok(false)
}
