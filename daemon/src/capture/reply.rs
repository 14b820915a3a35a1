//! What a hook prints.

use serde_json::json;
use sync::StoreError;

use crate::memory::{Handing, Injected};

/// What became of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// Its rows are written.
    New,
    /// It had been taken before; nothing was written.
    Duplicate,
    /// It cannot be read; it is kept aside, with the reason.
    Rejected(String),
}

/// The answer to one event.
#[derive(Debug)]
pub struct Reply {
    /// For the user.
    pub system_message: Option<String>,
    /// For the model.
    pub additional_context: Option<String>,
    /// What became of the event.
    pub taken: Taken,
    /// What the conversation has had once the answer has arrived.
    pub on_the_way: Vec<Handing>,
}

impl Reply {
    /// The event was taken; recall may have failed, which the user is told.
    pub(crate) fn new(taken: Taken, recalled: Result<Option<Injected>, StoreError>) -> Self {
        let mut reply = Self { system_message: None, additional_context: None, taken, on_the_way: Vec::new() };
        match recalled {
            Ok(recalled) => reply.tell(recalled),
            Err(error) => {
                tracing::warn!(%error, "failed to recall");
                let message = format!("ClaudeTools: failed to recall: {error}. What you do is saved all the same.");
                reply.system_message = Some(message);
            }
        }
        reply
    }

    /// With what happened to the conversation's locks, for user and model.
    pub(super) fn with_news(mut self, news: Option<String>) -> Self {
        if let Some(news) = news {
            append(&mut self.system_message, &news);
            append(&mut self.additional_context, &news);
        }
        self
    }

    /// With what the model is to know of the other sessions.
    pub(super) fn with_briefing(mut self, briefing: Result<Option<Injected>, StoreError>) -> Self {
        match briefing {
            Ok(briefing) => self.tell(briefing),
            Err(error) => {
                tracing::warn!(%error, "failed to look for other sessions");
                append(&mut self.system_message, &format!("ClaudeTools: failed to look for other sessions: {error}"));
            }
        }
        self
    }

    fn tell(&mut self, injected: Option<Injected>) {
        if let Some(Injected { text, handing }) = injected {
            append(&mut self.additional_context, &text);
            self.on_the_way.push(handing);
        }
    }

    /// The event is kept aside.
    pub(super) fn rejected(event: &str, reason: String) -> Self {
        let message = format!(
            "ClaudeTools: a {event} event could not be saved: {reason}. It is kept aside; see `claudetools doctor`."
        );
        Self { system_message: Some(message), ..Self::new(Taken::Rejected(reason), Ok(None)) }
    }

    /// What the hook for `event` prints; None when it has nothing to say. Only the events that hand context to the model
    /// get any: elsewhere it would be an error or prolong the turn.
    pub fn to_json(&self, event: &str) -> Option<String> {
        let mut output = serde_json::Map::new();
        if let Some(message) = &self.system_message {
            output.insert("systemMessage".into(), json!(message));
        }
        if let (Some(context), "SessionStart" | "UserPromptSubmit" | "PreToolUse") = (&self.additional_context, event) {
            let specific = json!({"hookEventName": event, "additionalContext": context});
            output.insert("hookSpecificOutput".into(), specific);
        }
        (!output.is_empty()).then(|| serde_json::Value::Object(output).to_string())
    }
}

/// Adds a text on lines of its own.
fn append(text: &mut Option<String>, more: &str) {
    *text = Some(text.take().map_or_else(|| more.to_owned(), |text| format!("{text}\n{more}")));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn context_goes_where_the_client_takes_it() {
        let reply = Reply { additional_context: Some("notes".into()), ..Reply::new(Taken::New, Ok(None)) };
        assert_eq!(
            reply.to_json("SessionStart").as_deref(),
            Some(r#"{"hookSpecificOutput":{"hookEventName":"SessionStart","additionalContext":"notes"}}"#)
        );
        assert_eq!(reply.to_json("PreCompact"), None);
    }

    #[test]
    fn nothing_to_say_is_no_output() {
        assert_eq!(Reply::new(Taken::Duplicate, Ok(None)).to_json("Stop"), None);
    }

    #[test]
    fn failures_are_told() {
        let reply = Reply::rejected("Stop", "it is no JSON".into());
        assert!(reply.to_json("Stop").unwrap().contains("could not be saved: it is no JSON"));
    }
}
