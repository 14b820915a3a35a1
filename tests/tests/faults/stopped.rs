//! The end of a daemon: orderly on TERM, one at a time, and nothing stays behind.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use world::eventually;

use super::{PATIENCE, assert_saved, command, machine, taken_in, talk, told, waiting};
use crate::conversation::{Conversation, new_uuid};
use crate::replica::Replica;

#[test]
fn term_in_the_middle_of_saves_loses_nothing_and_leaves_a_tidy_home() {
    const WRITERS: usize = 3;
    let (machine, project) = machine("term");
    let over = AtomicBool::new(false);
    let acknowledged = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..WRITERS {
            scope.spawn(|| {
                let conversation = Conversation::new(&machine, &project);
                let turn = new_uuid();
                while !over.load(Ordering::Relaxed) {
                    let word = new_uuid();
                    assert!(!command(&conversation, &turn, &word).is_lost());
                    acknowledged.lock().unwrap().push(format!("echo {word}"));
                }
            });
        }
        let saves = eventually("some saves", PATIENCE, || acknowledged.lock().unwrap().len() >= 20);
        let stopped = machine.stop_daemon();
        // Before any assertion: the writers go on until then.
        over.store(true, Ordering::Relaxed);
        saves.and(stopped).unwrap();
    });

    let home = machine.home();
    for left in [home.socket(), home.daemon_json(), home.root().join("replica.db-wal")] {
        assert!(!left.exists(), "{} is left", left.display());
    }
    assert_eq!(machine.processes(), [] as [u32; 0]);
    let acknowledged = acknowledged.into_inner().unwrap();
    let saved = commands(&Replica::of(&machine));
    assert_eq!(saved.len() + waiting(&machine), acknowledged.len(), "each is committed, or waits on disk");

    machine.start_daemon().unwrap();
    taken_in(&machine);
    let mut expected = acknowledged;
    expected.sort();
    assert_eq!(commands(&Replica::of(&machine)), expected);
}

fn commands(replica: &Replica) -> Vec<String> {
    replica.rows("SELECT command_text FROM command_runs ORDER BY command_text")
}

#[test]
fn a_second_daemon_names_the_first_and_does_it_no_harm() {
    let (machine, project) = machine("second");
    let first = machine.daemon_pid().unwrap();
    let second = machine.cli(&["daemon"]).unwrap();
    assert_eq!(second.code, 1, "{second:?}");
    for says in [format!("process id {first}"), "already serves this home".into(), "claudetools status".into()] {
        assert!(second.stderr.contains(&says), "{says}: {second:?}");
    }
    let left = machine.cli(&["daemon", "--detach"]).unwrap().ok().unwrap();
    assert_eq!(left.stdout, format!("the daemon runs already (process {first})\n"));
    let moved = machine.cli(&["daemon", "--detach", "--listen", "127.0.0.1:0"]).unwrap();
    assert!(moved.code == 1 && moved.stderr.contains("a daemon runs already"), "{moved:?}");
    assert_eq!(machine.daemon_pid(), Some(first));
    assert_eq!(told(&talk(&Conversation::new(&machine, &project), &["jasper"])), [""; 0]);
    assert_saved(&Replica::of(&machine), "jasper");
}

#[test]
fn the_command_that_status_names_starts_a_daemon_and_gives_the_terminal_back() {
    let (machine, _) = machine("detach");
    machine.stop_daemon().unwrap();
    let told = machine.cli(&["status"]).unwrap();
    assert!(told.stdout.contains("run: claudetools daemon --detach"), "{told:?}");
    // The end of the command is what is waited for here, and the daemon outlives it.
    let started = machine.cli(&["daemon", "--detach", "--listen", "127.0.0.1:0"]).unwrap().ok().unwrap();
    let pid = machine.daemon_pid().unwrap();
    assert_eq!(started.stdout, format!("the daemon has been started (process {pid})\n"));
    assert_eq!(machine.processes(), [pid]);
    machine.cli(&["status"]).unwrap().ok().unwrap();

    let anew = machine.cli(&["daemon", "restart"]).unwrap().ok().unwrap();
    let second = machine.daemon_pid().unwrap();
    assert_ne!(second, pid);
    assert_eq!(anew.stdout, format!("the daemon has been started anew (process {second})\n"));
    assert_eq!(machine.processes(), [second]);
    let stopped = machine.cli(&["daemon", "stop"]).unwrap().ok().unwrap();
    assert_eq!(stopped.stdout, format!("the daemon has been stopped (process {second})\n"));
    assert_eq!(machine.processes(), [] as [u32; 0]);
    assert_eq!(machine.cli(&["daemon", "stop"]).unwrap().ok().unwrap().stdout, "no daemon runs\n");
    machine.cli(&["daemon", "restart"]).unwrap().ok().unwrap();
    machine.cli(&["status"]).unwrap().ok().unwrap();
}

#[test]
fn hooks_and_outages_leave_no_process_behind() {
    let (machine, project) = machine("processes");
    let conversation = Conversation::new(&machine, &project);
    conversation.start().is_taken();
    talk(&conversation, &["kyanite", "larimar"]);
    machine.freeze_daemon().unwrap();
    talk(&conversation, &["marble"]);
    machine.thaw_daemon().unwrap();
    taken_in(&machine);
    machine.kill_daemon().unwrap();
    talk(&conversation, &["nephrite"]);
    conversation.fire("SessionEnd", &serde_json::json!({ "reason": "other" }));
    assert_eq!(machine.processes(), [] as [u32; 0], "hooks that start no daemon leave none");

    machine.start_daemon().unwrap();
    taken_in(&machine);
    let daemon = machine.daemon_pid().unwrap();
    eventually("the daemon alone", PATIENCE, || machine.processes() == [daemon]).unwrap();
    assert_eq!(children_of(daemon), "", "it leaves no child, dead or alive");
    machine.stop_daemon().unwrap();
    assert_eq!(machine.processes(), [] as [u32; 0]);
}

/// The children of all threads of a process, zombies too.
fn children_of(process: u32) -> String {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).unwrap().flatten();
    threads.map(|thread| std::fs::read_to_string(thread.path().join("children")).unwrap_or_default()).collect()
}
