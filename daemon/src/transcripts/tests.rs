//! Whole transcripts into a real store, beside hooks, in parts, and more than once.

use std::io::Write as _;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::{Seen, Taking, Transcript, in_order, take};
use crate::capture::Imported;
use crate::capture::tests::desk::{Desk, HOUR};
use crate::policy::Policy;

const SESSION: &str = "11111111-2222-4333-8444-555555555555";
const MEMORIES: &str = "SELECT count(*) FROM conversation_contexts";

/// What an import told.
#[derive(Debug, Default)]
struct Told {
    sum: Imported,
    damaged: Vec<(u64, String)>,
    unchanged: usize,
    growing: usize,
    parts: usize,
}

fn path(desk: &Desk, name: &str) -> PathBuf {
    desk.folder.path().join("projects/-repo").join(name)
}

fn append(desk: &Desk, name: &str, records: &[Value]) {
    raw(desk, name, &(records.iter().map(Value::to_string).collect::<Vec<_>>().join("\n") + "\n"));
}

fn raw(desk: &Desk, name: &str, text: &str) {
    let path = path(desk, name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

fn import(desk: &Desk, names: &[&str], dry_run: bool, most_parts: usize) -> Told {
    let transcript = |name: &&str| Transcript::of(&path(desk, name), (*name).to_owned(), 0).unwrap();
    let mut files: Vec<Transcript> = names.iter().map(transcript).collect();
    in_order(&mut files);
    let taking = Taking { dry_run, place: None, in_bulk: false };
    let mut told = Told::default();
    take(&desk.capture, &files, &taking, &mut |seen| {
        match seen {
            Seen::Part { outcome, .. } => {
                told.sum.add(outcome);
                told.parts += 1;
            }
            Seen::Damaged { line, reason, .. } => told.damaged.push((line, reason)),
            Seen::Done { is_unchanged, is_growing, .. } => {
                told.unchanged += usize::from(is_unchanged);
                told.growing += usize::from(is_growing);
            }
            Seen::Failed { file, reason } => panic!("{}: {reason}", file.name),
        }
        told.parts < most_parts
    })
    .unwrap();
    told
}

fn all(desk: &Desk, names: &[&str]) -> Told {
    import(desk, names, false, usize::MAX)
}

/// A record of this conversation, so many seconds after ten o'clock on a day long ago.
fn record(desk: &Desk, seconds: u64, fields: &Value) -> Value {
    let mut record = json!({
        "sessionId": SESSION, "cwd": desk.folder.path().join("repo"), "isSidechain": false,
        "timestamp": format!("2026-03-01T10:{:02}:{:02}.000Z", seconds / 60, seconds % 60),
    });
    record.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    record
}

fn said(desk: &Desk, seconds: u64, id: &str, text: &str) -> Value {
    record(
        desk,
        seconds,
        &json!({"type": "user", "promptId": id, "uuid": format!("u-{id}"), "origin": {"kind": "human"},
                                 "message": {"role": "user", "content": text}}),
    )
}

fn answered(desk: &Desk, seconds: u64, text: &str, stop: &str) -> Value {
    record(
        desk,
        seconds,
        &json!({"type": "assistant", "message": {"id": text, "model": "m", "stop_reason": stop,
                                 "content": [{"type": "text", "text": text}]}}),
    )
}

/// A tool's call, and its result as the client keeps it.
fn tool(desk: &Desk, seconds: u64, (id, name): (&str, &str), input: &Value, own: &Value, result: &Value) -> [Value; 2] {
    let mut block = json!({"type": "tool_result", "tool_use_id": id});
    block.as_object_mut().unwrap().extend(result.as_object().unwrap().clone());
    let call = record(
        desk,
        seconds,
        &json!({"type": "assistant", "message": {"id": format!("m-{id}"), "stop_reason": "tool_use",
                      "content": [{"type": "tool_use", "id": id, "name": name, "input": input}]}}),
    );
    let mut result =
        record(desk, seconds + 1, &json!({"type": "user", "promptId": "p1", "message": {"content": [block]}}));
    if !own.is_null() {
        result["toolUseResult"] = own.clone();
    }
    [call, result]
}

fn edit(desk: &Desk, seconds: u64) -> [Value; 2] {
    let patch = json!([{"oldStart": 1, "oldLines": 1, "newStart": 1, "newLines": 1, "lines": ["-two", "+three"]}]);
    let own = json!({"filePath": "made.txt", "oldString": "two", "newString": "three", "originalFile": "two\n", "structuredPatch": patch});
    let input = json!({"file_path": "made.txt", "old_string": "two", "new_string": "three"});
    tool(desk, seconds, ("toolu_1", "Edit"), &input, &own, &json!({"content": "The file made.txt has been updated."}))
}

fn failing(desk: &Desk, seconds: u64) -> [Value; 2] {
    let input = json!({"command": "make check"});
    let result = json!({"content": "Exit code 3\nno luck", "is_error": true});
    tool(desk, seconds, ("toolu_2", "Bash"), &input, &json!("Error: Exit code 3\nno luck"), &result)
}

/// A prompt with two tools, and another one.
fn talk(desk: &Desk) -> Vec<Value> {
    let mut records =
        vec![json!({"type": "file-history-snapshot", "messageId": "m"}), said(desk, 0, "p1", "Mend the sextant")];
    records.extend(edit(desk, 10));
    records.extend(failing(desk, 20));
    records.extend([answered(desk, 60, "Mended.", "end_turn"), said(desk, 120, "p2", "Thanks, and the compass?")]);
    records.push(answered(desk, 180, "It points north.", "end_turn"));
    records
}

fn everything(desk: &Desk) -> Vec<String> {
    let tables = [
        "SELECT context_type || title || dense_summary || created_at || coalesce(metadata, '') FROM conversation_contexts ORDER BY 1",
        "SELECT title || status || actual_minutes || created_at || item_order FROM work_items ORDER BY 1",
        "SELECT file_path || change_type || lines_added || created_at FROM file_changes ORDER BY 1",
        "SELECT command_text || coalesce(exit_code, 'none') || created_at || working_directory FROM command_runs ORDER BY 1",
        "SELECT operation_description || error_message || created_at FROM operation_failures ORDER BY 1",
        "SELECT claude_session_id || status || started_at || coalesce(ended_at, 'open') || coalesce(duration_minutes, 0) FROM sessions ORDER BY 1",
        "SELECT context_summary || coalesce(key_files, '') || coalesce(next_actions, '') FROM project_states ORDER BY 1",
    ];
    tables.iter().flat_map(|sql| desk.column(sql)).collect()
}

#[test]
fn what_was_said_and_done_comes_in_with_its_times_and_only_once() {
    let desk = Desk::new();
    append(&desk, "a.jsonl", &talk(&desk));
    let dry = import(&desk, &["a.jsonl"], true, usize::MAX);
    assert_eq!((dry.sum.created, desk.one(MEMORIES)), (3, "0".into()));
    let told = all(&desk, &["a.jsonl"]);
    assert_eq!((told.sum.created, told.sum.known, told.damaged.len()), (3, 0, 0));
    let turn = "SELECT dense_summary || '|' || created_at FROM conversation_contexts WHERE title = 'Mend the sextant' AND context_type = 'general_context'";
    let made = desk.folder.path().join("repo/made.txt");
    assert_eq!(
        desk.one(turn),
        format!(
            "Q: Mend the sextant\nA: Mended.\nChanged: {}\nFailed: make check: Exit code 3 / no luck|2026-03-01T10:00:00.000000Z",
            made.display()
        )
    );
    assert_eq!(
        desk.one("SELECT lines_added || lines_removed || created_at FROM file_changes"),
        "112026-03-01T10:00:11.000000Z"
    );
    assert_eq!(desk.one("SELECT exit_code || success FROM command_runs"), "30");
    assert_eq!(desk.one("SELECT slug FROM projects"), "example.com/team/api");
    assert_eq!(desk.one("SELECT status || ended_at FROM sessions"), "completed2026-03-01T10:03:00.000000Z");
    let before = everything(&desk);
    let again = all(&desk, &["a.jsonl"]);
    assert_eq!((again.sum, again.unchanged), (Imported::default(), 1));
    // Without its cursor too.
    desk.sql("DELETE FROM ct_transcripts");
    let again = all(&desk, &["a.jsonl"]);
    assert_eq!((again.sum.created, again.sum.known, again.unchanged), (0, 2, 0));
    assert_eq!(everything(&desk), before);
}

#[tokio::test]
async fn what_hooks_told_is_not_taken_a_second_time() {
    let desk = Desk::new();
    desk.prompt(SESSION, "p1", "Mend the sextant").await;
    let made = desk.folder.path().join("repo/made.txt");
    let ran = json!({"prompt_id": "p1", "tool_name": "Edit", "tool_use_id": "toolu_1",
                     "tool_input": {"file_path": made, "old_string": "two", "new_string": "three"}, "tool_response": {}});
    desk.fire("PostToolUse", SESSION, ran).await;
    let failed = json!({"prompt_id": "p1", "tool_name": "Bash", "tool_use_id": "toolu_2",
                        "tool_input": {"command": "make check"}, "error": "Exit code 3\nno luck"});
    desk.fire("PostToolUseFailure", SESSION, failed).await;
    desk.fire("Stop", SESSION, json!({"prompt_id": "p1", "last_assistant_message": "Mended."})).await;
    desk.turn(SESSION, "p2", "Thanks, and the compass?", "It points north.").await;
    desk.end(SESSION).await;
    let before = everything(&desk);
    append(&desk, "a.jsonl", &talk(&desk));
    let told = all(&desk, &["a.jsonl"]);
    assert_eq!((told.sum.created, told.sum.known), (0, 2));
    assert_eq!(everything(&desk), before);
}

#[tokio::test]
async fn a_session_that_was_imported_goes_on_with_hooks() {
    let desk = Desk::new();
    let mut records = talk(&desk);
    records.truncate(records.len() - 1);
    append(&desk, "a.jsonl", &records);
    assert_eq!(all(&desk, &["a.jsonl"]).sum.created, 3, "two turns and the summary");
    desk.fire("Stop", SESSION, json!({"prompt_id": "p2", "last_assistant_message": "It points north."})).await;
    desk.turn(SESSION, "p3", "And the lead line?", "Forty fathoms.").await;
    desk.end(SESSION).await;
    let turns = "SELECT title FROM conversation_contexts WHERE context_type = 'general_context' ORDER BY created_at";
    assert_eq!(desk.column(turns), ["Mend the sextant", "Thanks, and the compass?", "And the lead line?"]);
    append(&desk, "a.jsonl", &[answered(&desk, 180, "It points north.", "end_turn")]);
    let before = everything(&desk);
    assert_eq!(all(&desk, &["a.jsonl"]).sum.created, 0);
    assert_eq!(everything(&desk), before);
    assert_eq!(desk.column("SELECT count(*) FROM sessions"), ["1"]);
}

#[test]
fn an_answer_that_grows_is_taken_on() {
    let desk = Desk::new();
    append(
        &desk,
        "a.jsonl",
        &[said(&desk, 0, "p1", "Mend the sextant"), answered(&desk, 5, "I look at it.", "tool_use")],
    );
    all(&desk, &["a.jsonl"]);
    assert_eq!(desk.one("SELECT status FROM work_items"), "deferred");
    assert!(
        desk.one("SELECT dense_summary FROM conversation_contexts WHERE context_type = 'general_context'")
            .contains("I look at it.")
    );
    append(&desk, "a.jsonl", &edit(&desk, 10));
    append(&desk, "a.jsonl", &[answered(&desk, 60, "Mended.", "end_turn")]);
    let told = all(&desk, &["a.jsonl"]);
    assert_eq!((told.sum.created, told.unchanged), (0, 0));
    assert_eq!(desk.one("SELECT status FROM work_items"), "completed");
    let summary = desk.one("SELECT dense_summary FROM conversation_contexts WHERE context_type = 'general_context'");
    assert!(summary.contains("\nA: Mended.\nChanged: "), "{summary}");
    assert!(desk.one("SELECT summary FROM sessions").contains("Last answer: Mended."));
}

#[test]
fn an_import_that_is_cut_off_anywhere_comes_to_the_same() {
    let turns = |desk: &Desk| -> Vec<Value> {
        let turn = |n: u64| {
            let mut turn = vec![said(desk, n * 20, &format!("p{n}"), &format!("Question {n}"))];
            if n == 20 {
                turn.extend(edit(desk, n * 20 + 1));
            }
            turn.push(answered(desk, n * 20 + 10, &format!("Answer {n}"), "end_turn"));
            turn
        };
        (0..60).flat_map(turn).collect()
    };
    let whole = Desk::new();
    append(&whole, "a.jsonl", &turns(&whole));
    let parts = all(&whole, &["a.jsonl"]).parts;
    assert!(parts > 2, "{parts}");
    let home = |desk: &Desk, rows: Vec<String>| -> Vec<String> {
        rows.iter().map(|row| row.replace(&*desk.folder.path().to_string_lossy(), "HOME")).collect()
    };
    let expected = home(&whole, everything(&whole));
    for cut in 1..parts {
        let desk = Desk::new();
        append(&desk, "a.jsonl", &turns(&desk));
        import(&desk, &["a.jsonl"], false, cut);
        assert_ne!(home(&desk, everything(&desk)), expected, "cut off after {cut} parts");
        let rest = all(&desk, &["a.jsonl"]);
        assert!(rest.sum.known <= 1, "it goes on where it was: {rest:?}");
        assert_eq!(home(&desk, everything(&desk)), expected, "after {cut} parts");
    }
}

#[test]
fn a_damaged_line_is_named_and_the_rest_is_taken() {
    let desk = Desk::new();
    append(&desk, "a.jsonl", &[said(&desk, 0, "p1", "Mend the sextant")]);
    raw(&desk, "a.jsonl", "{\"type\":\"assistant\", broken}\nhunter2\n");
    append(&desk, "a.jsonl", &[answered(&desk, 60, "Mended.", "end_turn")]);
    let half = said(&desk, 70, "p2", "Half a").to_string();
    raw(&desk, "a.jsonl", &half[..40]);
    let told = all(&desk, &["a.jsonl"]);
    let lines: Vec<u64> = told.damaged.iter().map(|(line, _)| *line).collect();
    assert_eq!((lines, told.growing, told.sum.created), (vec![2, 3], 1, 2), "{told:?}");
    assert!(!format!("{told:?}").contains("hunter2"));
    raw(&desk, "a.jsonl", &format!("{}\nagain\n", &half[40..]));
    let told = all(&desk, &["a.jsonl"]);
    assert_eq!((told.damaged.last().map(|(line, _)| *line), told.growing), (Some(6), 0), "{told:?}");
    assert_eq!(desk.one("SELECT count(*) FROM work_items"), "2");
    // Another file of that name begins anew.
    std::fs::write(path(&desk, "a.jsonl"), format!("{}\n", said(&desk, 5, "p9", &"Another ".repeat(400)))).unwrap();
    assert_eq!(all(&desk, &["a.jsonl"]).sum.created, 1);
}

#[test]
fn a_fork_leaves_out_what_it_copied() {
    let desk = Desk::new();
    append(&desk, "a.jsonl", &talk(&desk));
    let mut copied = answered(&desk, 60, "Mended.", "end_turn");
    copied["requestSessionId"] = SESSION.into();
    let forked = |mut record: Value| {
        record["sessionId"] = "99999999-2222-4333-8444-555555555555".into();
        record
    };
    // The client gives all prompts of the copy the id of the fork's first own one.
    let fork = [
        said(&desk, 0, "f1", "Mend the sextant"),
        copied,
        said(&desk, 70, "f1", "Never answered"),
        said(&desk, 900, "f1", "And now the chart?"),
        answered(&desk, 960, "It is in the drawer.", "end_turn"),
    ];
    append(&desk, "0-fork.jsonl", &fork.map(forked));
    let told = all(&desk, &["a.jsonl", "0-fork.jsonl"]);
    assert_eq!(told.sum.copied, 2);
    let turns = "SELECT title FROM conversation_contexts WHERE context_type = 'general_context' ORDER BY created_at";
    assert_eq!(desk.column(turns), ["Mend the sextant", "Thanks, and the compass?", "And now the chart?"]);
}

#[tokio::test]
async fn a_helper_reports_to_the_prompt_that_it_worked_for() {
    let desk = Desk::new();
    let helper = format!("{SESSION}/subagents/agent-a1.jsonl");
    let aside = |mut record: Value| {
        record["isSidechain"] = true.into();
        record["attributionAgent"] = "explorer".into();
        record
    };
    let command =
        tool(&desk, 32, ("toolu_9", "Bash"), &json!({"command": "ls"}), &Value::Null, &json!({"content": "made.txt"}));
    let mut records = vec![aside(said(&desk, 30, "p1", "Look around"))];
    records.extend(command.map(aside));
    records.push(aside(answered(&desk, 40, "There is one file.", "end_turn")));
    append(&desk, &helper, &records);
    let alone = all(&desk, &[&helper]);
    assert_eq!((alone.sum.stray, alone.sum.created), (1, 0));
    append(&desk, "a.jsonl", &talk(&desk));
    let told = all(&desk, &[&helper, "a.jsonl"]);
    assert_eq!((told.sum.stray, told.sum.created, told.unchanged), (0, 3, 0));
    let turn = "SELECT dense_summary FROM conversation_contexts WHERE title = 'Mend the sextant' AND context_type = 'general_context'";
    assert!(desk.one(turn).contains("A: Mended.\nexplorer: There is one file.\nChanged"), "{}", desk.one(turn));
    assert_eq!(desk.column("SELECT command_text FROM command_runs ORDER BY 1"), ["ls", "make check"]);
    let before = everything(&desk);
    desk.sql("DELETE FROM ct_transcripts");
    assert_eq!(all(&desk, &[&helper, "a.jsonl"]).sum.created, 0);
    desk.fire(
        "SubagentStop",
        SESSION,
        json!({"prompt_id": "p1", "agent_type": "explorer", "last_assistant_message": "There is one file."}),
    )
    .await;
    let turns = |rows: &[String]| rows.iter().filter(|row| row.contains("explorer: ")).count();
    assert_eq!(turns(&everything(&desk)), turns(&before));
}

#[tokio::test]
async fn a_session_of_the_past_does_not_pass_for_the_latest() {
    let desk = Desk::new();
    desk.turn("s-now", "n1", "Paint the hull", "Painted.").await;
    desk.end("s-now").await;
    desk.pass(HOUR);
    append(&desk, "a.jsonl", &talk(&desk));
    all(&desk, &["a.jsonl"]);
    let state = desk.one("SELECT context_summary FROM project_states");
    assert_eq!(
        state.lines().collect::<Vec<_>>(),
        ["2026-11-20: Paint the hull (1 prompt)", "2026-03-01: Mend the sextant (2 prompts, 1 file changed)"]
    );
    assert_eq!(
        desk.one("SELECT claude_session_id FROM sessions s JOIN project_states p ON p.last_session_id = s.id"),
        "s-now"
    );
}

#[test]
fn what_the_policy_keeps_out_does_not_come_in_by_a_transcript() {
    let under = |memory: &str| Desk::under(Policy::new(toml::from_str(memory).unwrap()).unwrap());
    let desk = under("[projects.\"example.com/team/api\"]\ncapture = false\n");
    append(&desk, "a.jsonl", &talk(&desk));
    let told = all(&desk, &["a.jsonl"]);
    assert_eq!((told.sum.created, told.sum.switched_off, desk.one(MEMORIES)), (0, 2, "0".into()));
    let desk = under("ignore = [\"made.*\"]");
    append(&desk, "a.jsonl", &talk(&desk));
    assert_eq!(all(&desk, &["a.jsonl"]).sum.created, 3);
    assert_eq!(desk.one("SELECT count(*) FROM file_changes"), "0");
    assert_eq!(desk.one("SELECT count(*) FROM conversation_contexts WHERE dense_summary LIKE '%made.txt%'"), "0");
}
