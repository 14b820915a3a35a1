//! A replica that cannot be read, or that a newer build has made: it is left as it is, and events are kept on disk.

use std::fs;

use world::{Machine, eventually};

use super::{PATIENCE, assert_known, assert_says, machine, status};
use crate::conversation::{Conversation, new_uuid};
use crate::replica::Replica;

/// A turn while the replica cannot be used: told once, and kept.
fn kept_turn(conversation: &Conversation<'_>, word: &str, reason: &str) {
    let turn = new_uuid();
    let told = conversation.prompt(&turn, &format!("tell me about {word}"));
    assert!(!told.is_lost(), "{told:?}");
    assert_says(told.message.as_deref().unwrap_or_default(), &[reason, "kept in", "spool", "claudetools doctor"]);
    conversation.stop(&turn, &format!("{word} told")).is_taken();
}

fn degraded(machine: &Machine) {
    eventually("the trouble seen", PATIENCE, || status(machine)["daemon"]["state"] == "degraded").unwrap();
}

fn completed(machine: &Machine) -> Vec<String> {
    Replica::of(machine).rows("SELECT description FROM work_items WHERE status = 'completed' ORDER BY rowid")
}

#[test]
fn a_damaged_replica_is_left_alone_told_and_replaceable() {
    let (machine, project) = machine("damaged");
    let conversation = Conversation::new(&machine, &project);
    conversation.turn("tell me about quartz", "quartz told");
    machine.stop_daemon().unwrap();
    let whole = fs::read(machine.home().replica()).unwrap();
    let mut damaged = whole.clone();
    damaged[..4096].fill(b'#');
    fs::write(machine.home().replica(), &damaged).unwrap();

    machine.start_daemon().unwrap();
    degraded(&machine);
    kept_turn(&conversation, "rhodonite", "the replica is damaged");
    assert_known(&machine, "fail", &["replica", "damaged"]);
    let doctor = machine.cli(&["doctor"]).unwrap();
    assert_says(&doctor.stdout, &["move replica.db", "safe place"]);
    assert!(fs::read(machine.home().replica()).unwrap() == damaged, "nothing is repaired or replaced by itself");

    // A backup is put back while the daemon runs: it goes on by itself.
    fs::write(machine.home().replica(), &whole).unwrap();
    eventually("the replica open", PATIENCE, || status(&machine)["daemon"]["state"] == "ready").unwrap();
    eventually("the kept turn saved", PATIENCE, || completed(&machine).len() == 2).unwrap();
    assert_eq!(completed(&machine), ["tell me about quartz", "tell me about rhodonite"]);
}

#[test]
fn pages_damaged_in_the_middle_are_found_by_doctor() {
    let (machine, project) = machine("rotten");
    let conversation = Conversation::new(&machine, &project);
    conversation.turn("tell me about sodalite", "sodalite told");
    machine.stop_daemon().unwrap();
    let mut bytes = fs::read(machine.home().replica()).unwrap();
    let (from, to) = (bytes.len() / 4, bytes.len() * 3 / 4);
    bytes[from..to].fill(0xa5);
    fs::write(machine.home().replica(), &bytes).unwrap();

    machine.start_daemon().unwrap();
    let turn = new_uuid();
    let answers = [conversation.prompt(&turn, "tell me about topaz"), conversation.stop(&turn, "topaz told")];
    assert!(answers.iter().all(|answer| !answer.is_lost()), "{answers:?}");
    assert!(answers.iter().any(|answer| answer.message.is_some()), "nobody was told: {answers:?}");
    let doctor = machine.cli(&["doctor"]).unwrap();
    assert_ne!(doctor.code, 0, "{doctor:?}");
    assert_says(&doctor.stdout, &["damaged", "move replica.db"]);

    machine.stop_daemon().unwrap();
    for suffix in ["", "-wal", "-shm"] {
        let path = machine.home().root().join(format!("replica.db{suffix}"));
        assert!(fs::remove_file(&path).is_ok() || !path.exists());
    }
    machine.start_daemon().unwrap();
    eventually("the spool taken in", PATIENCE, || status(&machine)["hooks"]["spool"]["pending"] == 0).unwrap();
    assert_eq!(completed(&machine), ["tell me about topaz"]);
}

#[test]
fn a_replica_of_a_newer_build_is_not_touched() {
    let (machine, project) = machine("newer-replica");
    machine.stop_daemon().unwrap();
    let raise = |version: u32| {
        #[expect(clippy::disallowed_methods, reason = "stands for a newer build, not for ours")]
        let connection = rusqlite::Connection::open_with_flags(
            machine.home().replica(),
            rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE,
        );
        connection.unwrap().pragma_update(None, "user_version", version).unwrap();
    };
    let own = u32::try_from(Replica::of(&machine).number("PRAGMA user_version")).unwrap();
    raise(own + 1);
    machine.start_daemon().unwrap();
    degraded(&machine);
    let conversation = Conversation::new(&machine, &project);
    kept_turn(&conversation, "ulexite", "upgrade claudetools");
    assert_known(&machine, "fail", &["schema version", &(own + 1).to_string(), "upgrade claudetools"]);

    raise(own);
    eventually("the kept turn saved", PATIENCE, || completed(&machine) == ["tell me about ulexite"]).unwrap();
}
