//! A daemon that is frozen, wedged, killed, missing, restarted or stopped: hooks end well and in time, nothing
//! acknowledged is lost, and the user is told once.

mod away;
mod killed;
mod missing;
mod stopped;
mod wedged;

use std::path::PathBuf;
use std::time::Duration;

use hooks::spool;
use serde_json::json;
use world::{Machine, eventually};

use crate::conversation::{Answer, Conversation, new_uuid};
use crate::replica::Replica;

/// How long a busy machine may take until what has to happen has happened.
const PATIENCE: Duration = Duration::from_mins(1);

/// A machine with a running daemon and a project. No client: the hooks are run by the test.
fn machine(name: &str) -> (Machine, PathBuf) {
    let machine = Machine::new(name).unwrap();
    machine.start_daemon().unwrap();
    let project = machine.project("project", &format!("https://git.example.invalid/acme/{name}.git")).unwrap();
    (machine, project)
}

/// Events that wait on disk.
fn waiting(machine: &Machine) -> usize {
    spool::pending(&machine.home().spool()).map_or(0, |paths| paths.len())
}

fn taken_in(machine: &Machine) {
    eventually("the spool taken in", PATIENCE, || waiting(machine) == 0).unwrap();
}

/// The messages among the answers.
fn told(answers: &[Answer]) -> Vec<&str> {
    answers.iter().filter_map(|answer| answer.message.as_deref()).collect()
}

/// A turn about each word: prompt, a command, answer.
fn talk(conversation: &Conversation<'_>, words: &[&str]) -> Vec<Answer> {
    let turn = |word: &&str| {
        let id = new_uuid();
        [
            conversation.prompt(&id, &format!("tell me about {word}")),
            command(conversation, &id, word),
            conversation.stop(&id, &format!("{word} told")),
        ]
    };
    words.iter().flat_map(turn).collect()
}

/// The end of a shell command within a turn.
fn command(conversation: &Conversation<'_>, turn: &str, word: &str) -> Answer {
    let fields = json!({
        "prompt_id": turn,
        "tool_name": "Bash",
        "tool_use_id": format!("toolu_{}", new_uuid()),
        "tool_input": { "command": format!("echo {word}") },
        "tool_response": { "stdout": format!("{word}\n"), "stderr": "", "interrupted": false, "isImage": false },
        "duration_ms": 3,
    });
    conversation.fire("PostToolUse", &fields)
}

/// Asserts that the whole turn about this word is there, once.
fn assert_saved(replica: &Replica, word: &str) {
    let turns = format!("SELECT status FROM work_items WHERE description = 'tell me about {word}'");
    assert_eq!(replica.rows(&turns), ["completed"], "{word}");
    let commands = format!("SELECT count(*) FROM command_runs WHERE command_text = 'echo {word}'");
    assert_eq!(replica.number(&commands), 1, "{word}");
}
