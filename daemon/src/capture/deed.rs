//! What an event means, without where and when: read from its payload, secrets taken out.

use recall::noise;
use recall::redact::Kinds;

use super::fit::Clean;
use super::payload::Payload;
use super::tool_run::ToolRun;

/// What happened.
#[derive(Debug, PartialEq)]
pub(super) enum Deed {
    /// A conversation begins, or goes on after it was resumed, cleared, compacted or forked.
    Start {
        /// `startup`, `resume`, `clear`, `compact`, `fork`.
        source: String,
    },
    /// A prompt was sent; without text when a machine wrote it.
    Prompt { text: Option<String> },
    /// The assistant has answered.
    Answer { text: String },
    /// The turn ended with an error of the API.
    Failed { error: String, text: String },
    /// A helper of the assistant is done.
    Help { agent: String, text: String },
    /// A command is about to be run.
    About { command: String },
    /// A tool has run.
    Tool(Box<ToolRun>),
    /// The conversation is about to be summarised by the client.
    Compact,
    /// The conversation ends.
    End,
    /// An event that says nothing to keep.
    Seen,
}

impl Deed {
    /// What the event means, and which secrets were taken out.
    pub(super) fn of(event: &str, payload: &Payload) -> (Self, Kinds) {
        let mut redactions = Kinds::default();
        let mut clean = |text: &str| {
            let clean = Clean::new(text);
            redactions.join(&clean.kinds);
            clean.text
        };
        let answer = payload.text("last_assistant_message").unwrap_or_default();
        let deed = match event {
            "SessionStart" => Self::Start { source: payload.text("source").unwrap_or("startup").to_owned() },
            "UserPromptSubmit" => {
                let prompt = payload.text("prompt").unwrap_or_default();
                Self::Prompt { text: noise::human(prompt).map(|text| clean(&text)) }
            }
            "Stop" => Self::Answer { text: clean(answer) },
            "StopFailure" => {
                Self::Failed { error: clean(payload.text("error").unwrap_or("unknown")), text: clean(answer) }
            }
            // The client's own summariser stops with an empty type.
            "SubagentStop" => match payload.text("agent_type") {
                Some(agent) if !answer.is_empty() => Self::Help { agent: agent.to_owned(), text: clean(answer) },
                _ => Self::Seen,
            },
            // Nothing of it is kept, so its secrets count when it has run.
            "PreToolUse" => about(payload),
            "PostToolUse" => Self::tool(ToolRun::succeeded(payload), &mut redactions),
            "PostToolUseFailure" => Self::tool(ToolRun::failed(payload), &mut redactions),
            "PreCompact" => Self::Compact,
            "SessionEnd" => Self::End,
            _ => Self::Seen,
        };
        (deed, redactions)
    }

    /// The file that a tool has written.
    pub(super) fn file(&self) -> Option<&str> {
        match self {
            Self::Tool(run) => run.file_path(),
            _ => None,
        }
    }

    fn tool(run: ToolRun, redactions: &mut Kinds) -> Self {
        redactions.join(&run.redactions);
        if run.is_empty() { Self::Seen } else { Self::Tool(Box::new(run)) }
    }

    /// True for events of a conversation that we know how to keep; others are only counted.
    pub(super) fn is_known(event: &str) -> bool {
        matches!(
            event,
            "SessionStart"
                | "UserPromptSubmit"
                | "Stop"
                | "StopFailure"
                | "SubagentStop"
                | "PreToolUse"
                | "PostToolUse"
                | "PostToolUseFailure"
                | "PreCompact"
                | "SessionEnd"
        )
    }

    /// True when a transcript may hold what no hook told.
    pub(super) fn wants_transcript(&self) -> bool {
        matches!(self, Self::Start { .. } | Self::Compact | Self::End)
    }
}

fn about(payload: &Payload) -> Deed {
    let command = payload.value("tool_input")["command"].as_str().filter(|_| payload.text("tool_name") == Some("Bash"));
    command.map_or(Deed::Seen, |command| Deed::About { command: Clean::new(command).text })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn deed(event: &str, value: &serde_json::Value) -> (Deed, u64) {
        let (deed, kinds) = Deed::of(event, &Payload::parse(value.to_string().as_bytes()).unwrap());
        (deed, kinds.total())
    }

    #[test]
    fn machine_prompts_have_no_text() {
        let notice = json!({"prompt": "<task-notification>\n<task-id>a</task-id></task-notification>"});
        assert_eq!(deed("UserPromptSubmit", &notice).0, Deed::Prompt { text: None });
    }

    #[test]
    fn secrets_are_counted() {
        let (deed, count) = deed("UserPromptSubmit", &json!({"prompt": "the password: hunter2!"}));
        assert_eq!((deed, count), (Deed::Prompt { text: Some("the password: [redacted:assignment]".into()) }, 1));
    }

    #[test]
    fn the_clients_own_summariser_is_ignored() {
        let stop = json!({"agent_type": "", "last_assistant_message": "summary"});
        assert_eq!(deed("SubagentStop", &stop).0, Deed::Seen);
    }

    #[test]
    fn unknown_events_are_seen() {
        assert_eq!(deed("SomethingNew", &json!({"prompt": "x"})).0, Deed::Seen);
        assert!(!Deed::is_known("SomethingNew"));
    }
}
