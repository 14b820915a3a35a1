//! The end of a conversation: the session's summary, and where that leaves the project.
//!
//! Both are made from what the hooks told, in the transaction of the SessionEnd, and made again when the transcript has
//! been read: same rows, better text.

use merge::Row;
use migrations::catalogue::{PROJECT_STATES, SESSIONS};
use sync::local::derived_id;
use sync::{StoreError, datetime_text, parse_datetime};

use super::anchors::id_of;
use super::compose::{self, SessionStory};
use super::fit;
use super::ledger::{State, Turn};
use super::scene::Scene;
use crate::forget::names;

/// Characters of a prompt in a summary.
const PROMPT_CHARS: usize = 160;
/// Sessions that a project's state tells of, one line each.
const TOLD_SESSIONS: usize = 8;
/// Files that a project's state names.
const KEY_FILES: usize = 10;

impl Scene<'_, '_> {
    /// The client says that the conversation is over.
    pub(super) fn end(&mut self) -> Result<(), StoreError> {
        self.conversation.ended_us = self.at_us;
        self.conversation.transcript_due = self.conversation.transcript_path.is_some();
        self.close("completed")
    }

    /// Sets the session's end and writes its summary.
    pub(super) fn close(&mut self, status: &str) -> Result<(), StoreError> {
        self.interrupt_open_turns()?;
        let ended_us = self.conversation.ended_us.max(self.started_us());
        self.session.set("status", status).set("ended_at", datetime_text(ended_us));
        self.summarise()
    }

    /// Writes summary and project state from the turns as they are now. A conversation without a prompt leaves none.
    pub(super) fn summarise(&mut self) -> Result<(), StoreError> {
        let turns = Turn::all(self.tx.connection(), &self.conversation.id)?;
        self.session.set("duration_minutes", Self::active_minutes(&turns));
        if turns.is_empty() {
            return Ok(());
        }
        let story = self.story(&turns)?;
        let memory = compose::session(&story);
        self.session.set("summary", fit::column(&memory.summary));
        let id = derived_id("conversation_contexts", &format!("session {}", self.conversation.id));
        // One that was forgotten with a turn that it retold is made anew without it, and so is a later one.
        let forgotten_us = names::until(self.tx.connection(), "conversation_contexts", &id)?;
        let forgotten_us = forgotten_us.as_deref().and_then(parse_datetime);
        let made = forgotten_us.map_or_else(|| self.at(), |us| datetime_text(self.tx.now_us().max(us + 1)));
        let metadata = serde_json::json!({
            "source": "hooks", "git_branch": self.branch, "files_changed": story.done.files, "prompts": turns.len(),
        });
        let row = self
            .context_row(&id, "session_summary", made, &self.home_project())?
            .with("title", memory.title)
            .with("dense_summary", fit::column(&memory.summary))
            .with("metadata", metadata.to_string())
            .with("relevance_score", memory.importance);
        let tags = fit::with_tags(row.text("tags"), &memory.labels);
        self.tx.put(row.with("tags", tags))?;
        self.project_state(&story)
    }

    fn story(&self, turns: &[Turn]) -> Result<SessionStory, StoreError> {
        let mut story = SessionStory::default();
        for turn in turns {
            let prompt = recall::excerpt::title(&turn.parts.prompt, PROMPT_CHARS);
            if !prompt.is_empty() {
                story.prompts.push((prompt, turn.state));
            }
            let done = self.done(&turn.work_item_id)?;
            for file in done.files {
                if !story.done.files.contains(&file) {
                    story.done.files.push(file);
                }
            }
            story.done.failures.extend(done.failures);
            story.done.commands.extend(done.commands);
        }
        let last = turns.iter().rev().find_map(|turn| turn.parts.answers.last());
        story.outcome = last.cloned().unwrap_or_default();
        let commands: i64 = self
            .tx
            .connection()
            .prepare_cached("SELECT count(*) FROM command_runs WHERE session_id = ?1")?
            .query_row([self.session_id()], |row| row.get(0))?;
        story.commands = commands.cast_unsigned();
        Ok(story)
    }

    /// One row a project: the last sessions in a line each, what is open, which files matter.
    fn project_state(&mut self, story: &SessionStory) -> Result<(), StoreError> {
        if story.prompts.is_empty() {
            return Ok(());
        }
        let project_id = self.home_project();
        let found = self.tx.find(PROJECT_STATES, "project_id", &project_id.as_str().into())?;
        let row = found.unwrap_or_else(|| {
            Row::new(PROJECT_STATES)
                .with("id", derived_id("project_states", &project_id))
                .with("project_id", project_id.as_str())
        });
        let ended = datetime_text(self.conversation.last_event_us);
        let line = compose::session_line(&ended[..10], story);
        let earlier = row.text("context_summary").unwrap_or_default().to_owned();
        if self.is_of_the_past(&row, &ended)? {
            return self.tx.put(row.with("context_summary", among(&line, &earlier)));
        }
        let ends_earlier = row.text("last_session_id").is_some_and(|id| id == id_of(&self.session));
        let summary = newest_first(&line, &earlier, ends_earlier);
        let open = serde_json::to_string(&compose::open_ends(story)).map_err(StoreError::other)?;
        let files: Vec<&String> = story.done.files.iter().take(KEY_FILES).collect();
        let mut row = row
            .with("last_session_id", self.session_id())
            .with("context_summary", summary)
            .with("next_actions", open)
            .with("git_branch", self.branch.as_deref());
        if !files.is_empty() {
            row.set("key_files", serde_json::to_string(&files).map_err(StoreError::other)?);
        }
        self.tx.put(row)
    }
}

impl Scene<'_, '_> {
    /// Whether a project's state tells of a session that ended after this one, which comes in late from its transcript.
    fn is_of_the_past(&self, state: &Row, ended: &str) -> Result<bool, StoreError> {
        let Some(latest) = state.text("last_session_id").filter(|id| *id != id_of(&self.session)) else {
            return Ok(false);
        };
        let latest = self.tx.get(SESSIONS, &merge::Key::new(latest))?;
        let at = latest.as_ref().and_then(|row| row.text("ended_at").or_else(|| row.text("started_at")));
        Ok(at.is_some_and(|at| at > ended))
    }
}

/// The line of a session of the past at its day, among those of later and earlier ones.
fn among(line: &str, told: &str) -> String {
    let mut lines: Vec<&str> = told.lines().filter(|old| !old.trim().is_empty() && *old != line).collect();
    let day = |line: &str| line.get(..10).map(str::to_owned);
    let place = lines.iter().position(|old| day(old) < day(line)).unwrap_or(lines.len());
    lines.insert(place, line);
    lines.truncate(TOLD_SESSIONS);
    lines.join("\n")
}

/// The line of this session above those of earlier ones; when the newest of them is this session's own, it is replaced.
fn newest_first(line: &str, earlier: &str, replaces: bool) -> String {
    let older = earlier.lines().filter(|old| !old.trim().is_empty()).skip(usize::from(replaces));
    let older = older.filter(|old| *old != line);
    std::iter::once(line).chain(older).take(TOLD_SESSIONS).collect::<Vec<_>>().join("\n")
}

impl State {
    /// True while an answer may still come.
    pub(super) fn is_waiting(self) -> bool {
        matches!(self, Self::Open | Self::Interrupted)
    }
}

#[cfg(test)]
mod tests {
    use super::{among, newest_first};

    #[test]
    fn a_session_of_the_past_is_told_at_its_day() {
        let told = "2026-11-20: c\n2026-11-10: a";
        let with = among("2026-11-15: b", told);
        assert_eq!(with, "2026-11-20: c\n2026-11-15: b\n2026-11-10: a");
        assert_eq!(among("2026-11-15: b", &with), with);
        assert_eq!(among("2026-01-01: z", ""), "2026-01-01: z");
    }

    #[test]
    fn a_state_tells_the_newest_sessions_once() {
        let first = newest_first("a (1 prompt)", "", false);
        let again = newest_first("a (2 prompts)", &first, true);
        assert_eq!(again, "a (2 prompts)");
        assert_eq!(newest_first("b", &again, false), "b\na (2 prompts)");
        let many = (0..20).fold(String::new(), |text, n| newest_first(&format!("s{n}"), &text, false));
        assert_eq!(many.lines().count(), super::TOLD_SESSIONS);
    }
}
