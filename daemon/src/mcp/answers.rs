//! What the model is told: plain lines, cut to what they may cost.

use std::fmt::Write as _;

use recall::budget::tokens;
use serde_json::Value;

/// Characters of a title in an index.
const TITLE_CHARS: usize = 110;
/// Characters of a session's label that are enough to tell it.
const LABEL_END: usize = 6;

/// A part of an answer of the API as text; empty where there is none.
pub(super) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

/// One line for each memory, as many as fit; `marked` is the one that was asked about.
pub(super) fn index(memories: &[&Value], budget: usize, marked: Option<&str>) -> String {
    let mut told = String::from("id | date | kind | tokens | title\n");
    let mut shown = 0;
    for memory in memories {
        let mut line = line(memory);
        if marked == Some(text(memory, "source_id")) {
            line = format!("> {line}");
        }
        if tokens(&told) + tokens(&line) > budget && shown > 0 {
            break;
        }
        told.push_str(&line);
        told.push('\n');
        shown += 1;
    }
    if shown < memories.len() {
        let _ = writeln!(told, "… {} more: narrow the query, or raise the budget", memories.len() - shown); // into a String
    }
    told
}

fn line(memory: &Value) -> String {
    let day = text(memory, "created_at").get(..16).unwrap_or_default().replace('T', " ");
    let title = recall::excerpt::title(text(memory, "title"), TITLE_CHARS);
    let cost = memory["tokens"].as_u64().unwrap_or_default();
    let elsewhere = memory["project"].as_str().filter(|_| memory["same_project"] == false);
    let elsewhere = elsewhere.map_or(String::new(), |project| format!(" [{project}]"));
    format!("{} | {day} | {} | {cost} | {title}{elsewhere}", text(memory, "source_id"), kind(memory))
}

fn kind(memory: &Value) -> &str {
    match text(memory, "kind") {
        "general_context" => "turn",
        "session_summary" => "session",
        other => other,
    }
}

/// A memory with where it comes from, whole.
pub(super) fn whole(memory: &Value) -> String {
    let named = |label: &str, name: &str| {
        memory[name].as_str().filter(|text| !text.is_empty()).map(|text| format!("{label} {text}"))
    };
    let from = [
        Some(format!("{} {}", kind(memory), text(memory, "created_at").get(..16).unwrap_or_default())),
        named("project", "project"),
        named("machine", "machine"),
        named("session", "session_id"),
        named("id", "source_id"),
    ];
    let from: Vec<String> = from.into_iter().flatten().collect();
    format!("## {}\n({})\n{}\n", text(memory, "title"), from.join(", "), text(memory, "text"))
}

/// Who else is at work, of an answer of `/api/coord/status`; `own` is the conversation that asks.
pub(super) fn others(status: &Value, own: Option<&str>) -> String {
    // A label ends with the end of the client's session id.
    let is_own = |name: &str| {
        let end = name.rsplit('/').next().unwrap_or_default();
        end.len() >= LABEL_END && own.is_some_and(|own| own.ends_with(end))
    };
    let mut told = String::new();
    for project in status["projects"].as_array().into_iter().flatten() {
        for session in project["sessions"].as_array().into_iter().flatten() {
            if own.is_some_and(|own| session["claude_session_id"] == own) {
                continue;
            }
            let branch = session["git_branch"].as_str().unwrap_or("no branch");
            let (name, active) = (text(session, "session_id"), text(session, "active_at"));
            let _ = writeln!(told, "- session {name} on {branch}, active {active}"); // into a String
        }
        for lock in project["locks"].as_array().into_iter().flatten() {
            let (resource, holder) = (text(lock, "resource"), text(lock, "session_id"));
            let holder = if is_own(holder) { "this session" } else { holder };
            let until = lock["expires_at"].as_str().unwrap_or("released");
            let _ = writeln!(told, "- locked: {resource} by {holder} until {until}"); // into a String
        }
    }
    for unread in status["unread"].as_array().into_iter().flatten() {
        let (count, name) = (unread["unread"].as_u64().unwrap_or_default(), text(unread, "session_id"));
        let name = if is_own(name) { "this session" } else { name };
        let _ = writeln!(told, "- {count} unread for {name}"); // into a String
    }
    if told.is_empty() { "Nobody else is at work here.".to_owned() } else { told }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_index_keeps_to_its_budget_and_says_what_it_left_out() {
        let memory = json!({"source_id": "i", "created_at": "2026-11-20T09:00:00.000000Z", "kind": "general_context",
                            "tokens": 12, "title": "Where is the lantern?", "project": "p", "same_project": false});
        let all = vec![&memory; 40];
        let told = index(&all, 100, Some("i"));
        assert!(tokens(&told) < 130 && told.contains(" more: "), "{told}");
        assert!(told.contains("> i | 2026-11-20 09:00 | turn | 12 | Where is the lantern? [p]"), "{told}");
    }

    #[test]
    fn the_session_that_asks_is_none_of_the_others() {
        let session = |id: &str| {
            let label = format!("laptop/{}", &id[4..]);
            json!({ "session_id": label, "claude_session_id": id, "git_branch": "main", "active_at": "now" })
        };
        let status = json!({
            "projects": [{ "sessions": [session("0000first-one"), session("0000other-one")],
                           "locks": [{ "resource": "db", "session_id": "laptop/first-one", "expires_at": "noon" }] }],
            "unread": [{ "session_id": "laptop/first-one", "unread": 2 }],
        });
        let told = others(&status, Some("0000first-one"));
        let expected = "- session laptop/other-one on main, active now\n- locked: db by this session until noon\n\
                        - 2 unread for this session\n";
        assert_eq!(told, expected);
        assert!(others(&status, None).contains("session laptop/first-one"));
        assert!(others(&status, Some("e")).contains("session laptop/first-one"));
        let alone = json!({ "projects": [{ "sessions": [session("0000first-one")] }] });
        assert_eq!(others(&alone, Some("0000first-one")), "Nobody else is at work here.");
    }
}
