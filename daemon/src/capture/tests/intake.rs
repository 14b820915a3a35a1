use serde_json::json;

use super::desk::{Desk, HOUR, SECOND};
use crate::capture::Taken;
use crate::policy::Policy;

#[tokio::test]
async fn an_event_counts_once() {
    let desk = Desk::new();
    let fields = json!({"prompt_id": "p1", "prompt": "Fix the login"});
    let event = desk.incoming(&desk.folder.path().join("repo"), "UserPromptSubmit", "s1", &fields);
    assert_eq!(desk.capture.handle(event.clone()).await.unwrap().taken, Taken::New);
    assert_eq!(desk.capture.handle(event).await.unwrap().taken, Taken::Duplicate);
    assert_eq!(desk.one("SELECT count(*) FROM conversation_contexts"), "1");
    assert_eq!(desk.one("SELECT count(*) FROM ct_hook_events"), "1");
}

#[tokio::test]
async fn malformed_input_is_kept_aside_and_told() {
    let desk = Desk::new();
    for body in [&b"{\"session_id\": \"s1\", password=hunter2hunter2"[..], b"", b"[1,2]", b"{\"no\":\"session\"}"] {
        let reply = desk.capture.handle(desk.raw("Stop", body.to_vec())).await.unwrap();
        assert!(matches!(reply.taken, Taken::Rejected(_)), "{reply:?}");
        assert!(reply.to_json("Stop").unwrap().contains("could not be saved"));
    }
    assert_eq!(desk.one("SELECT count(*) FROM ct_hook_rejected WHERE reason LIKE '%JSON%'"), "3");
    let kept = desk.one("SELECT CAST(body AS TEXT) FROM ct_hook_rejected WHERE length(body) > 20");
    assert!(kept.contains("[redacted:") && !kept.contains("hunter2"), "{kept}");
}

#[tokio::test]
async fn rejected_events_do_not_pile_up() {
    let desk = Desk::new();
    for _ in 0..130 {
        desk.pass(SECOND);
        desk.capture.handle(desk.raw("Stop", b"{".to_vec())).await.unwrap();
    }
    assert_eq!(desk.one("SELECT count(*) FROM ct_hook_rejected"), "100");
}

#[tokio::test]
async fn unknown_events_and_fields_are_taken_and_counted() {
    let desk = Desk::new();
    let reply = desk.fire("SomethingNew", "s1", json!({"deep": {"er": [1, 2]}})).await;
    assert_eq!((reply.taken, reply.system_message), (Taken::New, None));
    assert_eq!(desk.capture.handle(desk.raw("SomethingNew", b"{}".to_vec())).await.unwrap().taken, Taken::New);
    desk.fire("Stop", "s1", json!({"new_field": 7, "last_assistant_message": 12})).await;
    let stats = desk.capture.event_stats().await.unwrap();
    let counts: Vec<(&str, u64, u64)> =
        stats.iter().map(|stats| (stats.event.as_str(), stats.count, stats.errors)).collect();
    assert_eq!(counts, [("SomethingNew", 2, 0), ("Stop", 1, 0)]);
}

#[tokio::test]
async fn figures_survive_a_restart() {
    let desk = Desk::new();
    desk.fire("SomethingNew", "s1", json!({})).await;
    desk.capture.settle().await.unwrap();
    assert_eq!(
        desk.one("SELECT event || ' ' || count || ' ' || (latency_us_max > 0) FROM ct_hook_stats"),
        "SomethingNew 1 1"
    );
}

#[tokio::test]
async fn invalid_utf8_is_taken() {
    let desk = Desk::new();
    let event = desk.raw(
        "UserPromptSubmit",
        b"{\"session_id\":\"s1\",\"prompt_id\":\"p1\",\"prompt\":\"caf\xe9 \x00 \\u0000 fix\"}".to_vec(),
    );
    assert!(matches!(desk.capture.handle(event).await.unwrap().taken, Taken::Rejected(_)), "a raw control character");
    let event = desk.raw(
        "UserPromptSubmit",
        b"{\"session_id\":\"s1\",\"prompt_id\":\"p1\",\"prompt\":\"caf\xe9 \\u0000 fix\"}".to_vec(),
    );
    assert_eq!(desk.capture.handle(event).await.unwrap().taken, Taken::New);
    assert_eq!(desk.one("SELECT dense_summary FROM conversation_contexts"), "Q: caf\u{fffd} \u{fffd} fix");
}

#[tokio::test]
async fn a_huge_prompt_is_kept_whole() {
    let desk = Desk::new();
    let numbers: Vec<String> = (0..180_000).map(|n| format!("{n:09}")).collect();
    let prompt = numbers.join(" ");
    desk.prompt("s1", "p1", &prompt).await;
    assert!(desk.one("SELECT length(dense_summary) < 3200 FROM conversation_contexts") == "1");
    let whole = desk.one("SELECT detail_zst FROM conversation_contexts");
    assert!(whole.contains(&prompt), "{} of {} bytes", whole.len(), prompt.len());
}

#[tokio::test]
async fn late_events_keep_their_time() {
    let desk = Desk::new();
    let mut event = desk.incoming(
        &desk.folder.path().join("repo"),
        "UserPromptSubmit",
        "s1",
        &json!({"prompt_id": "p1", "prompt": "While the daemon was away"}),
    );
    event.live = false;
    let sent = sync::datetime_text(event.sent_at_us);
    desk.pass(HOUR);
    let reply = desk.capture.handle(event).await.unwrap();
    assert_eq!(reply.additional_context, None);
    assert_eq!(desk.one("SELECT created_at FROM conversation_contexts"), sent);
    assert_eq!(desk.one("SELECT started_at FROM sessions"), sent);
}

#[tokio::test]
async fn a_clock_that_ran_ahead_does_not_reach_the_future() {
    let desk = Desk::new();
    let folder = desk.folder.path().join("repo");
    let mut event =
        desk.incoming(&folder, "UserPromptSubmit", "s1", &json!({"prompt_id": "p1", "prompt": "Hello there"}));
    event.sent_at_us += 1_000 * HOUR;
    desk.capture.handle(event).await.unwrap();
    assert_eq!(desk.one("SELECT created_at FROM conversation_contexts"), sync::datetime_text(desk.now()));
}

fn under(memory: &str) -> Desk {
    Desk::under(Policy::new(toml::from_str(memory).unwrap()).unwrap())
}

#[tokio::test]
async fn of_a_project_that_is_off_nothing_is_saved_and_nothing_told() {
    let desk = under("[projects.\"example.com/team/api\"]\ncapture = false\n");
    desk.fire("SessionStart", "s1", json!({"source": "startup"})).await;
    let prompt = json!({"prompt_id": "p1", "prompt": "The staging database listens on port 5544"});
    assert_eq!(desk.fire("UserPromptSubmit", "s1", prompt).await.taken, Taken::New);
    desk.fire("Stop", "s1", json!({"prompt_id": "p1", "last_assistant_message": "Noted: port 5544."})).await;
    for table in ["sessions", "projects", "conversation_contexts", "work_items", "ct_hook_turns"] {
        assert_eq!(desk.one(&format!("SELECT count(*) FROM {table}")), "0", "{table}");
    }
    let other = desk.repository("other", "git@example.com:team/other.git");
    let fields = json!({"prompt_id": "p2", "prompt": "The staging database listens on port 5544"});
    desk.capture.handle(desk.incoming(&other, "UserPromptSubmit", "s2", &fields)).await.unwrap();
    assert_eq!(desk.one("SELECT count(*) FROM conversation_contexts"), "1", "another project is not off");
}

#[tokio::test]
async fn of_an_ignored_file_nothing_is_saved() {
    let desk = under("ignore = [\".env*\"]");
    let write = |id: &str, name: &str| {
        let path = desk.folder.path().join("repo").join(name);
        json!({"prompt_id": "p1", "tool_name": "Write", "tool_use_id": id,
               "tool_input": {"file_path": path, "content": "COLOUR=blue\n"},
               "tool_response": {"type": "create", "filePath": path, "content": "COLOUR=blue\n"}})
    };
    desk.fire("UserPromptSubmit", "s1", json!({"prompt_id": "p1", "prompt": "Write the settings"})).await;
    desk.fire("PostToolUse", "s1", write("t1", ".env.local")).await;
    desk.fire("PostToolUse", "s1", write("t2", "colours.txt")).await;
    let files = desk.column("SELECT file_path FROM file_changes");
    assert_eq!(files.len(), 1, "{files:?}");
    assert!(files[0].ends_with("colours.txt"), "{files:?}");
}
