//! What the hook prints: JSON that Claude Code understands for the event, within its limit, or nothing.
//!
//! The output is always built here, of the two parts that we mean. Whatever else a daemon might answer is left out, so
//! that none can block a prompt or stop a session.

use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use hooks::events::HookSpec;
use hooks::wire::OUTPUT_LIMIT;
use serde_json::{Map, Value, json};

use super::deadline::by;

/// The longest message to the user, so that there is always room for the rest.
const MESSAGE_LIMIT: usize = 2_000;
/// Output up to here, in bytes, fits any pipe at once, so that writing it cannot block.
const FITS_A_PIPE: usize = 4096;
/// How long a longer output may take. Its reader is there, or it is not.
const PRINTING: Duration = Duration::from_millis(100);

/// What is to be shown to the user and to the model.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Output {
    message: Option<String>,
    context: Option<String>,
    faults: Vec<String>,
}

/// The text to print, and what of the output could not be used, for the log.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Rendered {
    pub(crate) text: String,
    pub(crate) faults: Vec<String>,
}

impl Output {
    /// A message to the user.
    pub(crate) fn message(text: &str) -> Self {
        Self { message: Some(format!("ClaudeTools: {text}")), ..Self::default() }
    }

    /// A message that an event is lost, and why.
    pub(crate) fn not_saved(event: &str, reason: &str) -> Self {
        Self::message(&format!("this {event} was NOT SAVED: {reason}. To find out more: claudetools doctor"))
    }

    /// What a daemon answered to `event`. Its event is safe, whatever the answer looks like.
    pub(crate) fn of_answer(event: &str, body: &[u8]) -> Self {
        if body.trim_ascii().is_empty() {
            return Self::default();
        }
        let Ok(Value::Object(mut answer)) = serde_json::from_slice(body) else {
            let mut output =
                Self::message("the daemon's answer could not be understood. To find out more: claudetools doctor");
            output.faults.push("the answer is no JSON object".to_owned());
            return output;
        };
        let mut output = Self::default();
        output.message = output.text_of(answer.remove("systemMessage"), "systemMessage");
        if let Some(specific) = answer.remove("hookSpecificOutput") {
            output.take_context(event, specific);
        }
        output.faults.extend(answer.keys().map(|key| format!("the answer has an unknown part, {key}")));
        output
    }

    fn take_context(&mut self, event: &str, mut specific: Value) {
        if specific["hookEventName"] != event {
            self.faults.push("the answer is for another event".to_owned());
            return;
        }
        self.context = self.text_of(specific.get_mut("additionalContext").map(Value::take), "additionalContext");
    }

    fn text_of(&mut self, value: Option<Value>, name: &str) -> Option<String> {
        match value? {
            Value::String(text) if !text.is_empty() => Some(text),
            Value::String(_) | Value::Null => None,
            _ => {
                self.faults.push(format!("the answer's {name} is no text"));
                None
            }
        }
    }

    /// Puts a message of the client's own before that of the daemon.
    pub(crate) fn say_first(mut self, text: &str) -> Self {
        let mut message = format!("ClaudeTools: {text}");
        if let Some(theirs) = self.message {
            message = message + "\n" + &theirs;
        }
        self.message = Some(message);
        self
    }

    /// Renders what `spec`, the event, can show; an event that we do not know shows nothing.
    pub(crate) fn render(self, spec: Option<&HookSpec>) -> Rendered {
        let Self { message, context, mut faults } = self;
        let message = message.filter(|_| spec.is_some_and(|spec| spec.shows_message));
        let message = message.map(|text| cut(&text, MESSAGE_LIMIT).to_owned());
        let context = match (context, spec) {
            (Some(context), Some(spec)) if spec.takes_context => Some((spec.event, context)),
            (None, _) => None,
            _ => {
                faults.push("the answer has context for an event that takes none".to_owned());
                None
            }
        };
        let mut text =
            assemble(message.as_deref(), context.as_ref().map(|(event, context)| (*event, context.as_str())));
        if let Some((event, context)) = context.filter(|_| printed_length(&text) > OUTPUT_LIMIT) {
            let frame = printed_length(&assemble(message.as_deref(), Some((event, ""))));
            let kept = cut(&context, OUTPUT_LIMIT - frame);
            faults.push(format!("the answer is too long: {} of {} bytes of context kept", kept.len(), context.len()));
            text = assemble(message.as_deref(), Some((event, kept)));
        }
        Rendered { text, faults }
    }
}

impl Rendered {
    /// Prints the text.
    pub(crate) fn print(self) {
        print(self.text);
    }
}

/// Prints to a stdout that may be closed, or that nobody reads.
pub(crate) fn print(text: String) {
    let length = text.len();
    let write = move || {
        let mut out = io::stdout().lock();
        // Nobody is left to whom a failure could be told.
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    };
    if length <= FITS_A_PIPE {
        write();
    } else {
        by(Instant::now() + PRINTING, write);
    }
}

fn assemble(message: Option<&str>, context: Option<(&str, &str)>) -> String {
    let mut parts = Map::new();
    if let Some(message) = message {
        parts.insert("systemMessage".to_owned(), message.into());
    }
    if let Some((event, context)) = context {
        let specific = json!({"hookEventName": event, "additionalContext": context});
        parts.insert("hookSpecificOutput".to_owned(), specific);
    }
    if parts.is_empty() { String::new() } else { Value::Object(parts).to_string() }
}

/// The longest beginning of `text` that takes at most `limit` when it stands in JSON: whole lines, or part of the first
/// line when that alone is too long.
fn cut(text: &str, limit: usize) -> &str {
    let mut length = 0;
    let mut line_end = None;
    for (at, letter) in text.char_indices() {
        if letter == '\n' {
            line_end = Some(at);
        }
        length += escaped_length(letter);
        if length > limit {
            return &text[..line_end.unwrap_or(at)];
        }
    }
    text
}

/// Length as the client counts it.
fn printed_length(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

/// Length of a character in a JSON string, as the client counts it.
fn escaped_length(letter: char) -> usize {
    match letter {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        '\0'..='\u{1f}' => 6,
        _ => letter.len_utf16(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hooks::events;

    fn answer(event: &str, context: &str) -> Vec<u8> {
        json!({"hookSpecificOutput": {"hookEventName": event, "additionalContext": context}}).to_string().into_bytes()
    }

    fn render(event: &str, body: &[u8]) -> Rendered {
        Output::of_answer(event, body).render(events::find(event))
    }

    fn context_of(rendered: &Rendered) -> String {
        let value: Value = serde_json::from_str(&rendered.text).unwrap();
        value["hookSpecificOutput"]["additionalContext"].as_str().unwrap().to_owned()
    }

    #[test]
    fn what_fits_passes_unchanged() {
        let body = answer("SessionStart", "a \"memory\"\nof ours");
        let rendered = render("SessionStart", &body);
        assert_eq!(rendered, Rendered { text: String::from_utf8(body).unwrap(), faults: Vec::new() });
        assert_eq!(render("Stop", b" \n"), Rendered::default());
    }

    #[test]
    fn the_limit_is_met_exactly_and_in_the_clients_own_measure() {
        let frame = answer("UserPromptSubmit", "").len();
        // Outside the basic plane: one character for us, two for the client.
        let fitting = "\u{1f980}".repeat((OUTPUT_LIMIT - frame) / 2);
        let rendered = render("UserPromptSubmit", &answer("UserPromptSubmit", &fitting));
        assert_eq!(context_of(&rendered), fitting);
        let longer = format!("{fitting}\u{1f980}");
        let rendered = render("UserPromptSubmit", &answer("UserPromptSubmit", &longer));
        assert_eq!(context_of(&rendered), fitting);
        assert_eq!(rendered.faults.len(), 1);
    }

    #[test]
    fn a_long_context_is_cut_at_a_line() {
        let line = "- \"Größe\"\tist\u{1} 5 \u{1f980} \\ wichtig";
        let long = vec![line; 1_000].join("\n");
        let rendered = render("SessionStart", &answer("SessionStart", &long));
        let kept = context_of(&rendered);
        assert!(kept.lines().all(|found| found == line));
        let length = printed_length(&rendered.text);
        assert!(length <= OUTPUT_LIMIT && length + 60 > OUTPUT_LIMIT, "{length}");
    }

    #[test]
    fn a_long_message_leaves_room() {
        let body = json!({"systemMessage": "m".repeat(20_000), "hookSpecificOutput": {
            "hookEventName": "SessionStart", "additionalContext": "c".repeat(20_000)}});
        let rendered = render("SessionStart", body.to_string().as_bytes());
        assert_eq!(printed_length(&rendered.text), OUTPUT_LIMIT);
        assert!(context_of(&rendered).len() > 7_000);
    }

    #[test]
    fn nothing_that_an_event_does_not_take_is_printed() {
        let message = br#"{"systemMessage":"m"}"#;
        assert_eq!(render("Stop", message).text.as_bytes(), message);
        for event in ["PreCompact", "SessionEnd", "Unknown"] {
            assert_eq!(render(event, message).text, "", "{event}");
            assert_eq!(render(event, &answer(event, "c")).text, "", "{event}");
        }
        assert_eq!(render("Stop", &answer("Stop", "c")).text, "");
        assert_eq!(render("Stop", &answer("SessionStart", "c")).faults.len(), 1);
        let hostile = br#"{"decision":"block","continue":false,"systemMessage":"m"}"#;
        let rendered = render("UserPromptSubmit", hostile);
        assert_eq!(rendered.text.as_bytes(), message);
        assert_eq!(rendered.faults.len(), 2);
    }

    #[test]
    fn an_answer_that_is_not_understood_is_told() {
        for body in [&b"half {"[..], b"[]", b"\xff"] {
            let rendered = render("Stop", body);
            assert!(rendered.text.contains("could not be understood"), "{}", rendered.text);
        }
        assert_eq!(render("Stop", br#"{"systemMessage":7}"#).faults.len(), 1);
    }
}
