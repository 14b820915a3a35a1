use serde_json::{Value, json};

use super::desk::Desk;

fn bash(id: &str, command: &str, stdout: &str) -> Value {
    json!({"prompt_id": "p1", "tool_name": "Bash", "tool_use_id": id, "tool_input": {"command": command},
           "tool_response": {"stdout": stdout, "stderr": "", "interrupted": false}, "duration_ms": 30})
}

fn failed(id: &str, command: &str, error: &str) -> Value {
    json!({"prompt_id": "p1", "tool_name": "Bash", "tool_use_id": id, "tool_input": {"command": command},
           "error": error, "is_interrupt": false, "duration_ms": 8})
}

#[tokio::test]
async fn commands_files_and_failures_hang_on_the_turn() {
    let desk = Desk::new();
    desk.prompt("s1", "p1", "Make the tests pass").await;
    desk.fire("PostToolUseFailure", "s1", failed("t1", "make test", "Exit code 2\n3 tests failed")).await;
    let write = json!({"prompt_id": "p1", "tool_name": "Write", "tool_use_id": "t2",
        "tool_input": {"file_path": "/x/new.txt", "content": "a\nb\n"}, "tool_response": {"type": "create"}});
    desk.fire("PostToolUse", "s1", write).await;
    desk.fire("PostToolUse", "s1", bash("t3", "ls", "new.txt")).await;
    desk.fire("Stop", "s1", json!({"prompt_id": "p1", "last_assistant_message": "Two to go."})).await;

    let commands = "SELECT command_text || '|' || exit_code || '|' || success || '|' || host || '|' || shell_type
                      FROM command_runs ORDER BY created_at";
    assert_eq!(desk.column(commands), ["make test|2|0|laptop-a|bash", "ls|0|1|laptop-a|bash"]);
    assert_eq!(desk.column("SELECT output_zst FROM command_runs ORDER BY created_at"), ["3 tests failed", "new.txt"]);
    assert_eq!(
        desk.one("SELECT change_type || '|' || lines_added || '|' || size_bytes FROM file_changes"),
        "created|2|4"
    );
    assert_eq!(desk.one("SELECT diff_zst FROM file_changes"), "+a\n+b\n");
    assert_eq!(desk.one("SELECT error_code || '|' || is_resolved FROM operation_failures"), "2|0");
    let attached = "SELECT count(*) FROM work_items w
        JOIN command_runs c ON c.work_item_id = w.id JOIN file_changes f ON f.work_item_id = w.id
        JOIN operation_failures o ON o.work_item_id = w.id";
    assert_eq!(desk.one(attached), "2");
    assert_eq!(
        desk.one("SELECT dense_summary FROM conversation_contexts"),
        "Q: Make the tests pass\nA: Two to go.\nChanged: /x/new.txt\nFailed: make test: Exit code 2 / 3 tests failed"
    );
}

#[tokio::test]
async fn the_same_command_passing_puts_its_failure_right() {
    let desk = Desk::new();
    desk.prompt("s1", "p1", "Make the tests pass").await;
    desk.fire("PostToolUseFailure", "s1", failed("t1", "make test", "Exit code 2")).await;
    desk.fire("PostToolUse", "s1", bash("t2", "make test", "ok")).await;
    assert_eq!(desk.one("SELECT is_resolved FROM operation_failures"), "1");
}

#[tokio::test]
async fn a_run_without_its_prompt_makes_what_it_hangs_on() {
    let desk = Desk::new();
    desk.fire("PostToolUse", "s1", bash("t1", "ls", "x")).await;
    assert_eq!(desk.one("SELECT count(*) FROM command_runs JOIN work_items w ON w.id = work_item_id"), "1");
    desk.fire("Stop", "s1", json!({"prompt_id": "p1", "last_assistant_message": "Listed."})).await;
    assert_eq!(desk.one("SELECT dense_summary FROM conversation_contexts"), "A: Listed.");
}

#[tokio::test]
async fn a_run_of_a_machine_prompt_belongs_to_the_human_one() {
    let desk = Desk::new();
    desk.turn("s1", "p1", "Start a helper", "Started.").await;
    desk.fire(
        "UserPromptSubmit",
        "s1",
        json!({"prompt_id": "m1", "prompt": "<task-notification>x</task-notification>"}),
    )
    .await;
    let mut run = bash("t1", "ls", "x");
    run["prompt_id"] = json!("m1");
    desk.fire("PostToolUse", "s1", run).await;
    assert_eq!(
        desk.one("SELECT title FROM work_items JOIN command_runs c ON c.work_item_id = work_items.id"),
        "Start a helper"
    );
}

#[tokio::test]
async fn a_large_output_is_cut_and_said_so() {
    let desk = Desk::new();
    desk.prompt("s1", "p1", "Build").await;
    desk.fire("PostToolUse", "s1", bash("t1", "make", &format!("{}\nLAST LINE", "noise line\n".repeat(100_000)))).await;
    let output = desk.one("SELECT output_zst FROM command_runs");
    assert!(output.len() <= 256 << 10 && output.contains("[… cut: "), "{}", output.len());
    assert!(desk.one("SELECT output_summary FROM command_runs").ends_with("LAST LINE"));
}
