//! A daemon that does not answer for a while: frozen, stopped, restarted.

use std::time::Duration;

use world::eventually;

use super::{PATIENCE, assert_saved, machine, taken_in, talk, told, waiting};
use crate::conversation::{Conversation, new_uuid};
use crate::replica::Replica;

const WORDS: [&str; 3] = ["amber", "basalt", "copper"];

#[test]
fn a_frozen_daemon_costs_the_deadline_and_nothing_else() {
    let (machine, project) = machine("frozen");
    let conversation = Conversation::new(&machine, &project);
    conversation.start().is_taken();
    machine.freeze_daemon().unwrap();
    let answers = talk(&Conversation::new(&machine, &project).impatient(), &WORDS);
    for answer in &answers {
        assert!(answer.run.took >= Duration::from_millis(100), "a frozen daemon is given a chance: {answer:?}");
    }
    let told = told(&answers);
    assert_eq!(told.len(), 1, "the user is told once: {told:?}");
    let spool = machine.home().spool();
    for says in ["did not answer within", "kept in", spool.to_str().unwrap(), "claudetools doctor"] {
        assert!(told[0].contains(says), "{says}: {told:?}");
    }
    assert_eq!(waiting(&machine), 9);

    machine.thaw_daemon().unwrap();
    taken_in(&machine);
    let replica = Replica::of(&machine);
    for word in WORDS {
        assert_saved(&replica, word);
    }
    let next = conversation.prompt(&new_uuid(), "and now?");
    assert!(next.message.unwrap().contains("answers again"));
    conversation.prompt(&new_uuid(), "and then?").is_taken();
}

#[test]
fn what_was_told_too_late_is_told_with_the_next_prompt_and_paid_for_once() {
    let (machine, project) = machine("late");
    machine.index_ready(PATIENCE).unwrap();
    let earlier = Conversation::new(&machine, &project);
    earlier.turn("Where does the staging database listen?", "The staging database listens on port 5544.");
    let question = "Which port does our staging database use?";
    let asker = Conversation::new(&machine, &project);

    machine.freeze_daemon().unwrap();
    let late = asker.prompt(&new_uuid(), question);
    assert!(late.context.is_none() && late.message.is_some(), "{late:?}");
    machine.thaw_daemon().unwrap();
    taken_in(&machine);

    // The one whose hook had left may be answered at any time from now on, or not at all; that nobody reads the answer is heard
    // a moment after it was made, and until then it counts as told.
    let mut again = None;
    let is_told = || {
        let context = again.insert(asker.prompt(&new_uuid(), question)).context.as_ref();
        context.is_some_and(|context| context.contains("5544"))
    };
    eventually("what was told too late", PATIENCE, is_told).unwrap_or_else(|error| panic!("{error}: {again:?}"));
    let replica = Replica::of(&machine);
    let injections = "SELECT count(*) FROM ct_injections WHERE event = 'UserPromptSubmit'";
    eventually("the injection on record", PATIENCE, || replica.number(injections) > 0).unwrap();
    machine.stop_daemon().unwrap();
    assert_eq!(replica.number(injections), 1);
}

#[test]
fn each_outage_is_told_once_with_the_number_of_events_taken_in_afterwards() {
    let (machine, project) = machine("outages");
    let conversation = Conversation::new(&machine, &project);
    conversation.start().is_taken();
    for word in ["first", "second"] {
        machine.stop_daemon().unwrap();
        let answers = talk(&conversation, &[word]);
        let told = told(&answers);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("the daemon is not running"), "{told:?}");
        assert_eq!(waiting(&machine), 3);

        machine.start_daemon().unwrap();
        taken_in(&machine);
        let back = conversation.prompt(&new_uuid(), "and now?");
        let message = back.message.as_deref().unwrap_or_default();
        assert!(message.contains("answers again") && message.contains("3 events"), "{back:?}");
        conversation.prompt(&new_uuid(), "and then?").is_taken();
        assert_saved(&Replica::of(&machine), word);
    }
}

#[test]
fn a_restart_in_a_session_is_not_noticed() {
    let (machine, project) = machine("restarted");
    let conversation = Conversation::new(&machine, &project);
    conversation.start().is_taken();
    let before = talk(&conversation, &["flint"]);
    machine.stop_daemon().unwrap();
    machine.start_daemon().unwrap();
    let after = talk(&conversation, &["garnet"]);
    assert_eq!((told(&before), told(&after)), (vec![], vec![]));
    let replica = Replica::of(&machine);
    assert_saved(&replica, "flint");
    assert_saved(&replica, "garnet");
    assert_eq!(replica.number("SELECT count(*) FROM sessions"), 1);
}
