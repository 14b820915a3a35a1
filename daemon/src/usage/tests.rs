//! The ledger over whole events.

use serde_json::json;

use super::stats::{Asked, StatsReport, gather};
use crate::capture::tests::desk::{Desk, HOUR};

fn stats(desk: &Desk, project: Option<&str>) -> StatsReport {
    let asked = Asked { project: project.map(str::to_owned), days: 7 };
    desk.store.read(|tx| gather(tx, &asked, desk.now())).unwrap()
}

/// A memory of another session, and a prompt that it fits.
async fn given() -> Desk {
    let desk = Desk::new();
    desk.turn("s1", "p1", "Where does the sextant lie?", "In drawer eleven, beside the barometer.").await;
    desk.end("s1").await;
    desk.pass(HOUR);
    desk.index.step().unwrap();
    let reply = desk.prompt("s2", "p2", "I need the sextant").await;
    desk.capture.settle().await.unwrap();
    let text = reply.additional_context.unwrap();
    assert!(text.contains("drawer eleven"), "{text}");
    let entered = desk.one("SELECT group_concat(event || ' ' || tokens) FROM ct_injections");
    assert_eq!(entered, format!("UserPromptSubmit {}", recall::budget::tokens(&text)));
    desk
}

async fn answer(desk: &Desk, prompt_id: &str, text: &str) {
    desk.fire("Stop", "s2", json!({"prompt_id": prompt_id, "last_assistant_message": text})).await;
    desk.capture.settle().await.unwrap();
}

#[tokio::test]
async fn what_an_answer_takes_up_was_used_and_counts_once() {
    let desk = given().await;
    let uses = "SELECT sum(usage_count) FROM conversation_contexts";
    answer(&desk, "p2", "It is in drawer eleven, where the barometer is.").await;
    let report = stats(&desk, None);
    let total = report.total;
    assert_eq!((total.prompts, total.injections, total.sessions), (2, 1, 1), "{report:#?}");
    assert_eq!((total.memories, total.used, total.used_share), (1, 1, Some(1.0)));
    let held: u64 = desk
        .column(
            "SELECT title || '|' || body FROM ct_memory_source WHERE project_id = (SELECT id FROM projects)
                   AND session_id IS NOT (SELECT id FROM sessions WHERE claude_session_id = 's2')",
        )
        .iter()
        .map(|row| (row.chars().count() as u64 - 1).div_ceil(4))
        .sum();
    assert_eq!((total.history, total.saved), (held, held.cast_signed() - total.tokens.cast_signed()));
    assert_eq!(desk.one(uses), "1");
    answer(&desk, "p2", "As I said: drawer eleven, by the barometer.").await;
    assert_eq!((stats(&desk, None).total, desk.one(uses)), (total, "1".into()));
    assert_eq!(stats(&desk, Some("example.com/team/api")).total, total);
    assert!(stats(&desk, Some("example.com/other")).projects.is_empty());
}

#[tokio::test]
async fn what_is_not_taken_up_may_be_with_a_later_turn_or_in_a_tool() {
    let desk = given().await;
    answer(&desk, "p2", "I see.").await;
    assert_eq!(stats(&desk, None).total.used, 0);
    desk.prompt("s2", "p3", "thanks").await;
    let input = json!({"command": "open --drawer eleven --beside barometer"});
    let ran = json!({"prompt_id": "p3", "tool_name": "Bash", "tool_use_id": "t", "tool_input": input, "tool_response": {"stdout": ""}});
    desk.fire("PostToolUse", "s2", ran).await;
    answer(&desk, "p3", "Done.").await;
    assert_eq!(stats(&desk, None).total.used, 1);
}

#[tokio::test]
async fn the_ledger_is_pruned_and_the_sums_stay() {
    let desk = given().await;
    let before = stats(&desk, None).total;
    desk.pass(91 * 24 * HOUR);
    desk.turn("s3", "p9", "Paint the hull", "Painted in walrus grey.").await;
    desk.end("s3").await;
    desk.index.step().unwrap();
    desk.prompt("s4", "p10", "the walrus grey of the hull?").await;
    desk.capture.settle().await.unwrap();
    assert_eq!(desk.column("SELECT claude_session_id FROM ct_injections"), ["s4"]);
    assert_eq!(
        desk.one("SELECT count(*) FROM ct_injected_memories WHERE injection NOT IN (SELECT id FROM ct_injections)"),
        "0"
    );
    assert_eq!(stats(&desk, None).total.injections, 1, "of the last days only");
    let asked = Asked { project: None, days: 200 };
    let all = desk.store.read(|tx| gather(tx, &asked, desk.now())).unwrap();
    assert_eq!((all.total.injections, all.projects[0].days.len()), (before.injections + 1, 2));
}
