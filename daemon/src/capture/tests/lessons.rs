//! Commands that failed: warned of, solved, and seen again.

use serde_json::{Value, json};

use super::desk::{Desk, HOUR};

const FAILED: &str = "Exit code 101\nrunning 3 tests\nerror[E0308]: mismatched types\n --> src/a.rs:3:7";

fn failed(id: &str, command: &str, error: &str) -> Value {
    json!({"prompt_id": "p", "tool_name": "Bash", "tool_use_id": id, "tool_input": {"command": command},
           "error": error, "is_interrupt": false})
}

fn passed(id: &str, command: &str) -> Value {
    json!({"prompt_id": "p", "tool_name": "Bash", "tool_use_id": id, "tool_input": {"command": command},
           "tool_response": {"stdout": "ok", "stderr": "", "interrupted": false}})
}

async fn fail(desk: &Desk, session: &str, id: &str, command: &str) {
    desk.fire("PostToolUseFailure", session, failed(id, command, FAILED)).await;
}

async fn pass(desk: &Desk, session: &str, id: &str, command: &str) {
    desk.fire("PostToolUse", session, passed(id, command)).await;
}

/// What a conversation is told before it runs a command.
async fn about(desk: &Desk, session: &str, command: &str) -> Option<String> {
    about_in(desk, "repo", session, command).await
}

async fn about_in(desk: &Desk, folder: &str, session: &str, command: &str) -> Option<String> {
    let fields = json!({"tool_name": "Bash", "tool_input": {"command": command}});
    let reply = desk.fire_in(&desk.folder.path().join(folder), "PreToolUse", session, fields).await;
    assert_eq!(reply.system_message, None);
    desk.capture.settle().await.unwrap();
    reply.additional_context
}

#[tokio::test]
async fn a_command_that_failed_is_warned_of_once_with_what_worked() {
    let desk = Desk::new();
    fail(&desk, "s1", "t1", "cd /p && cargo test --foo 2>&1").await;
    assert_eq!(about(&desk, "s1", "cargo test --foo").await, None, "it was there");
    let told = about(&desk, "s2", "cargo  test --foo").await.unwrap();
    assert_eq!(
        told,
        "ClaudeTools memory (commands): `cargo test --foo` failed here on 2026-11-20 (exit 101: error[E0308]: mismatched types)"
    );
    pass(&desk, "s1", "t2", "cargo test -p x").await;
    assert_eq!(about(&desk, "s2", "cargo test --foo").await, None, "it was told");
    let told = about(&desk, "s3", "cargo test --foo").await.unwrap();
    assert!(told.ends_with("types); what worked then: `cargo test -p x`"), "{told}");
    assert_eq!(about(&desk, "s3", "cargo test -p x").await, None);
    let entered = desk.one("SELECT max(tokens) FROM ct_injections WHERE event = 'PreToolUse'");
    assert_eq!(entered, recall::budget::tokens(&told).to_string());
    assert_eq!(desk.one("SELECT count(*) FROM ct_hook_events WHERE event = 'PreToolUse'"), "0");

    pass(&desk, "s1", "t3", "cargo test --foo").await;
    assert_eq!(about(&desk, "s4", "cargo test --foo").await, None, "its last run worked");
    fail(&desk, "s1", "t4", "cargo test --foo").await;
    desk.pass(91 * 24 * HOUR);
    assert_eq!(about(&desk, "s5", "cargo test --foo").await, None, "that is long ago");
}

#[tokio::test]
async fn answers_stops_and_other_tools_are_no_failures() {
    let desk = Desk::new();
    desk.fire("PostToolUseFailure", "s1", failed("t1", "grep -r walrus .", "Exit code 1")).await;
    let mut stopped = failed("t2", "make slow", "stopped");
    stopped["is_interrupt"] = json!(true);
    desk.fire("PostToolUseFailure", "s1", stopped).await;
    for command in ["grep -r walrus .", "make slow"] {
        assert_eq!(about(&desk, "s2", command).await, None, "{command}");
    }
    let read = json!({"tool_name": "Read", "tool_input": {"file_path": "/x"}});
    assert_eq!(desk.fire("PreToolUse", "s2", read).await.additional_context, None);
}

#[tokio::test]
async fn another_clients_failures_are_not_told() {
    let desk = Desk::new();
    let other = desk.repository("other", "git@example.com:team/other.git");
    for (id, command) in [("t1", "systemctl restart nginx"), ("t2", "make test")] {
        fail(&desk, "s1", id, command).await;
        desk.fire_in(&other, "UserPromptSubmit", "s2", json!({"prompt_id": "q", "prompt": "hello there"})).await;
    }
    assert_eq!(about_in(&desk, "other", "s2", "make test").await, None, "it acts on its folder");
    desk.sql(
        "INSERT INTO clients (id, name, client_type, created_at, updated_at) VALUES ('00000000-0000-7000-8000-000000000001', 'Acme', 'msp_client',
           '2026-11-20T09:00:00.000000Z', '2026-11-20T09:00:00.000000Z');
         UPDATE projects SET client_id = '00000000-0000-7000-8000-000000000001' WHERE slug = 'example.com/team/api'",
    );
    assert_eq!(about_in(&desk, "other", "s2", "systemctl restart nginx").await, None);
    assert!(about(&desk, "s3", "systemctl restart nginx").await.is_some(), "it is the client's own");
    desk.sql("UPDATE projects SET client_id = NULL");
    assert!(about_in(&desk, "other", "s2", "systemctl restart nginx").await.is_some());
}

#[tokio::test]
async fn what_works_after_a_failure_is_its_solution() {
    let desk = Desk::new();
    desk.prompt("s1", "p", "Make the tests pass").await;
    fail(&desk, "s1", "t1", "cargo test --foo").await;
    let write = json!({"prompt_id": "p", "tool_name": "Write", "tool_use_id": "t2",
        "tool_input": {"file_path": "/x/new.rs", "content": "a\n"}, "tool_response": {"type": "create"}});
    desk.fire("PostToolUse", "s1", write).await;
    pass(&desk, "s1", "t3", "ls").await;
    let solutions = "SELECT title || ' | ' || solution_applied || ' | ' || times_reused FROM problem_solutions";
    assert!(desk.column(solutions).is_empty());
    pass(&desk, "s1", "t4", "cargo test").await;
    pass(&desk, "s1", "t4", "cargo test").await;
    let told = "cargo test fails: error[E0308]: mismatched types | Changed /x/new.rs; then `cargo test` passed. | 0";
    assert_eq!(desk.one(solutions), told);

    desk.prompt("s2", "p", "And again").await;
    fail(&desk, "s2", "t1", "cargo test --bar").await;
    pass(&desk, "s2", "t2", "cargo test --bar").await;
    assert_eq!(
        desk.one(solutions),
        "cargo test fails: error[E0308]: mismatched types | The same command passed when it was run again: `cargo test --bar` | 1"
    );
    desk.sql("UPDATE problem_solutions SET solution_applied = 'Mind the types.'");
    desk.prompt("s3", "p", "Once more").await;
    fail(&desk, "s3", "t1", "cargo test --bar").await;
    pass(&desk, "s3", "t2", "cargo test --bar").await;
    let kept = "cargo test fails: error[E0308]: mismatched types | Mind the types. | 2";
    assert_eq!(desk.one(solutions), kept, "what a person wrote stays");
}

#[tokio::test]
async fn the_same_failure_again_is_a_pattern() {
    let desk = Desk::new();
    let patterns = "SELECT occurrence_count || ' ' || title || ' | ' || recommended_solution FROM failure_patterns";
    let say = |line: &str| format!("Exit code 1\n{line}");
    let fire = async |session: &str, id: &str, line: &str| {
        desk.fire("PostToolUseFailure", session, failed(id, "make deploy", &say(line))).await;
    };
    fire("s1", "t1", "Error: connect to /run/a.sock timed out after 30s").await;
    fire("s1", "t1", "Error: connect to /run/a.sock timed out after 30s").await;
    fire("s1", "t2", "Error: permission denied").await;
    assert!(desk.column(patterns).is_empty());
    fire("s2", "t1", "Error: connect to /run/b.sock timed out after 7s").await;
    let found = desk.one(patterns);
    assert!(found.starts_with("2 make deploy fails: Error: connect to /run/b.sock") && found.contains("Not known yet"));
    fire("s3", "t1", "Error: connect to /tmp/c timed out after 99s").await;
    pass(&desk, "s3", "t2", "make deploy HOST=b").await;
    let found = desk.one(patterns);
    assert!(found.starts_with("3 ") && found.ends_with("This passed instead: `make deploy HOST=b`"), "{found}");
    let found = desk.one("SELECT error_pattern FROM failure_patterns");
    assert!(regex::Regex::new(&found).unwrap().is_match("error: connect to /x timed out after 5s"), "{found}");
}

#[tokio::test]
async fn a_clients_pattern_hangs_on_its_asset_or_is_not_made() {
    let desk = Desk::new();
    desk.prompt("s0", "p", "hello there").await;
    desk.sql(
        "INSERT INTO clients (id, name, client_type, created_at, updated_at) VALUES ('00000000-0000-7000-8000-000000000001', 'Acme', 'msp_client',
           '2026-11-20T09:00:00.000000Z', '2026-11-20T09:00:00.000000Z');
         UPDATE projects SET client_id = '00000000-0000-7000-8000-000000000001'",
    );
    fail(&desk, "s1", "t1", "make").await;
    fail(&desk, "s2", "t2", "make").await;
    assert_eq!(desk.one("SELECT count(*) FROM failure_patterns"), "0");
    desk.sql(
        "INSERT INTO infrastructure (id, client_id, asset_type, hostname) VALUES
           ('00000000-0000-7000-8000-000000000009', '00000000-0000-7000-8000-000000000001', 'workstation', 'LAPTOP-A')",
    );
    fail(&desk, "s3", "t3", "make").await;
    assert_eq!(desk.one("SELECT infrastructure_id FROM failure_patterns"), "00000000-0000-7000-8000-000000000009");
}

#[tokio::test]
async fn what_is_forgotten_teaches_nothing() {
    let desk = Desk::new();
    fail(&desk, "s1", "t1", "make test").await;
    pass(&desk, "s1", "t2", "make test-all").await;
    desk.sql("DELETE FROM command_runs WHERE command_text = 'make test'");
    assert_eq!(about(&desk, "s2", "make test").await, None);
    assert_eq!(desk.one("SELECT count(*) FROM ct_commands"), "1");
}
