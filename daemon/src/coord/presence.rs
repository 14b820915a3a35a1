//! Who is there: the sessions of all machines that go on.

use rusqlite::Row;
use schemars::JsonSchema;
use serde::Serialize;
use sync::local::ReadTx;
use sync::{StoreError, datetime_text};

use super::{HOUR_US, label};

/// A session that was silent for longer is not counted as there: it may have been killed.
const PRESENT_US: u64 = 2 * HOUR_US;

/// A session that goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Present {
    /// What it is called in locks and messages.
    pub(crate) session_id: String,
    /// The client's session id.
    pub(crate) claude_session_id: String,
    /// Its machine.
    pub(crate) machine: String,
    /// Its project.
    pub(crate) project_key: Option<String>,
    /// The branch that it works on.
    pub(crate) git_branch: Option<String>,
    pub(crate) started_at: String,
    /// Its latest sign of life that is known here.
    pub(crate) active_at: String,
}

/// The sessions of all machines that go on, or those of one project; the latest first.
pub(crate) fn present(tx: &ReadTx<'_>, project: Option<&str>, now_us: u64) -> Result<Vec<Present>, StoreError> {
    let mut statement = tx.connection().prepare_cached(
        "SELECT * FROM (
           SELECT s.claude_session_id, m.hostname, p.slug, s.git_branch, s.started_at,
                  max(s.updated_at,
                      coalesce((SELECT max(created_at) FROM work_items WHERE session_id = s.id), ''),
                      coalesce((SELECT max(created_at) FROM command_runs WHERE session_id = s.id), ''),
                      coalesce((SELECT max(created_at) FROM file_changes WHERE session_id = s.id), '')) AS active_at
             FROM sessions s
             JOIN machines m ON m.id = s.machine_id
             LEFT JOIN projects p ON p.id = s.project_id
            WHERE s.status = 'in_progress' AND s.ended_at IS NULL AND s.claude_session_id IS NOT NULL
              AND (?1 IS NULL OR p.slug = ?1))
          WHERE active_at >= ?2 ORDER BY active_at DESC, claude_session_id",
    )?;
    let since = datetime_text(now_us.saturating_sub(PRESENT_US));
    let found = statement.query_map((project, since), read)?;
    Ok(found.collect::<Result<_, _>>()?)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Present> {
    let (claude_session_id, machine): (String, String) = (row.get(0)?, row.get(1)?);
    Ok(Present {
        session_id: label(&machine, &claude_session_id),
        claude_session_id,
        machine,
        project_key: row.get(2)?,
        git_branch: row.get(3)?,
        started_at: row.get(4)?,
        active_at: row.get(5)?,
    })
}
