//! Solved problems as memories: found, shown only where they belong, forgotten.

use serde_json::json;

use super::desk::Desk;
use crate::forget::{self, Wanted};
use crate::memory::browse::{self, Around};
use crate::memory::{Hit, Query, search};

const API: &str = "example.com/team/api";
const OTHER: &str = "example.com/team/other";
const SOLUTION: &str = "00000000-0000-7000-8000-000000000001";

/// Two clients, and a conversation in each of two projects.
async fn world() -> Desk {
    let desk = Desk::new();
    let other = desk.repository("other", "git@example.com:team/other.git");
    desk.prompt("s1", "p1", "hello there").await;
    desk.fire_in(&other, "UserPromptSubmit", "s2", json!({"prompt_id": "p2", "prompt": "hello there"})).await;
    desk.sql(
        "INSERT INTO clients (id, name, client_type, created_at, updated_at) VALUES
           ('00000000-0000-7000-8000-0000000000aa', 'Acme', 'msp_client', '2026-11-20T09:00:00.000000Z', '2026-11-20T09:00:00.000000Z'),
           ('00000000-0000-7000-8000-0000000000bb', 'Bolt', 'msp_client', '2026-11-20T09:00:00.000000Z', '2026-11-20T09:00:00.000000Z')",
    );
    desk
}

/// A solution, as a person or the sync writes it.
fn solve(desk: &Desk) {
    desk.sql(
        "INSERT INTO problem_solutions (id, title, problem_description, symptoms, error_message, root_cause, solution_applied, tags)
         VALUES ('00000000-0000-7000-8000-000000000001', 'Mail is refused', 'Nobody gets mail.', 'The queue grows.',
                 'SMTP 554 5.7.1 relay access denied', 'The connector was bound to the old address.',
                 'Bind the connector to the new address.', '[\"mail\"]')",
    );
}

fn find(desk: &Desk, project: &str, text: &str) -> Vec<Hit> {
    let query = Query {
        text,
        project: Some(project),
        limit: 10,
        now_us: desk.now(),
        index: Some(&desk.index),
        ..Query::default()
    };
    let mut hits = desk.store.read(|tx| search(tx, &query)).unwrap();
    hits.retain(|hit| hit.source_table == "problem_solutions");
    hits
}

/// In which of the two projects it is shown, once the daemon has indexed what was moved.
fn shown(desk: &Desk) -> (bool, bool) {
    desk.sql(
        "INSERT INTO ct_memory_late SELECT source_table, source_id FROM ct_memory_queue ORDER BY position;
         DELETE FROM ct_memory_queue",
    );
    let by_id = |project: &str| !desk.store.read(|tx| browse::load(tx, Some(project), &[SOLUTION])).unwrap().is_empty();
    let seen = [API, OTHER].map(|project| {
        let is_found = !find(desk, project, "relay access denied").is_empty();
        assert_eq!(by_id(project), is_found, "by id as by search, in {project}");
        is_found
    });
    (seen[0], seen[1])
}

#[tokio::test]
async fn a_solution_is_found_by_any_of_its_words() {
    let desk = world().await;
    solve(&desk);
    for text in ["554 relay access denied", "the queue grows", "connector bound to the old address", "mail is refused"]
    {
        let hits = find(&desk, API, text);
        assert_eq!(hits.len(), 1, "{text}");
        assert_eq!((hits[0].kind.as_str(), hits[0].source_id.as_str()), ("solution", SOLUTION));
    }
    let text = &find(&desk, API, "relay access denied")[0].text;
    assert!(
        text.contains("\nCause: The connector was")
            && text.ends_with("\nSolution: Bind the connector to the new address.")
    );
    let tagged =
        Query { tags: &["mail".into()], limit: 10, now_us: desk.now(), index: Some(&desk.index), ..Query::default() };
    assert_eq!(desk.store.read(|tx| search(tx, &tagged)).unwrap().len(), 1);

    desk.sql("UPDATE problem_solutions SET solution_applied = 'Send a pigeon.'");
    assert_eq!(find(&desk, API, "pigeon").len(), 1);
    desk.sql("DELETE FROM problem_solutions");
    assert_eq!(find(&desk, API, "relay access denied").len(), 0);
    assert_eq!(desk.one("SELECT count(*) FROM ct_memory WHERE source_table = 'problem_solutions'"), "0");
}

#[tokio::test]
async fn what_was_solved_is_told_with_a_prompt_and_its_use_counts() {
    let desk = world().await;
    let run = |id: &str, command: &str| json!({"prompt_id": "p1", "tool_name": "Bash", "tool_use_id": id, "tool_input": {"command": command}});
    let mut failed = run("t1", "make walrus");
    failed["error"] = json!("Exit code 2\nerror: the zanzibarium is not mounted");
    desk.fire("PostToolUseFailure", "s1", failed).await;
    let mut passed = run("t2", "make walrus LATER=1");
    passed["tool_response"] = json!({"stdout": "ok"});
    desk.fire("PostToolUse", "s1", passed).await;
    let ask = async |session: &str| {
        let id = format!("{session} asks");
        let reply = desk.prompt(session, &id, "Why is the zanzibarium not mounted?").await;
        desk.capture.settle().await.unwrap();
        reply.additional_context.unwrap_or_default()
    };
    assert_eq!(ask("s1").await, "", "it was there");
    let told = ask("s3").await;
    assert!(told.contains("solution") && told.contains("`make walrus LATER=1`"), "{told}");
    assert_eq!(ask("s3").await, "");
    let id = desk.one("SELECT id FROM problem_solutions");
    let answer = json!({"prompt_id": "s3 asks", "last_assistant_message": format!("As {id} has it.")});
    desk.fire("Stop", "s3", answer).await;
    desk.capture.settle().await.unwrap();
    assert_eq!(desk.one("SELECT times_reused FROM problem_solutions"), "1");
    let session = desk.one("SELECT session_id FROM problem_solutions");
    let around = desk.store.read(|tx| browse::timeline(tx, Some(API), Around::Memory(&id), 5)).unwrap().unwrap();
    assert!(
        around.iter().any(|hit| hit.source_id == id)
            && around.iter().all(|hit| hit.session_id.as_ref() == Some(&session))
    );
    let at = Around::Moment("2026-11-20T08:00:00.000000Z");
    let of_project = desk.store.read(|tx| browse::timeline(tx, Some(API), at, 25)).unwrap().unwrap();
    assert!(of_project.iter().any(|hit| hit.source_id == id));
}

#[tokio::test]
async fn a_solution_is_shown_only_to_the_client_that_all_it_leads_to_is_of() {
    let desk = world().await;
    solve(&desk);
    assert_eq!(shown(&desk), (true, true), "it is of nobody in particular");
    desk.sql(
        "UPDATE projects SET client_id = '00000000-0000-7000-8000-0000000000aa' WHERE slug = 'example.com/team/api'",
    );
    desk.sql("UPDATE problem_solutions SET client_id = '00000000-0000-7000-8000-0000000000aa'");
    assert_eq!(shown(&desk), (true, false), "its own client");
    desk.sql("UPDATE problem_solutions SET client_id = NULL");
    assert_eq!(shown(&desk), (true, true));

    for link in ["session", "work item"] {
        if link == "session" {
            desk.sql(
                "UPDATE problem_solutions SET session_id = (SELECT id FROM sessions WHERE claude_session_id = 's1')",
            );
        } else {
            desk.sql(
                "UPDATE problem_solutions SET session_id = NULL, work_item_id =
                   (SELECT id FROM work_items WHERE session_id = (SELECT id FROM sessions WHERE claude_session_id = 's1'))",
            );
        }
        assert_eq!(shown(&desk), (true, false), "{link}: the client of its project");
        assert!(find(&desk, API, "relay access denied")[0].same_project, "{link}");
        desk.sql("UPDATE projects SET client_id = '00000000-0000-7000-8000-0000000000bb' WHERE slug = 'example.com/team/other'");
        assert_eq!(shown(&desk), (true, false), "{link}");
        desk.sql("UPDATE projects SET client_id = '00000000-0000-7000-8000-0000000000bb'");
        assert_eq!(
            find(&desk, API, "relay access denied").len(),
            0,
            "{link}: not before it is known where it belongs now"
        );
        assert_eq!(shown(&desk), (true, true), "{link}: the project has moved, and its solutions with it");
        desk.sql(
            "UPDATE projects SET client_id = '00000000-0000-7000-8000-0000000000aa' WHERE slug = 'example.com/team/api';
             UPDATE sessions SET project_id = (SELECT id FROM projects WHERE slug = 'example.com/team/other')
              WHERE claude_session_id = 's1'",
        );
        assert_eq!(shown(&desk), (false, true), "{link}: its session has moved");
        desk.sql(
            "UPDATE sessions SET client_id = '00000000-0000-7000-8000-0000000000aa' WHERE claude_session_id = 's1'",
        );
        assert_eq!(shown(&desk), (false, false), "{link}: of two clients, so neither is shown it");
        desk.sql("UPDATE sessions SET project_id = NULL WHERE claude_session_id = 's1'");
        assert_eq!(shown(&desk), (true, false), "{link}: the client of the session alone");
        desk.sql("UPDATE problem_solutions SET client_id = '00000000-0000-7000-8000-0000000000bb'");
        assert_eq!(shown(&desk), (false, false), "{link}: its own client says otherwise");
        desk.sql(
            "UPDATE problem_solutions SET client_id = NULL;
             UPDATE projects SET client_id = NULL WHERE slug = 'example.com/team/other';
             UPDATE sessions SET client_id = NULL, project_id = (SELECT id FROM projects WHERE slug = 'example.com/team/api')
              WHERE claude_session_id = 's1'",
        );
    }
    desk.sql("UPDATE projects SET client_id = NULL");
    assert_eq!(shown(&desk), (true, true));
    desk.sql("UPDATE sessions SET client_id = '00000000-0000-7000-8000-0000000000aa' WHERE claude_session_id = 's1'");
    assert_eq!(shown(&desk), (false, false), "a client's solution is not shown in a project of none");
}

#[tokio::test]
async fn a_solution_that_was_forgotten_is_found_no_more() {
    let desk = world().await;
    for wanted in [
        Wanted { ids: vec![SOLUTION.into()], ..Wanted::default() },
        Wanted { text: forget::Needle::new("relay access denied"), ..Wanted::default() },
    ] {
        solve(&desk);
        assert_eq!(find(&desk, API, "relay access denied").len(), 1);
        let plan = desk.store.read(|tx| forget::find(tx, &wanted)).unwrap().unwrap();
        desk.store.write(move |tx| forget::carry_out(tx, &plan)).unwrap();
        assert_eq!(desk.one("SELECT count(*) FROM problem_solutions"), "0");
        assert_eq!(find(&desk, API, "relay access denied").len(), 0);
        assert_eq!(desk.one("SELECT count(*) FROM context_tags WHERE source_table = 'problem_solutions'"), "0");
    }
}
