//! What Claude Code, or a newer one, might send: told and kept when it is not understood, taken as far as it is.

use std::fs;
use std::path::PathBuf;

use serde_json::json;
use world::{Machine, eventually};

use super::{PATIENCE, assert_known, assert_says, machine, status};
use crate::conversation::{Conversation, new_uuid};
use crate::replica::Replica;

fn set_aside(machine: &Machine, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(machine.home().spool().join("rejected")).into_iter().flatten().flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|found| found == extension));
    paths.sort();
    paths
}

#[test]
fn what_is_not_understood_is_told_with_the_reason_and_kept_whole() {
    let (machine, project) = machine("malformed");
    let conversation = Conversation::new(&machine, &project);
    let broken: [(&[u8], &str); 6] = [
        (b"{\"session_id\": \"x\", \"prompt\": ", "not valid JSON"),
        (b"", "not valid JSON"),
        (b"[1, 2]", "not a JSON object"),
        (b"null", "not a JSON object"),
        (b"\xff\xfe\x00{}", "not valid JSON"),
        (b"{\"prompt\": \"hello\"}", "no session_id"),
    ];
    for (input, reason) in broken {
        let answer = conversation.fire_bytes("UserPromptSubmit", input);
        assert_says(
            answer.message.as_deref().unwrap_or_default(),
            &["UserPromptSubmit", reason, "kept aside", "claudetools doctor"],
        );
        assert_eq!(answer.context, None);
    }
    let (events, reasons) = (set_aside(&machine, "event"), set_aside(&machine, "reason"));
    assert_eq!((events.len(), reasons.len()), (broken.len(), broken.len()));
    for (((input, reason), event), said) in broken.iter().zip(&events).zip(&reasons) {
        assert!(fs::read(event).unwrap().ends_with(&[b"\n", *input].concat()), "{}", event.display());
        assert_says(&fs::read_to_string(said).unwrap(), &[reason]);
    }
    assert_eq!(status(&machine)["hooks"]["spool"]["pending"], 0, "what is hopeless is not tried for ever");
    assert_known(&machine, "warn", &["6 event(s) could not be understood"]);
}

#[test]
fn what_is_not_understood_holds_up_nothing_behind_it_in_the_spool() {
    let (machine, project) = machine("spooled");
    let conversation = Conversation::new(&machine, &project);
    machine.stop_daemon().unwrap();
    conversation.fire_bytes("UserPromptSubmit", b"{half");
    let turn = new_uuid();
    conversation.prompt(&turn, "tell me about obsidian");
    fs::write(machine.home().spool().join("00000000000000000001-aa.event"), "no event at all").unwrap();
    conversation.stop(&turn, "obsidian told");

    machine.start_daemon().unwrap();
    let saved = || Replica::of(&machine).number("SELECT count(*) FROM work_items WHERE status = 'completed'") == 1;
    eventually("the turn saved", PATIENCE, saved).unwrap();
    eventually("both set aside", PATIENCE, || set_aside(&machine, "event").len() == 2).unwrap();
    let next = conversation.prompt(&new_uuid(), "and now?");
    assert_says(
        next.message.as_deref().unwrap_or_default(),
        &["Saved now: 2 events", "Not understood: 2 events", "rejected"],
    );
}

#[test]
fn a_prompt_of_almost_two_megabytes_is_saved_and_found() {
    let (machine, project) = machine("huge");
    let conversation = Conversation::new(&machine, &project);
    let filler = "lorem ipsum dolor sit amet ".repeat(1_800_000 / 27);
    let answer = conversation.prompt(&new_uuid(), &format!("the aardvark begins {filler} the zebra ends"));
    assert!(!answer.is_lost(), "{:?}", answer.message);
    let kept = || Replica::of(&machine).rows("SELECT description FROM work_items");
    eventually("the prompt saved", PATIENCE, || kept().len() == 1).unwrap();
    assert_says(&kept()[0], &["aardvark begins"]);
    let found = machine.cli_in(&project, &["recall", "which animal begins: aardvark", "--json"]).unwrap().ok().unwrap();
    assert_says(&found.stdout, &["aardvark"]);
}

#[test]
fn text_that_is_no_utf_8_is_taken_as_far_as_it_can_be_read() {
    let (machine, project) = machine("encoding");
    let conversation = Conversation::new(&machine, &project);
    let input = conversation
        .input("UserPromptSubmit", &json!({ "prompt_id": new_uuid(), "prompt": "Grüße aus PLACE \u{1f980}" }));
    let at = input.windows(5).position(|window| window == b"PLACE").unwrap();
    let latin1 = [&input[..at], b"K\xf6ln \xff", &input[at + 5..]].concat();
    conversation.fire_bytes("UserPromptSubmit", &latin1).is_taken();
    let half_a_pair = br#", "prompt_id": "half", "prompt": "cut in the middle of \ud83e"}"#;
    let input = conversation.input("UserPromptSubmit", &json!({}));
    let surrogate = [input.trim_ascii_end().strip_suffix(b"}").unwrap(), half_a_pair].concat();
    conversation.fire_bytes("UserPromptSubmit", &surrogate).is_taken();
    let kept = Replica::of(&machine).rows("SELECT description FROM work_items ORDER BY rowid");
    assert_eq!(kept, ["Grüße aus K\u{fffd}ln \u{fffd} \u{1f980}", "cut in the middle of \u{fffd}"]);
}

#[test]
fn unknown_events_and_fields_and_other_types_do_no_harm() {
    let (machine, project) = machine("unknown");
    let conversation = Conversation::new(&machine, &project);
    let odd = conversation.fire("SomethingNew", &json!({ "whatever": [1, { "deep": null }] }));
    assert_eq!(odd.run.stdout, "");
    let turn = new_uuid();
    let fields =
        json!({ "prompt_id": turn, "prompt": "tell me about heliotrope", "new_field": { "a": [1] }, "mood": "fine" });
    conversation.fire("UserPromptSubmit", &fields).is_taken();
    let fields = json!({ "prompt_id": turn, "tool_name": ["Bash"], "tool_input": 7, "tool_response": null, "cwd": {} });
    conversation.fire("PostToolUse", &fields).is_taken();
    conversation.stop(&turn, "heliotrope told").is_taken();
    let replica = Replica::of(&machine);
    assert_eq!(replica.rows("SELECT status, description FROM work_items"), ["completed\ttell me about heliotrope"]);
    assert_eq!(replica.number("SELECT count(*) FROM ct_hook_events"), 4, "all four were seen");
    assert_eq!(status(&machine)["problems"], json!([]));
}
