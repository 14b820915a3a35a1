use serde_json::json;

use super::desk::Desk;

#[tokio::test]
async fn a_turn_becomes_a_work_item_and_a_memory() {
    let desk = Desk::new();
    desk.start("s1", "startup").await;
    desk.turn("s1", "p1", "Fix the login form\nIt rejects umlauts.", "The form accepts umlauts now.").await;
    assert_eq!(
        desk.one("SELECT slug || ' ' || name || ' ' || git_remote FROM projects"),
        "example.com/team/api api example.com:team/api.git"
    );
    assert_eq!(desk.one("SELECT hostname FROM machines"), "laptop-a");
    assert_eq!(
        desk.one("SELECT title || '|' || status || '|' || git_branch FROM sessions"),
        "Fix the login form|in_progress|main"
    );
    assert_eq!(
        desk.one("SELECT title || '|' || category || '|' || status FROM work_items"),
        "Fix the login form|troubleshooting|completed"
    );
    assert_eq!(
        desk.one("SELECT dense_summary FROM conversation_contexts"),
        "Q: Fix the login form\nIt rejects umlauts.\nA: The form accepts umlauts now."
    );
    let anchored = "SELECT count(*) FROM conversation_contexts c JOIN projects p ON p.id = c.project_id
                      JOIN machines m ON m.id = c.machine_id JOIN sessions s ON s.id = c.session_id";
    assert_eq!(desk.one(anchored), "1");
}

#[tokio::test]
async fn a_prompt_is_saved_before_its_answer() {
    let desk = Desk::new();
    desk.prompt("s1", "p1", "Which port does staging use?").await;
    assert_eq!(desk.one("SELECT dense_summary FROM conversation_contexts"), "Q: Which port does staging use?");
    assert_eq!(desk.one("SELECT status FROM work_items"), "in_progress");
}

#[tokio::test]
async fn stop_fires_again_while_background_tasks_run() {
    let desk = Desk::new();
    desk.prompt("s1", "p1", "Research it with a helper").await;
    let stop = |id: &str, text: &str| json!({"prompt_id": id, "last_assistant_message": text});
    desk.fire("Stop", "s1", stop("p1", "A helper is on it.")).await;
    desk.fire("Stop", "s1", stop("p1", "A helper is on it.")).await;
    let report =
        json!({"prompt_id": "p1", "agent_type": "general-purpose", "last_assistant_message": "It is in the cellar."});
    desk.fire("SubagentStop", "s1", report).await;
    let notice =
        json!({"prompt_id": "p2", "prompt": "<task-notification>\n<task-id>a</task-id>\n</task-notification>"});
    desk.fire("UserPromptSubmit", "s1", notice).await;
    desk.fire("Stop", "s1", stop("p2", "The helper found it in the cellar.")).await;
    assert_eq!(desk.one("SELECT count(*) FROM work_items"), "1");
    assert_eq!(
        desk.one("SELECT dense_summary FROM conversation_contexts"),
        "Q: Research it with a helper\nA: A helper is on it.\n\nThe helper found it in the cellar.\n\
         general-purpose: It is in the cellar."
    );
}

#[tokio::test]
async fn an_interrupted_turn_keeps_what_was_done() {
    let desk = Desk::new();
    desk.prompt("s1", "p1", "Rewrite the parser").await;
    let edit = json!({"prompt_id": "p1", "tool_name": "Edit", "tool_use_id": "t1",
        "tool_input": {"file_path": "src/parser.rs", "old_string": "a", "new_string": "b"}, "tool_response": {}});
    desk.fire("PostToolUse", "s1", edit).await;
    desk.prompt("s1", "p2", "No, stop that").await;
    assert_eq!(desk.column("SELECT status FROM work_items ORDER BY item_order"), ["deferred", "in_progress"]);
    let memory = desk.one("SELECT dense_summary FROM conversation_contexts WHERE title = 'Rewrite the parser'");
    assert_eq!(memory, "Q: Rewrite the parser\nChanged: src/parser.rs\n(interrupted before it was answered)");
    desk.fire("Stop", "s1", json!({"prompt_id": "p1", "last_assistant_message": "Late, but done."})).await;
    assert_eq!(desk.column("SELECT status FROM work_items ORDER BY item_order"), ["completed", "in_progress"]);
}

#[tokio::test]
async fn a_failing_model_is_on_record() {
    let desk = Desk::new();
    desk.prompt("s1", "p1", "Go").await;
    desk.fire(
        "StopFailure",
        "s1",
        json!({"prompt_id": "p1", "error": "unknown", "last_assistant_message": "API Error: 400"}),
    )
    .await;
    assert_eq!(desk.one("SELECT status FROM work_items"), "blocked");
    assert_eq!(
        desk.one("SELECT operation_type || ' ' || error_message FROM operation_failures"),
        "api_call API Error: 400"
    );
}

#[tokio::test]
async fn a_client_without_prompt_ids_is_understood() {
    let desk = Desk::new();
    for answer in ["one", "two"] {
        desk.fire("UserPromptSubmit", "s1", json!({"prompt": "continue with the parser"})).await;
        desk.fire("Stop", "s1", json!({"last_assistant_message": answer})).await;
    }
    let answers = desk.column("SELECT substr(dense_summary, -3) FROM conversation_contexts ORDER BY created_at");
    assert_eq!(answers, ["one", "two"]);
}

#[tokio::test]
async fn secrets_are_in_no_table() {
    let desk = Desk::new();
    let secret = "hunter2hunter2";
    desk.turn("s1", "p1", &format!("password={secret} fix it"), &format!("I used password={secret}.")).await;
    let run = json!({"prompt_id": "p1", "tool_name": "Bash", "tool_use_id": "t1",
        "tool_input": {"command": format!("PGPASSWORD={secret} psql")}, "tool_response": {"stdout": format!("password={secret}")}});
    desk.fire("PostToolUse", "s1", run).await;
    desk.end("s1").await;
    for sql in [
        "SELECT dense_summary FROM conversation_contexts",
        "SELECT description || title FROM work_items",
        "SELECT command_text || output_summary FROM command_runs",
        "SELECT output_zst FROM command_runs",
        "SELECT title || summary FROM sessions",
        "SELECT parts FROM ct_hook_turns",
    ] {
        for value in desk.column(sql) {
            assert!(!value.contains(secret), "{sql}: {value}");
            assert!(value.contains("[redacted:"), "{sql}: {value}");
        }
    }
    let stats = desk.capture.event_stats().await.unwrap();
    assert_eq!(stats.iter().map(|stats| stats.redactions).sum::<u64>(), 4);
    let kinds = desk.capture.redactions().await.unwrap();
    assert_eq!(kinds.values().sum::<u64>(), 4, "{kinds:?}");
    desk.capture.settle().await.unwrap();
    let written = desk.column("SELECT kind || count FROM ct_redactions ORDER BY kind");
    assert_eq!(written, kinds.iter().map(|(kind, count)| format!("{kind}{count}")).collect::<Vec<_>>());
}
