//! No daemon at all, or not even its program: a session's start brings it back where that can be done.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;
use world::run::Run;
use world::{Machine, binaries, eventually};

use super::{PATIENCE, assert_saved, machine, taken_in, talk, told, waiting};
use crate::conversation::{Answer, Conversation, new_uuid};
use crate::replica::Replica;

/// How long a hook may wait for the daemon that it starts: the default is half of it, which a loaded test machine needs.
const START_MS: &str = "3000";
const START_LIMIT: Duration = Duration::from_millis(3_000 + 1_300);
/// How long a hook may take that cannot start one.
const HOOK_LIMIT: Duration = Duration::from_secs(1);

fn start(machine: &Machine, conversation: &Conversation<'_>) -> Run {
    let input = conversation.input("SessionStart", &json!({ "source": "startup", "model": "m" }));
    let run = machine.hook_with("SessionStart", &input, |command| {
        command.env("CLAUDETOOLS_START_DEADLINE_MS", START_MS);
    });
    let run = run.unwrap().ok().unwrap();
    assert!(run.took < START_LIMIT, "{run:?}");
    run
}

#[test]
fn the_next_session_starts_a_missing_daemon_and_says_so() {
    let (machine, project) = machine("missing");
    let conversation = Conversation::new(&machine, &project);
    machine.stop_daemon().unwrap();
    let answers = talk(&conversation, &["dolomite", "ebony"]);
    assert_eq!(told(&answers).len(), 1, "{:?}", told(&answers));
    assert_eq!(waiting(&machine), 6);
    assert!(!machine.daemon_runs());

    let started = start(&machine, &conversation);
    assert!(started.stdout.contains("has been started"), "{started:?}");
    taken_in(&machine);
    let replica = Replica::of(&machine);
    assert_saved(&replica, "dolomite");
    assert_saved(&replica, "ebony");
}

#[test]
fn many_sessions_at_once_start_one_daemon() {
    const SESSIONS: usize = 8;
    let (machine, project) = machine("stampede");
    machine.stop_daemon().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..SESSIONS {
            scope.spawn(|| start(&machine, &Conversation::new(&machine, &project)));
        }
    });
    taken_in(&machine);
    eventually("one process left", PATIENCE, || machine.processes().len() == 1).unwrap();
    assert_eq!(machine.processes(), [machine.daemon_pid().unwrap()]);
    assert_eq!(Replica::of(&machine).number("SELECT count(*) FROM ct_hook_events WHERE event = 'SessionStart'"), 8);
}

#[test]
fn without_the_daemons_program_events_are_kept_and_the_reason_is_told() {
    let (machine, project) = machine("no-program");
    machine.stop_daemon().unwrap();
    let hook = lone_hook(&machine);
    let conversation = Conversation::new(&machine, &project);
    let fire = |event: &str, fields: &serde_json::Value| {
        let mut command = machine.program(&hook);
        command.arg(event).env("CLAUDETOOLS_HOOK_DEADLINE_MS", HOOK_LIMIT.as_millis().to_string());
        Answer::within(HOOK_LIMIT, world::run::run(command, &conversation.input(event, fields), PATIENCE).unwrap())
    };
    let started = fire("SessionStart", &json!({ "source": "startup" }));
    let message = started.message.as_deref().unwrap_or_default();
    for says in ["cannot be started", "neither beside the hook nor on PATH", "kept in"] {
        assert!(message.contains(says), "{says}: {started:?}");
    }
    fire("UserPromptSubmit", &json!({ "prompt_id": new_uuid(), "prompt": "tell me about fluorite" })).is_taken();
    assert_eq!(waiting(&machine), 2);

    machine.start_daemon().unwrap();
    taken_in(&machine);
    let found = "SELECT count(*) FROM work_items WHERE description = 'tell me about fluorite'";
    assert_eq!(Replica::of(&machine).number(found), 1);
}

/// The hook client in a folder where it is alone.
fn lone_hook(machine: &Machine) -> PathBuf {
    let alone: &Path = &machine.temporary().join("claudetools-hook");
    fs::copy(binaries::path("claudetools-hook").unwrap(), alone).unwrap();
    alone.to_owned()
}
