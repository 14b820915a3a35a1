//! What runs of commands teach: a run that works after one of its kind failed has solved a problem, and what fails in the
//! same way again is a pattern.
//!
//! Each run is entered once, as hashes (see `0025_lessons.sql`); words are read from `command_runs`. Rows that are made of
//! it have ids derived from this machine's name, so no two machines write the same row.

use merge::{Key, Row, Value};
use migrations::catalogue::{COMMAND_RUNS, FAILURE_PATTERNS, INFRASTRUCTURE, PROBLEM_SOLUTIONS, PROJECTS, SESSIONS};
use recall::failure;
use sync::local::{WriteTx, decompress, derived_id};
use sync::{StoreError, datetime_text, parse_datetime};

use super::digest::sha256;
use super::fit;
use super::ledger::DAY_US;
use super::scene::Scene;
use super::tool_run::Command;
use crate::forget::{BLANK, names};

/// Runs are known for so long, in microseconds; what failed before says little of today.
const KEPT_US: u64 = 90 * DAY_US;
/// Files between the failing and the working run that are named.
const FILES: i64 = 10;
const TITLE_CHARS: usize = 300;
/// Characters of a pattern's signature, whose column takes 255.
const SIGNATURE_CHARS: usize = 250;
const COMMAND_CHARS: usize = 1_000;
/// How what is told here of a solution begins. Anything else somebody wrote, and it stays.
const SAME: &str = "The same command passed when it was run again: ";
const INSTEAD: &str = "This passed instead: ";
const CHANGED: &str = "Changed ";
/// What a pattern says before anything is known to help.
const NO_CURE: &str = "Not known yet: no run of this kind has worked after it.";

/// What tells a failure from others.
struct Failing {
    kind: String,
    line: String,
}

impl Failing {
    /// None when nothing tells what failed, or how.
    fn of(text: &str, output: &str) -> Option<Self> {
        Some(Self { kind: failure::kind(text)?, line: failure::error_line(output)? })
    }

    fn signature(&self) -> String {
        fit::chars(&format!("{}: {}", self.kind.to_lowercase(), failure::masked(&self.line)), SIGNATURE_CHARS)
    }
}

impl Failing {
    /// The signature of its pattern, of one machine and project: what fails elsewhere may fail for another reason.
    fn pattern(&self, host: &str, project: &str) -> String {
        let of = format!(" @{} {}", host.to_lowercase(), &sha256(project.as_bytes())[..8]);
        let room = SIGNATURE_CHARS.saturating_sub(of.chars().count());
        format!("{}{of}", fit::chars(&self.signature(), room))
    }
}

/// The pattern that a run belongs to, for who forgets the run: its words may be the run's. What a person wrote of a cure is
/// to stay, without them.
pub(crate) fn pattern_without(tx: &WriteTx<'_>, run: &Row) -> Result<Option<(Row, bool)>, StoreError> {
    let text = |column| run.text(column).unwrap_or_default();
    let Some(failing) = Failing::of(text("command_text"), &output_of(run)?) else { return Ok(None) };
    let session = tx.get(SESSIONS, &Key::new(text("session_id")))?;
    let project = session.as_ref().and_then(|session| session.text("project_id"));
    let project = project.map(|id| tx.get(PROJECTS, &Key::new(id))).transpose()?.flatten();
    let slug = project.as_ref().and_then(|project| project.text("slug")).unwrap_or_default();
    let signature = failing.pattern(text("host"), slug);
    let found = tx.find(FAILURE_PATTERNS, "pattern_signature", &signature.as_str().into())?;
    let nameless = format!("forgotten {}", &sha256(signature.as_bytes())[..16]);
    Ok(found.map(|row| {
        let is_ours = row.text("recommended_solution").is_none_or(is_ours);
        (row.with("pattern_signature", nameless).with("title", BLANK).with("error_pattern", Value::Null), is_ours)
    }))
}

/// A run that failed in this conversation, and is not solved.
struct Open {
    run_id: String,
    failure: String,
}

/// The hash by which runs of the same command are found.
pub(crate) fn name_of(command: &str) -> String {
    sha256(failure::same_command(command).as_bytes())
}

impl Scene<'_, '_> {
    /// Enters a run, unless it was before. One of long ago (from a transcript), that was stopped, or whose exit code is an
    /// answer, teaches nothing.
    pub(super) fn learn(&mut self, run_id: &str, command: &Command) -> Result<(), StoreError> {
        let fails = !command.success;
        if command.interrupted || (fails && !failure::is_failure(&command.text, command.exit_code)) {
            return Ok(());
        }
        let failing = if fails { Failing::of(&command.text, &command.output) } else { None };
        // What failed without a word is still a failure of that command.
        let failure =
            if fails { failing.as_ref().map_or("-".to_owned(), |one| self.hash_of(one)) } else { String::new() };
        let kind = failure::kind(&command.text).map_or_else(String::new, |kind| sha256(kind.as_bytes()));
        if !self.enter_run(run_id, command, &kind, &failure)? {
            return Ok(());
        }
        match &failing {
            Some(failing) => self.raise_pattern(failing, &failure),
            None if !fails && !kind.is_empty() => self.solve(run_id, command, &kind),
            None => Ok(()),
        }
    }

    fn enter_run(&self, run_id: &str, command: &Command, kind: &str, failure: &str) -> Result<bool, StoreError> {
        let db = self.tx.connection();
        let before_us = self.tx.now_us().saturating_sub(KEPT_US);
        if self.at_us < before_us {
            return Ok(false);
        }
        let (conversation, at) = (&self.conversation, self.at_us.cast_signed());
        let entered = db
            .prepare_cached(
                "INSERT OR IGNORE INTO ct_commands (run_id, claude_session_id, project, command, kind, failure, at_us)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute((
                run_id,
                &conversation.id,
                &conversation.project_slug,
                name_of(&command.text),
                kind,
                failure,
                at,
            ))?;
        db.prepare_cached("DELETE FROM ct_commands WHERE at_us < ?1")?.execute([before_us.cast_signed()])?;
        Ok(entered == 1)
    }

    /// Of a client's failures only that client's are the same.
    fn hash_of(&self, failing: &Failing) -> String {
        sha256(format!("{} {}", self.conversation.project_slug, failing.signature()).as_bytes())
    }

    /// A run works: what failed of its kind before it in this conversation is solved by it, and by the changes between.
    fn solve(&mut self, run_id: &str, command: &Command, kind: &str) -> Result<(), StoreError> {
        let open: Vec<Open> = self
            .tx
            .connection()
            .prepare_cached(
                "SELECT run_id, failure FROM ct_commands
                  WHERE claude_session_id = ?1 AND kind = ?2 AND failure <> '' AND solved_by IS NULL AND at_us <= ?3
                  ORDER BY at_us DESC",
            )?
            .query_map((&self.conversation.id, kind, self.at_us.cast_signed()), |row| {
                Ok(Open { run_id: row.get(0)?, failure: row.get(1)? })
            })?
            .collect::<Result<_, _>>()?;
        let mut told: Vec<&str> = Vec::new();
        for failed in &open {
            self.tx
                .connection()
                .prepare_cached("UPDATE ct_commands SET solved_by = ?1 WHERE run_id = ?2")?
                .execute((run_id, &failed.run_id))?;
            // Of one problem that was met more than once, the last tells it.
            if !told.contains(&failed.failure.as_str()) {
                told.push(&failed.failure);
                self.tell_solution(&failed.run_id, command)?;
            }
        }
        Ok(())
    }

    fn tell_solution(&mut self, failed: &str, command: &Command) -> Result<(), StoreError> {
        let Some(run) = self.tx.get(COMMAND_RUNS, &Key::new(failed))? else { return Ok(()) };
        let (text, output) = (run.text("command_text").unwrap_or_default().to_owned(), output_of(&run)?);
        let Some(failing) = Failing::of(&text, &output) else { return Ok(()) };
        let solution = self.solution(&run, &text, command)?;
        let name = format!("{} {} {}", self.hostname, self.conversation.project_slug, failing.signature());
        let id = derived_id("problem_solutions", &name);
        let known = self.tx.get(PROBLEM_SOLUTIONS, &Key::new(id.as_str()))?;
        let is_known = known.is_some();
        let mut row = match known {
            Some(row) => row,
            None => Row::new(PROBLEM_SOLUTIONS).with("id", id.as_str()).with("created_at", self.made(&id)?),
        };
        let reused = row.int("times_reused").unwrap_or(0);
        if is_known {
            row.set("times_reused", reused.saturating_add(1).min(i32::MAX.into())).set("last_reused_at", self.at());
        }
        if row.text("solution_applied").is_some_and(|told| !is_ours(told)) {
            return self.tx.put(row);
        }
        // All words of a row are of one session, so that they go when that is forgotten.
        let title = format!("{} fails: {}", failing.kind, failing.line);
        row.set("session_id", run.get("session_id").clone())
            .set("work_item_id", run.get("work_item_id").clone())
            .set("client_id", self.client()?)
            .set("title", fit::chars(&title, TITLE_CHARS))
            .set("problem_description", format!("`{}` failed on {}.", fit::chars(&text, COMMAND_CHARS), self.hostname))
            .set("error_message", failing.line.as_str())
            .set("solution_applied", solution.as_str())
            .set("verification_method", format!("`{}` passed.", fit::chars(&command.text, COMMAND_CHARS)));
        self.tx.put(row)?;
        self.tell_cure(&failing, &solution)
    }

    /// What was changed after the failing run, then the run that worked.
    fn solution(&self, failed: &Row, text: &str, command: &Command) -> Result<String, StoreError> {
        let at = failed.text("created_at").unwrap_or_default();
        let mut statement = self.tx.connection().prepare_cached(
            "SELECT file_path FROM file_changes WHERE session_id = ?1 AND created_at BETWEEN ?2 AND ?3
              GROUP BY file_path ORDER BY min(created_at) LIMIT ?4",
        )?;
        let files: Vec<String> = statement
            .query_map((self.session_id(), at, self.at(), FILES), |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        let worked = fit::chars(&command.text, COMMAND_CHARS);
        let is_same = name_of(text) == name_of(&command.text);
        Ok(match (files.is_empty(), is_same) {
            (true, true) => format!("{SAME}`{worked}`"),
            (true, false) => format!("{INSTEAD}`{worked}`"),
            (false, _) => format!("{CHANGED}{}; then `{worked}` passed.", files.join(", ")),
        })
    }

    /// When a row of a derived id is made: one that was forgotten is another from now on.
    fn made(&self, id: &str) -> Result<String, StoreError> {
        let forgotten = names::until(self.tx.connection(), "problem_solutions", id)?;
        let forgotten_us = forgotten.as_deref().and_then(parse_datetime);
        Ok(forgotten_us.map_or_else(|| self.at(), |us| datetime_text(self.tx.now_us().max(us + 1))))
    }

    /// The client of the project that the session belongs to.
    fn client(&self) -> Result<Value, StoreError> {
        let project = self.tx.get(PROJECTS, &Key::new(self.home_project()))?;
        Ok(project.map_or(Value::Null, |project| project.get("client_id").clone()))
    }

    /// What failed before in the same way is a pattern from the second time on. A client's needs an asset of that client to
    /// hang on, or everybody would see it.
    fn raise_pattern(&mut self, failing: &Failing, failure: &str) -> Result<(), StoreError> {
        let (count, first): (i64, i64) = self
            .tx
            .connection()
            .prepare_cached("SELECT count(*), min(at_us) FROM ct_commands WHERE failure = ?1")?
            .query_row([failure], |row| Ok((row.get(0)?, row.get(1)?)))?;
        if count < 2 {
            return Ok(());
        }
        let client = self.client()?;
        let asset = self.asset(&client)?;
        if client != Value::Null && asset == Value::Null {
            return Ok(());
        }
        let signature = self.pattern_signature(failing);
        let row = match self.tx.find(FAILURE_PATTERNS, "pattern_signature", &signature.as_str().into())? {
            Some(row) => {
                let more = row.int("occurrence_count").unwrap_or(0).saturating_add(1).min(i32::MAX.into());
                row.with("occurrence_count", more)
            }
            None => Row::new(FAILURE_PATTERNS)
                .with("id", derived_id("failure_patterns", &signature))
                .with("pattern_signature", signature.as_str())
                .with("infrastructure_id", asset)
                .with("title", fit::chars(&format!("{} fails: {}", failing.kind, failing.line), TITLE_CHARS))
                .with("error_pattern", failure::finding(&failure::masked(&failing.line)))
                .with("affected_systems", serde_json::json!([self.hostname]).to_string())
                .with("recommended_solution", NO_CURE)
                .with("occurrence_count", count)
                .with("first_seen_at", datetime_text(first.cast_unsigned())),
        };
        self.tx.put(row.with("last_seen_at", self.at()))
    }

    /// A pattern that is known is told what helped.
    fn tell_cure(&mut self, failing: &Failing, solution: &str) -> Result<(), StoreError> {
        let signature = self.pattern_signature(failing);
        match self.tx.find(FAILURE_PATTERNS, "pattern_signature", &signature.as_str().into())? {
            Some(row) if row.text("recommended_solution").is_none_or(is_ours) => {
                self.tx.put(row.with("recommended_solution", solution))
            }
            _ => Ok(()),
        }
    }

    fn pattern_signature(&self, failing: &Failing) -> String {
        failing.pattern(&self.hostname, &self.conversation.project_slug)
    }

    /// This machine among a client's assets.
    fn asset(&self, client: &Value) -> Result<Value, StoreError> {
        let own = self.tx.find_all(INFRASTRUCTURE, "client_id", client)?;
        let is_this = |row: &&Row| row.text("hostname").is_some_and(|name| name.eq_ignore_ascii_case(&self.hostname));
        Ok(own.iter().find(is_this).map_or(Value::Null, |row| row.get("id").clone()))
    }
}

fn is_ours(solution: &str) -> bool {
    solution == NO_CURE || [SAME, INSTEAD, CHANGED].iter().any(|start| solution.starts_with(start))
}

fn output_of(run: &Row) -> Result<String, StoreError> {
    let Some(frame) = run.get("output_zst").as_blob() else { return Ok(String::new()) };
    Ok(String::from_utf8_lossy(&decompress(frame)?).into_owned())
}
