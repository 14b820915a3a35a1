//! Prompts of conversations that go on for a while, as Claude Code hands them to its hooks.

use std::path::Path;

use hooks::wire::{self, Request};
use serde_json::{Value, json};
use sync::local::derived_id;
use sync::{Clock as _, SystemClock};
use world::{Error, Result};

use super::prose::Prose;

/// Turns of a conversation before the next begins.
const TURNS: u64 = 20;

/// An endless talk in one folder.
pub(crate) struct Talk {
    cwd: String,
    prose: Prose,
    turns: u64,
}

/// One prompt and what came of it.
pub(crate) struct Turn {
    cwd: String,
    session: String,
    prompt_id: String,
    prompt: String,
    answer: String,
}

impl Talk {
    pub(crate) fn new(cwd: &Path) -> Talk {
        Talk { cwd: cwd.display().to_string(), prose: Prose::new(99), turns: 0 }
    }

    pub(crate) fn next(&mut self) -> Turn {
        self.turns += 1;
        let lines = 1 + self.prose.random().below(3);
        Turn {
            cwd: self.cwd.clone(),
            session: derived_id("bench sessions", &(self.turns / TURNS).to_string()),
            prompt_id: derived_id("bench prompts", &self.turns.to_string()),
            prompt: self.prose.sentences(lines),
            answer: self.prose.sentences(5),
        }
    }
}

impl Turn {
    /// What was asked.
    pub(crate) fn text(&self) -> &str {
        &self.prompt
    }

    /// The input of the hook UserPromptSubmit.
    pub(crate) fn prompt(&self) -> Vec<u8> {
        self.input("UserPromptSubmit", &json!({ "permission_mode": "default", "prompt": self.prompt }))
    }

    /// The input of the hook Stop.
    pub(crate) fn stop(&self) -> Vec<u8> {
        self.input("Stop", &json!({ "stop_hook_active": false, "last_assistant_message": self.answer }))
    }

    fn input(&self, event: &str, fields: &Value) -> Vec<u8> {
        let mut input = json!({
            "session_id": self.session,
            "transcript_path": format!("{}/none.jsonl", self.cwd),
            "cwd": self.cwd,
            "prompt_id": self.prompt_id,
            "hook_event_name": event,
        });
        if let (Some(input), Some(fields)) = (input.as_object_mut(), fields.as_object()) {
            input.extend(fields.clone());
        }
        (input.to_string() + "\n").into_bytes()
    }
}

/// The request that the hook makes of its input, byte for byte but for the random id.
pub(crate) fn request(event: &str, id: &str, input: &[u8]) -> Result<Vec<u8>> {
    let sent_at = SystemClock.now_us().to_string();
    let headers = [(wire::EVENT_ID, id), (wire::SENT_AT, sent_at.as_str())];
    let path = wire::hook_path(event);
    let mut bytes = Vec::new();
    Request { method: "POST", path: &path, headers: &headers, body: input }
        .write_to(&mut bytes, "localhost", None)
        .map_err(Error::doing("write a request"))?;
    Ok(bytes)
}
