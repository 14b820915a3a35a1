//! What the real client does becomes rows, however the turn or the client ends.

use std::time::Duration;

use serde_json::json;
use world::claude::Client;
use world::{Machine, eventually};

use crate::replica::Replica;

const PATIENCE: Duration = Duration::from_mins(1);

/// A machine that is set up, with a project.
fn machine(name: &str) -> (Machine, std::path::PathBuf) {
    let machine = Machine::set_up(name, None).unwrap();
    let project = machine.project("project", &format!("https://git.example.invalid/acme/{name}.git")).unwrap();
    (machine, project)
}

fn tool(name: &str, input: &serde_json::Value) -> String {
    format!("[[tool:{name} {input}]]")
}

#[test]
fn tools_leave_changed_files_commands_and_failures() {
    let (machine, project) = machine("tools");
    let client = Client::new(&machine, &project).unwrap();
    let made = project.join("made.txt");
    let steps = [
        tool("Write", &json!({ "file_path": made, "content": "one\ntwo\n" })),
        tool("Read", &json!({ "file_path": made })),
        tool("Edit", &json!({ "file_path": made, "old_string": "two", "new_string": "three" })),
        tool("Bash", &json!({ "command": "echo counted $((40 + 2))", "description": "count" })),
        tool("Bash", &json!({ "command": "echo no luck >&2; exit 7", "description": "fail" })),
    ];
    let turn = client.prompt(&format!("make it {} [[say:made and counted]]", steps.join(" "))).unwrap().ok().unwrap();
    assert_eq!(std::fs::read_to_string(&made).unwrap(), "one\nthree\n");

    let replica = Replica::of(&machine);
    let session = turn.session().unwrap();
    let of_session = format!("session_id = (SELECT id FROM sessions WHERE claude_session_id = '{session}')");
    let changes = replica
        .rows(&format!("SELECT file_path, change_type FROM file_changes WHERE {of_session} ORDER BY created_at"));
    assert_eq!(changes, [format!("{}\tcreated", made.display()), format!("{}\tmodified", made.display())]);
    let commands = replica.rows(&format!(
        "SELECT exit_code, success, output_summary FROM command_runs WHERE {of_session} ORDER BY created_at"
    ));
    assert_eq!(commands.len(), 2, "{commands:?}");
    assert!(commands[0].starts_with("0\t1\tcounted 42"), "{commands:?}");
    assert!(commands[1].starts_with("7\t0\tno luck"), "{commands:?}");
    let failures =
        replica.rows(&format!("SELECT error_code, error_message FROM operation_failures WHERE {of_session}"));
    assert_eq!(failures.len(), 1, "{failures:?}");
    assert!(failures[0].contains("no luck"), "{failures:?}");
    let work = replica.rows(&format!("SELECT status FROM work_items WHERE {of_session}"));
    assert_eq!(work, ["completed"]);
    let saved = replica.number(
        "SELECT count(*) FROM conversation_contexts WHERE dense_summary LIKE '%made and counted%'
          AND project_id IS NOT NULL AND machine_id IS NOT NULL AND session_id IS NOT NULL",
    );
    assert!(saved > 0, "{:#?}", replica.rows("SELECT title, dense_summary FROM conversation_contexts"));
    a_failed_command_is_warned_of(&client, &replica);
}

/// The model of another conversation is told of the last run before it runs the command once more, and only once.
fn a_failed_command_is_warned_of(client: &Client<'_>, replica: &Replica) {
    let again = tool("Bash", &json!({ "command": "echo no luck >&2; exit 7", "description": "fail" }));
    let turn = client.prompt(&format!("try that {again} {again}")).unwrap().ok().unwrap();
    let warning = "`echo no luck >&2; exit 7` failed here on ";
    assert!(turn.model_saw(warning) && turn.model_saw("(exit 7: no luck)"), "{:#?}", turn.requests);
    let given = replica.rows("SELECT count(*), sum(tokens) > 10 FROM ct_injections WHERE event = 'PreToolUse'");
    assert_eq!(given, ["1\t1"]);
}

#[test]
fn a_resumed_session_goes_on_and_a_fork_is_one_of_its_own() {
    let (machine, project) = machine("resumed");
    let client = Client::new(&machine, &project).unwrap();
    let first = client.prompt("first question [[say:first answer]]").unwrap().ok().unwrap();
    let second = client.resume("second question [[say:second answer]]").unwrap().ok().unwrap();
    assert_eq!(first.session(), second.session());
    let fork = client.headless(&["--continue", "--fork-session", "-p", "third question [[say:third answer]]"]);
    let fork = fork.unwrap().ok().unwrap();
    assert_ne!(fork.session(), first.session());

    let replica = Replica::of(&machine);
    let titles = |session: Option<&str>| {
        replica.rows(&format!(
            "SELECT w.status, w.title FROM work_items w JOIN sessions s ON s.id = w.session_id
              WHERE s.claude_session_id = '{}' ORDER BY w.created_at",
            session.unwrap()
        ))
    };
    let (kept, forked) = (titles(first.session()), titles(fork.session()));
    assert_eq!(kept.len(), 2, "{kept:?}");
    assert!(
        kept[0].starts_with("completed\tfirst question") && kept[1].starts_with("completed\tsecond question"),
        "{kept:?}"
    );
    assert_eq!(forked.len(), 1, "a fork's transcript begins with a copy, which is no work of its own: {forked:?}");
    assert!(forked[0].starts_with("completed\tthird question"), "{forked:?}");
}

#[test]
fn a_killed_client_loses_nothing_that_was_done() {
    let (machine, project) = machine("killed");
    let client = Client::new(&machine, &project).unwrap();
    let made = project.join("half.txt");
    let steps = [
        tool("Write", &json!({ "file_path": made, "content": "half of it\n" })),
        tool("Bash", &json!({ "command": "sleep 600", "description": "wait" })),
    ];
    let mut running = client.start(&format!("write the zeppelin chapter {}", steps.join(" "))).unwrap();
    let replica = Replica::of(&machine);
    eventually("the change of the file saved", PATIENCE, || replica.number("SELECT count(*) FROM file_changes") == 1)
        .unwrap();
    running.kill9().unwrap();

    let again = client.prompt("what about the zeppelin chapter?").unwrap().ok().unwrap();
    assert!(again.model_saw("half.txt"), "{:#?}", again.run);
    let lost = replica.rows("SELECT status, title FROM work_items ORDER BY created_at");
    assert!(lost[0].contains("zeppelin"), "{lost:?}");
}

#[test]
fn machine_prompts_and_injected_text_are_no_memory() {
    let (machine, project) = machine("noise");
    let client = Client::new(&machine, &project).unwrap();
    client.prompt("The walrus migrates in April. [[say:Noted.]]").unwrap().ok().unwrap();
    let recalled = client.prompt("When does the walrus migrate? [[say:See above.]]").unwrap().ok().unwrap();
    assert!(recalled.model_saw("in April"), "{:#?}", recalled.run);
    let talk = crate::conversation::Conversation::new(&machine, &project);
    talk.prompt(
        &crate::conversation::new_uuid(),
        "<task-notification>\n<task-id>b1</task-id> octopus done\n</task-notification>",
    )
    .is_taken();

    let replica = Replica::of(&machine);
    let all = "SELECT count(*) FROM conversation_contexts WHERE dense_summary LIKE";
    assert_eq!(replica.number(&format!("{all} '%octopus%'")), 0);
    assert_eq!(replica.number("SELECT count(*) FROM work_items WHERE description LIKE '%octopus%'"), 0);
    // The second conversation was given the fact; only the first one has said it.
    let said = replica.rows(
        "SELECT context_type, title, dense_summary FROM conversation_contexts
         WHERE context_type = 'general_context' AND dense_summary LIKE '%in April%'",
    );
    assert_eq!(said.len(), 1, "{said:#?}");
}
