//! What a record is: a message of a conversation, a whole conversation, a context that was saved, or a client's bookkeeping.

use std::borrow::Cow;

use migrations::catalogue::CONVERSATION_CONTEXTS;
use serde_json::{Value, json};

use crate::api::input::formed;
use crate::api::input::time::canonical;
use crate::api::plan::Form;
use crate::capture::Clean;

/// Under which names a context may have its text, title and kind.
const TEXTS: &[&str] = &["dense_summary", "dense_content", "content", "text", "context", "summary"];
const TITLES: &[&str] = &["title", "name"];
const KINDS: &[&str] = &["context_type", "snippet_type", "type"];
/// What only the client's own records have.
const CLIENTS_OWN: &[&str] = &["sessionId", "leafUuid", "messageId", "parentUuid"];
const TITLE_CHARS: usize = 160;
const TAG_CHARS: usize = 100;
const TAGS: usize = 50;
/// Importance in hundredths, where a context does not say.
const USUAL: i64 = 500;
const GREATEST: f64 = 10.0;

/// A record, understood.
pub(super) enum Kind<'r> {
    /// A record in a transcript's form.
    Message(Cow<'r, Value>),
    Conversation(&'r Vec<Value>),
    Context,
    /// Nothing to be remembered.
    Bookkeeping,
    Unknown,
}

pub(super) fn kind(record: &Value) -> Kind<'_> {
    let has = |name: &str| !record[name].is_null();
    let role =
        text(record, &["role"]).or_else(|| text(&record["message"], &["role"])).or_else(|| text(record, &["type"]));
    let role = match role {
        Some("user" | "human") => Some("user"),
        Some("assistant") => Some("assistant"),
        _ => None,
    };
    if role.is_some() && record["message"].is_object() && record["type"] == role.unwrap_or_default() {
        return Kind::Message(Cow::Borrowed(record));
    }
    if let Some(role) = role.filter(|_| has("content")) {
        return Kind::Message(Cow::Owned(message(role, record)));
    }
    if let Some(messages) = record["messages"].as_array() {
        return Kind::Conversation(messages);
    }
    if CLIENTS_OWN.iter().any(|name| has(name)) {
        return Kind::Bookkeeping;
    }
    if text(record, TEXTS).is_some() { Kind::Context } else { Kind::Unknown }
}

/// A message of another program as the client would have written it. Its answers are whole.
fn message(role: &str, record: &Value) -> Value {
    let content = &record["content"];
    let time = ["timestamp", "created_at"].iter().find_map(|name| record[*name].as_str());
    json!({
        "type": role, "timestamp": time, "sessionId": text(record, &["sessionId", "session_id", "conversation_id"]),
        "message": { "role": role, "content": content, "stop_reason": "end_turn" },
    })
}

/// What a context says, without secrets.
#[derive(Debug, PartialEq)]
pub(super) struct Said {
    pub(super) id: Option<String>,
    pub(super) project_id: Option<String>,
    /// A slug or a git remote.
    pub(super) project: Option<String>,
    pub(super) session: Option<String>,
    pub(super) kind: &'static str,
    pub(super) title: String,
    pub(super) text: String,
    pub(super) relevance: i64,
    pub(super) tags: Vec<String>,
    pub(super) created_us: Option<u64>,
    /// Secrets that were taken out.
    pub(super) redactions: u64,
}

/// Understands a context.
pub(super) fn said(record: &Value) -> Said {
    let body = Clean::new(text(record, TEXTS).unwrap_or_default());
    let heading = text(record, TITLES).map(str::to_owned);
    let heading = Clean::new(&heading.unwrap_or_else(|| recall::excerpt::title(&body.text, TITLE_CHARS)));
    let owned = |names: &[&str]| text(record, names).map(str::to_owned);
    let tags = tags(&record["tags"]);
    Said {
        id: text(record, &["id"]).and_then(uuid),
        project_id: text(record, &["project_id"]).and_then(uuid),
        project: owned(&["project", "project_key", "project_slug", "git_remote"]),
        session: owned(&["session_id"]),
        kind: context_type(text(record, KINDS).unwrap_or_default()),
        title: if heading.text.trim().is_empty() { "Context without words".to_owned() } else { heading.text },
        relevance: relevance(&record["relevance_score"]),
        tags: tags.iter().map(|tag| Clean::new(tag).text).collect(),
        created_us: text(record, &["created_at", "timestamp"]).and_then(time),
        redactions: body.redactions
            + heading.redactions
            + tags.iter().map(|tag| Clean::new(tag).redactions).sum::<u64>(),
        text: body.text,
    }
}

fn text<'r>(record: &'r Value, names: &[&str]) -> Option<&'r str> {
    names.iter().find_map(|name| record[*name].as_str().filter(|text| !text.trim().is_empty()))
}

fn uuid(text: &str) -> Option<String> {
    formed(Form::Guid, text)
}

fn time(text: &str) -> Option<u64> {
    canonical(text).and_then(|canonical| sync::parse_datetime(&canonical))
}

/// The kinds of the original's snippets are told apart no further than memory needs.
fn context_type(named: &str) -> &'static str {
    let known = CONVERSATION_CONTEXTS.column("context_type").map(|column| column.values).unwrap_or_default();
    let own = known.iter().find(|kind| **kind == named).copied();
    own.unwrap_or(match named {
        "decision" => "technical_decision",
        "state" => "project_state",
        _ => "general_context",
    })
}

/// A number, or its text, between 0 and 10.
fn relevance(given: &Value) -> i64 {
    let number = given.as_f64().or_else(|| given.as_str().and_then(|text| text.parse().ok()));
    #[expect(clippy::cast_possible_truncation, reason = "within 0 to 1000")]
    number
        .filter(|number| number.is_finite())
        .map_or(USUAL, |number| (number.clamp(0.0, GREATEST) * 100.0).round() as i64)
}

/// A list of texts, a list in a text, or texts between commas; in the form of tags.
fn tags(given: &Value) -> Vec<String> {
    let listed = given.as_str().and_then(|text| serde_json::from_str::<Vec<String>>(text).ok());
    let mut tags: Vec<String> = match (given, listed) {
        (Value::Array(list), _) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        (_, Some(list)) => list,
        (Value::String(text), None) => text.split(',').map(str::to_owned).collect(),
        _ => Vec::new(),
    };
    for tag in &mut tags {
        *tag = recall::excerpt::cut(&tag.trim().to_lowercase(), TAG_CHARS - 1);
    }
    tags.retain(|tag| !tag.is_empty());
    tags.sort_unstable();
    tags.dedup();
    tags.truncate(TAGS);
    tags
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(record: &Value) -> &'static str {
        match kind(record) {
            Kind::Message(_) => "message",
            Kind::Conversation(_) => "conversation",
            Kind::Context => "context",
            Kind::Bookkeeping => "bookkeeping",
            Kind::Unknown => "unknown",
        }
    }

    #[test]
    fn records_are_told_apart() {
        for (record, expected) in [
            (json!({"type": "user", "message": {"content": "hi"}, "sessionId": "s"}), "message"),
            (json!({"role": "assistant", "content": "hi"}), "message"),
            (json!({"role": "human", "content": [{"type": "text", "text": "hi"}]}), "message"),
            (json!({"type": "summary", "summary": "hi", "leafUuid": "x"}), "bookkeeping"),
            (json!({"type": "queue-operation", "content": "hi", "sessionId": "s"}), "bookkeeping"),
            (json!({"messages": [{"role": "user", "content": "hi"}]}), "conversation"),
            (json!({"title": "t", "dense_summary": "hi"}), "context"),
            (json!({"role": "system", "content": "be kind"}), "context"),
            (json!({"name": "package", "version": "1"}), "unknown"),
            (json!({"dense_summary": "  "}), "unknown"),
            (json!(7), "unknown"),
        ] {
            assert_eq!(name(&record), expected, "{record}");
        }
    }

    #[test]
    fn a_context_is_taken_in_any_of_its_forms() {
        let one = said(&json!({
            "id": "0190AAAA-0000-7000-8000-00000000000A", "snippet_type": "decision", "dense_content": "Use port 4317",
            "tags": "[\"Net\", \"api\"]", "relevance_score": "7.5", "created_at": "2026-01-02T03:04:05+00:00",
        }));
        assert_eq!(one.id.as_deref(), Some("0190aaaa-0000-7000-8000-00000000000a"));
        assert_eq!((one.kind, one.title.as_str(), one.relevance), ("technical_decision", "Use port 4317", 750));
        assert_eq!((one.tags, one.created_us), (vec!["api".to_owned(), "net".to_owned()], Some(1_767_323_045_000_000)));
        let other =
            said(&json!({"title": "T", "content": "password=hunter2hunter2", "tags": "b, a,a", "relevance_score": 99}));
        assert_eq!((other.text.as_str(), other.redactions), ("password=[redacted:assignment]", 1));
        assert_eq!((other.kind, other.relevance, other.tags.len()), ("general_context", 1000, 2));
        assert_eq!(relevance(&json!("NaN")), USUAL);
    }
}
