//! Rounds over a real folder, with the clock set by hand.

use std::fs::{self, File};
use std::io::Write as _;
use std::time::{Duration, Instant, SystemTime};

use serde_json::json;

use super::*;
use crate::capture::tests::desk::{Desk, SECOND};

const SESSION: &str = "11111111-2222-4333-8444-555555555555";
const TURNS: &str =
    "SELECT title FROM conversation_contexts WHERE context_type = 'general_context' ORDER BY created_at";

fn folder(desk: &Desk) -> PathBuf {
    desk.folder.path().join("projects")
}

fn path(desk: &Desk, name: &str) -> PathBuf {
    folder(desk).join("-repo").join(name)
}

/// A turn at the end of a transcript, written now.
fn write(desk: &Desk, name: &str, session: &str, id: &str, prompt: &str) {
    let at = datetime_text(desk.now());
    let cwd = desk.folder.path().join("repo");
    let said = json!({"type": "user", "promptId": id, "sessionId": session, "cwd": cwd, "timestamp": at,
                      "message": {"content": prompt}});
    let answer = json!({"type": "assistant", "sessionId": session, "timestamp": at, "message": {
        "id": id, "stop_reason": "end_turn", "content": [{"type": "text", "text": format!("Done: {prompt}")}]}});
    let path = path(desk, name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut file = File::options().create(true).append(true).open(&path).unwrap();
    writeln!(file, "{said}\n{answer}").unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_micros(desk.now())).unwrap();
}

fn watch(desk: &Desk, eyes: Eyes) -> Watch {
    Watch::new(vec![folder(desk)], eyes, 30)
}

fn step(desk: &Desk, watch: &mut Watch) -> WatchReport {
    watch.step(&desk.capture, desk.now(), &|| false).unwrap();
    watch.report()
}

#[test]
fn what_changed_while_nobody_watched_is_read_when_it_is_quiet() {
    let desk = Desk::new();
    write(&desk, "old.jsonl", "s-old", "o1", "Before the first start");
    desk.pass(SECOND);
    let mut first = watch(&desk, Eyes::open());
    assert_eq!(step(&desk, &mut first).older, 1);
    drop(first);
    desk.pass(100 * SECOND);
    write(&desk, "new.jsonl", SESSION, "n1", "While the daemon was away");
    let mut again = watch(&desk, Eyes::open());
    let report = step(&desk, &mut again);
    assert_eq!((report.state.as_str(), report.folders, report.waiting, report.captured), ("watching", 2, 1, 0));
    desk.pass(30 * SECOND);
    let report = step(&desk, &mut again);
    assert_eq!((report.waiting, report.captured, report.older), (0, 1, 1));
    assert_eq!(report.last_captured_at, Some(datetime_text(desk.now())));
    assert_eq!(desk.column(TURNS), ["While the daemon was away"]);
    assert_eq!(desk.one("SELECT slug FROM projects"), "example.com/team/api");
}

#[test]
fn a_change_is_told_by_the_system() {
    let desk = Desk::new();
    fs::create_dir_all(folder(&desk).join("-repo")).unwrap();
    let mut watch = watch(&desk, Eyes::open());
    step(&desk, &mut watch);
    write(&desk, "a.jsonl", SESSION, "p1", "Mend the sextant");
    let deadline = Instant::now() + Duration::from_secs(20);
    while step(&desk, &mut watch).waiting == 0 {
        assert!(Instant::now() < deadline, "nothing was told");
        std::thread::yield_now();
    }
    desk.pass(31 * SECOND);
    while step(&desk, &mut watch).captured == 0 {
        // Later news of the same change put it off.
        desk.pass(31 * SECOND);
        assert!(Instant::now() < deadline, "it was not read");
    }
    assert_eq!(desk.column(TURNS), ["Mend the sextant"]);
}

#[test]
fn where_nothing_is_told_the_folders_are_looked_through() {
    let desk = Desk::new();
    let mut watch = watch(&desk, Eyes::closed("the limit is reached"));
    assert_eq!(step(&desk, &mut watch).state, "waiting");
    desk.pass(POLL_US);
    write(&desk, "a.jsonl", SESSION, "p1", "Mend the sextant");
    let report = step(&desk, &mut watch);
    assert_eq!((report.state.as_str(), report.waiting), ("polling", 1));
    assert_eq!(report.polling_because.as_deref(), Some("the limit is reached"));
    desk.pass(30 * SECOND);
    assert_eq!(step(&desk, &mut watch).captured, 1);
    write(&desk, "a.jsonl", SESSION, "p2", "And the compass");
    assert_eq!(step(&desk, &mut watch).waiting, 0, "not before the next look");
    desk.pass(POLL_US);
    assert_eq!(step(&desk, &mut watch).waiting, 1);
    desk.pass(30 * SECOND);
    assert_eq!(step(&desk, &mut watch).captured, 2);
    assert_eq!(desk.column(TURNS), ["Mend the sextant", "And the compass"]);
}

#[tokio::test]
async fn what_hooks_bring_is_not_captured_again_and_an_ended_session_need_not_be_quiet() {
    let desk = Desk::new();
    let mut watch = watch(&desk, Eyes::closed("none"));
    step(&desk, &mut watch);
    desk.turn(SESSION, "p1", "Mend the sextant", "Done: Mend the sextant").await;
    let file = format!("{SESSION}.jsonl");
    write(&desk, &file, SESSION, "p1", "Mend the sextant");
    desk.pass(POLL_US);
    assert_eq!(step(&desk, &mut watch).waiting, 1, "the session goes on");
    desk.end(SESSION).await;
    let report = step(&desk, &mut watch);
    assert_eq!((report.waiting, report.captured, report.last_captured_at), (0, 0, None));
    assert_eq!(desk.column(TURNS), ["Mend the sextant"]);
}

#[cfg(unix)]
#[test]
fn what_cannot_be_read_is_said() {
    let desk = Desk::new();
    let elsewhere = desk.folder.path().join("elsewhere");
    fs::create_dir_all(&elsewhere).unwrap();
    fs::create_dir_all(folder(&desk)).unwrap();
    std::os::unix::fs::symlink(&elsewhere, folder(&desk).join("link")).unwrap();
    let mut watch = watch(&desk, Eyes::open());
    let troubles = step(&desk, &mut watch).troubles;
    assert_eq!(troubles.len(), 1);
    assert!(troubles[0].reason.contains("link cannot be read: the link leads out"), "{troubles:?}");
    fs::remove_file(folder(&desk).join("link")).unwrap();
    desk.pass(LOOK_US);
    assert_eq!(step(&desk, &mut watch).troubles, []);
}

#[test]
fn a_session_is_known_by_its_file() {
    for file in ["/p/-repo/11.jsonl", "/p/-repo/11/subagents/agent-a.jsonl"] {
        assert_eq!(session_of(Path::new(file)), "11");
    }
}
