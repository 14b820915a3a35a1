//! What was forgotten stays so, whatever the hooks, transcripts and imports bring afterwards.

use std::io::Write as _;
use std::time::Duration;

use serde_json::json;

use super::desk::{Desk, HOUR};
use crate::forget::{self, Needle, Wanted, sweep};

impl Desk {
    async fn forget(&self, wanted: Wanted) {
        let plan = self.store.read(|tx| forget::find(tx, &wanted)).unwrap().unwrap();
        self.store.write(move |tx| forget::carry_out(tx, &plan)).unwrap();
        self.sweep().await;
    }

    async fn sweep(&self) {
        let spool = self.folder.path().join("spool");
        assert!(sweep::until_clean(&self.store, &self.index, &spool, Duration::from_mins(1)).await);
    }

    /// What is left of the rows and records that hold a text.
    fn left(&self, text: &'static str) -> Vec<String> {
        let mut found = Vec::new();
        let needle = Needle::new(text).unwrap();
        for entity in migrations::ENTITIES {
            let rows = self.store.read(|tx| tx.select(entity, "", &[])).unwrap();
            found.extend(
                rows.iter()
                    .map(merge::encode)
                    .filter(|row| needle.is_in_bytes(row))
                    .map(|row| format!("{} {}", entity.name, String::from_utf8_lossy(&row))),
            );
        }
        for path in ["replica.db", "replica.db-wal"] {
            let bytes = std::fs::read(self.folder.path().join(path)).unwrap();
            if needle.is_in_bytes(&bytes) {
                found.push(path.to_owned());
            }
        }
        found
    }
}

fn session(id: &str) -> Wanted {
    Wanted { sessions: vec![id.into()], ..Wanted::default() }
}

fn text(text: &str) -> Wanted {
    Wanted { text: Needle::new(text), ..Wanted::default() }
}

fn line(prompt: &str, id: &str, at: &str) -> String {
    json!({"type": "user", "promptId": id, "timestamp": at, "message": {"role": "user", "content": prompt},
           "origin": {"kind": "human"}})
    .to_string()
        + "\n"
}

#[tokio::test]
async fn a_forgotten_session_leaves_nothing_and_does_not_come_back() {
    let desk = Desk::new();
    desk.start("s1", "startup").await;
    desk.turn("s1", "p1", "Where is the zanzibarium kept?", "The zanzibarium is in the cellar.").await;
    let run = json!({"prompt_id": "p1", "tool_name": "Bash", "tool_input": {"command": "ls zanzibarium"},
                     "tool_use_id": "t", "tool_response": {"stdout": "zanzibarium.txt"}});
    desk.fire("PostToolUse", "s1", run.clone()).await;
    desk.end("s1").await;
    desk.turn("s2", "q1", "Where is the lantern?", "On the roof.").await;
    assert!(desk.left("zanzibarium").len() > 5);
    desk.forget(session("s1")).await;
    assert_eq!(desk.left("zanzibarium"), [] as [&str; 0]);
    assert_eq!(desk.one("SELECT count(*) FROM ct_memory_fts WHERE ct_memory_fts MATCH 'lantern'"), "1");
    assert_eq!(
        desk.column("SELECT title FROM work_items ORDER BY created_at"),
        ["(forgotten)", "Where is the lantern?"]
    );

    // Late events, the transcript, and an import of it.
    let stop = json!({"prompt_id": "p1", "last_assistant_message": "The zanzibarium, still."});
    desk.fire("Stop", "s1", stop).await;
    desk.fire("PostToolUse", "s1", run).await;
    let mut transcript = std::fs::File::create(desk.transcript("s1")).unwrap();
    transcript.write_all(line("The zanzibarium?", "p1", "2026-11-20T08:59:00.000Z").as_bytes()).unwrap();
    transcript.write_all(line("And the zanzibarium?", "p0", "2026-11-20T08:58:00.000Z").as_bytes()).unwrap();
    desk.fire("PreCompact", "s1", json!({"trigger": "manual"})).await;
    desk.end("s1").await;
    desk.capture.catch_up().await.unwrap();
    desk.sweep().await;
    assert_eq!(desk.left("zanzibarium"), [] as [&str; 0]);
    assert_eq!(desk.one("SELECT count(*) FROM ct_hook_rejected"), "0");

    // What is said from now on is kept.
    desk.pass(HOUR);
    desk.turn("s1", "p3", "Where is the anchor?", "In the harbour.").await;
    assert_eq!(desk.one("SELECT count(*) FROM conversation_contexts WHERE title = 'Where is the anchor?'"), "1");
}

#[tokio::test]
async fn a_spooled_event_of_before_is_not_taken_in_afterwards() {
    let desk = Desk::new();
    desk.turn("s1", "p1", "Hello there, friend", "Hello.").await;
    let folder = desk.folder.path().join("repo");
    let prompt = json!({"prompt_id": "p9", "prompt": "The zanzibarium again"});
    let mut spooled = desk.incoming(&folder, "UserPromptSubmit", "s1", &prompt);
    spooled.live = false;
    desk.pass(HOUR);
    desk.forget(session("s1")).await;
    desk.pass(HOUR);
    desk.capture.handle(spooled).await.unwrap();
    desk.fire("Stop", "s1", json!({"prompt_id": "p9", "last_assistant_message": "zanzibarium"})).await;
    desk.sweep().await;
    assert_eq!(desk.left("zanzibarium"), [] as [&str; 0]);
}

#[tokio::test]
async fn a_turn_goes_with_what_retells_it_and_the_rest_of_its_session_stays() {
    let desk = Desk::new();
    desk.start("s1", "startup").await;
    desk.turn("s1", "p1", "Find the zanzibarium", "The zanzibarium is gone.").await;
    desk.turn("s1", "p2", "Find the lantern", "It is on the roof.").await;
    desk.end("s1").await;
    assert_eq!(desk.one("SELECT count(*) FROM conversation_contexts"), "3");
    let id = desk.one("SELECT id FROM conversation_contexts WHERE title = 'Find the zanzibarium' AND context_type = 'general_context'");
    desk.pass(HOUR);
    desk.forget(Wanted { ids: vec![id], ..Wanted::default() }).await;
    desk.capture.catch_up().await.unwrap();
    assert_eq!(desk.left("zanzibarium"), [] as [&str; 0]);
    let summary = desk.one("SELECT dense_summary FROM conversation_contexts WHERE context_type = 'session_summary'");
    assert_eq!(summary, "Goal: Find the lantern\nLast answer: It is on the roof.");
    desk.sweep().await;
    assert_eq!(desk.one("SELECT count(*) FROM conversation_contexts"), "2");
}

#[tokio::test]
async fn a_text_is_taken_out_wherever_it_stands() {
    let desk = Desk::new();
    let long = format!("{} zanzibarium {}", "word ".repeat(3_000), "more ".repeat(3_000));
    desk.turn("s1", "p1", &long, "Noted.").await;
    desk.turn("s1", "p2", "Find the lantern", "The ZANZIBARIUM is on the roof.").await;
    desk.turn("s1", "p3", "Find the anchor", "It is in the harbour.").await;
    let note =
        crate::capture::Note { text: "A zanzibarium is blue.".into(), kind: "lesson".into(), ..Default::default() };
    desk.capture.remember(note.clone()).await.unwrap();
    desk.pass(HOUR);
    desk.forget(text("zanzibarium")).await;
    assert_eq!(desk.left("zanzibarium"), [] as [&str; 0]);
    assert_eq!(desk.column("SELECT title FROM conversation_contexts"), ["Find the anchor"]);
    // Saying it again on purpose is another memory.
    desk.pass(HOUR);
    desk.capture.remember(note).await.unwrap();
    desk.sweep().await;
    assert_eq!(desk.one("SELECT count(*) FROM context_snippets"), "1");
}

#[tokio::test]
async fn what_another_machine_sends_again_is_taken_out_again() {
    let desk = Desk::new();
    desk.turn("s1", "p1", "Find the zanzibarium", "It is gone.").await;
    desk.sql("CREATE TEMP TABLE kept AS SELECT * FROM conversation_contexts; CREATE TEMP TABLE work AS SELECT * FROM work_items;");
    desk.pass(HOUR);
    desk.forget(session("s1")).await;
    desk.sql(
        "INSERT INTO conversation_contexts SELECT * FROM temp.kept;
         UPDATE work_items SET title = 'zanzibarium', description = 'zanzibarium';
         DROP TABLE temp.kept; DROP TABLE temp.work;",
    );
    assert_eq!(desk.one("SELECT count(*) FROM conversation_contexts"), "1");
    desk.sweep().await;
    // Until central has the delete, its journal entry holds what central has.
    desk.sql("DELETE FROM ct_sync_dirty; INSERT INTO ct_forget_clean VALUES (1, 0);");
    desk.sweep().await;
    assert_eq!(desk.left("zanzibarium"), [] as [&str; 0]);
    assert_eq!(desk.one("SELECT count(*) FROM ct_forget_due"), "0");
}

#[tokio::test]
async fn what_was_learnt_goes_with_what_it_was_learnt_from() {
    let desk = Desk::new();
    let prompt = "We decided to feed the walrus at noon.";
    desk.turn("s1", "p1", prompt, "We agreed on herring for the walrus.").await;
    desk.turn("s1", "p2", "From now on we feed the otter at dawn.", "Fed.").await;
    let run = |id: &str, command: &str| json!({"prompt_id": "p2", "tool_name": "Bash", "tool_use_id": id, "tool_input": {"command": command}});
    let mut failed = run("t1", "make walrus");
    failed["error"] = json!("Exit code 2\nerror: the walrus is full");
    desk.fire("PostToolUseFailure", "s1", failed).await;
    let mut passed = run("t2", "make walrus LATER=1");
    passed["tool_response"] = json!({"stdout": "ok"});
    desk.fire("PostToolUse", "s1", passed).await;
    desk.capture.settle().await.unwrap();
    let learnt = "SELECT (SELECT count(*) FROM decision_logs) || (SELECT count(*) FROM problem_solutions)
                         || (SELECT count(*) FROM ct_commands)";
    assert_eq!(desk.one(learnt), "312");

    let turn = desk.one("SELECT id FROM conversation_contexts WHERE dense_summary LIKE '%walrus at noon%'");
    desk.forget(Wanted { ids: vec![turn], ..Wanted::default() }).await;
    assert_eq!(desk.column("SELECT decision_text FROM decision_logs"), ["From now on we feed the otter at dawn."]);
    let plan = desk.store.read(|tx| forget::find(tx, &session("s1"))).unwrap().unwrap();
    let shown = desk.store.read(|tx| plan.shown(tx, 100)).unwrap();
    let lines: Vec<&str> = shown.iter().map(|found| found.line.as_str()).collect();
    assert!(lines.contains(&"make walrus") && lines.contains(&"make walrus LATER=1"), "{lines:?}");
    desk.forget(session("s1")).await;
    assert_eq!(desk.one(learnt), "000");
    assert_eq!((desk.left("walrus"), desk.left("otter")), (Vec::<String>::new(), Vec::new()));
}

#[tokio::test]
async fn a_pattern_goes_with_a_run_of_it_and_what_a_person_wrote_stays() {
    let desk = Desk::new();
    let fail = async |session: &str| {
        let failed = json!({"prompt_id": format!("p {session}"), "tool_name": "Bash", "tool_use_id": "t", "tool_input": {"command": "make walrus"},
                            "error": "Exit code 2\nerror: the walrus is full"});
        desk.fire("PostToolUseFailure", session, failed).await;
    };
    for id in ["s1", "s2"] {
        fail(id).await;
    }
    assert_eq!(desk.one("SELECT count(*) FROM failure_patterns"), "1");
    desk.forget(session("s1")).await;
    assert_eq!(desk.one("SELECT count(*) FROM failure_patterns"), "0");
    fail("s3").await;
    assert_eq!(desk.one("SELECT count(*) FROM failure_patterns"), "1");
    desk.sql("UPDATE failure_patterns SET recommended_solution = 'Wait for the evening.'");
    for id in ["s2", "s3"] {
        desk.forget(session(id)).await;
    }
    let left = desk.one("SELECT title || '|' || recommended_solution FROM failure_patterns");
    assert_eq!(left, "(forgotten)|Wait for the evening.");
    assert_eq!(desk.left("the walrus is full"), Vec::<String>::new());
}
