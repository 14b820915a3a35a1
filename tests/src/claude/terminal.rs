//! The client in a terminal, for what only a person at the keyboard can do: `/clear`, `/compact`, Esc.
//!
//! The tmux server runs inside the client's namespaces; its socket is reached from outside.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::child::{self, Owned};
use crate::run::run;
use crate::{Error, Result, eventually};

const COMMAND: Duration = Duration::from_secs(20);
const START: Duration = Duration::from_mins(1);
const SESSION: &str = "client";
/// What the client shows where it takes input.
const PROMPT: &str = "❯";

/// The line that takes input: the last that begins as such lines do. One that was typed before begins so, too.
fn input(screen: &str) -> Option<&str> {
    screen.lines().rev().find(|line| line.trim_start().starts_with(PROMPT))
}

/// A client in a terminal of its own. Dropped, it is killed.
#[derive(Debug)]
pub struct Terminal {
    socket: PathBuf,
    _server: Owned,
}

impl Terminal {
    /// Starts a tmux server with `laboratory`, and `client` in it, and waits until that takes input.
    pub(super) fn start(
        mut laboratory: Command,
        socket: PathBuf,
        project: &Path,
        client: &[String],
    ) -> Result<Terminal> {
        // That of an earlier terminal would be taken for this one's, and a client started outside of its namespaces.
        let _ = std::fs::remove_file(&socket); // there may be none
        laboratory.args(["tmux", "-f", "/dev/null", "-D", "-S"]).arg(&socket);
        laboratory.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let server = child::spawn("tmux", laboratory)?;
        eventually("the tmux server's socket", COMMAND, || socket.exists())?;
        let terminal = Terminal { socket, _server: server };
        let project = project.display().to_string();
        let mut arguments = vec!["new-session", "-d", "-x", "160", "-y", "50", "-s", SESSION, "-c", &project, "--"];
        arguments.extend(client.iter().map(String::as_str));
        terminal.tmux(&arguments)?;
        terminal.wait_for(PROMPT, START)?;
        Ok(terminal)
    }

    /// Types a line and presses Enter.
    pub fn line(&self, text: &str) -> Result<()> {
        self.tmux(&["send-keys", "-t", SESSION, "-l", text])?;
        // Typed and sent in one go it would count as pasted, and Enter as a part of it. What was typed before may end in
        // the same words, so that only the line that takes input counts.
        self.until(&format!("{text:?} in the line that takes input"), COMMAND, |screen| {
            input(screen).is_some_and(|line| line.contains(text))
        })?;
        self.key("Enter")
    }

    /// Presses a key by tmux's name of it, for instance `Escape`.
    pub fn key(&self, name: &str) -> Result<()> {
        self.tmux(&["send-keys", "-t", SESSION, name]).map(drop)
    }

    /// What is on the screen.
    pub fn screen(&self) -> Result<String> {
        self.tmux(&["capture-pane", "-p", "-t", SESSION])
    }

    /// Waits until the screen shows a text.
    ///
    /// # Errors
    /// With the screen, when it does not.
    pub fn wait_for(&self, text: &str, deadline: Duration) -> Result<()> {
        self.until(&format!("{text:?} on the screen"), deadline, |screen| screen.contains(text))
    }

    /// Waits until the screen is as wanted. Errors: with the screen.
    fn until(&self, what: &str, deadline: Duration, is_wanted: impl Fn(&str) -> bool) -> Result<()> {
        let found = eventually(what, deadline, || self.screen().is_ok_and(|screen| is_wanted(&screen)));
        found.map_err(|error| Error::new(format!("{error}:\n{}", self.screen().unwrap_or_default())))
    }

    fn tmux(&self, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new("tmux");
        command.arg("-S").arg(&self.socket).args(arguments).env_remove("TMUX");
        run(command, b"", COMMAND)?.ok().map(|run| run.stdout)
    }
}
