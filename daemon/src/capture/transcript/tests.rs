//! Transcripts as the client writes them, and as it does not.

use std::io::Write;

use serde_json::{Value, json};

use super::*;

fn user(id: &str, text: &str) -> Value {
    json!({"type": "user", "promptId": id, "timestamp": "2026-11-24T11:46:24.326Z", "isSidechain": false,
           "message": {"role": "user", "content": text}, "origin": {"kind": "human"}})
}

fn assistant(message: &str, text: &str, stop: &str) -> Value {
    json!({"type": "assistant", "isSidechain": false, "message": {"id": message, "role": "assistant",
           "content": [{"type": "text", "text": text}], "stop_reason": stop}})
}

fn write(lines: &[Value]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    for line in lines {
        writeln!(file, "{line}").unwrap();
    }
    file
}

#[test]
fn prompts_with_their_last_answers() {
    let file = write(&[
        json!({"type": "api-request", "shape": "x".repeat(1000)}),
        user("p1", "first"),
        assistant("m1", "let me look", "tool_use"),
        json!({"type": "user", "promptId": "p1", "message": {"content": [{"type": "tool_result", "content": "hi"}]}}),
        assistant("m2", "It is", "end_turn"),
        assistant("m2", "done.", "end_turn"),
        user("p2", "second"),
        assistant("m3", "starting", "tool_use"),
        json!({"type": "user", "promptId": "p2", "message": {"content": [{"type": "text", "text": "[Request interrupted by user]"}]}}),
    ]);
    let reading = read(file.path(), 0).unwrap();
    let [first, second] = reading.exchanges.as_slice() else { panic!("{reading:?}") };
    assert_eq!((first.prompt.as_str(), first.answer.as_str(), first.is_complete), ("first", "It is\ndone.", true));
    assert_eq!(first.at_us, 1_795_520_784_326_000);
    assert_eq!((second.answer.as_str(), second.is_complete), ("starting", false));
    let again = read(file.path(), reading.offset).unwrap();
    assert_eq!(again.exchanges, reading.exchanges[1..]);
}

#[test]
fn noise_is_passed_over() {
    let mut helper = user("p", "of a helper");
    helper["isSidechain"] = json!(true);
    let mut meta = user("p", "meta");
    meta["isMeta"] = json!(true);
    let mut notice = user("p", "a task has ended");
    notice["origin"]["kind"] = json!("task-notification");
    let summary = json!({"type": "user", "isCompactSummary": true, "message": {"content": "summary"}});
    let file = write(&[helper, meta, notice, summary, user("p", "<command-name>/clear</command-name>"), json!(7)]);
    assert_eq!(read(file.path(), 0).unwrap().exchanges, []);
}

#[test]
fn a_line_that_is_being_written_is_left_for_later() {
    let mut file = write(&[user("p1", "first")]);
    write!(file, "{}", user("p2", "half")).unwrap();
    let reading = read(file.path(), 0).unwrap();
    assert_eq!(reading.exchanges.len(), 1);
    writeln!(file).unwrap();
    assert_eq!(read(file.path(), reading.offset).unwrap().exchanges.len(), 2);
}

#[test]
fn broken_lines_and_wrong_paths_do_no_harm() {
    let mut file = write(&[user("p1", "first")]);
    file.write_all(b"{\"type\":\"user\", broken\n\xff\xfe\n\n").unwrap();
    writeln!(file, "{}", assistant("m", "answer", "end_turn")).unwrap();
    assert_eq!(read(file.path(), 0).unwrap().exchanges[0].answer, "answer");
    assert_eq!(read(file.path(), 1 << 40).unwrap().exchanges.len(), 1, "a shorter file is read from its start");
    assert!(read(Path::new("/dev/null"), 0).is_err());
    assert!(read(Path::new("/no/such/file"), 0).is_err());
}
