//! Imports that are large: cut off in the middle and taken up again, and read in bounded memory.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use world::{Machine, eventually};

use crate::replica::Replica;

const PATIENCE: Duration = Duration::from_mins(1);
/// Files of a folder, and turns of each.
const FILES: usize = 60;
const TURNS: usize = 8;
const TOLD: &str =
    "SELECT context_type, title, dense_summary, created_at FROM conversation_contexts ORDER BY 1, 2, 3, 4";
const SESSIONS: &str = "SELECT claude_session_id, status, duration_minutes FROM sessions ORDER BY 1";
const STEPS: &str = "SELECT title, status FROM work_items ORDER BY 1, 2";

/// A record of a prompt or an answer, at a minute of a day.
fn record(role: &str, session: &str, cwd: &Path, minute: usize, text: &str) -> Value {
    let at = format!("2026-03-01T{:02}:{:02}:00.000Z", 8 + minute / 60, minute % 60);
    let content = if role == "user" { json!(text) } else { json!([{ "type": "text", "text": text }]) };
    json!({ "type": role, "promptId": format!("{session}-{minute}"), "sessionId": session, "cwd": cwd, "timestamp": at,
            "isSidechain": false, "origin": { "kind": "human" },
            "message": { "id": text, "role": role, "stop_reason": "end_turn", "content": content } })
}

/// A folder of transcripts.
fn transcripts(folder: &Path, cwd: &Path) {
    fs::create_dir_all(folder).unwrap();
    for number in 0..FILES {
        let session = format!("11111111-2222-4333-8444-{number:012}");
        let turn = |turn: usize| {
            let said = [("user", 2 * turn, "Where is"), ("assistant", 2 * turn + 1, "In drawer eleven lies")];
            said.map(|(role, minute, text)| {
                format!("{}\n", record(role, &session, cwd, minute, &format!("{text} sextant {number} of {turn}?")))
            })
            .concat()
        };
        let text: String = (0..TURNS).map(turn).collect();
        fs::write(folder.join(format!("{number:03}.jsonl")), text).unwrap();
    }
}

#[test]
fn an_import_that_was_killed_in_the_middle_is_taken_up_with_nothing_twice_and_nothing_missing() {
    let (whole, cut) = (Machine::new("whole").unwrap(), Machine::new("cut").unwrap());
    let folder = whole.user_home().join("old");
    transcripts(&folder, Path::new("/somewhere"));
    let path = folder.to_str().unwrap();
    whole.start_daemon().unwrap();
    let report = whole.cli(&["import", path, "--json"]).unwrap().ok().unwrap().json().unwrap();
    assert_eq!(report[0]["files_processed"], FILES, "{report:#}");
    let expected = Replica::of(&whole).rows(TOLD);
    assert!(expected.len() >= FILES * TURNS, "{}", expected.len());

    cut.start_daemon().unwrap();
    let replica = Replica::of(&cut);
    let count = || replica.number("SELECT count(*) FROM conversation_contexts");
    // Three times, each further on than before.
    for part in 1..=3 {
        let enough = i64::try_from(expected.len() * part / 5).unwrap();
        std::thread::scope(|scope| {
            let running = scope.spawn(|| cut.cli(&["import", path]).unwrap());
            eventually("a part of it being there", PATIENCE, || count() >= enough).unwrap();
            cut.kill_daemon().unwrap();
            let ended = running.join().unwrap();
            assert_ne!(ended.code, 0, "it says that it did not end well: {ended:?}");
        });
        assert!(count() < i64::try_from(expected.len()).unwrap(), "killed in the middle");
        cut.start_daemon().unwrap();
    }
    let report = cut.cli(&["import", path, "--json"]).unwrap().ok().unwrap().json().unwrap();
    assert_eq!((&report[0]["errors_total"], &report[0]["files_processed"]), (&json!(0), &json!(FILES)));
    assert_eq!(replica.rows(TOLD), expected);
    for of in [SESSIONS, STEPS] {
        assert_eq!(replica.rows(of), Replica::of(&whole).rows(of));
    }
    let again = cut.cli(&["import", path, "--json"]).unwrap().ok().unwrap().json().unwrap();
    assert_eq!(again[0]["contexts_created"], 0, "{again:#}");
}

/// Imports one transcript of so many MiB; the most memory that the daemon took, in KiB.
fn memory_for(mib: usize) -> u64 {
    let machine = Machine::new("large").unwrap();
    let file = machine.user_home().join("large.jsonl");
    let mut out = BufWriter::new(File::create(&file).unwrap());
    // What the client keeps for itself makes most of a long transcript; a turn stands between.
    let bulk =
        json!({ "type": "file-history-snapshot", "messageId": "m", "snapshot": { "text": "x".repeat(1 << 20) } });
    let (bulk, session) = (format!("{bulk}\n"), "11111111-2222-4333-8444-555555555555");
    for number in 0..mib {
        out.write_all(bulk.as_bytes()).unwrap();
        if number % 50 == 0 {
            for (role, minute) in [("user", number / 25), ("assistant", number / 25 + 1)] {
                let said = record(role, session, Path::new("/somewhere"), minute, &format!("Of sextant {minute}."));
                writeln!(out, "{said}").unwrap();
            }
        }
    }
    out.into_inner().unwrap();
    machine.start_daemon().unwrap();
    let begun = Instant::now();
    let report = machine.cli(&["import", file.to_str().unwrap(), "--json"]).unwrap().ok().unwrap().json().unwrap();
    let took = begun.elapsed().as_secs_f64();
    assert_eq!(report[0]["errors_total"], 0, "{report:#}");
    let turns = "SELECT count(*) FROM conversation_contexts WHERE context_type = 'general_context'";
    assert_eq!(Replica::of(&machine).number(turns), i64::try_from(mib.div_ceil(50)).unwrap());
    let status = fs::read_to_string(format!("/proc/{}/status", machine.daemon_pid().unwrap())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak = peak.trim().trim_end_matches(" kB").parse().unwrap();
    println!("{mib} MiB were imported in {took:.1} s; the daemon took {peak} KiB of memory at most");
    peak
}

/// Far less than the file.
const MOST_KIB: u64 = 150 << 10;

#[test]
fn a_large_transcript_is_read_in_bounded_memory() {
    let peak = memory_for(300);
    assert!(peak < MOST_KIB, "{peak} KiB");
}

/// `cargo test -p tests --test all -- --ignored large_import --nocapture`
#[test]
#[ignore = "writes and reads 2 GiB"]
fn a_transcript_of_two_gigabytes_is_read_in_bounded_memory() {
    let peak = memory_for(2048);
    assert!(peak < MOST_KIB, "{peak} KiB");
}
