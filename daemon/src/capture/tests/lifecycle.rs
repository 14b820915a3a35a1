use std::io::Write;

use serde_json::{Value, json};

use super::desk::{Desk, HOUR, SECOND};

fn write(desk: &Desk, session: &str, records: &[Value]) {
    let path = desk.transcript(session);
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
    for record in records {
        writeln!(file, "{record}").unwrap();
    }
}

fn said(desk: &Desk, id: &str, prompt: &str) -> Value {
    let at = sync::datetime_text(desk.now());
    json!({"type": "user", "promptId": id, "timestamp": at, "message": {"content": prompt}, "origin": {"kind": "human"}})
}

fn answered(text: &str, stop: &str) -> Value {
    json!({"type": "assistant", "message": {"id": text, "content": [{"type": "text", "text": text}], "stop_reason": stop}})
}

#[tokio::test]
async fn the_end_writes_summary_and_project_state() {
    let desk = Desk::new();
    desk.start("s1", "startup").await;
    desk.turn("s1", "p1", "Fix the login", "Fixed.").await;
    desk.prompt("s1", "p2", "Now the logout").await;
    desk.end("s1").await;
    assert_eq!(
        desk.one("SELECT status || '|' || (ended_at >= started_at) || '|' || duration_minutes FROM sessions"),
        "completed|1|1"
    );
    assert_eq!(
        desk.one("SELECT dense_summary FROM conversation_contexts WHERE context_type = 'session_summary'"),
        "Goal: Fix the login\nAsked:\n- Fix the login\n- Now the logout (interrupted)\nLast answer: Fixed.\nOpen: Now the logout"
    );
    assert_eq!(
        desk.one("SELECT context_summary || '|' || next_actions || '|' || git_branch FROM project_states"),
        "2026-11-20: Fix the login (2 prompts)|[\"Now the logout\"]|main"
    );
    assert_eq!(desk.one("SELECT last_session_id = (SELECT id FROM sessions) FROM project_states"), "1");
}

#[tokio::test]
async fn a_session_without_a_prompt_leaves_no_memory() {
    let desk = Desk::new();
    desk.start("s1", "startup").await;
    desk.end("s1").await;
    assert_eq!(desk.one("SELECT status FROM sessions"), "completed");
    assert_eq!(desk.one("SELECT count(*) FROM conversation_contexts"), "0");
    assert_eq!(desk.one("SELECT count(*) FROM project_states"), "0");
}

#[tokio::test]
async fn an_escaped_turn_is_filled_in_from_the_transcript() {
    let desk = Desk::new();
    desk.prompt("s1", "p1", "Rewrite the parser").await;
    write(&desk, "s1", &[said(&desk, "p1", "Rewrite the parser"), answered("I began with the lexer.", "tool_use")]);
    desk.end("s1").await;
    assert_eq!(desk.one("SELECT status FROM work_items"), "deferred");
    let memory = desk.one("SELECT dense_summary FROM conversation_contexts WHERE context_type = 'general_context'");
    assert_eq!(memory, "Q: Rewrite the parser\nA: I began with the lexer.\n(interrupted before it was answered)");
}

#[tokio::test]
async fn prompts_that_no_hook_told_of_are_found() {
    let desk = Desk::new();
    desk.start("s1", "startup").await;
    write(&desk, "s1", &[said(&desk, "p1", "password=hunter2hunter2 fix it"), answered("Fixed it.", "end_turn")]);
    desk.fire("PreCompact", "s1", json!({"trigger": "manual"})).await;
    desk.capture.settle().await.unwrap();
    assert_eq!(desk.one("SELECT status FROM work_items"), "completed");
    let memory = desk.one("SELECT dense_summary FROM conversation_contexts");
    assert_eq!(memory, "Q: password=[redacted:assignment] fix it\nA: Fixed it.");
    write(&desk, "s1", &[said(&desk, "p2", "And the logout"), answered("Done too.", "end_turn")]);
    desk.end("s1").await;
    assert_eq!(desk.one("SELECT count(*) FROM work_items"), "2");
}

#[tokio::test]
async fn a_killed_client_is_caught_up_and_abandoned() {
    let desk = Desk::new();
    desk.prompt("killed", "p1", "Rewrite the parser").await;
    write(&desk, "killed", &[said(&desk, "p1", "Rewrite the parser"), answered("All rewritten.", "end_turn")]);
    desk.pass(600 * SECOND);
    desk.start("s2", "startup").await;
    desk.capture.settle().await.unwrap();
    assert_eq!(desk.one("SELECT status FROM work_items"), "completed");
    assert_eq!(
        desk.one("SELECT status FROM sessions WHERE claude_session_id = 'killed'"),
        "in_progress",
        "it may still live"
    );
    desk.pass(13 * HOUR);
    desk.start("s3", "startup").await;
    desk.capture.settle().await.unwrap();
    assert_eq!(desk.one("SELECT status FROM sessions WHERE claude_session_id = 'killed'"), "abandoned");
    let summary = desk.one("SELECT dense_summary FROM conversation_contexts WHERE context_type = 'session_summary'");
    assert!(summary.contains("Last answer: All rewritten."), "{summary}");
}

#[tokio::test]
async fn a_resumed_session_goes_on() {
    let desk = Desk::new();
    desk.turn("s1", "p1", "Fix the login", "Fixed.").await;
    desk.end("s1").await;
    desk.pass(HOUR);
    desk.start("s1", "resume").await;
    assert_eq!(desk.one("SELECT status || '|' || coalesce(ended_at, 'open') FROM sessions"), "in_progress|open");
    desk.turn("s1", "p2", "Now the logout", "Done.").await;
    desk.end("s1").await;
    assert_eq!(desk.one("SELECT status FROM sessions"), "completed");
    assert_eq!(desk.one("SELECT count(*) FROM conversation_contexts WHERE context_type = 'session_summary'"), "1");
    assert_eq!(desk.one("SELECT context_summary FROM project_states"), "2026-11-20: Fix the login (2 prompts)");
}

#[tokio::test]
async fn clear_and_compact_keep_what_was_done() {
    let desk = Desk::new();
    desk.turn("s1", "p1", "Fix the login", "Fixed.").await;
    desk.prompt("s1", "p2", "Now the logout").await;
    desk.fire("PreCompact", "s1", json!({"trigger": "auto"})).await;
    desk.fire("SubagentStop", "s1", json!({"agent_type": "", "last_assistant_message": "<summary>"})).await;
    desk.start("s1", "compact").await;
    assert_eq!(desk.column("SELECT status FROM work_items ORDER BY item_order"), ["completed", "in_progress"]);
    desk.fire("Stop", "s1", json!({"prompt_id": "p2", "last_assistant_message": "Logged out."})).await;
    desk.fire("SessionEnd", "s1", json!({"reason": "clear"})).await;
    let reply = desk.start("s2", "clear").await;
    assert!(reply.additional_context.unwrap().contains("Fix the login"));
    assert_eq!(desk.column("SELECT status FROM sessions ORDER BY started_at"), ["completed", "in_progress"]);
}

#[tokio::test]
async fn a_forks_copied_prompts_are_not_saved_twice() {
    let desk = Desk::new();
    let first = [said(&desk, "p1", "Fix the login"), answered("Fixed.", "end_turn")];
    desk.turn("s1", "p1", "Fix the login", "Fixed.").await;
    let mut copy = said(&desk, "p1-copy", "Fix the login");
    copy["timestamp"] = first[0]["timestamp"].clone();
    desk.start("s2", "fork").await;
    desk.pass(SECOND);
    write(
        &desk,
        "s2",
        &[copy, first[1].clone(), said(&desk, "p2", "Try it differently"), answered("Tried.", "end_turn")],
    );
    desk.end("s2").await;
    assert_eq!(
        desk.column("SELECT title FROM work_items ORDER BY created_at"),
        ["Fix the login", "Try it differently"]
    );
}

#[tokio::test]
async fn a_late_event_does_not_reopen_a_session() {
    let desk = Desk::new();
    desk.prompt("s1", "p1", "Fix the login").await;
    let folder = desk.folder.path().join("repo");
    let stop = desk.incoming(&folder, "Stop", "s1", &json!({"prompt_id": "p1", "last_assistant_message": "Fixed."}));
    desk.end("s1").await;
    desk.capture.handle(stop).await.unwrap();
    assert_eq!(desk.one("SELECT status FROM sessions"), "completed");
    assert_eq!(desk.one("SELECT status FROM work_items"), "completed");
}

#[tokio::test]
async fn a_second_home_on_one_host_is_a_second_machine() {
    let desk = Desk::new();
    desk.sql(
        "INSERT INTO machines (id, hostname, machine_fingerprint, created_at, updated_at)
         VALUES ('00000000-0000-7000-8000-000000000001', 'laptop-a', 'of another home',
                 '2026-11-20T09:00:00.000000Z', '2026-11-20T09:00:00.000000Z')",
    );
    desk.start("s1", "startup").await;
    let names = desk.column("SELECT hostname FROM machines ORDER BY length(hostname)");
    assert_eq!(names.len(), 2);
    assert_eq!(names[0], "laptop-a");
    assert!(names[1].starts_with("laptop-a~"), "{names:?}");
}

#[tokio::test]
async fn old_bookkeeping_is_dropped() {
    let desk = Desk::new();
    desk.turn("s1", "p1", "Fix the login", "Fixed.").await;
    desk.end("s1").await;
    desk.pass(100 * 24 * HOUR);
    desk.start("s2", "startup").await;
    assert_eq!(desk.column("SELECT claude_session_id FROM ct_hook_sessions"), ["s2"]);
    assert_eq!(desk.one("SELECT count(*) FROM ct_hook_turns"), "0");
    assert_eq!(desk.one("SELECT count(*) FROM ct_hook_events"), "1");
    assert_eq!(desk.one("SELECT count(*) FROM conversation_contexts WHERE context_type = 'general_context'"), "1");
}
