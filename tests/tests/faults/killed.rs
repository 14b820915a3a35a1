//! A daemon that is killed at any moment of a save, again and again: every event whose hook ended well is in the
//! replica once, and each conversation in its order.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use world::wait::pause;
use world::{Machine, eventually};

use super::{PATIENCE, command, machine, taken_in, waiting};
use crate::conversation::{Answer, Conversation, new_uuid};
use crate::replica::Replica;

const ROUNDS: usize = 20;
const WRITERS: usize = 3;
/// A round goes on until so many events have gone through, and a random moment longer.
const EVENTS_A_ROUND: usize = 6;
const LONGEST_MOMENT_US: u64 = 60_000;
/// Commands between a prompt and its answer.
const COMMANDS_A_TURN: usize = 3;

/// What a conversation was told that is safe, in order.
#[derive(Default)]
struct Safe {
    prompts: Vec<String>,
    commands: Vec<String>,
    answers: usize,
}

#[test]
fn killed_in_the_middle_of_saves_it_loses_nothing_that_was_acknowledged() {
    let (machine, project) = machine("killed");
    let (over, fired) = (AtomicBool::new(false), AtomicUsize::new(0));
    let safe: Vec<Safe> = std::thread::scope(|scope| {
        let writers: Vec<_> =
            (0..WRITERS).map(|_| scope.spawn(|| talk_until(&machine, &project, &over, &fired))).collect();
        let killed = (0..ROUNDS).try_for_each(|_| {
            let before = fired.load(Ordering::Relaxed);
            eventually("some events", PATIENCE, || fired.load(Ordering::Relaxed) >= before + EVENTS_A_ROUND)?;
            pause(Duration::from_micros(random() % LONGEST_MOMENT_US));
            machine.kill_daemon()?;
            machine.start_daemon()
        });
        // Before any assertion: the writers go on until then.
        over.store(true, Ordering::Relaxed);
        killed.unwrap();
        writers.into_iter().map(|writer| writer.join().unwrap()).collect()
    });
    taken_in(&machine);
    let fired = fired.into_inner();
    assert!(fired >= ROUNDS * EVENTS_A_ROUND, "{fired}");

    let replica = Replica::of(&machine);
    assert_eq!(replica.number("SELECT count(*) FROM ct_hook_events"), i64::try_from(fired).unwrap(), "each event once");
    assert_eq!(replica.rows("PRAGMA integrity_check"), ["ok"]);
    for safe in safe.iter().filter(|safe| !safe.prompts.is_empty()) {
        assert_kept_in_order(&replica, safe);
    }
    assert_eq!(waiting(&machine), 0);
}

#[test]
fn killed_while_it_takes_in_the_spool_it_takes_in_each_event_once_and_in_order() {
    const TURNS: usize = 30;
    let (machine, project) = machine("killed-draining");
    machine.stop_daemon().unwrap();
    let conversation = Conversation::new(&machine, &project);
    let mut safe = Safe::default();
    (0..TURNS).for_each(|_| safe.turn(&conversation, |_| {}));
    let events = waiting(&machine);
    assert_eq!(events, TURNS * (COMMANDS_A_TURN + 2));

    let mut kills = 0;
    while waiting(&machine) > 0 {
        let before = waiting(&machine);
        machine.start_daemon().unwrap();
        eventually("some events taken in", PATIENCE, || waiting(&machine) < before).unwrap();
        pause(Duration::from_micros(random() % LONGEST_MOMENT_US));
        kills += usize::from(waiting(&machine) > 0);
        machine.kill_daemon().unwrap();
    }
    assert!(kills > 0, "all was taken in before it could be killed");
    machine.start_daemon().unwrap();
    let replica = Replica::of(&machine);
    assert_eq!(replica.number("SELECT count(*) FROM ct_hook_events"), i64::try_from(events).unwrap());
    assert_kept_in_order(&replica, &safe);
}

/// Turns until `over`; every event is counted in `fired` once its hook has ended well and has not said otherwise.
fn talk_until(machine: &Machine, project: &Path, over: &AtomicBool, fired: &AtomicUsize) -> Safe {
    let conversation = Conversation::new(machine, project);
    let mut safe = Safe::default();
    while !over.load(Ordering::Relaxed) {
        safe.turn(&conversation, |answer| {
            assert!(!answer.is_lost(), "{answer:?}");
            fired.fetch_add(1, Ordering::Relaxed);
        });
    }
    safe
}

impl Safe {
    /// A turn, event by event; each answer is given to `look`.
    fn turn(&mut self, conversation: &Conversation<'_>, look: impl Fn(&Answer)) {
        let turn = new_uuid();
        let prompt = format!("remember the token {turn}");
        look(&conversation.prompt(&turn, &prompt));
        self.prompts.push(prompt);
        for _ in 0..COMMANDS_A_TURN {
            let word = new_uuid();
            look(&command(conversation, &turn, &word));
            self.commands.push(format!("echo {word}"));
        }
        look(&conversation.stop(&turn, &format!("the token {turn} is remembered")));
        self.answers += 1;
    }
}

/// Rows enter the replica in the order of their numbers there.
fn assert_kept_in_order(replica: &Replica, safe: &Safe) {
    let session = format!("session_id = (SELECT session_id FROM work_items WHERE description = '{}')", safe.prompts[0]);
    let rows = |column: &str, table: &str| {
        replica.rows(&format!("SELECT {column} FROM {table} WHERE {session} ORDER BY rowid"))
    };
    assert_eq!(rows("description", "work_items"), safe.prompts);
    assert_eq!(rows("command_text", "command_runs"), safe.commands);
    let answered = rows("status", "work_items").iter().filter(|status| *status == "completed").count();
    assert_eq!(answered, safe.answers);
}

fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}
