//! A disk that fills up under a running daemon: what was acknowledged is there when there is room again.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;

use serde_json::json;
use world::{Machine, eventually};

use super::{PATIENCE, assert_known, assert_says, project, saved_at_the_end, status};
use crate::conversation::{Answer, Conversation, new_uuid};

/// MiB: room for the replica and its log, and little else.
const DISK: u32 = 6;
/// What is given back before each prompt, so that something fits now and then.
const CRUMB: u64 = 32 << 10;
const PROMPTS: usize = 25;

/// A file that takes the room of the machine's disk, seen from outside.
struct Filler(PathBuf);

impl Filler {
    /// Takes all the room there is.
    fn fill(machine: &Machine) -> Filler {
        let path = machine.home_seen_outside().root().join("filler-of-the-test");
        let mut file = File::options().create(true).append(true).open(&path).unwrap();
        for size in [64 << 10, 1] {
            while file.write_all(&vec![b'x'; size]).is_ok() {}
        }
        Filler(path)
    }

    fn give_back(&self, bytes: u64) {
        let file = File::options().write(true).open(&self.0).unwrap();
        let length = file.metadata().unwrap().len();
        file.set_len(length.saturating_sub(bytes)).unwrap();
    }

    fn remove(self) {
        fs::remove_file(&self.0).unwrap();
    }
}

fn prompt(conversation: &Conversation<'_>, word: &str) -> Answer {
    conversation.prompt(&new_uuid(), &format!("tell me about {word}"))
}

fn no_trouble_left(machine: &Machine) {
    eventually("no trouble left", PATIENCE, || status(machine)["problems"] == json!([])).unwrap();
}

#[test]
fn what_was_acknowledged_on_a_disk_without_room_is_there_when_there_is_some() {
    let machine = Machine::with_small_disk("filling", DISK).unwrap();
    machine.start_daemon().unwrap();
    let conversation = Conversation::new(&machine, &project(&machine, "filling"));
    conversation.turn("tell me about zircon", "zircon told");
    let filler = Filler::fill(&machine);
    let words: Vec<String> = (0..PROMPTS).map(|_| new_uuid()).collect();
    let asked = words.iter().map(|word| {
        filler.give_back(CRUMB);
        (format!("tell me about {word}"), prompt(&conversation, word))
    });
    let (lost, kept): (Vec<_>, Vec<_>) = asked.partition(|(_, answer)| answer.is_lost());
    assert!(!lost.is_empty(), "the disk was not full: {kept:#?}");
    assert!(!kept.is_empty(), "the disk had no room at all: {lost:#?}");
    for (_, answer) in &lost {
        let says = ["NOT SAVED", "spool", "No space left on device", "Make room"];
        assert_says(answer.message.as_deref().unwrap(), &says);
    }
    let full = |answer: &Answer| answer.message.as_ref().is_some_and(|said| said.contains("replica is full"));
    assert!(lost.iter().chain(&kept).any(|(_, answer)| full(answer)), "the daemon's reason was not passed on");

    filler.remove();
    no_trouble_left(&machine);
    assert_eq!(status(&machine)["daemon"]["state"], "ready");
    let mut expected = vec!["tell me about zircon".to_owned()];
    expected.extend(kept.into_iter().map(|(prompt, _)| prompt));
    assert_eq!(saved_at_the_end(&machine), expected, "all that was acknowledged, in its order, once");
}

#[test]
fn a_full_disk_is_in_status_and_a_daemon_starts_on_it() {
    let machine = Machine::with_small_disk("full", DISK).unwrap();
    machine.start_daemon().unwrap();
    let conversation = Conversation::new(&machine, &project(&machine, "full"));
    conversation.turn("tell me about agate", "agate told");
    let filler = Filler::fill(&machine);
    assert!(prompt(&conversation, "beryl").is_lost());
    assert_known(&machine, "fail", &["full", "cannot be saved"]);

    machine.kill_daemon().unwrap();
    let lost = prompt(&conversation, "citrine");
    assert_says(
        lost.message.as_deref().unwrap(),
        &["the daemon is not running", "NOT SAVED", "No space left on device"],
    );
    let lost = conversation.start();
    assert_says(lost.message.as_deref().unwrap(), &["disk that holds the replica is full", "NOT SAVED"]);

    filler.remove();
    eventually("events saved again", PATIENCE, || !prompt(&conversation, "diopside").is_lost()).unwrap();
    no_trouble_left(&machine);
    assert_eq!(saved_at_the_end(&machine), ["tell me about agate", "tell me about diopside"]);
}
