//! Conversations of the real client on two machines that share a central: what one learns the other is told, nothing twice
//! in a conversation, and the ledger's figures are those of what reached the model.
//!
//! Compacting and clearing take a person at the keyboard, so some sessions go through a terminal for a while. The ordinary
//! run is a short one; `cargo xtask talk` makes it as long as is wanted.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::time::Duration;

use serde_json::{Value, json};
use sync::central;
use world::claude::{Client, Turn};
use world::model::script::compacts;
use world::{Machine, eventually, mariadb};

use crate::record::Summary;
use crate::replica::Replica;

const PROMPTS: &str = "CLAUDETOOLS_TALK_PROMPTS";
const SESSIONS: &str = "CLAUDETOOLS_TALK_SESSIONS";
const PATIENCE: Duration = Duration::from_mins(1);
/// What every injection begins with.
const MARKER: &str = "ClaudeTools memory (";
/// What the line about other sessions begins with.
const OTHERS: &str = "[ClaudeTools coordination] ";
/// A prompt of a session at which a helper is asked, and the one at which a session goes to the terminal.
const HELPER: usize = 2;
const KEYBOARD: usize = 3;
/// Prompts that are typed there: before and after compacting, after clearing.
const TYPED: usize = 3;
const MATERIALS: [&str; 12] =
    ["brass", "copper", "ebony", "granite", "ivory", "jade", "linen", "maple", "pewter", "quartz", "silver", "walnut"];
const THINGS: [&str; 20] = [
    "sextant",
    "barometer",
    "lantern",
    "anvil",
    "chisel",
    "compass",
    "goblet",
    "harmonica",
    "hourglass",
    "kettle",
    "lathe",
    "mandolin",
    "monocle",
    "pendulum",
    "quill",
    "saddle",
    "spindle",
    "teapot",
    "trumpet",
    "violin",
];

fn number(name: &str, otherwise: usize) -> usize {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

/// Something that only its own prompt names.
fn thing(number: usize) -> String {
    format!("{} {}", MATERIALS[number / THINGS.len() % MATERIALS.len()], THINGS[number % THINGS.len()])
}

/// How the prompt about it begins; other prompts may name the thing too.
fn question(number: usize) -> String {
    format!("Where is the {} kept?", thing(number))
}

/// Where it is: only the model's answer says so.
fn place(number: usize) -> String {
    format!("shelf {} of cabinet {}", 100 + number, 7 * number + 3)
}

/// A machine with its client, in a project that all share.
struct Desk<'m> {
    machine: &'m Machine,
    client: Client<'m>,
    replica: Replica,
    typed: usize,
    /// The conversation that was compacted and then left by clearing, until it is taken up again.
    compacted: Option<String>,
}

impl<'m> Desk<'m> {
    fn new(machine: &'m Machine) -> Desk<'m> {
        let project = machine.project("project", "https://git.example.invalid/acme/talk.git").unwrap();
        let client = Client::new(machine, &project).unwrap();
        Desk { machine, client, replica: Replica::of(machine), typed: 0, compacted: None }
    }

    fn sync(&self) {
        let run = self.machine.cli(&["sync", "--wait"]).unwrap();
        // 3: both machines bear the name of the one host, which is a conflict to look at.
        assert!([0, 3].contains(&run.code), "{run:#?}");
    }

    fn events(&self, event: &str) -> i64 {
        self.replica.number(&format!("SELECT count(*) FROM ct_hook_events WHERE event = '{event}'"))
    }

    fn is_answered(&self, title: &str) -> bool {
        let sql = format!("SELECT status FROM work_items WHERE title LIKE '{title}%'");
        self.replica.rows(&sql) == ["completed"]
    }

    /// The next prompt: in the compacted conversation if there is one, else in the last.
    fn go_on(&mut self, text: &str) -> Turn {
        let turn = match self.compacted.take() {
            Some(id) => self.client.headless(&["--resume", &id, "-p", text]),
            None => self.client.resume(text),
        };
        turn.unwrap().ok().unwrap()
    }

    /// Prompts at the keyboard, with the conversation compacted and cleared in between.
    fn type_some(&mut self, numbers: &[usize]) {
        let terminal = self.client.terminal().unwrap();
        for (at, &number) in numbers.iter().enumerate() {
            let title = question(number);
            terminal.line(&format!("{title} [[say:On {}.]]", place(number))).unwrap();
            eventually("the typed prompt answered", PATIENCE, || self.is_answered(&title)).unwrap();
            let started = self.events("SessionStart");
            match at {
                0 => {
                    self.compacted = self.client.requests().unwrap().last().map(conversation);
                    terminal.line("/compact").unwrap();
                }
                1 => terminal.line("/clear").unwrap(),
                _ => continue,
            }
            eventually("the session after it", PATIENCE, || self.events("SessionStart") > started).unwrap();
        }
        self.typed += numbers.len();
    }
}

/// Texts that were injected, each with how often.
type Texts = BTreeMap<String, usize>;
/// Each conversation's, before it was compacted, between that and the next time, and so on.
type Injected = BTreeMap<(String, usize), Texts>;

/// All that the model was sent. A request holds what its conversation was given since it was compacted: what it holds most of
/// was given as often.
fn reached(requests: &[Value]) -> Injected {
    let (mut found, mut compacted) = (Injected::new(), BTreeMap::<String, usize>::new());
    for request in requests {
        let mut texts = Texts::new();
        injected(&request["body"], &mut texts);
        let id = conversation(request);
        let times = compacted.entry(id.clone()).or_default();
        if !texts.is_empty() {
            let known = found.entry((id, *times)).or_default();
            for (text, times) in texts {
                let most = known.entry(text).or_default();
                *most = times.max(*most);
            }
        }
        *times += usize::from(compacts(&request["body"]));
    }
    found
}

fn injected(value: &Value, found: &mut Texts) {
    match value {
        Value::String(text) => {
            let ours = |part: &&str| part.starts_with(MARKER) || part.starts_with(OTHERS);
            for part in text.split("hook additional context: ").filter(ours) {
                let end = ["\n\n", "</system-reminder>"].iter().filter_map(|end| part.find(end)).min();
                let text = part[..end.unwrap_or(part.len())].trim_end();
                // The line about the others is on a record of its own.
                let (memory, others) = text.split_at(text.find(OTHERS).unwrap_or(text.len()));
                let texts = [memory, others].map(str::trim_end).into_iter().filter(|text| !text.is_empty());
                texts.for_each(|text| *found.entry(text.to_owned()).or_default() += 1);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| injected(item, found)),
        Value::Object(fields) => fields.values().for_each(|field| injected(field, found)),
        _ => {}
    }
}

/// The client says with each request to which of its sessions it belongs.
fn conversation(request: &Value) -> String {
    let said = request["body"]["metadata"]["user_id"].as_str().unwrap_or_default();
    let after = said.rfind("session").map_or("", |at| &said[at..]);
    let ids = after.split(|letter: char| letter != '-' && !letter.is_ascii_hexdigit());
    ids.map(|part| part.trim_matches('-')).find(|part| part.len() == 36).unwrap_or_default().to_owned()
}

#[test]
fn two_machines_talk_and_the_ledger_is_what_reached_the_model() {
    let (prompts, sessions) = (number(PROMPTS, 14), number(SESSIONS, 2));
    assert!(sessions > 0, "no sessions are no conversation");
    let each = prompts / sessions;
    let things = MATERIALS.len() * THINGS.len();
    assert!(prompts <= things, "there are only {things} things to ask about, not {prompts}");
    assert!(each > KEYBOARD + TYPED, "{each} prompts are too few for a session");
    let server = mariadb::shared().unwrap();
    let url = server.url(&server.fresh_database("talk").unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(central::init(&url.parse().unwrap(), central::InitOptions::default())).unwrap();
    let machines = ["desk", "bench"].map(|name| Machine::set_up(name, Some(&url)).unwrap());
    let mut desks = [Desk::new(&machines[0]), Desk::new(&machines[1])];
    let (mut told, mut asked) = (0, 0);
    for session in 0..sessions {
        let desk = &mut desks[session % 2];
        let first = session * each;
        let mut at = 0;
        while at < each {
            let number = first + at;
            if at == KEYBOARD && session % 2 == 1 {
                desk.type_some(&(number..number + TYPED).collect::<Vec<_>>());
                at += TYPED;
                continue;
            }
            // What the other machine learnt last.
            let also = if at == 0 && first > 0 {
                format!(" And I need the {} at once.", thing(first - 1))
            } else {
                String::new()
            };
            let helper = if at == HELPER {
                let helper = json!({ "description": "look", "prompt": "Count the shelves.", "subagent_type": "general-purpose" });
                format!(" [[tool:Agent {helper}]]")
            } else {
                String::new()
            };
            let text = format!("{}{also}{helper} [[say:On {}.]]", question(number), place(number));
            let turn = if at == 0 { desk.client.prompt(&text).unwrap().ok().unwrap() } else { desk.go_on(&text) };
            if at == 0 && first > 0 {
                asked += 1;
                told += u32::from(turn.model_saw(&place(first - 1)));
            }
            at += 1;
        }
        // Not `eprintln`: the test harness keeps that back until the end.
        writeln!(std::io::stderr(), "talk: session {} of {sessions}, {} prompts", session + 1, (session + 1) * each)
            .unwrap();
        for desk in [0, 1, 0] {
            desks[desk].sync(); // the first once more, for what came from the second
        }
    }
    report(&desks, sessions * each, told, asked);
}

fn report(desks: &[Desk<'_>; 2], prompts: usize, told: u32, asked: u32) {
    let mut summary = Summary { acknowledged: prompts as u64, instead: Some("prompts given"), ..Summary::default() };
    let (mut injections, mut tokens, mut memories, mut conversations) = (0, 0, 0, 0);
    let mut counted = 0;
    for desk in desks {
        let found = reached(&desk.client.requests().unwrap());
        assert!(found.keys().all(|(id, _)| id.len() == 36), "the client names its sessions: {:?}", found.keys());
        let texts = || found.values().flatten().flat_map(|(text, times)| std::iter::repeat_n(text, *times));
        let lines = |text: &str| text.lines().filter(|line| line.starts_with("- [")).count();
        let own_tokens: usize = texts().map(|text| text.chars().count().div_ceil(4)).sum();
        let own_memories: usize = texts().map(|text| lines(text)).sum();
        let total = desk.machine.cli(&["stats", "--json"]).unwrap().ok().unwrap().json().unwrap()["total"].clone();
        let ledger = ["injections", "tokens", "memories"].map(|name| total[name].clone());
        assert_eq!(ledger, [json!(texts().count()), json!(own_tokens), json!(own_memories)], "{total:#}\n{found:#?}");
        counted += total["prompts"].as_u64().unwrap();
        let mut given = BTreeSet::new();
        for ((id, _), texts) in &found {
            for line in texts.keys().flat_map(|text| text.lines()).filter(|line| line.starts_with("- [")) {
                assert!(given.insert((id, line)), "given twice to {id}: {line}");
            }
        }
        injections += texts().count();
        tokens += own_tokens;
        memories += own_memories;
        conversations += found.keys().map(|(id, _)| id).collect::<BTreeSet<_>>().len();
        let status = desk.machine.cli(&["status", "--json"]).unwrap().json().unwrap();
        assert!(status["hooks"]["last_error"].is_null(), "{status:#}");
        let conflicts = desk.machine.cli(&["sync", "conflicts", "--json"]).unwrap().json().unwrap();
        let others = conflicts.as_array().unwrap().iter().filter(|conflict| conflict["table"] != "machines");
        assert_eq!(others.count(), 0, "{conflicts:#}");
        let doctor = desk.machine.cli(&["doctor", "--json"]).unwrap().json().unwrap();
        let broken = doctor["findings"].as_array().unwrap().iter().filter(|finding| finding["level"] == "fail");
        assert_eq!(broken.count(), 0, "{doctor:#}");
        let titles =
            desk.replica.rows("SELECT title FROM conversation_contexts WHERE context_type = 'general_context'");
        let missing = (0..prompts).filter(|&number| !titles.iter().any(|title| title.starts_with(&question(number))));
        summary.lost.extend(missing.map(|number| format!("the prompt about the {}", thing(number))));
    }
    assert_eq!(counted, prompts as u64, "prompts in both ledgers");
    assert_eq!(told, asked, "what the other machine had learnt just before was told");
    let typed: usize = desks.iter().map(|desk| desk.typed).sum();
    for (name, figure) in [
        ("conversations that were told something", conversations.to_string()),
        ("injections, in the ledgers and at the model", injections.to_string()),
        ("memories in them", memories.to_string()),
        ("tokens of them", tokens.to_string()),
        ("prompts that were typed, around compacting and clearing", typed.to_string()),
        ("questions about what the other machine learnt, answered", format!("{told} of {asked}")),
    ] {
        summary.figures.insert(name, figure);
    }
    summary.report("talk::two_machines_talk_and_the_ledger_is_what_reached_the_model");
}
