use serde_json::json;

use super::desk::Desk;

const ACME: &str = "INSERT INTO clients (id, name, client_type, is_active, created_at, updated_at) VALUES
    ('00000000-0000-7000-8000-0000000000aa', 'Acme', 'msp_client', 1, '2026-11-20T09:00:00.000000Z', '2026-11-20T09:00:00.000000Z'),
    ('00000000-0000-7000-8000-0000000000bb', 'Bolt', 'msp_client', 1, '2026-11-20T09:00:00.000000Z', '2026-11-20T09:00:00.000000Z')";

/// States the fact in one project and asks for it in another.
async fn told(assign: &'static str) -> bool {
    let desk = Desk::new();
    let (here, there) = (
        desk.repository("here", "git@example.com:x/here.git"),
        desk.repository("there", "git@example.com:x/there.git"),
    );
    let fact = json!({"prompt_id": "p1", "prompt": "The marmalade vault opens with a brass lever"});
    desk.fire_in(&there, "UserPromptSubmit", "s1", fact).await;
    desk.fire_in(&here, "SessionStart", "s2", json!({"source": "startup"})).await;
    desk.sql(ACME);
    desk.sql(assign);
    let question = json!({"prompt_id": "p2", "prompt": "What opens the marmalade vault?"});
    let reply = desk.fire_in(&here, "UserPromptSubmit", "s2", question).await;
    reply.additional_context.is_some_and(|context| context.contains("brass lever"))
}

#[tokio::test]
async fn projects_without_a_client_share() {
    assert!(told("SELECT 1").await);
}

#[tokio::test]
async fn one_clients_projects_share() {
    assert!(told("UPDATE projects SET client_id = '00000000-0000-7000-8000-0000000000aa'").await);
    assert!(told("UPDATE projects SET client_id = '00000000-0000-7000-8000-0000000000aa' WHERE name = 'here'").await);
}

#[tokio::test]
async fn a_clients_memory_stays_with_the_client() {
    assert!(!told("UPDATE projects SET client_id = '00000000-0000-7000-8000-0000000000aa' WHERE name = 'there'").await);
    assert!(
        !told(
            "UPDATE projects SET client_id = iif(name = 'there', '00000000-0000-7000-8000-0000000000aa',
                                                 '00000000-0000-7000-8000-0000000000bb')"
        )
        .await
    );
}

#[tokio::test]
async fn a_snippets_own_client_counts() {
    let desk = Desk::new();
    desk.start("s1", "startup").await;
    desk.sql(ACME);
    desk.sql(
        "INSERT INTO context_snippets (id, client_id, snippet_type, title, dense_content, relevance_score, usage_count, created_at, updated_at)
         VALUES ('00000000-0000-7000-8000-000000000001', '00000000-0000-7000-8000-0000000000aa', 'lesson', 'Vault',
                 'the marmalade vault opens with a brass lever', 800, 0, '2026-11-20T09:00:00.000000Z', '2026-11-20T09:00:00.000000Z')",
    );
    let question = json!({"prompt_id": "p2", "prompt": "What opens the marmalade vault?"});
    let reply = desk.fire("UserPromptSubmit", "s1", question.clone()).await;
    assert_eq!(reply.additional_context, None);
    desk.sql("UPDATE projects SET client_id = '00000000-0000-7000-8000-0000000000aa'");
    let reply = desk.fire("UserPromptSubmit", "s2", question).await;
    assert!(reply.additional_context.unwrap().contains("brass lever"));
}

#[tokio::test]
async fn a_memory_without_a_project_stays_with_its_sessions_client() {
    let desk = Desk::new();
    desk.start("s1", "startup").await;
    desk.sql(ACME);
    desk.sql(
        "INSERT INTO sessions (id, claude_session_id, client_id, status, started_at, created_at, updated_at)
         VALUES ('00000000-0000-7000-8000-000000000002', 'elsewhere', '00000000-0000-7000-8000-0000000000aa', 'completed',
                 '2026-11-20T09:00:00.000000Z', '2026-11-20T09:00:00.000000Z', '2026-11-20T09:00:00.000000Z');
         INSERT INTO conversation_contexts (id, session_id, context_type, title, dense_summary, created_at, updated_at)
         VALUES ('00000000-0000-7000-8000-000000000003', '00000000-0000-7000-8000-000000000002', 'general_context', 'Vault',
                 'the marmalade vault opens with a brass lever', '2026-11-20T09:00:00.000000Z', '2026-11-20T09:00:00.000000Z')",
    );
    let question = json!({"prompt_id": "p2", "prompt": "What opens the marmalade vault?"});
    let reply = desk.fire("UserPromptSubmit", "s1", question.clone()).await;
    assert_eq!(reply.additional_context, None);
    desk.sql("UPDATE sessions SET client_id = NULL WHERE claude_session_id = 'elsewhere'");
    let reply = desk.fire("UserPromptSubmit", "s2", question).await;
    assert!(reply.additional_context.unwrap().contains("brass lever"));
}
