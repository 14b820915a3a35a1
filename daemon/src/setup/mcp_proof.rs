//! The proof that the MCP server works: it is started exactly as it stands in Claude Code's configuration, and lists its
//! tools.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use hooks::install::{self, ServerCommand};
use serde_json::{Value, json};

use crate::cli::Failure;

/// How long the server may take for both answers.
const LIMIT: Duration = Duration::from_secs(10);
const PROTOCOL: &str = "2025-06-18";

/// The names of the tools that the installed server offers.
pub(crate) fn prove(client_config: &Path) -> Result<Vec<String>, Failure> {
    let failed =
        |what: String| Failure::new(format!("prove that the MCP server works: {what}")).hint("run: claudetools doctor");
    let installed = install::inspect_server(client_config).map_err(|error| failed(error.to_string()))?;
    let installed = installed.ok_or_else(|| failed(format!("it is not in {}", client_config.display())))?;
    tools(&installed).map_err(failed)
}

/// Starts the server, shakes hands, and asks for its tools.
pub(crate) fn tools(installed: &ServerCommand) -> Result<Vec<String>, String> {
    let started = Command::new(&installed.program)
        .args(&installed.arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut child = started.map_err(|error| format!("run {}: {error}", installed.program))?;
    let told = converse(&mut child);
    // It ends by itself when its input does; one that does not must not stay.
    let _ = child.kill().and_then(|()| child.wait());
    told
}

fn converse(child: &mut Child) -> Result<Vec<String>, String> {
    let (Some(mut input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
        return Err("its pipes cannot be opened".to_owned());
    };
    let (told, lines) = channel();
    std::thread::spawn(move || {
        // Whoever listens has what it wanted when it goes away.
        BufReader::new(output).lines().map_while(Result::ok).try_for_each(|line| told.send(line)).ok();
    });
    let deadline = Instant::now() + LIMIT;
    let mut say = |message: Value| writeln!(input, "{message}").map_err(|error| format!("write to it: {error}"));
    let client = json!({ "name": "claudetools-setup", "version": env!("CARGO_PKG_VERSION") });
    let hello = json!({ "protocolVersion": PROTOCOL, "capabilities": {}, "clientInfo": client });
    say(json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello }))?;
    let server = answer(&lines, 1, deadline)?;
    if server["serverInfo"]["name"] != install::SERVER {
        return Err("another server answers".to_owned());
    }
    say(json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }))?;
    say(json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/list", "params": {} }))?;
    let listed = answer(&lines, 2, deadline)?;
    let names = listed["tools"].as_array().into_iter().flatten().filter_map(|tool| tool["name"].as_str());
    let names: Vec<String> = names.map(str::to_owned).collect();
    if names.is_empty() { Err("it offers no tools".to_owned()) } else { Ok(names) }
}

/// The result that answers a request. Every line must be of the protocol.
fn answer(lines: &Receiver<String>, id: u64, deadline: Instant) -> Result<Value, String> {
    loop {
        let line = match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout) => return Err("it does not answer in time".to_owned()),
            Err(RecvTimeoutError::Disconnected) => return Err("it ended".to_owned()),
        };
        let mut message: Value =
            serde_json::from_str(&line).map_err(|_| "it writes what is not of the protocol".to_owned())?;
        if message["id"] == id {
            return match message["error"]["message"].as_str() {
                Some(error) => Err(format!("it answers: {error}")),
                None => Ok(message["result"].take()),
            };
        }
    }
}
