//! Memory as tools: over standard input and output with another implementation of the protocol, and in the hands of the real
//! client.

use std::path::Path;
use std::time::Duration;

use rmcp::ServiceExt as _;
use rmcp::model::CallToolRequestParams;
use rmcp::transport::TokioChildProcess;
use serde_json::{Value, json};
use world::claude::Client;
use world::{Machine, binaries, eventually};

use crate::conversation::Conversation;
use crate::replica::Replica;

const PATIENCE: Duration = Duration::from_mins(1);

/// The server of a machine in a folder, asked one thing after another.
struct Tools {
    runtime: tokio::runtime::Runtime,
    client: rmcp::service::RunningService<rmcp::RoleClient, ()>,
}

impl Tools {
    fn of(machine: &Machine, folder: &Path) -> Tools {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let mut command = machine.program(binaries::path("claudetools").unwrap());
        command.arg("mcp").current_dir(folder);
        let client = runtime.block_on(async {
            let process = TokioChildProcess::new(tokio::process::Command::from(command)).unwrap();
            ().serve(process).await.unwrap()
        });
        Tools { runtime, client }
    }

    /// What a tool answers; Err when it says that it could not.
    fn call(&self, name: &'static str, arguments: &Value) -> Result<String, String> {
        let params = CallToolRequestParams::new(name).with_arguments(arguments.as_object().unwrap().clone());
        let answer = self.runtime.block_on(self.client.call_tool(params)).unwrap();
        let answer = serde_json::to_value(answer).unwrap();
        let text = answer["content"][0]["text"].as_str().unwrap().to_owned();
        if answer["isError"] == true { Err(text) } else { Ok(text) }
    }

    fn ok(&self, name: &'static str, arguments: &Value) -> String {
        self.call(name, arguments).unwrap()
    }
}

/// The id in the first line of an index, or after "as " in an answer.
fn id_in(told: &str) -> String {
    let is_id = |word: &&str| word.len() == 36 && word.matches('-').count() == 4;
    told.split(|c: char| c.is_whitespace() || c == '|').find(is_id).unwrap_or_else(|| panic!("{told}")).to_owned()
}

#[test]
fn the_tools_search_get_save_and_forget() {
    let machine = Machine::set_up("tools-by-protocol", None).unwrap();
    let project = machine.project("project", "https://git.example.invalid/acme/by-protocol.git").unwrap();
    let other = machine.project("other", "https://git.example.invalid/globex/secret.git").unwrap();
    let talk = Conversation::new(&machine, &project);
    talk.start().is_taken();
    talk.turn("Where is the lantern kept?", "The lantern hangs in the boathouse, see OPS-412.");
    talk.turn("And the anchor?", "The anchor lies in the harbour.");
    Conversation::new(&machine, &other).turn("Where is the walrus kept?", "The walrus is in the cellar.");

    let tools = Tools::of(&machine, &project);
    let server = tools.client.peer_info().unwrap();
    assert!(server.instructions.as_ref().unwrap().contains("search"), "{server:?}");
    let listed = tools.runtime.block_on(tools.client.list_all_tools()).unwrap();
    assert_eq!(listed.len(), 8);

    let found = tools.ok("search", &json!({ "query": "lantern" }));
    assert!(found.contains("Where is the lantern kept?") && !found.contains("boathouse"), "an index only: {found}");
    let id = id_in(&found);
    let whole = tools.ok("get", &json!({ "ids": [id, "00000000-0000-7000-8000-000000000000"] }));
    assert!(whole.contains("boathouse") && whole.contains("project git.example.invalid/acme/by-protocol"), "{whole}");
    assert!(whole.contains("There is no memory 00000000"), "{whole}");
    let around = tools.ok("timeline", &json!({ "id": id }));
    assert!(around.contains(&format!("> {id}")) && around.contains("And the anchor?"), "{around}");
    let tagged = tools.ok("search", &json!({ "query": "", "tags": ["ops-412"] }));
    assert!(tagged.contains("lantern") && !tagged.contains("anchor"), "{tagged}");

    // Decisions replace each other.
    let first = id_in(&tools.ok("decide", &json!({ "text": "We use port 4317.", "rationale": "It is free." })));
    let second = tools.ok("decide", &json!({ "text": "We use port 4318.", "supersedes": first, "impact": "high" }));
    assert!(second.contains(&format!("replaces {first}")), "{second}");
    let found = tools.ok("search", &json!({ "query": "which port do we use" }));
    assert!(found.contains("4318") && !found.contains("4317"), "{found}");
    let saved = tools.ok("remember", &json!({ "text": "The pump needs priming.", "tags": ["Pump", "water"] }));
    let both = tools.ok("search", &json!({ "query": "", "tags": ["pump", "water"], "all_tags": true }));
    assert!(both.contains("priming"), "{both}");
    let neither = tools.ok("search", &json!({ "query": "", "tags": ["pump", "fire"], "all_tags": true }));
    assert!(!neither.contains("priming"), "{neither}");

    // Nothing goes without a yes.
    let saved = id_in(&saved.replace(['.', ','], " "));
    assert!(tools.ok("forget", &json!({ "id": saved })).contains("Nothing was changed"));
    assert!(tools.ok("search", &json!({ "query": "pump priming" })).contains("priming"));
    tools.ok("forget", &json!({ "id": saved, "confirm": true }));
    assert!(!tools.ok("search", &json!({ "query": "pump priming" })).contains("priming"));

    tools.ok("remember", &json!({ "text": "Waiting for the customer's key.", "kind": "blocker" }));
    assert!(tools.ok("open_ends", &json!({})).contains("customer's key"));
    assert!(tools.ok("who_is_here", &json!({})).contains("session "));

    // Another client's memory is not shown, whatever is asked for.
    let replica = Replica::of(&machine);
    let walrus = replica.rows("SELECT id FROM conversation_contexts WHERE title LIKE '%walrus%'").remove(0);
    belongs_to_a_client(&machine, "git.example.invalid/globex/secret");
    let asked = json!({ "query": "walrus", "project": "git.example.invalid/globex/secret" });
    assert!(!tools.ok("search", &asked).contains("walrus"));
    assert!(!tools.ok("get", &json!({ "ids": [walrus] })).contains("cellar"));
    assert!(tools.call("forget", &json!({ "id": walrus, "confirm": true })).is_err());
    assert!(tools.call("timeline", &json!({ "id": walrus })).is_err());

    // A daemon that is gone is started; one that cannot be reached is told of, with what to do.
    machine.stop_daemon().unwrap();
    assert!(tools.ok("search", &json!({ "query": "lantern" })).contains("lantern"));
}

/// Gives a project to a client of its own.
fn belongs_to_a_client(machine: &Machine, slug: &str) {
    use hooks::link::Link;
    use hooks::wire::Request;
    let send = |method, path: &str, body: Value| -> Value {
        let bytes = body.to_string().into_bytes();
        let headers = [("Content-Type", "application/json")];
        let request = Request { method, path, headers: &headers, body: &bytes };
        let answer = Link::open(machine.home(), std::time::Duration::from_mins(1)).unwrap().ask(&request).unwrap();
        assert!((200..300).contains(&answer.status), "{}", String::from_utf8_lossy(&answer.body));
        serde_json::from_slice(&answer.body).unwrap()
    };
    let client = send("POST", "/api/clients", json!({ "name": "Globex", "client_type": "msp_client" }));
    let project = Replica::of(machine).rows(&format!("SELECT id FROM projects WHERE slug = '{slug}'")).remove(0);
    send("PUT", &format!("/api/projects/{project}"), json!({ "client_id": client["id"] }));
}

/// Hooks and server are children of this process, as they are of a client.
#[test]
fn after_clearing_the_conversation_that_goes_on_is_the_one_that_asks() {
    let machine = Machine::set_up("tools-after-clearing", None).unwrap();
    let project = machine.project("project", "https://git.example.invalid/acme/after-clearing.git").unwrap();
    let first = Conversation::new(&machine, &project);
    first.start().is_taken();
    let tools = Tools::of(&machine, &project);
    assert_eq!(tools.ok("who_is_here", &json!({})), "Nobody else is at work here.");
    first.fire("SessionEnd", &json!({ "reason": "clear" })).is_taken();
    let second = Conversation::new(&machine, &project);
    second.fire("SessionStart", &json!({ "source": "clear", "model": "m" })).is_taken();
    assert_eq!(tools.ok("who_is_here", &json!({})), "Nobody else is at work here.", "the new one is this one");

    // A daemon that was started since hears of it with the next prompt.
    machine.stop_daemon().unwrap();
    assert!(tools.ok("who_is_here", &json!({})).contains("- session "));
    second.turn("Where were we?", "In the harbour.");
    assert_eq!(tools.ok("who_is_here", &json!({})), "Nobody else is at work here.");
}

#[test]
fn the_real_client_searches_memory_through_the_tool() {
    let machine = Machine::set_up("tools-by-client", None).unwrap();
    let project = machine.project("project", "https://git.example.invalid/acme/by-client.git").unwrap();
    machine.cli_in(&project, &["remember", "The zeppelin hangar is at gate 23."]).unwrap().ok().unwrap();
    let client = Client::new(&machine, &project).unwrap();
    let call = r#"[[tool:mcp__claudetools__search {"query":"zeppelin hangar gate"}]]"#;
    let others = "[[tool:mcp__claudetools__who_is_here {}]]";
    let turn = client.prompt(&format!("Say something. {call} {others} [[say:done]]")).unwrap().ok().unwrap();
    let results: Vec<String> = turn
        .requests
        .iter()
        .flat_map(|request| request["body"]["messages"].as_array().into_iter().flatten())
        .flat_map(|message| message["content"].as_array().into_iter().flatten())
        .filter(|block| block["type"] == "tool_result")
        .map(Value::to_string)
        .collect();
    assert!(results.iter().any(|result| result.contains("gate 23")), "{results:#?}\n{:#?}", turn.run);
    assert!(results.iter().any(|result| result.contains("Nobody else is at work here.")), "{results:#?}");
    assert!(turn.model_saw("Long-term memory of this and other projects"), "the instructions reach the model");
}

#[test]
fn the_real_client_that_was_cleared_is_still_told_apart_from_the_others() {
    let machine = Machine::set_up("tools-cleared", None).unwrap();
    let project = machine.project("project", "https://git.example.invalid/acme/cleared.git").unwrap();
    let client = Client::new(&machine, &project).unwrap();
    let replica = Replica::of(&machine);
    let saved = |title: &str| replica.rows(&format!("SELECT status FROM work_items WHERE title LIKE '{title}%'"));
    let terminal = client.terminal().unwrap();
    terminal.line("alpha question [[say:alpha answer]]").unwrap();
    eventually("the first turn saved", PATIENCE, || saved("alpha") == ["completed"]).unwrap();
    terminal.line("/clear").unwrap();
    let starts = "SELECT count(*) FROM ct_hook_events WHERE event = 'SessionStart'";
    eventually("the new session", PATIENCE, || replica.number(starts) == 2).unwrap();
    let told = |requests: &[Value]| {
        let blocks = requests.iter().flat_map(|request| request["body"]["messages"].as_array().into_iter().flatten());
        let blocks = blocks.flat_map(|message| message["content"].as_array().into_iter().flatten());
        blocks.filter(|block| block["type"] == "tool_result").map(Value::to_string).collect::<Vec<_>>()
    };
    terminal.line("bravo question [[tool:mcp__claudetools__who_is_here {}]]").unwrap();
    eventually("the tool's answer", PATIENCE, || !told(&client.requests().unwrap()).is_empty()).unwrap();
    let told = told(&client.requests().unwrap());
    assert!(told.iter().all(|result| result.contains("Nobody else is at work here.")), "{told:#?}");
}
