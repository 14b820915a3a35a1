use serde_json::json;

use super::desk::{Desk, SECOND};
use crate::capture::Note;
use crate::memory::{Query, search};

/// A finished session that states a fact.
async fn learn(desk: &Desk, session: &str, prompt: &str, answer: &str) {
    desk.start(session, "startup").await;
    desk.turn(session, &format!("{session}-p"), prompt, answer).await;
    desk.end(session).await;
}

async fn ask(desk: &Desk, session: &str, prompt: &str) -> Option<String> {
    let id = format!("{session}-{}", desk.now());
    let reply = desk.fire("UserPromptSubmit", session, json!({"prompt_id": id, "prompt": prompt})).await;
    desk.capture.settle().await.unwrap();
    reply.additional_context
}

#[tokio::test]
async fn a_prompt_gets_what_fits_it() {
    let desk = Desk::new();
    learn(&desk, "s1", "Where does the staging database listen?", "The staging database listens on port 5544.").await;
    learn(&desk, "s2", "Draw the company logo in blue", "Drawn.").await;
    let context = ask(&desk, "s3", "Which port does our staging database use?").await.unwrap();
    assert!(context.starts_with("ClaudeTools memory"), "{context}");
    assert!(context.contains("5544") && context.contains("[2026-11-20 · laptop-a]"), "{context}");
    assert!(!context.contains("logo"), "{context}");
}

#[tokio::test]
async fn nothing_is_given_twice_to_one_conversation() {
    let desk = Desk::new();
    learn(&desk, "s1", "Where does the staging database listen?", "The staging database listens on port 5544.").await;
    let question = "Which port does our staging database use?";
    assert!(ask(&desk, "s2", question).await.is_some());
    assert_eq!(ask(&desk, "s2", question).await, None);
    assert!(ask(&desk, "s3", question).await.is_some());
    assert_eq!(desk.one("SELECT count(*) > 0 FROM ct_injected WHERE tokens > 0"), "1");
}

#[tokio::test]
async fn a_conversation_is_not_told_what_it_said_itself() {
    let desk = Desk::new();
    desk.turn("s1", "p1", "Where does the staging database listen?", "The staging database listens on port 5544.")
        .await;
    assert_eq!(ask(&desk, "s1", "Which port does our staging database use?").await, None);
}

#[tokio::test]
async fn small_talk_gets_nothing() {
    let desk = Desk::new();
    learn(&desk, "s1", "Where does the staging database listen?", "The staging database listens on port 5544.").await;
    for prompt in ["ok", "yes, go on", "thanks!", "<task-notification>staging database port</task-notification>"] {
        assert_eq!(ask(&desk, "s2", prompt).await, None, "{prompt}");
    }
    assert_eq!(ask(&desk, "s2", "Paint the garden fence green on Sunday").await, None);
}

#[tokio::test]
async fn a_start_tells_state_open_ends_and_last_session() {
    let desk = Desk::new();
    assert_eq!(desk.start("s0", "startup").await.additional_context, None);
    desk.end("s0").await;
    desk.turn("s1", "p1", "Fix the login", "The login accepts umlauts.").await;
    desk.prompt("s1", "p2", "Now the logout button").await;
    desk.end("s1").await;
    let note = Note {
        text: "We deploy on Tuesdays only.".into(),
        kind: "decision".into(),
        folder: desk.folder.path().join("repo"),
        ..Note::default()
    };
    desk.capture.remember(note).await.unwrap();
    let context = desk.start("s2", "startup").await.additional_context.unwrap();
    for part in [
        "## Where the project stands",
        "2026-11-20: Fix the login (2 prompts)",
        "Open:\n - Now the logout button",
        "## Last session",
        "Last answer: The login accepts umlauts.",
        "## Decisions and lessons",
        "We deploy on Tuesdays only.",
    ] {
        assert!(context.contains(part), "{part} is missing in\n{context}");
    }
    assert!(recall::budget::tokens(&context) <= crate::policy::START_TOKENS);
    desk.capture.settle().await.unwrap();
    assert_eq!(desk.start("s2", "resume").await.additional_context, None, "it has all that already");
}

#[tokio::test]
async fn a_killed_sessions_turns_are_told() {
    let desk = Desk::new();
    desk.turn("killed", "p1", "Fix the login", "The login accepts umlauts.").await;
    let context = desk.start("s2", "startup").await.additional_context.unwrap();
    assert!(context.contains("Latest turns") && context.contains("umlauts"), "{context}");
}

#[tokio::test]
async fn what_was_injected_never_becomes_a_memory() {
    let desk = Desk::new();
    learn(&desk, "s1", "Where does the staging database listen?", "The staging database listens on port 5544.").await;
    let context = ask(&desk, "s2", "Which port does our staging database use?").await.unwrap();
    desk.prompt("s3", "p3", &format!("{context}\n\nwhat is this?")).await;
    let saved = desk.one("SELECT dense_summary FROM conversation_contexts WHERE session_id = (SELECT id FROM sessions WHERE claude_session_id = 's3')");
    assert_eq!(saved, "Q: what is this?");
}

#[tokio::test]
async fn long_memories_come_as_excerpts_within_the_budget() {
    let desk = Desk::new();
    let filler = "An unrelated remark about the weather in the harbour.\n".repeat(40);
    for n in 0..12 {
        let answer = format!("{filler}The staging database number {n} listens on port 55{n:02}.\n{filler}");
        learn(&desk, &format!("s{n}"), &format!("Tell me of staging database number {n}"), &answer).await;
    }
    let context = ask(&desk, "asker", "Which ports do the staging databases listen on?").await.unwrap();
    assert!(recall::budget::tokens(&context) <= crate::policy::PROMPT_TOKENS, "{}", recall::budget::tokens(&context));
    assert!(context.matches("listens on port").count() >= 2, "{context}");
}

#[tokio::test]
async fn search_explains_itself() {
    let desk = Desk::new();
    learn(&desk, "s1", "Where does the staging database listen?", "The staging database listens on port 5544.").await;
    let hits = find(&desk, "staging port", &[]);
    let best = &hits[0];
    assert_eq!(best.found, ["staging", "port"]);
    assert!((best.score.coverage - 1.0).abs() < 1e-9 && best.score.total > 1.0 && best.same_project);
    assert_eq!(best.project.as_deref(), Some("example.com/team/api"));
    assert!(serde_json::to_value(best).unwrap()["score"]["lexical"].is_number());
}

#[tokio::test]
async fn notes_are_found_by_text_and_by_tag() {
    let desk = Desk::new();
    let note = |text: &str, tags: &[&str]| Note {
        text: text.into(),
        kind: "lesson".into(),
        tags: tags.iter().map(|&tag| tag.into()).collect(),
        project: None,
        folder: desk.folder.path().join("repo"),
    };
    let first = desk.capture.remember(note("Never restart the broker by hand.", &["Ops", "broker"])).await.unwrap();
    let again = desk.capture.remember(note("Never restart the broker by hand.", &["Ops", "broker"])).await.unwrap();
    assert_eq!(first.id, again.id);
    desk.capture.remember(note("The broker keeps a week of messages.", &["facts"])).await.unwrap();
    assert_eq!(find(&desk, "broker", &[]).len(), 2);
    assert_eq!(find(&desk, "broker", &["ops".into()]).len(), 1);
    assert_eq!(find(&desk, "", &["facts".into()])[0].text, "The broker keeps a week of messages.");
    assert_eq!(desk.column("SELECT tag FROM context_tags ORDER BY tag"), ["broker", "facts", "ops"]);
    assert!(desk.capture.remember(note("  ", &[])).await.is_err());
}

#[tokio::test]
async fn the_index_follows_plain_sql() {
    let desk = Desk::new();
    learn(&desk, "s1", "Where does the staging database listen?", "On port 5544.").await;
    desk.pass(SECOND);
    desk.sql("UPDATE conversation_contexts SET dense_summary = 'the marmalade is in the cellar', tags = '[\"jam\"]'");
    assert!(!find(&desk, "marmalade cellar", &[]).is_empty());
    assert_eq!(desk.column("SELECT DISTINCT tag FROM context_tags"), ["jam"]);
    desk.sql("UPDATE conversation_contexts SET tags = 'not json'");
    assert_eq!(desk.one("SELECT count(*) FROM context_tags"), "0");
    desk.sql(
        "UPDATE projects SET id = '00000000-0000-7000-8000-000000000001';
              UPDATE conversation_contexts SET project_id = '00000000-0000-7000-8000-000000000001';
              UPDATE project_states SET project_id = '00000000-0000-7000-8000-000000000001';
              UPDATE sessions SET project_id = '00000000-0000-7000-8000-000000000001'",
    );
    assert!(find(&desk, "marmalade cellar", &[])[0].same_project);
    desk.sql("DELETE FROM conversation_contexts; DELETE FROM project_states");
    assert_eq!(find(&desk, "marmalade cellar", &[]).len(), 0);
    assert_eq!(desk.one("SELECT count(*) FROM ct_memory"), "0");
    let indexed =
        desk.one("SELECT count(*) FROM ct_memory_fts WHERE ct_memory_fts MATCH 'marmalade OR cellar OR login'");
    assert_eq!(indexed, "0");
}

#[tokio::test]
async fn a_superseded_decision_is_not_found() {
    let desk = Desk::new();
    desk.start("s1", "startup").await;
    desk.sql(
        "INSERT INTO decision_logs (id, project_id, decision_type, title, decision_text, impact, created_at, updated_at)
         SELECT '00000000-0000-7000-8000-000000000002', id, 'technical', 'Queue', 'We use the rabbit queue', 'high',
                '2026-11-20T09:00:00.000000Z', '2026-11-20T09:00:00.000000Z' FROM projects",
    );
    assert_eq!(find(&desk, "rabbit queue", &[]).len(), 1);
    desk.sql("UPDATE decision_logs SET superseded_by_id = '00000000-0000-7000-8000-000000000003'");
    assert_eq!(find(&desk, "rabbit queue", &[]).len(), 0);
}

fn find(desk: &Desk, text: &str, tags: &[String]) -> Vec<crate::memory::Hit> {
    let query = Query {
        text,
        project: Some("example.com/team/api"),
        tags,
        limit: 10,
        now_us: desk.now(),
        index: Some(&desk.index),
        ..Query::default()
    };
    desk.store.read(|tx| search(tx, &query)).unwrap()
}
