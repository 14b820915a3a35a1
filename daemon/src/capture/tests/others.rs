//! What a conversation is told of the others, each time that it starts.

use serde_json::json;

use super::desk::{Desk, HOUR};

const LINE: &str = "[ClaudeTools coordination]";

/// The line that a start brings, once it is on record.
async fn told(desk: &Desk, session: &str, source: &str) -> Option<String> {
    let context = desk.start(session, source).await.additional_context.unwrap_or_default();
    desk.capture.settle().await.unwrap();
    context.lines().find(|line| line.starts_with(LINE)).map(str::to_owned)
}

#[tokio::test]
async fn the_same_is_told_once_a_conversation() {
    let desk = Desk::new();
    assert_eq!(told(&desk, "first", "startup").await, None, "nobody else is there");
    assert!(told(&desk, "second", "startup").await.unwrap().contains("/first"));
    desk.pass(HOUR / 2);
    desk.prompt("first", "p1", "Fix the login").await;
    for source in ["resume", "compact", "resume"] {
        assert_eq!(told(&desk, "second", source).await, None, "{source}: it knows");
    }
    assert!(told(&desk, "cleared", "clear").await.unwrap().contains("/second"), "a new conversation knows nothing");
}

#[tokio::test]
async fn news_are_told_and_what_was_told_before_the_last_line_is_news_again() {
    let desk = Desk::new();
    desk.start("first", "startup").await;
    let alone = told(&desk, "second", "startup").await.unwrap();
    desk.start("third", "startup").await;
    assert!(told(&desk, "second", "resume").await.unwrap().contains("/third"), "another session has come");
    assert_eq!(told(&desk, "second", "compact").await, None);

    desk.sql(
        "INSERT INTO coord_session_locks (id, project_key, session_id, resource, acquired_at, expires_at)
         VALUES ('00000000-0000-7000-8000-000000000001', 'example.com/team/api', 'elsewhere/main', 'schema',
                 '2026-11-20T09:00:00.000000Z', '2026-11-20T23:00:00.000000Z')",
    );
    assert!(told(&desk, "second", "resume").await.unwrap().contains("Locked: schema by elsewhere/main"));
    assert_eq!(told(&desk, "second", "resume").await, None);
    desk.sql("UPDATE coord_session_locks SET expires_at = '2026-11-20T23:30:00.000000Z'");
    assert_eq!(told(&desk, "second", "resume").await, None, "a lock that goes on is the same lock");

    desk.sql(
        "INSERT INTO coord_messages (id, from_session, to_session, subject, body, created_at)
         VALUES ('00000000-0000-7000-8000-000000000002', 'elsewhere/main', 'second', 'Careful', 'It is in pieces.',
                 '2026-11-20T09:00:00.000000Z')",
    );
    assert!(told(&desk, "second", "compact").await.unwrap().contains("1 unread message"));
    assert_eq!(told(&desk, "second", "compact").await, None);

    desk.sql("DELETE FROM coord_messages; DELETE FROM coord_session_locks");
    desk.fire("SessionEnd", "third", json!({"reason": "other"})).await;
    let again = told(&desk, "second", "resume").await.unwrap();
    let who = |line: &str| line.split(" (").next().map(str::to_owned);
    assert_eq!(who(&again), who(&alone));
    assert_eq!(told(&desk, "second", "resume").await, None);
    let kept = "SELECT count(*) FROM ct_injected
                 WHERE claude_session_id = 'second' AND source_table = 'coordination' AND tokens > 0";
    assert_eq!(desk.one(kept), "1", "the last line only");
}

#[tokio::test]
async fn a_line_that_is_not_on_record_yet_is_known() {
    let desk = Desk::new();
    desk.start("first", "startup").await;
    let starts = [desk.start("second", "startup").await, desk.start("second", "resume").await];
    let lines = starts.map(|reply| reply.additional_context.is_some_and(|context| context.contains(LINE)));
    assert_eq!(lines, [true, false]);
}
