//! A home that cannot be written, from the beginning or all at once.

use world::{Machine, eventually};

use super::{PATIENCE, assert_known, assert_refused, assert_says, project, saved_at_the_end, status};
use crate::conversation::{Conversation, new_uuid};

const DISK: u32 = 16;

#[test]
fn a_home_that_becomes_read_only_is_told_each_turn_until_it_is_writable() {
    let machine = Machine::with_small_disk("remounted", DISK).unwrap();
    machine.start_daemon().unwrap();
    let disk = machine.disk().unwrap();
    let conversation = Conversation::new(&machine, &project(&machine, "remounted"));
    conversation.turn("tell me about epidote", "epidote told");
    machine.stop_daemon().unwrap();
    disk.set_read_only(true).unwrap();

    for _ in 0..2 {
        let lost = conversation.prompt(&new_uuid(), "tell me about fuchsite");
        assert_says(
            lost.message.as_deref().unwrap_or_default(),
            &["NOT SAVED", "Read-only file system", "make the folder writable"],
        );
    }
    let refused = machine.cli(&["daemon"]).unwrap();
    assert_refused(&refused, 1, &["Read-only file system", "folder that you can write to"]);
    assert_refused(&machine.cli(&["setup", "--yes", "--no-service"]).unwrap(), 1, &["Read-only file system"]);
    assert_known(&machine, "fail", &["replica cannot be written", "ead-only"]);

    disk.set_read_only(false).unwrap();
    machine.start_daemon().unwrap();
    conversation.turn("tell me about goethite", "goethite told");
    eventually("no trouble left", PATIENCE, || status(&machine)["problems"] == serde_json::json!([])).unwrap();
    assert_eq!(saved_at_the_end(&machine), ["tell me about epidote", "tell me about goethite"]);
}

#[test]
fn setup_in_a_home_that_cannot_be_written_changes_nothing() {
    let machine = Machine::with_small_disk("read-only", DISK).unwrap();
    let disk = machine.disk().unwrap();
    disk.set_read_only(true).unwrap();
    let refused = machine.cli(&["setup", "--yes", "--no-service"]).unwrap();
    assert_refused(&refused, 1, &["Read-only file system", "choose a folder that you can write to"]);
    assert!(!machine.claude_config().join("settings.json").exists(), "no hooks without a home");
    let lost = Conversation::new(&machine, &project(&machine, "read-only")).prompt(&new_uuid(), "tell me about halite");
    assert_says(lost.message.as_deref().unwrap_or_default(), &["NOT SAVED", "Read-only file system"]);

    disk.set_read_only(false).unwrap();
    machine.setup(None).unwrap();
}
