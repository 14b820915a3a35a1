//! Sessions without hooks come in from the transcripts that the real client writes; the ledger tells what memory cost.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use world::claude::Client;
use world::{Machine, eventually};

use crate::replica::Replica;

const PATIENCE: Duration = Duration::from_mins(1);
const TURNS: &str =
    "SELECT title FROM conversation_contexts WHERE context_type = 'general_context' ORDER BY created_at";
/// What every injection begins with.
const MARKER: &str = "ClaudeTools memory (";

fn configure(machine: &Machine, watch: bool) {
    fs::create_dir_all(machine.home().root()).unwrap();
    let text = format!("[capture]\nwatch = {watch}\nquiet_seconds = 1\n");
    fs::write(machine.home().config(), text).unwrap();
}

fn import(machine: &Machine) -> Value {
    machine.cli(&["import", "--transcripts", "--json"]).unwrap().ok().unwrap().json().unwrap()[0].clone()
}

/// Whether every conversation's transcript was read to its end.
fn is_all_read(machine: &Machine, replica: &Replica) -> bool {
    let read = replica.rows("SELECT path, size FROM ct_transcripts");
    let files = walk(&machine.claude_config().join("projects"));
    !files.is_empty() && files.iter().all(|(path, size)| read.contains(&format!("{path}\t{size}")))
}

fn walk(folder: &Path) -> Vec<(String, u64)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(walk(&path));
        } else if path.extension().is_some_and(|end| end == "jsonl") {
            found.push((path.display().to_string(), entry.metadata().unwrap().len()));
        }
    }
    found
}

#[test]
fn sessions_without_hooks_are_imported_and_watched_and_hooks_make_nothing_twice() {
    let machine = Machine::new("without-hooks").unwrap();
    let project = machine.project("project", "https://git.example.invalid/acme/without-hooks.git").unwrap();
    configure(&machine, false);
    machine.start_daemon().unwrap();
    let client = Client::new(&machine, &project).unwrap();
    let tool = json!({ "file_path": project.join("made.txt"), "content": "one\n" });
    let turn =
        client.prompt(&format!("Where is the sextant? [[tool:Write {tool}]] [[say:In drawer eleven.]]")).unwrap();
    let session = turn.ok().unwrap().session().unwrap().to_owned();

    let replica = Replica::of(&machine);
    let dry = machine.cli(&["import", "--transcripts", "--dry-run", "--json"]).unwrap().ok().unwrap().json().unwrap();
    assert_eq!((&dry[0]["contexts_created"], replica.rows(TURNS).len()), (&json!(1), 0), "{dry:#}");
    assert_eq!(import(&machine)["contexts_created"], 1);
    assert_eq!(replica.rows("SELECT change_type FROM file_changes"), ["created"]);
    assert_eq!(replica.rows("SELECT slug FROM projects"), ["git.example.invalid/acme/without-hooks"]);
    let again = import(&machine);
    assert_eq!(again["contexts_created"], 0, "{again:#}");
    assert_eq!(again["skipped"][0]["count"], 1, "the file is known: {again:#}");

    // The session goes on while nobody runs, and then is watched.
    machine.stop_daemon().unwrap();
    client.resume("And the compass? [[say:It points north.]]").unwrap().ok().unwrap();
    configure(&machine, true);
    machine.start_daemon().unwrap();
    eventually("the turn without hooks captured", PATIENCE, || replica.rows(TURNS).len() == 2).unwrap();
    client.resume("And the lead line? [[say:Forty fathoms.]]").unwrap().ok().unwrap();
    eventually("the next one too", PATIENCE, || replica.rows(TURNS).len() == 3).unwrap();
    let status = machine.cli(&["status", "--json"]).unwrap().json().unwrap();
    let watch = &status["transcripts"];
    assert_eq!(watch["state"], "watching", "{watch:#}");
    assert!(watch["captured"].as_u64() >= Some(1) && watch["last_captured_at"].is_string(), "{watch:#}");
    assert!(machine.cli(&["status"]).unwrap().stdout.contains("of transcripts, last captured"));

    // With hooks: they and the watching make one of it.
    machine.setup(None).unwrap();
    client.resume("And the chart? [[say:Under the table.]]").unwrap().ok().unwrap();
    eventually("the transcript read", PATIENCE, || is_all_read(&machine, &replica)).unwrap();
    let titles: Vec<String> =
        replica.rows(TURNS).iter().map(|title| title.split(" [[").next().unwrap().to_owned()).collect();
    assert_eq!(titles, ["Where is the sextant?", "And the compass?", "And the lead line?", "And the chart?"]);
    assert_eq!(replica.rows("SELECT claude_session_id FROM sessions"), [session]);
    assert_eq!(import(&machine)["contexts_created"], 0);
    assert_eq!(replica.rows("SELECT title FROM work_items WHERE status <> 'completed'"), Vec::<String>::new());
}

/// Texts that we injected, as the model was sent them.
fn injected(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            for part in text.split("hook additional context: ").filter(|part| part.starts_with(MARKER)) {
                // Ours has no empty line; what follows is the client's own.
                let end = ["\n\n", "</system-reminder>"].iter().filter_map(|end| part.find(end)).min();
                found.insert(part[..end.unwrap_or(part.len())].trim_end().to_owned());
            }
        }
        Value::Array(items) => items.iter().for_each(|item| injected(item, found)),
        Value::Object(fields) => fields.values().for_each(|field| injected(field, found)),
        _ => {}
    }
}

#[test]
fn the_ledger_counts_what_reached_the_model() {
    let machine = Machine::set_up("ledger", None).unwrap();
    let project = machine.project("project", "https://git.example.invalid/acme/ledger.git").unwrap();
    let client = Client::new(&machine, &project).unwrap();
    client.prompt("Where is the sextant? [[say:In drawer eleven, beside the barometer.]]").unwrap().ok().unwrap();
    // Words that stand in the prompt prove nothing: it names them as only the reader of JSON understands.
    let tool = r#"[[tool:Bash {"command": "echo dr\u0061wer el\u0065ven b\u0061rometer", "description": "look"}]]"#;
    client.prompt(&format!("I need the sextant now {tool} [[say:Open it.]]")).unwrap().ok().unwrap();

    let mut texts = BTreeSet::new();
    client.requests().unwrap().iter().for_each(|request| injected(&request["body"], &mut texts));
    assert!(!texts.is_empty(), "something was injected");
    let tokens: usize = texts.iter().map(|text| text.chars().count().div_ceil(4)).sum();
    let memories = texts.iter().flat_map(|text| text.lines()).filter(|line| line.starts_with("- [")).count();
    let stats = || machine.cli(&["stats", "--json"]).unwrap().ok().unwrap().json().unwrap();
    eventually("the use found out", PATIENCE, || stats()["total"]["used"].as_u64() >= Some(1)).unwrap();
    let report = stats();
    let total = &report["total"];
    assert_eq!((&total["tokens"], &total["memories"]), (&json!(tokens), &json!(memories)), "{texts:#?}\n{report:#}");
    assert_eq!((&total["prompts"], &total["injections"]), (&json!(2), &json!(texts.len())), "{report:#}");
    let history = total["history"].as_i64().unwrap();
    assert!(history > 0 && total["saved"] == json!(history - i64::try_from(tokens).unwrap()), "{report:#}");
    assert_eq!(report["projects"][0]["project"], "git.example.invalid/acme/ledger");
    let uses = Replica::of(&machine).number("SELECT sum(usage_count) FROM conversation_contexts");
    assert!(uses >= 1, "what was used counts for recall");
    let drawn = machine.cli(&["stats", "--days", "2"]).unwrap().ok().unwrap().stdout;
    assert!(drawn.contains('█') && drawn.contains("whole history") && !drawn.contains('\u{1b}'), "{drawn}");
}
