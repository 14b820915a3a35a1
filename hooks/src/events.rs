//! The events of Claude Code that ClaudeTools listens to: the one table from which the installer, the client and
//! `doctor` work.

/// One event: how it is installed, and what its hook may print.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HookSpec {
    /// The client's name of the event, also the argument of `claudetools-hook`.
    pub event: &'static str,
    /// The `matcher` of its group in settings.json; `None`: every occurrence.
    pub matcher: Option<&'static str>,
    /// Seconds after which Claude Code gives the hook up. A backstop only: the hook's own deadline is far shorter.
    pub timeout_seconds: u32,
    /// Whether a `systemMessage` of this event reaches the user.
    pub shows_message: bool,
    /// Whether an `additionalContext` of this event reaches the model without making it work longer.
    pub takes_context: bool,
    /// Whether an event that the daemon has not taken is kept on disk. One that only asks is not: its answer would come
    /// too late, and what it is about is told by another event.
    pub keeps: bool,
    /// What we listen for, for people.
    pub purpose: &'static str,
}

/// Tools that change files or run commands; all others are noise to memory, and a hook a call would be waste.
const WORKING_TOOLS: &str = "Bash|PowerShell|Edit|MultiEdit|Write|NotebookEdit";

/// Every event that is installed, in the order in which a session meets them.
pub const EVENTS: &[HookSpec] = &[
    HookSpec {
        event: "SessionStart",
        matcher: None,
        timeout_seconds: 5,
        shows_message: true,
        takes_context: true,
        keeps: true,
        purpose: "starts the daemon when none answers; brings the state of the project and its open ends",
    },
    HookSpec {
        event: "UserPromptSubmit",
        matcher: None,
        timeout_seconds: 2,
        shows_message: true,
        takes_context: true,
        keeps: true,
        purpose: "saves the prompt; brings the memories that fit it",
    },
    HookSpec {
        event: "PreToolUse",
        matcher: Some("Bash"),
        timeout_seconds: 1,
        // It comes with every command: what is wrong, the events around it tell.
        shows_message: false,
        takes_context: true,
        keeps: false,
        purpose: "warns of a command whose last run on this machine failed",
    },
    HookSpec {
        event: "PostToolUse",
        matcher: Some(WORKING_TOOLS),
        timeout_seconds: 2,
        shows_message: true,
        takes_context: true,
        keeps: true,
        purpose: "saves changed files and commands",
    },
    HookSpec {
        event: "PostToolUseFailure",
        matcher: Some(WORKING_TOOLS),
        timeout_seconds: 2,
        shows_message: true,
        takes_context: true,
        keeps: true,
        purpose: "saves what failed, and how",
    },
    HookSpec {
        event: "SubagentStop",
        matcher: None,
        timeout_seconds: 2,
        // The client drops it.
        shows_message: false,
        takes_context: false,
        keeps: true,
        purpose: "saves what a subagent found",
    },
    HookSpec {
        event: "PreCompact",
        matcher: None,
        timeout_seconds: 2,
        // Whatever is printed here is appended to the instructions of the summariser.
        shows_message: false,
        takes_context: false,
        keeps: true,
        purpose: "saves the conversation before the client compacts it",
    },
    HookSpec {
        event: "Stop",
        matcher: None,
        timeout_seconds: 2,
        shows_message: true,
        // Context of a Stop hook would make the model go on.
        takes_context: false,
        keeps: true,
        purpose: "saves the answer of the turn",
    },
    HookSpec {
        event: "SessionEnd",
        matcher: None,
        timeout_seconds: 2,
        // The session's screen is already gone.
        shows_message: false,
        takes_context: false,
        keeps: true,
        purpose: "saves the rest of the transcript and closes the session",
    },
];

/// The event of that name, when it is one of ours.
pub fn find(event: &str) -> Option<&'static HookSpec> {
    EVENTS.iter().find(|spec| spec.event == event)
}

/// Whether `text` could be the name of an event of this or a later client: a letter, then letters and digits, at most
/// 64 bytes. Such a name is safe in a request line.
pub fn is_event_name(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_is_named_once_and_fits_a_request_line() {
        for (at, spec) in EVENTS.iter().enumerate() {
            assert!(is_event_name(spec.event), "{}", spec.event);
            assert!(EVENTS[at + 1..].iter().all(|other| other.event != spec.event), "{} twice", spec.event);
            assert_eq!(find(spec.event), Some(spec));
        }
    }

    #[test]
    fn names_that_are_not_events() {
        let long = "E".repeat(65);
        for text in ["", "--help", "Stop\r\n", "a/b", "1Stop", "Stöp", long.as_str()] {
            assert!(!is_event_name(text), "{text:?}");
        }
        assert_eq!(find("stop"), None);
    }
}
