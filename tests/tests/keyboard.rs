//! What only a person at the keyboard does: interrupting, compacting, clearing. All of it keeps what was done.

use std::time::Duration;

use world::claude::Client;
use world::{Machine, eventually};

use crate::replica::Replica;

const PATIENCE: Duration = Duration::from_mins(1);

#[test]
fn interrupting_compacting_and_clearing_keep_what_was_done() {
    let machine = Machine::set_up("keyboard", None).unwrap();
    let project = machine.project("project", "https://git.example.invalid/acme/keyboard.git").unwrap();
    let client = Client::new(&machine, &project).unwrap();
    let replica = Replica::of(&machine);
    let status = |title: &str| replica.rows(&format!("SELECT status FROM work_items WHERE title LIKE '{title}%'"));
    let events = |event: &str| replica.number(&format!("SELECT count(*) FROM ct_hook_events WHERE event = '{event}'"));

    let terminal = client.terminal().unwrap();
    // What is typed while the client is at work is another matter: a command may be taken for a part of the turn.
    let at_rest = |after: &str| {
        let is_idle = || terminal.screen().is_ok_and(|screen| !screen.contains("esc to interrupt"));
        eventually(&format!("the client at rest after {after}"), PATIENCE, is_idle).unwrap();
    };
    terminal.line("alpha question [[say:alpha answer]]").unwrap();
    eventually("the first turn saved", PATIENCE, || status("alpha") == ["completed"]).unwrap();

    terminal.line("bravo question [[delay:600]]").unwrap();
    eventually("the second prompt saved", PATIENCE, || status("bravo") == ["in_progress"]).unwrap();
    terminal.wait_for("esc to interrupt", PATIENCE).unwrap();
    terminal.key("Escape").unwrap();
    // A key that came too soon after Escape would be taken for one key with it.
    at_rest("the interruption");
    // The client gives an unanswered prompt back for editing: the line is emptied.
    terminal.key("C-u").unwrap();
    terminal.line("charlie question [[say:charlie answer]]").unwrap();
    eventually("the third turn saved", PATIENCE, || status("charlie") == ["completed"]).unwrap();
    assert_eq!(status("bravo"), ["deferred"], "an interrupted turn is kept as one");

    at_rest("the third turn");
    terminal.line("/compact").unwrap();
    eventually("the compaction told", PATIENCE, || events("PreCompact") == 1).unwrap();
    eventually("the session after it", PATIENCE, || events("SessionStart") == 2).unwrap();
    terminal.line("delta question [[say:delta answer]]").unwrap();
    eventually("the turn after the compaction saved", PATIENCE, || status("delta") == ["completed"]).unwrap();

    at_rest("the turn after the compaction");
    terminal.line("/clear").unwrap();
    eventually("the end of the session", PATIENCE, || events("SessionEnd") == 1).unwrap();
    eventually("the new session", PATIENCE, || events("SessionStart") == 3).unwrap();
    terminal.line("echo question [[say:echo answer]]").unwrap();
    eventually("the turn after the clearing saved", PATIENCE, || status("echo") == ["completed"]).unwrap();

    let turns = replica.rows(
        "SELECT s.claude_session_id, count(*) FROM work_items w JOIN sessions s ON s.id = w.session_id
          GROUP BY s.id ORDER BY count(*) DESC",
    );
    let counts: Vec<_> = turns.iter().map(|line| line.rsplit('\t').next().unwrap()).collect();
    assert_eq!(counts, ["4", "1"], "compacting keeps the session, clearing begins another: {turns:?}");
    let recalled = client.prompt("what was the alpha question about?").unwrap().ok().unwrap();
    assert!(recalled.model_saw("alpha answer"), "{:#?}", recalled.run);
}
