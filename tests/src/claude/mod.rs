//! The real Claude Code client on a machine, offline.
//!
//! It runs in a network namespace with nothing but loopback, where a stand-in for the model answers ([`crate::model`]),
//! and in a process namespace, so that nothing of it survives. The daemon stays outside: Unix sockets cross namespaces.

pub mod install;
mod terminal;
mod turn;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

pub use terminal::Terminal;
pub use turn::Turn;

use crate::child::{self, Owned};
use crate::run::run;
use crate::{Error, Machine, Result, binaries};

const TURN: Duration = Duration::from_mins(2);
const KEY: &str = "sk-ant-api03-dummy-key-of-the-tests-0000";
const TOOLS: &str = "Bash Read Write Edit Glob Grep Agent Task mcp__claudetools";
/// A test machine may be so busy that the usual deadline passes; the tests of the deadline do not use the client.
const PATIENT_HOOKS_MS: &str = "1800";

/// The client on one machine, in one project.
#[derive(Debug)]
pub struct Client<'m> {
    machine: &'m Machine,
    project: PathBuf,
    program: PathBuf,
}

impl<'m> Client<'m> {
    /// Makes the client ready for its first conversation in `project`, past the questions it asks a new user.
    pub fn new(machine: &'m Machine, project: &Path) -> Result<Client<'m>> {
        let client = Client { machine, project: project.to_owned(), program: install::program()? };
        let path = machine.user_home().join(".claude.json");
        let mut settings: Value = fs::read(&path)
            .map_or_else(|_| json!({}), |text| serde_json::from_slice(&text).unwrap_or_else(|_| json!({})));
        settings["hasCompletedOnboarding"] = true.into();
        settings["theme"] = "dark".into();
        settings["customApiKeyResponses"] = json!({ "approved": [&KEY[KEY.len() - 20..]], "rejected": [] });
        settings["projects"][project.display().to_string()] =
            json!({ "hasTrustDialogAccepted": true, "hasCompletedProjectOnboarding": true, "allowedTools": [] });
        fs::write(&path, settings.to_string()).map_err(Error::doing(format!("write {}", path.display())))?;
        Ok(client)
    }

    /// One prompt in a new conversation, without a terminal.
    pub fn prompt(&self, text: &str) -> Result<Turn> {
        self.headless(&["-p", text])
    }

    /// One prompt in the conversation that was last in this project.
    pub fn resume(&self, text: &str) -> Result<Turn> {
        self.headless(&["--continue", "-p", text])
    }

    /// One run without a terminal, with arguments of the client's own.
    pub fn headless(&self, arguments: &[&str]) -> Result<Turn> {
        let before = self.requests()?.len();
        let mut command = self.laboratory()?;
        command.arg(&self.program).args(arguments).args(Self::headless_arguments());
        let run = run(command, b"", TURN)?;
        Ok(Turn::new(run, self.requests()?.split_off(before)))
    }

    /// Starts a prompt in a new conversation and leaves it running, to be killed.
    pub fn start(&self, text: &str) -> Result<Owned> {
        let path = self.machine.temporary().join("stream.jsonl");
        let output = File::create(&path).map_err(Error::doing(format!("create {}", path.display())))?;
        let mut command = self.laboratory()?;
        command.arg(&self.program).args(["-p", text]).args(Self::headless_arguments());
        command.stdin(Stdio::null()).stdout(output).stderr(Stdio::null());
        child::spawn("the client", command)
    }

    /// Starts the client in a terminal.
    pub fn terminal(&self) -> Result<Terminal> {
        let socket = self.machine.temporary().join("tmux.sock");
        let mut client = vec![self.program.display().to_string()];
        client.extend(["--allowedTools", TOOLS].map(str::to_owned));
        Terminal::start(self.laboratory()?, socket, &self.project, &client)
    }

    /// Every request that the model has had from this machine.
    pub fn requests(&self) -> Result<Vec<Value>> {
        let text = match fs::read_to_string(self.request_log()) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            other => other.map_err(Error::doing("read the model's log"))?,
        };
        // One that is being written has no end yet.
        let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        whole.map(|line| serde_json::from_str(line).map_err(Error::doing("read the model's log"))).collect()
    }

    fn request_log(&self) -> PathBuf {
        self.machine.temporary().join("requests.jsonl")
    }

    fn headless_arguments() -> [&'static str; 6] {
        ["--output-format", "stream-json", "--verbose", "--include-hook-events", "--allowedTools", TOOLS]
    }

    /// A command that runs what is appended to it in namespaces of its own, beside the model.
    fn laboratory(&self) -> Result<Command> {
        let mut command = self.machine.program(child::MORTAL[0]);
        command.args(&child::MORTAL[1..]).arg("unshare");
        if !rustix::process::getuid().is_root() {
            command.arg("--map-root-user");
        }
        command
            .args(["--net", "--pid", "--fork", "--mount-proc", "--kill-child", "--"])
            .arg(binaries::path("claude-lab")?)
            .arg(self.request_log())
            .current_dir(&self.project)
            .envs([
                ("TERM", "xterm-256color"),
                ("SHELL", "/bin/bash"),
                ("USER", "tester"),
                ("ANTHROPIC_API_KEY", KEY),
                ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
                ("DISABLE_TELEMETRY", "1"),
                ("DISABLE_AUTOUPDATER", "1"),
                ("DISABLE_ERROR_REPORTING", "1"),
                ("CLAUDETOOLS_HOOK_DEADLINE_MS", PATIENT_HOOKS_MS),
            ])
            .env("CLAUDE_CODE_TMPDIR", self.machine.temporary());
        Ok(command)
    }
}
