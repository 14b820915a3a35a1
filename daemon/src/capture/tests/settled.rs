//! What is settled, merged over time.

use serde_json::json;

use super::desk::{Desk, HOUR};
use crate::capture::{Decided, Decision, Note, Remembered};

async fn note(desk: &Desk, kind: &str, text: &str) -> Remembered {
    desk.pass(HOUR);
    let folder = desk.folder.path().join("repo");
    desk.capture.remember(Note { text: text.into(), kind: kind.into(), folder, ..Note::default() }).await.unwrap()
}

fn decide(desk: &Desk, text: &str, apart: Option<String>) -> Decided {
    desk.pass(HOUR);
    let decision = Decision::new(text, None, Some("example.com/team/api".into()), desk.folder.path());
    desk.store.write(move |tx| decision.write(tx, apart.as_deref())).unwrap()
}

const DECISIONS: &str =
    "SELECT decision_text || '|' || impact || '|' || (superseded_by_id IS NOT NULL) FROM decision_logs
                          ORDER BY created_at, decision_text";
const SNIPPETS: &str = "SELECT dense_content || '|' || relevance_score || '|' || coalesce(structured_data, '')
                          FROM context_snippets ORDER BY created_at, dense_content";

#[tokio::test]
async fn the_same_fact_again_weighs_more_and_is_one() {
    let desk = Desk::new();
    let first = note(&desk, "lesson", "The broker of the staging cluster never wakes up alone.").await;
    let again = note(&desk, "lesson", "the broker of the staging cluster never wakes up alone").await;
    let longer = note(&desk, "lesson", "The broker of the big staging cluster never wakes up alone.").await;
    assert_eq!((first.id.as_str(), first.id.as_str()), (again.id.as_str(), longer.id.as_str()));
    assert_eq!(desk.one(SNIPPETS), "The broker of the big staging cluster never wakes up alone.|900|");
    note(&desk, "pattern", "The broker of the staging cluster never wakes up alone.").await;
    note(&desk, "lesson", "The broker of the staging cluster wakes up alone.").await;
    assert_eq!(desk.column(SNIPPETS).len(), 3, "another kind, and the opposite, are others");

    let one = decide(&desk, "Jobs of the api are queued in the NATS cluster.", None);
    let same = decide(&desk, "Jobs of the api are queued in the NATS cluster", None);
    assert_eq!(one.id, same.id);
    assert_eq!(desk.one(DECISIONS), "Jobs of the api are queued in the NATS cluster|high|0");
}

#[tokio::test]
async fn a_newer_decision_takes_an_olders_place_and_may_give_it_back() {
    let desk = Desk::new();
    let old = decide(&desk, "We use port 4317.", None);
    let new = decide(&desk, "We use port 4318.", None);
    assert_eq!((new.replaces, old.replaces), (vec![old.id.clone()], vec![]));
    assert_eq!(desk.column(DECISIONS), ["We use port 4317.|medium|1", "We use port 4318.|medium|0"]);
    let back = decide(&desk, "We use port 4317.", None);
    assert_eq!((back.id, back.replaces), (old.id, vec![new.id]));
    assert_eq!(desk.column(DECISIONS), ["We use port 4317.|high|0", "We use port 4318.|medium|1"]);

    let queue = note(&desk, "decision", "Jobs run on the rabbit queue.").await;
    let nats = note(&desk, "decision", "Jobs run on NATS instead of the rabbit queue.").await;
    assert_eq!(nats.replaces, std::slice::from_ref(&queue.id));
    let replaced = format!("Jobs run on the rabbit queue.|850|{{\"superseded_by\":\"{}\"}}", nats.id);
    assert_eq!(desk.column(SNIPPETS)[0], replaced);
    assert_eq!(desk.one("SELECT count(*) FROM ct_memory WHERE source_table = 'context_snippets'"), "1");
    let told = desk.start("s1", "startup").await.additional_context.unwrap();
    assert!(told.contains("instead of the rabbit queue") && !told.contains("Jobs run on the rabbit"), "{told}");
    assert!(told.contains("port 4317") && !told.contains("port 4318"), "{told}");
}

#[tokio::test]
async fn what_is_said_to_replace_is_not_merged_with_it() {
    let desk = Desk::new();
    let old = decide(&desk, "Jobs of the api are queued in the NATS cluster.", None);
    let new = decide(&desk, "Jobs of the api are queued in the one NATS cluster here.", Some(old.id.clone()));
    assert_ne!(old.id, new.id);
}

#[tokio::test]
async fn corrections_decisions_and_conventions_of_prompts_are_kept_once() {
    let desk = Desk::new();
    desk.turn("s1", "p1", "No, use pnpm instead of npm. Thanks!", "Done.").await;
    desk.prompt("s1", "p1", "No, use pnpm instead of npm. Thanks!").await;
    desk.turn("s1", "p2", "We decided to keep MariaDB because our hosters have it.\nCan you fix the tests?", "Done.")
        .await;
    let all =
        ["No, use pnpm instead of npm.|high|0", "We decided to keep MariaDB because our hosters have it.|medium|0"];
    assert_eq!(desk.column(DECISIONS), all);
    desk.turn("s2", "p3", "no, use pnpm instead of npm", "Done.").await;
    desk.turn("s2", "p4", "We decided to keep MariaDB because our hosters have it", "Done.").await;
    let raised =
        ["No, use pnpm instead of npm.|high|0", "We decided to keep MariaDB because our hosters have it.|high|0"];
    assert_eq!(desk.column(DECISIONS), raised, "said again, it weighs more");
    let by = "SELECT group_concat(tags || decided_by || (session_id IS NOT NULL)) FROM decision_logs";
    assert_eq!(desk.one(by), "[\"correction\"]user1,[\"decision\"]user1");
    let told = desk.start("s3", "startup").await.additional_context.unwrap();
    let (pnpm, maria) = (told.find("decision: No, use pnpm"), told.find("keep MariaDB because"));
    assert!(pnpm.is_some() || told.contains("use pnpm instead"), "{told}");
    assert!(maria.is_some(), "{told}");
}

#[tokio::test]
async fn a_decision_by_hand_does_not_lose_words_to_a_sessions() {
    let desk = Desk::new();
    desk.turn("s1", "p1", "We decided that jobs of the api are queued in the NATS cluster.", "Done.").await;
    let hand = decide(&desk, "Decided: jobs of the api are queued in the big NATS cluster.", None);
    assert_eq!(hand.replaces.len(), 1, "{:?}", desk.column(DECISIONS));
    assert!(desk.column(DECISIONS)[1].ends_with("big NATS cluster.|medium|0"), "{:?}", desk.column(DECISIONS));
}

#[tokio::test]
async fn dead_ends_are_marked() {
    let desk = Desk::new();
    desk.turn("s1", "p1", "Make the import faster", "I raised the pool size. That did not help, so I reverted it.")
        .await;
    desk.turn("s1", "p2", "Use the other parser", "Now it uses the other parser.").await;
    desk.turn("s1", "p3", "That didn't work, same error", "Then it is the network.").await;
    let turns = desk.column(
        "SELECT coalesce(tags, '') || relevance_score || dense_summary FROM conversation_contexts ORDER BY created_at",
    );
    assert!(
        turns[0].starts_with("[\"dead-end\"]500Q: Make") && turns[0].contains("Dead end: That did not help"),
        "{turns:?}"
    );
    assert!(turns[1].starts_with("[\"dead-end\"]150Q: Use") && turns[1].contains("(a dead end: "), "{turns:?}");
    assert!(!turns[2].contains("dead end"), "{turns:?}");
}

#[tokio::test]
async fn an_older_transcript_takes_no_newers_place() {
    let desk = Desk::new();
    desk.turn("s1", "p1", "We decided to use port 4318.", "Done.").await;
    desk.sql("UPDATE decision_logs SET created_at = '2026-11-21T09:00:00.000000Z'");
    desk.fire("UserPromptSubmit", "s2", json!({"prompt_id": "p2", "prompt": "We decided to use port 4317."})).await;
    assert_eq!(
        desk.column(DECISIONS),
        ["We decided to use port 4317.|medium|1", "We decided to use port 4318.|medium|0"]
    );
}

/// As [`DECISIONS`], with who decided.
const DECIDED: &str =
    "SELECT decision_text || '|' || impact || '|' || coalesce(decided_by, '') || '|' || (superseded_by_id IS NOT NULL)
                         FROM decision_logs ORDER BY created_at, decision_text";

#[tokio::test]
async fn choices_of_answers_are_kept_and_weigh_little() {
    let desk = Desk::new();
    let answer = "The import is done.\n\n- I went with streaming instead of whole files because a transcript can have a gigabyte.\n\
                  - You may want to use zstd instead of gzip because it is faster.";
    desk.turn("s1", "p1", "Make the import faster", answer).await;
    let text = "I went with streaming instead of whole files because a transcript can have a gigabyte.";
    let row = "SELECT decision_text || '|' || impact || '|' || decided_by || '|' || tags || '|' || (session_id = (SELECT id FROM sessions))
                      || '|' || (project_id = (SELECT id FROM projects)) FROM decision_logs";
    assert_eq!(desk.one(row), format!("{text}|low|assistant|[\"decision\"]|1|1"));

    // While background tasks run it stops more than once, and says the same and more.
    let more = format!("{answer}\nWe agreed on port 4318.");
    desk.fire("Stop", "s1", json!({"prompt_id": "p1", "last_assistant_message": more})).await;
    desk.fire("Stop", "s1", json!({"prompt_id": "p1", "last_assistant_message": "We agreed on port 4318."})).await;
    let kept = [format!("{text}|low|assistant|0"), "We agreed on port 4318.|low|assistant|0".to_owned()];
    assert_eq!(desk.column(DECIDED), kept, "said by one turn, it counts once");
    for turn in ["p2", "p3", "p4"] {
        desk.turn("s2", turn, "Why?", text).await;
    }
    assert_eq!(desk.column(DECIDED)[0], format!("{text}|medium|assistant|0"), "never as much as a correction");
    let told = desk.start("s3", "startup").await.additional_context.unwrap();
    assert!(told.contains("I went with streaming"), "{told}");
}

#[tokio::test]
async fn an_answer_changes_nothing_that_a_person_said() {
    let desk = Desk::new();
    desk.turn("s1", "p1", "We decided to use npm for the web site.", "We decided to use npm for the web site.").await;
    let said = "We decided to use npm for the web site.";
    assert_eq!(desk.column(DECIDED), [format!("{said}|medium|user|0")], "an echo is no second voice");
    let corrected = "No, we decided to use tabs instead of blanks.";
    desk.turn("s0", "p0", corrected, corrected).await;
    assert_eq!(desk.column(DECIDED)[1], format!("{corrected}|high|user|0"));
    desk.sql("DELETE FROM decision_logs WHERE impact = 'high'");
    desk.pass(HOUR);
    let own = "I went with pnpm instead of npm because the disk is small.";
    desk.turn("s1", "p2", "Set up the web site", own).await;
    assert_eq!(desk.column(DECIDED), [format!("{said}|medium|user|0"), format!("{own}|low|assistant|0")]);
    desk.pass(HOUR);
    desk.turn("s1", "p3", "No, use npm instead of pnpm.", "Done.").await;
    let last = desk.column(DECIDED);
    assert_eq!(last[1..], [format!("{own}|low|assistant|1"), "No, use npm instead of pnpm.|high|user|0".to_owned()]);
}

#[tokio::test]
async fn a_choice_that_a_person_repeats_is_the_persons() {
    let desk = Desk::new();
    desk.turn("s1", "p1", "Which port?", "We agreed on port 4318 for the collector of the api.").await;
    desk.turn("s2", "p2", "we agreed on port 4318 for the collector of the api", "Yes.").await;
    let all = ["We agreed on port 4318 for the collector of the api.|medium|user|0"];
    assert_eq!(desk.column(DECIDED), all);
}

#[tokio::test]
async fn a_choice_holds_no_secret() {
    let desk = Desk::new();
    let secret = "ghp_16C7e42F292c6912E7710c838347Ae178B4a";
    let answer = format!("I chose the token {secret} over the password because it expires.");
    desk.turn("s1", "p1", "How do we log in?", &answer).await;
    let kept = desk.one("SELECT decision_text FROM decision_logs");
    assert!(kept.contains("I chose the token") && !kept.contains(secret), "{kept}");
}
