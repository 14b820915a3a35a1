//! Secrets of many kinds, shaped as their makers shape them, said in prompts, answers, commands and files; then
//! searched for where memory is kept and told: the replica with its packed columns, the index, the log, central, another
//! machine, and what a prompt is given. The words beside them must be found there: so a search that finds nothing has looked.

use std::fs;

use regex::bytes::RegexBuilder;
use rusqlite::{Connection, OpenFlags};
use serde_json::json;
use world::Machine;
use world::planted::{KINDS, made};
use world::random::Random;

use super::needles::rare_text;
use super::{Central, round};
use crate::conversation::{Conversation, new_uuid};

/// Secrets of one turn.
const OF_A_TURN: usize = 12;

/// Everything that a replica holds, unpacked.
#[expect(clippy::disallowed_methods, reason = "looks at the file as any program would")]
fn dump(machine: &Machine) -> Vec<u8> {
    let db = Connection::open_with_flags(machine.home().replica(), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let packed: Vec<(String, String)> = db
        .prepare(
            "SELECT tables.name, columns.name FROM sqlite_schema AS tables, pragma_table_info(tables.name) AS columns
              WHERE tables.type = 'table' AND columns.name LIKE '%\\_zst' ESCAPE '\\'",
        )
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert!(packed.len() > 2, "no packed columns: {packed:?}");
    let mut all = fs::read(machine.home().replica()).unwrap();
    for (table, column) in packed {
        let mut rows = db.prepare(&format!("SELECT {column} FROM {table} WHERE {column} IS NOT NULL")).unwrap();
        for bytes in rows.query_map([], |row| row.get::<_, Vec<u8>>(0)).unwrap() {
            all.extend(sync::local::decompress(&bytes.unwrap()).unwrap());
        }
    }
    all
}

fn below(folder: &std::path::Path, all: &mut Vec<u8>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.path().is_dir() {
            below(&entry.path(), all);
        } else if entry.path().is_file() {
            all.extend(fs::read(entry.path()).unwrap_or_default());
        }
    }
}

#[test]
fn secrets_of_every_kind_stay_out_of_memory() {
    let seed = u64::from(std::process::id());
    println!("seed {seed}");
    let mut random = Random::new(seed);
    let secrets: Vec<(&str, String, String)> = KINDS
        .iter()
        .map(|shape| {
            let (text, needle) = made(shape, &mut random);
            (*shape, text, needle)
        })
        .collect();
    let word = rare_text(&mut random);
    let central = Central::new();
    let (a, b) = (central.machine("a"), central.machine("b"));
    let project = a.project("shop", "git@example.com:team/shop.git").unwrap();
    let talk = Conversation::new(&a, &project);
    talk.start();
    for (number, turn) in secrets.chunks(OF_A_TURN).enumerate() {
        let said = |what: &str| {
            let lines = turn.iter().map(|(_, text, _)| format!("{what} {word} number {number}:\n{text}\n"));
            lines.collect::<String>()
        };
        let id = new_uuid();
        talk.prompt(&id, &said("the prompt of")).is_taken();
        let run = json!({ "prompt_id": id, "tool_name": "Bash", "tool_use_id": new_uuid(),
                          "tool_input": { "command": said("echo") }, "tool_response": { "stdout": said("the output of") } });
        talk.fire("PostToolUse", &run).is_taken();
        let file = json!({ "prompt_id": id, "tool_name": "Write", "tool_use_id": new_uuid(),
                           "tool_input": { "file_path": project.join("notes.txt"), "content": said("the file of") },
                           "tool_response": { "type": "create", "filePath": project.join("notes.txt"), "content": said("the file of") } });
        talk.fire("PostToolUse", &file).is_taken();
        talk.stop(&id, &said("the answer of")).is_taken();
    }
    talk.fire("SessionEnd", &json!({ "reason": "other" }));
    round(&a);
    round(&b);

    let patterns: Vec<String> = secrets.iter().map(|(_, _, needle)| regex::escape(needle)).collect();
    let any = RegexBuilder::new(&patterns.join("|")).unicode(false).size_limit(1 << 26).build().unwrap();
    let leaks = |bytes: &[u8]| -> Vec<&str> {
        let mut found: Vec<&str> = any
            .find_iter(bytes)
            .filter_map(|found| secrets.iter().find(|(_, _, needle)| needle.as_bytes() == found.as_bytes()))
            .map(|(shape, _, _)| *shape)
            .collect();
        found.sort_unstable();
        found.dedup();
        found
    };
    let holds = |bytes: &[u8]| bytes.windows(word.len()).any(|window| window == word.as_bytes());
    for machine in [&a, &b] {
        let replica = dump(machine);
        assert!(holds(&replica), "memory has not got there");
        assert_eq!(leaks(&replica), [""; 0], "replica");
        let mut files = Vec::new();
        below(machine.home().root(), &mut files);
        assert_eq!(leaks(&files), [""; 0], "files of the home");
        let other = machine.project("again", "git@example.com:team/shop.git").unwrap();
        let told = Conversation::new(machine, &other).prompt("p", &format!("what is {word} number 3 about?")).context;
        let told = told.expect("something is told");
        assert!(holds(told.as_bytes()) && told.contains("[redacted:"), "{told}");
        assert_eq!(leaks(told.as_bytes()), [""; 0], "told");
    }
    let told = central
        .sql("SELECT dense_summary FROM conversation_contexts; SELECT command_text, output_summary FROM command_runs");
    assert!(holds(told.as_bytes()));
    assert_eq!(leaks(told.as_bytes()), [""; 0], "central");
    let counted = a.cli(&["doctor", "--json"]).unwrap();
    assert!(counted.stdout.contains("redacted"), "doctor does not say that secrets were taken out: {}", counted.stdout);
}
