//! What came of one run of the client: its own stream of events, and the requests that reached the model.

use serde_json::Value;

use crate::run::Run;
use crate::{Error, Result};

/// One run of the client without a terminal.
#[derive(Debug)]
pub struct Turn {
    /// How the client ended.
    pub run: Run,
    /// What the model was sent, in order: `{"n","method","path","body"}`.
    pub requests: Vec<Value>,
    stream: Vec<Value>,
}

impl Turn {
    pub(super) fn new(run: Run, requests: Vec<Value>) -> Turn {
        let stream = run.stdout.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        Turn { run, requests, stream }
    }

    /// This turn, when the client ended well and no hook failed.
    pub fn ok(self) -> Result<Turn> {
        let failed: Vec<_> = self.hook_responses().filter(|response| response["outcome"] != "success").collect();
        if self.run.code == 0 && failed.is_empty() {
            return Ok(self);
        }
        Err(Error::new(format!("run the client: {:#?}\nfailed hooks: {failed:#?}", self.run)))
    }

    /// The id of its session. The client's first events may name another, before it has found the one to resume.
    pub fn session(&self) -> Option<&str> {
        self.result()?["session_id"].as_str()
    }

    /// The final message.
    pub fn answer(&self) -> Option<&str> {
        self.result()?["result"].as_str()
    }

    fn result(&self) -> Option<&Value> {
        self.stream.iter().rev().find(|event| event["type"] == "result")
    }

    /// What the hooks answered: `{"hook_event","outcome","exit_code","stdout",…}`.
    pub fn hook_responses(&self) -> impl Iterator<Item = &Value> {
        self.stream.iter().filter(|event| event["subtype"] == "hook_response")
    }

    /// Whether any request carried `text` to the model.
    pub fn model_saw(&self, text: &str) -> bool {
        self.requests.iter().any(|request| holds(&request["body"], text))
    }
}

/// Whether a string anywhere in `value` contains `text`.
fn holds(value: &Value, text: &str) -> bool {
    match value {
        Value::String(string) => string.contains(text),
        Value::Array(items) => items.iter().any(|item| holds(item, text)),
        Value::Object(fields) => fields.values().any(|field| holds(field, text)),
        _ => false,
    }
}
