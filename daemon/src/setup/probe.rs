//! The proof at the end of setup: a fact is saved and found again through the hook command exactly as it stands in
//! settings.json, run as Claude Code runs it. What it leaves behind is removed.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use hooks::durable::private_dir;
use hooks::home::Home;
use serde::Serialize;
use serde_json::{Value, json};
use sync::{Clock, SystemClock, local};

use crate::api::special::memory::{ForgetAnswer, ForgetRequest};
use crate::cli::Failure;
use crate::client::{self, ClientError};
use crate::wait;

/// How long the saved fact may take to be found. A busy machine may have spooled it first.
const FIND_LIMIT: Duration = Duration::from_secs(15);
/// The folders of probes in a home begin so; what was saved from one may be removed, and nothing else.
pub(crate) const FOLDER_PREFIX: &str = "setup-probe-";

/// What the proof saw.
#[derive(Debug, Serialize)]
pub(crate) struct Proof {
    /// The hooks that were run, in order.
    pub(crate) runs: Vec<HookRun>,
    /// The line of the injected context that holds the fact.
    pub(crate) recalled: String,
    /// Rows that the probe had made and that were removed.
    pub(crate) removed_rows: u64,
    /// The tools that the installed MCP server offers.
    pub(crate) tools: Vec<String>,
}

/// One hook, run as Claude Code runs it.
#[derive(Debug, Serialize)]
pub(crate) struct HookRun {
    /// The event.
    pub(crate) event: String,
    /// From the start of the process to its end, milliseconds.
    pub(crate) millis: f64,
}

impl Proof {
    /// What it saw, for people.
    pub(crate) fn story(&self) -> String {
        let runs: Vec<String> = self.runs.iter().map(|run| format!("{} {:.1} ms", run.event, run.millis)).collect();
        format!(
            "✓ proof    saved and found again through the installed hook\n  {}\n  recalled: {}\n  tools: {}\n",
            runs.join(", "),
            self.recalled,
            self.tools.join(", "),
        )
    }
}

/// A hook command of settings.json.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Installed {
    program: String,
    arguments: Vec<String>,
}

/// One probe: its folder (which becomes its project) and its conversations.
struct Probe<'a> {
    settings: &'a Path,
    hook: &'a Path,
    folder: PathBuf,
    /// The one that saves, then those that ask.
    sessions: Vec<String>,
    runs: Vec<HookRun>,
    /// What a hook told the user last.
    said: String,
}

/// Saves a fact in one conversation, and finds it in another.
pub(crate) fn prove(home: &Home, settings: &Path, hook: &Path) -> Result<Proof, Failure> {
    let sessions = vec![local::new_id(SystemClock.now_us())];
    let folder = home.root().join(format!("{FOLDER_PREFIX}{}", &sessions[0][24..]));
    make_project(&folder).map_err(|error| failed(format!("make {}: {error}", folder.display())))?;
    let mut probe = Probe { settings, hook, folder, sessions, runs: Vec::new(), said: String::new() };
    let recalled = probe.save_and_find();
    let removed = probe.remove(home);
    let (recalled, removed_rows) = (recalled?, removed?);
    Ok(Proof { runs: probe.runs, recalled, removed_rows, tools: Vec::new() })
}

/// The folder is a repository whose configuration names its project, so that it is a project of its own wherever the home
/// lies, inside another repository too.
fn make_project(folder: &Path) -> io::Result<()> {
    let git = folder.join(".git");
    private_dir(&git)?;
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    std::fs::write(git.join("HEAD"), "ref: refs/heads/main\n")?;
    std::fs::write(git.join("config"), format!("[claudetools]\nproject = claudetools/{name}\n"))
}

fn failed(what: impl std::fmt::Display) -> Failure {
    Failure::new(format!("prove that saving and finding works: {what}")).hint("run: claudetools doctor")
}

impl Probe<'_> {
    fn save_and_find(&mut self) -> Result<String, Failure> {
        // Plain words: anything that looks like a key would be redacted.
        let number = SystemClock.now_us() % 1_000_000;
        let fact = format!("the setup probe of ClaudeTools number {number} lives in the lighthouse of Heligoland");
        let first = self.sessions[0].clone();
        self.fire("SessionStart", &first, &json!({"source": "startup", "model": "probe"}))?;
        let turn = json!({"prompt_id": first, "permission_mode": "default", "prompt": format!("Remember: {fact}.")});
        self.fire("UserPromptSubmit", &first, &turn)?;
        let answer = format!("Noted: {fact}.");
        let stop = json!({"prompt_id": first, "stop_hook_active": false, "last_assistant_message": answer, "background_tasks": []});
        self.fire("Stop", &first, &stop)?;
        self.fire("SessionEnd", &first, &json!({"reason": "other"}))?;
        let ask = format!("Where does the setup probe of ClaudeTools number {number} live?");
        let found = wait::until(FIND_LIMIT, || match self.ask(&ask) {
            Err(failure) => Some(Err(failure)),
            Ok(context) => {
                context.lines().find(|line| line.contains("Heligoland")).map(|line| Ok(line.trim().to_owned()))
            }
        });
        found.unwrap_or_else(|| Err(failed(self.not_found())))
    }

    /// How often was asked, how long the hook took for it, and what it said last: an answer that comes too late for its hook
    /// is none either.
    fn not_found(&self) -> String {
        let asked = self.runs.iter().rev().take_while(|run| run.event == "UserPromptSubmit").map(|run| run.millis);
        let (count, least, most) =
            asked.fold((0, f64::MAX, 0.0_f64), |(count, least, most), ms| (count + 1, ms.min(least), ms.max(most)));
        let said = if self.said.is_empty() { String::new() } else { format!("; it said: {}", self.said) };
        format!(
            "the saved fact did not come back in another conversation: asked {count} times in {} s, the hook took {least:.0} \
             to {most:.0} ms{said}",
            FIND_LIMIT.as_secs()
        )
    }

    /// Asks in a conversation that has asked nothing before: what one was told is not told to it again, also when the answer
    /// came too late for its hook.
    fn ask(&mut self, prompt: &str) -> Result<String, Failure> {
        let session = local::new_id(SystemClock.now_us());
        self.sessions.push(session.clone());
        let turn = json!({"prompt_id": session, "permission_mode": "default", "prompt": prompt});
        self.fire("UserPromptSubmit", &session, &turn)
    }

    /// Runs the installed hook of an event; gives the context that it would inject.
    fn fire(&mut self, event: &str, session: &str, fields: &Value) -> Result<String, Failure> {
        let installed = installed(self.settings, self.hook, event)?;
        let mut input = json!({
            "session_id": session,
            "transcript_path": self.folder.join(format!("{session}.jsonl")),
            "cwd": self.folder,
            "hook_event_name": event,
        });
        if let (Some(input), Some(fields)) = (input.as_object_mut(), fields.as_object()) {
            input.extend(fields.clone());
        }
        let begun = Instant::now();
        let printed = run(&installed, &self.folder, format!("{input}\n").as_bytes())
            .map_err(|error| failed(format!("run {}: {error}", installed.program)))?;
        let took = begun.elapsed();
        self.runs.push(HookRun { event: event.to_owned(), millis: took.as_secs_f64() * 1000.0 });
        if printed.trim().is_empty() {
            return Ok(String::new());
        }
        let answer: Value = serde_json::from_str(&printed)
            .map_err(|error| failed(format!("the hook of {event} printed no JSON: {error}")))?;
        if let Some(said) = answer["systemMessage"].as_str() {
            said.clone_into(&mut self.said);
        }
        Ok(answer["hookSpecificOutput"]["additionalContext"].as_str().unwrap_or_default().to_owned())
    }

    /// Removes the rows and the folder of this probe.
    fn remove(&self, home: &Home) -> Result<u64, Failure> {
        let request = ForgetRequest { sessions: self.sessions.clone() };
        let answer: Result<ForgetAnswer, ClientError> = client::post(home, "/api/probe/forget", &request, client::LONG);
        let tidied = std::fs::remove_dir_all(&self.folder);
        let answer = answer.map_err(|error| failed(format!("remove the probe's rows: {error}")))?;
        tidied.map_err(|error| failed(format!("remove {}: {error}", self.folder.display())))?;
        Ok(answer.removed_rows)
    }
}

/// The command of our hook for an event, as it stands in the file.
fn installed(settings: &Path, hook: &Path, event: &str) -> Result<Installed, Failure> {
    let missing = || failed(format!("{} has no hook of ours for {event}", settings.display()));
    let bytes = std::fs::read(settings).map_err(|error| failed(format!("read {}: {error}", settings.display())))?;
    let root: Value = serde_json::from_slice(&bytes).map_err(|_| missing())?;
    let groups = root["hooks"][event].as_array().into_iter().flatten();
    let mut entries = groups.filter_map(|group| group["hooks"].as_array()).flatten();
    let ours = entries.find(|entry| entry["command"].as_str().is_some_and(|command| Path::new(command) == hook));
    let ours = ours.ok_or_else(missing)?;
    let arguments = ours["args"].as_array().into_iter().flatten().filter_map(Value::as_str);
    Ok(Installed {
        program: ours["command"].as_str().unwrap_or_default().to_owned(),
        arguments: arguments.map(str::to_owned).collect(),
    })
}

fn run(installed: &Installed, folder: &Path, input: &[u8]) -> io::Result<String> {
    let mut child = Command::new(&installed.program)
        .args(&installed.arguments)
        .current_dir(folder)
        .env("CLAUDE_PROJECT_DIR", folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input)?;
    }
    let output = child.wait_with_output()?;
    if !output.status.success() {
        return Err(io::Error::other(format!("it ended with {}", output.status)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_did_not_come_back_is_told_with_how_long_it_took() {
        let run = |event: &str, millis| HookRun { event: event.to_owned(), millis };
        let runs = vec![
            run("UserPromptSubmit", 1.0),
            run("Stop", 2.0),
            run("UserPromptSubmit", 201.4),
            run("UserPromptSubmit", 230.6),
        ];
        let (settings, hook, folder) = (Path::new("s"), Path::new("h"), PathBuf::new());
        let probe = Probe { settings, hook, folder, sessions: Vec::new(), runs, said: "it is slow".into() };
        let told = probe.not_found();
        assert!(told.ends_with("asked 2 times in 15 s, the hook took 201 to 231 ms; it said: it is slow"), "{told}");
    }

    #[test]
    fn the_command_is_taken_as_it_stands() {
        let folder = tempfile::tempdir().unwrap();
        let (settings, hook) = (folder.path().join("settings.json"), Path::new("/opt/claudetools-hook"));
        let text = r#"{"hooks":{"Stop":[{"hooks":[{"type":"command","command":"/usr/bin/say"}]},
            {"hooks":[{"type":"command","command":"/opt/claudetools-hook","args":["Stop","--home","/h"],"timeout":2}]}]}}"#;
        std::fs::write(&settings, text).unwrap();
        let found = installed(&settings, hook, "Stop").unwrap();
        assert_eq!(found.arguments, ["Stop", "--home", "/h"]);
        assert!(installed(&settings, hook, "SessionEnd").is_err());
    }
}
