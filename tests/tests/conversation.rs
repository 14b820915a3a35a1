//! Hook events as Claude Code sends them, for tests that do not need the client itself.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use world::Machine;
use world::run::Run;

/// What hooks are given by tests that let it pass: soon over, with room for the disk of a loaded test machine.
const IMPATIENT: Duration = Duration::from_millis(600);
/// What hooks are given by tests that are not about their deadline: a loaded test machine may need more than the default.
const PATIENT: Duration = Duration::from_millis(1_500);
/// What a loaded test machine may add to a deadline: the start and the end of a process.
const NOISE: Duration = Duration::from_millis(1_300);

/// One conversation on a machine, fed event by event.
pub(crate) struct Conversation<'m> {
    machine: &'m Machine,
    session: String,
    cwd: String,
    deadline: Duration,
}

impl<'m> Conversation<'m> {
    pub(crate) fn new(machine: &'m Machine, cwd: &Path) -> Self {
        Self { machine, session: new_uuid(), cwd: cwd.display().to_string(), deadline: PATIENT }
    }

    /// The same, for a test whose daemon does not answer.
    pub(crate) fn impatient(self) -> Self {
        Self { deadline: IMPATIENT, ..self }
    }

    /// The client's id of it.
    pub(crate) fn session(&self) -> &str {
        &self.session
    }

    /// The input of an event: what all events have, and `fields`.
    pub(crate) fn input(&self, event: &str, fields: &Value) -> Vec<u8> {
        let mut input = json!({
            "session_id": self.session,
            "transcript_path": format!("{}/none.jsonl", self.cwd),
            "cwd": self.cwd,
            "hook_event_name": event,
        });
        input.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let mut bytes = input.to_string().into_bytes();
        bytes.push(b'\n');
        bytes
    }

    /// Fires an event through the hook client, which must end well and in time whatever happened.
    pub(crate) fn fire(&self, event: &str, fields: &Value) -> Answer {
        self.fire_bytes(event, &self.input(event, fields))
    }

    /// Fires an event with any input.
    pub(crate) fn fire_bytes(&self, event: &str, input: &[u8]) -> Answer {
        self.fire_with(event, input, |_| {})
    }

    /// Fires an event with any input after `change` has had its way with the command.
    pub(crate) fn fire_with(&self, event: &str, input: &[u8], change: impl FnOnce(&mut Command)) -> Answer {
        let deadline = self.deadline.as_millis().to_string();
        let run = self.machine.hook_with(event, input, |command| {
            command.env("CLAUDETOOLS_HOOK_DEADLINE_MS", deadline);
            change(command);
        });
        Answer::within(self.deadline, run.unwrap())
    }

    pub(crate) fn start(&self) -> Answer {
        self.fire("SessionStart", &json!({ "source": "startup", "model": "m" }))
    }

    pub(crate) fn prompt(&self, id: &str, text: &str) -> Answer {
        self.fire("UserPromptSubmit", &json!({ "prompt_id": id, "permission_mode": "default", "prompt": text }))
    }

    pub(crate) fn stop(&self, id: &str, message: &str) -> Answer {
        let fields = json!({ "prompt_id": id, "stop_hook_active": false, "last_assistant_message": message, "background_tasks": [] });
        self.fire("Stop", &fields)
    }

    /// A whole turn.
    pub(crate) fn turn(&self, prompt: &str, message: &str) {
        let id = new_uuid();
        self.prompt(&id, prompt).is_taken();
        self.stop(&id, message).is_taken();
    }
}

/// What a hook printed.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) run: Run,
    /// What the user is shown.
    pub(crate) message: Option<String>,
    /// What the model is given.
    pub(crate) context: Option<String>,
}

impl Answer {
    /// The answer of a run that obeyed the law: exit 0, in time, JSON or nothing, within the client's limit.
    pub(crate) fn within(deadline: Duration, run: Run) -> Self {
        assert_eq!(run.code, 0, "{run:?}");
        assert!(run.took < deadline + NOISE, "{run:?}");
        assert!(run.stdout.chars().count() <= 10_000, "{run:?}");
        let printed: Value = if run.stdout.is_empty() { json!({}) } else { serde_json::from_str(&run.stdout).unwrap() };
        let text = |value: &Value| value.as_str().map(str::to_owned);
        Self {
            message: text(&printed["systemMessage"]),
            context: text(&printed["hookSpecificOutput"]["additionalContext"]),
            run,
        }
    }

    /// Whether the hook said that the event is lost.
    pub(crate) fn is_lost(&self) -> bool {
        self.message.as_ref().is_some_and(|message| message.contains("NOT SAVED"))
    }

    /// Nothing went wrong that the user had to be told.
    pub(crate) fn is_taken(&self) {
        assert_eq!(self.message, None, "{self:?}");
    }
}

/// An id that no other test has, in the form of the client's.
pub(crate) fn new_uuid() -> String {
    static NUMBER: AtomicU64 = AtomicU64::new(1);
    format!("{:08x}-0000-4000-8000-{:012x}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed))
}
