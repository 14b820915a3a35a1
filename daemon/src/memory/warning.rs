//! What is said of a command about to be run: that its last run on this machine failed, and what worked then.
//!
//! Runs of the project decide. Those of other projects count only where a command acts on the machine, not on a folder, and
//! where the project may see them (as in `visibility.rs`: another client's never).

use std::collections::HashSet;

use merge::Key;
use migrations::catalogue::COMMAND_RUNS;
use recall::budget::tokens;
use recall::excerpt::cut;
use recall::failure;
use recall::render::MARKER;
use sync::StoreError;
use sync::local::ReadTx;

use super::given::{Item, Source};
use super::{Asker, Injection};
use crate::capture::name_of_command;

/// A failure that is older than this, in microseconds, says little of today.
const FRESH_US: u64 = 90 * 86_400 * 1_000_000;
/// Runs of a command that are looked at.
const LOOKED_AT: i64 = 50;
const COMMAND_CHARS: usize = 120;
const LINE_CHARS: usize = 160;
const CURE_CHARS: usize = 200;
/// As the source of an item of the ledger.
const TABLE: &str = "command_runs";

/// A run that the project may hear of.
struct Run {
    id: String,
    conversation: String,
    failed: bool,
    at_us: u64,
    solved_by: Option<String>,
}

/// The line for a command without secrets; nothing when its last run worked, or this conversation knows of it.
pub(super) fn gather(
    tx: &ReadTx<'_>,
    asker: &Asker,
    command: &str,
    had: &HashSet<Source>,
    now_us: u64,
) -> Result<Injection, StoreError> {
    let name = name_of_command(command);
    if had.iter().any(|source| source.table == TABLE && source.version == name) {
        return Ok(Injection::default());
    }
    let mut runs = runs(tx, &name, &asker.project, true)?;
    if runs.is_empty() && failure::is_of_the_machine(command) {
        runs = self::runs(tx, &name, &asker.project, false)?;
    }
    let Some(last) = runs.first() else { return Ok(Injection::default()) };
    if !last.failed || last.conversation == asker.claude_session_id || last.at_us.saturating_add(FRESH_US) < now_us {
        return Ok(Injection::default());
    }
    let cure = runs.iter().find_map(|run| run.solved_by.as_deref());
    let Some(text) = line(tx, &last.id, cure, &name)? else { return Ok(Injection::default()) };
    let cost = tokens(&text);
    if cost > asker.budget {
        return Ok(Injection::default());
    }
    let source = Source { table: TABLE.to_owned(), id: last.id.clone(), version: name };
    Ok(Injection { items: vec![Item { source, tokens: cost, text: text.clone() }], text })
}

/// The runs of a command, newest first: of the project, or of all others that it may see.
fn runs(tx: &ReadTx<'_>, name: &str, project: &str, of_project: bool) -> Result<Vec<Run>, StoreError> {
    let mut statement = tx.connection().prepare_cached(
        "SELECT run.run_id, run.claude_session_id, run.failure <> '', run.at_us, run.solved_by
           FROM ct_commands AS run
          WHERE run.command = ?1
            AND CASE WHEN ?3 THEN run.project = ?2
                     ELSE EXISTS (
                       SELECT 1 FROM projects AS theirs
                        WHERE theirs.slug = run.project
                          AND (theirs.client_id IS NULL
                               OR theirs.client_id = (SELECT client_id FROM projects WHERE slug = ?2)))
                      AND NOT EXISTS (
                       SELECT 1 FROM sessions AS session
                        WHERE session.claude_session_id = run.claude_session_id AND session.client_id IS NOT NULL
                          AND session.client_id IS NOT (SELECT client_id FROM projects WHERE slug = ?2)) END
          ORDER BY run.at_us DESC LIMIT ?4",
    )?;
    let found = statement.query_map((name, project, of_project, LOOKED_AT), |row| {
        Ok(Run {
            id: row.get(0)?,
            conversation: row.get(1)?,
            failed: row.get(2)?,
            at_us: row.get::<_, i64>(3)?.cast_unsigned(),
            solved_by: row.get(4)?,
        })
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// One line; None when the run's row is gone.
fn line(tx: &ReadTx<'_>, run: &str, cure: Option<&str>, name: &str) -> Result<Option<String>, StoreError> {
    let Some(failed) = tx.get(COMMAND_RUNS, &Key::new(run))? else { return Ok(None) };
    let text = |column| failed.text(column).unwrap_or_default();
    let code = failed.int("exit_code").map(|code| format!("exit {code}"));
    let said = failure::error_line(text("output_summary")).map(|line| cut(&line, LINE_CHARS));
    let how = code.into_iter().chain(said).collect::<Vec<_>>().join(": ");
    let how = if how.is_empty() { String::new() } else { format!(" ({how})") };
    let day = text("created_at").get(..10).unwrap_or_default();
    let command = in_line(text("command_text"), COMMAND_CHARS);
    let cure = cure.map(|id| tx.get(COMMAND_RUNS, &Key::new(id))).transpose()?.flatten();
    let cure = cure.as_ref().and_then(|run| run.text("command_text"));
    let then = match cure {
        Some(cure) if name_of_command(cure) == name => "; it worked again after changes".to_owned(),
        Some(cure) => format!("; what worked then: `{}`", in_line(cure, CURE_CHARS)),
        None => String::new(),
    };
    Ok(Some(format!("{MARKER} (commands): `{command}` failed here on {day}{how}{then}")))
}

fn in_line(command: &str, chars: usize) -> String {
    cut(&failure::same_command(command), chars)
}
