//! A disk that is full or read-only: a clear message, and nothing lost that was acknowledged.

use std::time::Duration;

use world::{Machine, eventually};

use crate::conversation::{Conversation, new_uuid};
use crate::replica::Replica;

const PATIENCE: Duration = Duration::from_mins(1);
const MIB: u32 = 24;

fn machine(name: &str) -> (Machine, std::path::PathBuf) {
    let machine = Machine::with_small_disk(name, MIB).unwrap();
    machine.start_daemon().unwrap();
    let project = machine.project("project", &format!("https://git.example.invalid/acme/{name}.git")).unwrap();
    (machine, project)
}

fn completed(machine: &Machine, word: &str) -> bool {
    let sql = format!("SELECT count(*) FROM work_items WHERE description LIKE '%{word}%' AND status = 'completed'");
    Replica::of(machine).number(&sql) == 1
}

/// Whatever the disk does, a turn that was not told as lost is there in the end.
fn trouble(machine: &Machine, project: &std::path::Path, begin: impl FnOnce(), end: impl FnOnce(), reason: &str) {
    let conversation = Conversation::new(machine, project);
    conversation.turn("tell me about jasper", "jasper told");
    begin();
    let lost = conversation.prompt(&new_uuid(), "tell me about kaolin");
    assert!(lost.is_lost(), "{lost:?}");
    assert!(lost.message.as_ref().unwrap().contains(reason), "{lost:?}");
    let status = machine.cli(&["status", "--json"]).unwrap();
    assert_eq!(status.code, 3, "{status:?}");
    let problems = status.json().unwrap()["problems"].to_string();
    assert!(problems.contains("saved"), "{problems}");
    end();
    // It goes on by itself, in the same daemon.
    eventually("events saved again", PATIENCE, || {
        let id = new_uuid();
        !conversation.prompt(&id, "tell me about lazuli").is_lost() && !conversation.stop(&id, "lazuli told").is_lost()
    })
    .unwrap();
    eventually("both turns saved", PATIENCE, || completed(machine, "jasper") && completed(machine, "lazuli")).unwrap();
}

#[test]
fn a_full_disk_is_told_and_work_goes_on_when_there_is_room() {
    let (machine, project) = machine("full");
    let disk = machine.disk().unwrap();
    trouble(&machine, &project, || disk.fill().unwrap(), || disk.make_room().unwrap(), "No space left");
}

#[test]
fn a_read_only_home_is_told() {
    let machine = Machine::with_small_disk("read-only", MIB).unwrap();
    let disk = machine.disk().unwrap();
    disk.set_read_only(true).unwrap();
    let refused = machine.cli(&["setup", "--yes", "--no-service"]).unwrap();
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.stderr.contains("ead-only"), "{}", refused.stderr);
    assert!(!machine.claude_config().join("settings.json").exists(), "no hooks without a home");
    let project = machine.project("project", "https://git.example.invalid/acme/read-only.git").unwrap();
    let lost = Conversation::new(&machine, &project).prompt(&new_uuid(), "tell me about malachite");
    assert!(lost.is_lost() && lost.message.as_ref().unwrap().contains("ead-only"), "{lost:?}");

    disk.set_read_only(false).unwrap();
    machine.setup(None).unwrap();
    Conversation::new(&machine, &project).turn("tell me about nacre", "nacre told");
    assert!(completed(&machine, "nacre"));
}
