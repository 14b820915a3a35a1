//! Turns: a prompt becomes a work item and a memory, and both grow with what comes of it.
//!
//! Every step is an update of the same two rows, whose ids derive from the client's prompt id: a hook that fires twice,
//! or late, or after the transcript was read, changes nothing that is not new.

use merge::{Row, Value};
use migrations::catalogue::{CONVERSATION_CONTEXTS, OPERATION_FAILURES, WORK_ITEMS};
use recall::excerpt::title;
use rusqlite::Connection;
use sync::local::{compress, derived_id};
use sync::{StoreError, datetime_text, parse_datetime};

use super::compose::{self, Done};
use super::digest::sha256;
use super::fit::{self, WHOLE_BYTES};
use super::ledger::{Conversation, Parts, State, Turn};
use super::scene::Scene;
use super::settled::choices_of;
use crate::forget::names;

/// Characters of a work item's title and description.
const TITLE_CHARS: usize = 200;
const DESCRIPTION_CHARS: usize = 4_000;
/// Files and failures that are read for a turn's memory.
const NAMED: i64 = 20;
const US_PER_MINUTE: u64 = 60 * 1_000_000;

/// What kind of work a prompt asks for: the first list with a word in it, else development. In order of how telling the
/// words are.
const CATEGORIES: &[(&str, &[&str])] = &[
    (
        "security",
        &["security", "vulnerability", "cve", "permissions", "firewall", "encrypt", "certificate", "password"],
    ),
    (
        "troubleshooting",
        &["error", "fix", "bug", "fail", "fails", "failed", "failing", "broken", "crash", "debug", "why"],
    ),
    ("documentation", &["document", "documentation", "readme", "docs", "changelog"]),
    ("infrastructure", &["server", "deploy", "deployment", "docker", "kubernetes", "network", "dns", "vm", "backup"]),
    ("configuration", &["configure", "config", "configuration", "setting", "settings", "install", "setup"]),
    ("maintenance", &["update", "upgrade", "cleanup", "dependency", "dependencies", "rename", "migrate"]),
];

impl Scene<'_, '_> {
    /// A person has sent a prompt. Turns before it that were never answered were interrupted.
    pub(super) fn prompt(&mut self, prompt_id: Option<&str>, text: &str) -> Result<(), StoreError> {
        let id = prompt_id.map_or_else(|| self.unnamed_turn(text), str::to_owned);
        let db = self.tx.connection();
        if Turn::load(db, &id)?.is_some() || names::is_turn_forgotten(db, &id)? {
            return Ok(());
        }
        self.interrupt_open_turns()?;
        self.dismiss_last(text)?;
        let turn = self.new_turn(id, text);
        self.write_turn(&turn)?;
        self.stances(&turn)?;
        self.conversation.turn_id = Some(turn.id);
        Ok(())
    }

    /// The assistant has stopped. While background tasks run it does so more than once; each message is kept once.
    pub(super) fn answer(&mut self, prompt_id: Option<&str>, text: &str) -> Result<(), StoreError> {
        let Some(mut turn) = self.turn_of(prompt_id)? else { return Ok(()) };
        let before = choices_of(&turn);
        turn.drop_partial_answer();
        turn.state = State::Answered;
        turn.parts.add_answer(text);
        turn.parts.answered_us = turn.parts.answered_us.max(self.at_us);
        self.write_turn(&turn)?;
        self.choices(&turn, &before)
    }

    /// The turn ended with an error of the API.
    pub(super) fn fail(&mut self, prompt_id: Option<&str>, error: &str, text: &str) -> Result<(), StoreError> {
        let Some(mut turn) = self.turn_of(prompt_id)? else { return Ok(()) };
        turn.state = State::Failed;
        turn.parts.answered_us = turn.parts.answered_us.max(self.at_us);
        self.write_turn(&turn)?;
        let message = if text.is_empty() { error } else { text };
        let row = Row::new(OPERATION_FAILURES)
            .with("id", derived_id("operation_failures", &format!("turn {}", turn.id)))
            .with("session_id", self.session_id())
            .with("work_item_id", turn.work_item_id.as_str())
            .with("operation_type", "api_call")
            .with("operation_description", "answer of the model")
            .with("host", self.hostname.as_str())
            .with("error_code", fit::chars(error, 100))
            .with("error_message", fit::column(message))
            .with("created_at", self.at());
        self.tx.put(row)?;
        self.write_turn(&turn)
    }

    /// A helper has reported.
    pub(super) fn help(&mut self, prompt_id: Option<&str>, agent: &str, text: &str) -> Result<(), StoreError> {
        let Some(mut turn) = self.turn_of(prompt_id)? else { return Ok(()) };
        let report = (agent.to_owned(), text.to_owned());
        if !turn.parts.helpers.contains(&report) {
            turn.parts.helpers.push(report);
        }
        self.write_turn(&turn)
    }

    /// Closes every turn of this conversation that has no answer, keeping what was done.
    pub(super) fn interrupt_open_turns(&mut self) -> Result<(), StoreError> {
        for mut turn in Turn::open(self.tx.connection(), &self.conversation.id)? {
            turn.state = State::Interrupted;
            self.write_turn(&turn)?;
        }
        Ok(())
    }

    /// The turn that an event belongs to: the one of its prompt id, else the latest (machine prompts have ids of their
    /// own, for which there is no turn), else one that is made now, since its prompt never reached us. None when it belongs
    /// to what was forgotten.
    pub(super) fn turn_of(&mut self, prompt_id: Option<&str>) -> Result<Option<Turn>, StoreError> {
        for id in [prompt_id, self.conversation.turn_id.clone().as_deref()].into_iter().flatten() {
            if names::is_turn_forgotten(self.tx.connection(), id)? {
                return Ok(None);
            }
            if let Some(turn) = Turn::load(self.tx.connection(), id)? {
                return Ok(Some(turn));
            }
        }
        let id = prompt_id.map_or_else(|| self.unnamed_turn(""), str::to_owned);
        let turn = self.new_turn(id, "");
        self.write_turn(&turn)?;
        self.conversation.turn_id = Some(turn.id.clone());
        Ok(Some(turn))
    }

    pub(super) fn new_turn(&mut self, id: String, prompt: &str) -> Turn {
        self.conversation.turns += 1;
        if self.session.text("title").is_none() {
            let title = title(prompt, TITLE_CHARS);
            self.session.set("title", (!title.is_empty()).then_some(title));
        }
        Turn {
            conversation: self.conversation.id.clone(),
            work_item_id: derived_id("work_items", &id),
            context_id: derived_id("conversation_contexts", &id),
            started_us: self.at_us,
            state: State::Open,
            parts: Parts { prompt: fit::bytes(prompt, WHOLE_BYTES), ..Parts::default() },
            id,
        }
    }

    /// For a client that names no prompts: the conversation, how many prompts it had, and the text.
    fn unnamed_turn(&self, text: &str) -> String {
        format!("{}:{}:{}", self.conversation.id, self.conversation.turns, &sha256(text.as_bytes())[..16])
    }

    /// Writes a turn's work item and memory, and its own record.
    pub(super) fn write_turn(&mut self, turn: &Turn) -> Result<(), StoreError> {
        self.write_turn_with(turn, |_| Ok(()))
    }

    /// [`Self::write_turn`] with what was done in it, which the memory tells of.
    pub(super) fn write_turn_with(
        &mut self,
        turn: &Turn,
        done: impl FnOnce(&mut Self) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        turn.save(self.tx.connection())?;
        self.write_work_item(turn)?;
        done(self)?;
        self.write_context(turn)
    }

    fn write_work_item(&mut self, turn: &Turn) -> Result<(), StoreError> {
        let prompt = &turn.parts.prompt;
        let heading = title(prompt, TITLE_CHARS);
        let (status, completed) = match turn.state {
            State::Open => ("in_progress", None),
            State::Answered => ("completed", Some(turn.parts.answered_us.max(turn.started_us))),
            State::Failed => ("blocked", None),
            State::Interrupted => ("deferred", None),
        };
        let key = merge::Key::new(turn.work_item_id.as_str());
        let mut row = match self.tx.get(WORK_ITEMS, &key)? {
            Some(row) => row,
            None => Row::new(WORK_ITEMS)
                .with("id", turn.work_item_id.as_str())
                .with("item_order", self.conversation.turns)
                .with("created_at", datetime_text(turn.started_us)),
        };
        row.set("session_id", self.session_id())
            .set("category", category(prompt))
            .set("title", if heading.is_empty() { "Work without a recorded prompt".to_owned() } else { heading })
            .set("description", fit::ends(prompt, DESCRIPTION_CHARS))
            .set("status", status)
            .set("completed_at", completed.map(datetime_text))
            .set("actual_minutes", completed.map(|at| minutes(at.saturating_sub(turn.started_us))));
        self.tx.put(row)
    }

    fn write_context(&mut self, turn: &Turn) -> Result<(), StoreError> {
        let done = self.done(&turn.work_item_id)?;
        let memory = compose::turn(&turn.parts, turn.state, &done);
        if memory.summary.is_empty() {
            return Ok(());
        }
        let metadata = serde_json::json!({
            "source": "hooks", "state": turn.state.name(), "git_branch": self.branch, "files_changed": done.files,
        });
        let row = self
            .context_row(&turn.context_id, "general_context", datetime_text(turn.started_us), &self.project_id)?
            .with("title", memory.title)
            .with("dense_summary", fit::column(&memory.summary))
            .with("metadata", metadata.to_string())
            .with("relevance_score", memory.importance);
        let tags = fit::with_tags(row.text("tags"), &memory.labels);
        let row = row.with("tags", tags).with("detail_zst", memory.whole.map(|whole| compress(whole.as_bytes())));
        self.tx.put(row)
    }

    /// The context row of that id. One that exists keeps its project (the folder may have changed since) and what
    /// others have changed of it (tags, uses).
    pub(super) fn context_row(
        &self,
        id: &str,
        kind: &str,
        created_at: String,
        project_id: &str,
    ) -> Result<Row, StoreError> {
        let known = self.tx.get(CONVERSATION_CONTEXTS, &merge::Key::new(id))?;
        let row = known.unwrap_or_else(|| {
            Row::new(CONVERSATION_CONTEXTS)
                .with("id", id)
                .with("created_at", created_at)
                .with("project_id", project_id)
                .with("machine_id", self.machine_id.as_str())
        });
        Ok(row.with("session_id", self.session_id()).with("context_type", kind))
    }

    /// What was done within a work item.
    pub(super) fn done(&self, work_item_id: &str) -> Result<Done, StoreError> {
        let db = self.tx.connection();
        let mut files = db.prepare_cached(
            "SELECT file_path FROM file_changes WHERE work_item_id = ?1 GROUP BY file_path ORDER BY min(created_at) LIMIT ?2",
        )?;
        let files = files.query_map((work_item_id, NAMED), |row| row.get(0))?.collect::<Result<_, _>>()?;
        let mut failures = db.prepare_cached(
            "SELECT operation_description, error_message FROM operation_failures
              WHERE work_item_id = ?1 AND is_resolved = 0 ORDER BY created_at DESC LIMIT ?2",
        )?;
        let failures = failures
            .query_map((work_item_id, NAMED), |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        let mut commands = db.prepare_cached(
            "SELECT command_text FROM command_runs WHERE work_item_id = ?1 ORDER BY created_at DESC LIMIT ?2",
        )?;
        let commands = commands.query_map((work_item_id, NAMED), |row| row.get(0))?.collect::<Result<_, _>>()?;
        Ok(Done { files, failures, commands })
    }

    /// Minutes that were worked in this conversation: the sum of its answered turns, not the wall clock.
    pub(super) fn active_minutes(turns: &[Turn]) -> i64 {
        minutes(turns.iter().map(|turn| turn.parts.answered_us.saturating_sub(turn.started_us)).sum())
    }

    /// When the session began, in microseconds.
    pub(super) fn started_us(&self) -> u64 {
        self.session.text("started_at").and_then(parse_datetime).unwrap_or(self.at_us)
    }
}

impl Turn {
    /// What a transcript told of an answer that went on: the whole takes its place.
    pub(super) fn drop_partial_answer(&mut self) {
        if self.state.is_waiting() {
            self.parts.answers.clear();
        }
    }
}

impl Parts {
    /// Whether a helper's report is there already, however it is spaced.
    pub(super) fn has_report(&self, text: &str) -> bool {
        self.helpers.iter().any(|(_, known)| known.split_whitespace().eq(text.split_whitespace()))
    }

    /// Whether an answer adds nothing.
    pub(super) fn has_answer(&self, text: &str) -> bool {
        text.trim().is_empty() || self.answers.iter().any(|known| known == text)
    }

    /// Adds a message unless it is there. A later message that begins with the last one replaces it.
    pub(super) fn add_answer(&mut self, text: &str) {
        if self.has_answer(text) {
            return;
        }
        if let Some(last) = self.answers.last_mut()
            && text.starts_with(last.as_str())
        {
            text.clone_into(last);
            return;
        }
        self.answers.push(fit::bytes(text, WHOLE_BYTES));
    }
}

/// The turn of a prompt id, else the latest of its conversation: machine prompts have ids of their own.
pub(super) fn of(db: &Connection, conversation: &str, prompt_id: Option<&str>) -> Result<Option<Turn>, StoreError> {
    let latest = Conversation::load(db, conversation)?.and_then(|known| known.turn_id);
    for id in [prompt_id, latest.as_deref()].into_iter().flatten() {
        if let Some(turn) = Turn::load(db, id)? {
            return Ok(Some(turn));
        }
    }
    Ok(None)
}

/// Whole minutes, rounded up.
fn minutes(us: u64) -> i64 {
    us.div_ceil(US_PER_MINUTE).try_into().unwrap_or(i64::from(i32::MAX)).min(i64::from(i32::MAX))
}

fn category(prompt: &str) -> Value {
    let head: String = prompt.chars().take(DESCRIPTION_CHARS).collect::<String>().to_lowercase();
    let words: std::collections::HashSet<&str> = head.split(|c: char| !c.is_alphanumeric()).collect();
    let found = CATEGORIES.iter().find(|(_, signs)| signs.iter().any(|sign| words.contains(sign)));
    found.map_or("development", |(name, _)| name).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn categories_by_their_words() {
        for (prompt, expected) in [
            ("Add a button to the form", "development"),
            ("Why does the import crash?", "troubleshooting"),
            ("Update the README", "documentation"),
            ("Upgrade the dependencies", "maintenance"),
            ("prefix the fixtures", "development"),
        ] {
            assert_eq!(category(prompt), expected.into(), "{prompt}");
        }
    }

    #[test]
    fn answers_are_kept_once() {
        let mut parts = Parts::default();
        for text in ["One.", "One.", " ", "One. And more.", "Two."] {
            parts.add_answer(text);
        }
        assert_eq!(parts.answers, ["One. And more.", "Two."]);
    }
}
