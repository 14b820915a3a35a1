//! Folders of transcripts and contexts become memories that are found, once, whatever else lies there.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hooks::link::Link;
use hooks::wire::Request;
use serde_json::{Value, json};
use world::Machine;

use crate::conversation::Conversation;
use crate::replica::Replica;

const PATIENCE: Duration = Duration::from_mins(1);
const MEMORIES: &str = "SELECT count(*) FROM conversation_contexts";
/// A secret that must not get in.
const SECRET: &str = "hunter2-zebra-9931";

fn machine(name: &str) -> (Machine, PathBuf) {
    let machine = Machine::new(name).unwrap();
    machine.start_daemon().unwrap();
    let project = machine.project("project", &format!("https://git.example.invalid/acme/{name}.git")).unwrap();
    (machine, project)
}

fn post(machine: &Machine, body: &Value) -> (u16, Value) {
    let bytes = body.to_string().into_bytes();
    let headers = [("Content-Type", "application/json")];
    let request = Request { method: "POST", path: "/api/bulk-import/import-folder", headers: &headers, body: &bytes };
    let answer = Link::open(machine.home(), PATIENCE).unwrap().ask(&request).unwrap();
    (answer.status, serde_json::from_slice(&answer.body).unwrap())
}

/// A transcript of two turns in a project.
fn transcript(session: &str, cwd: &Path, about: &str) -> String {
    let user = |prompt: &str, text: String, at: &str| {
        json!({ "type": "user", "promptId": format!("{session}-{prompt}"), "sessionId": session, "cwd": cwd, "timestamp": at,
                "isSidechain": false, "message": { "role": "user", "content": text }, "origin": { "kind": "human" } })
    };
    let assistant = |text: &str, at: &str| {
        json!({ "type": "assistant", "sessionId": session, "cwd": cwd, "timestamp": at, "isSidechain": false,
                "message": { "id": text, "role": "assistant", "stop_reason": "end_turn",
                             "content": [{ "type": "text", "text": text }] } })
    };
    let records = [
        json!({ "type": "file-history-snapshot", "messageId": "m", "snapshot": {} }),
        user("1", format!("Where is the {about}? password={SECRET}"), "2026-03-01T10:00:00.000Z"),
        assistant(&format!("The {about} is in drawer eleven."), "2026-03-01T10:04:00.000Z"),
        user("2", format!("And who mends the {about}?"), "2026-03-01T10:05:00.000Z"),
        assistant("The clockmaker does.", "2026-03-01T10:06:00.000Z"),
    ];
    records.map(|record| format!("{record}\n")).concat()
}

fn recalled(machine: &Machine, project: &Path, text: &str) -> String {
    let found = machine.cli_in(project, &["recall", text, "--json"]).unwrap().ok().unwrap().json().unwrap();
    found["text"].as_str().unwrap().to_owned()
}

#[test]
fn a_folder_is_imported_once_with_all_that_can_be_read_of_it() {
    let (machine, project) = machine("imported");
    let folder = machine.user_home().join("old");
    fs::create_dir_all(folder.join("deep")).unwrap();
    let put = |name: &str, text: &str| fs::write(folder.join(name), text).unwrap();
    let session = "11111111-2222-4333-8444-555555555555";
    let lines = transcript(session, &project, "sextant");
    put("talk.jsonl", &lines.replacen('\n', "\n{\"type\":\"user\", broken\n", 1));
    let context = |title: &str, text: &str| json!({ "title": title, "dense_summary": text, "project": "acme/ship" });
    put(
        "deep/contexts.jsonl",
        &format!("{}\nnot json\n{}", context("Rudder", "The rudder is oak."), context("Keel", "Iron.")),
    );
    put("queue.json", &json!({ "items": [context("Mast", &format!("Pine. token={SECRET}"))] }).to_string());
    put("chat.json", &json!({ "messages": [{ "role": "user", "content": "Which flag?" }, { "role": "assistant", "content": "Blue Peter." }] }).to_string());
    put("package.json", "{\"name\": \"x\", \"version\": \"1\"}");
    put("notes.txt", "not read");
    put("broken.jsonl", &"broken\n".repeat(30));
    let outside = machine.user_home().join("outside.jsonl");
    fs::write(&outside, transcript("99999999-2222-4333-8444-555555555555", &project, "contraband")).unwrap();
    std::os::unix::fs::symlink(&outside, folder.join("link.jsonl")).unwrap();

    let path = folder.to_str().unwrap();
    let import = |more: &[&str]| {
        let run = machine.cli(&[&["import", path, "--json"], more].concat()).unwrap();
        assert_eq!(run.code, 3, "some of it cannot be read, and that is said: {run:?}");
        run.json().unwrap()[0].clone()
    };
    let replica = Replica::of(&machine);
    let dry = import(&["--dry-run"]);
    assert_eq!((dry["dry_run"].clone(), replica.number(MEMORIES)), (json!(true), 0), "{dry:#}");
    let report = import(&[]);
    let created = report["contexts_created"].as_i64().unwrap();
    assert_eq!(created, replica.number(MEMORIES), "{report:#}");
    // Two turns and the summary of the transcript, the turn of the chat, three contexts.
    assert_eq!(replica.number("SELECT count(*) FROM conversation_contexts WHERE context_type = 'general_context'"), 6);
    assert_eq!((report["files_scanned"].clone(), report["files_processed"].clone()), (json!(6), json!(6)));
    let errors: Vec<&str> = report["errors"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    for expected in [
        "link.jsonl: the link leads out",
        "talk.jsonl: line 2: it is no JSON",
        "deep/contexts.jsonl: line 2:",
        "package.json: record 1:",
        "broken.jsonl: line 1:",
        "broken.jsonl: and 10 more",
    ] {
        assert!(errors.iter().any(|error| error.starts_with(expected)), "{expected}: {errors:#?}");
    }
    assert_eq!((errors.len(), report["errors_total"].clone()), (4 + 21, json!(4 + 30)), "{errors:#?}");
    assert!(report["redactions"].as_u64().unwrap() >= 2 && !report.to_string().contains(SECRET), "{report:#}");
    assert!(recalled(&machine, &project, "sextant").contains("drawer eleven"));
    assert!(!replica.everything().concat().contains(SECRET) && !replica.everything().concat().contains("contraband"));
    let minutes = replica.rows("SELECT status, duration_minutes FROM sessions WHERE claude_session_id LIKE '1111%'");
    assert_eq!(minutes, ["completed\t5"]);

    // The request itself is on record each time.
    let of_import = || replica.everything().into_iter().filter(|row| !row.starts_with("api_audit_log\t"));
    let everything: Vec<String> = of_import().collect();
    let again = import(&[]);
    assert_eq!(again["contexts_created"], 0, "{again:#}");
    assert_eq!(of_import().collect::<Vec<_>>(), everything, "a second import changes nothing");
}

#[test]
fn what_was_captured_is_not_imported_a_second_time() {
    let (machine, project) = machine("captured-then-imported");
    let talk = Conversation::new(&machine, &project);
    let session = String::from_utf8(talk.input("x", &json!({}))).unwrap();
    let session: Value = serde_json::from_str(&session).unwrap();
    let session = session["session_id"].as_str().unwrap();
    let id = format!("{session}-1");
    talk.prompt(&id, "Where is the sextant?").is_taken();
    talk.stop(&id, "In the attic, as told to the hook.").is_taken();
    let file = machine.user_home().join("talk.jsonl");
    fs::write(&file, transcript(session, &project, "sextant")).unwrap();
    machine.cli(&["import", file.to_str().unwrap()]).unwrap().ok().unwrap();
    let replica = Replica::of(&machine);
    let turns = replica.rows("SELECT title, dense_summary FROM conversation_contexts WHERE context_type = 'general_context' ORDER BY title DESC");
    assert_eq!(turns.len(), 2, "the second turn is new: {turns:#?}");
    assert!(turns[0].contains("as told to the hook"), "what a hook told is left as it is: {turns:#?}");
}

#[test]
fn paths_that_lead_elsewhere_are_refused() {
    let (machine, project) = machine("paths");
    let link = machine.user_home().join("link");
    std::os::unix::fs::symlink("/etc", &link).unwrap();
    let upwards = project.join("../../../etc");
    for (path, status, reason) in [
        ("relative", 422, "must be absolute"),
        (upwards.to_str().unwrap(), 403, "must not contain"),
        (link.to_str().unwrap(), 403, "symbolic link"),
        ("/", 403, "whole disk"),
        ("/no/such/folder", 404, "No such file"),
        ("/dev/null", 404, "neither a folder nor a file"),
    ] {
        let (answered, refused) = post(&machine, &json!({ "folder_path": path }));
        assert_eq!(answered, status, "{refused:#}");
        assert!(refused["detail"].as_str().unwrap().contains(reason), "{refused:#}");
    }
    let unknown = json!({ "folder_path": project, "project_id": "00000000-0000-7000-8000-000000000000" });
    assert_eq!(post(&machine, &unknown).1["error_code"], "MISSING_PARENT");
    let (status, empty) = post(&machine, &json!({ "folder_path": project }));
    assert_eq!((status, &empty["files_scanned"]), (200, &json!(0)), "{empty:#}");
    assert_eq!(Replica::of(&machine).number(MEMORIES), 0);
}
