//! A machine: a user's home and a ClaudeTools home of its own, with the real programs on it.
//!
//! Two machines on one host share nothing but what a test gives to both, for instance the URL of a central server.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hooks::home::Home;

use crate::child::{self, Owned};
use crate::run::{Run, run};
use crate::scratch::Scratch;
use crate::{Error, Result, binaries, eventually, strays};

/// How long a command may take before the test is failed for it.
const COMMAND: Duration = Duration::from_mins(1);
const DAEMON: Duration = Duration::from_secs(20);

/// One machine. Dropped, everything that runs on it is killed and its directory removed.
#[derive(Debug)]
pub struct Machine {
    scratch: Scratch,
    home: Home,
    daemon: Mutex<Option<Owned>>,
}

impl Machine {
    /// An empty machine; `name` is for whoever looks into its directory.
    pub fn new(name: &str) -> Result<Machine> {
        Machine::with_home(Scratch::new(name)?, None)
    }

    /// A machine whose ClaudeTools home is at `home`, for instance on a small disk.
    pub fn with_home_at(name: &str, home: &Path) -> Result<Machine> {
        Machine::with_home(Scratch::new(name)?, Some(home))
    }

    fn with_home(scratch: Scratch, home: Option<&Path>) -> Result<Machine> {
        let home = home.map_or_else(|| scratch.path().join("tools"), Path::to_owned);
        let machine = Machine { scratch, home: Home::at(home), daemon: Mutex::new(None) };
        for folder in [machine.user_home(), machine.claude_config(), machine.temporary()] {
            fs::create_dir_all(&folder).map_err(Error::doing(format!("create {}", folder.display())))?;
        }
        Ok(machine)
    }

    /// The files of ClaudeTools on this machine.
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// The user's home directory.
    pub fn user_home(&self) -> PathBuf {
        self.scratch.path().join("user")
    }

    /// Claude Code's configuration directory.
    pub fn claude_config(&self) -> PathBuf {
        self.user_home().join(".claude")
    }

    /// A directory for what passes, on this machine.
    pub fn temporary(&self) -> PathBuf {
        self.scratch.path().join("tmp")
    }

    /// The environment of this machine's user, and nothing of the test's own.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned()),
            ("HOME", self.user_home().display().to_string()),
            ("TMPDIR", self.temporary().display().to_string()),
            ("LANG", "C.UTF-8".to_owned()),
            ("GIT_CONFIG_NOSYSTEM", "1".to_owned()),
            ("CLAUDETOOLS_HOME", self.home.root().display().to_string()),
        ]
    }

    /// Puts a command on this machine.
    pub fn place(&self, command: &mut Command) {
        command.env_clear().envs(self.environment());
    }

    /// Runs `claudetools` with these arguments to its end.
    pub fn cli(&self, arguments: &[&str]) -> Result<Run> {
        let mut command = Command::new(binaries::path("claudetools")?);
        self.place(&mut command);
        command.args(arguments).current_dir(self.user_home());
        run(command, b"", COMMAND)
    }

    /// Runs the hook client as Claude Code does, with `input` on its standard input.
    pub fn hook(&self, event: &str, input: &[u8]) -> Result<Run> {
        self.hook_with(event, input, |_| {})
    }

    /// Runs the hook client after `change` has had its way with the command.
    pub fn hook_with(&self, event: &str, input: &[u8], change: impl FnOnce(&mut Command)) -> Result<Run> {
        let mut command = Command::new(binaries::path("claudetools-hook")?);
        self.place(&mut command);
        command.arg(event).current_dir(self.user_home());
        change(&mut command);
        run(command, input, COMMAND)
    }

    /// Starts the daemon as a child of the test and waits until it answers.
    pub fn start_daemon(&self) -> Result<()> {
        let mut command = child::command(binaries::path("claudetools")?);
        self.place(&mut command);
        let output = self.temporary().join("daemon.out");
        let file = fs::File::options().create(true).append(true).open(&output);
        let file = file.map_err(Error::doing(format!("open {}", output.display())))?;
        command
            .arg("daemon")
            .current_dir(self.user_home())
            .stdin(Stdio::null())
            .stdout(file.try_clone().map_err(Error::doing("duplicate a file handle"))?)
            .stderr(file);
        let daemon = child::spawn("claudetools daemon", command)?;
        let id = daemon.id();
        *self.daemon() = Some(daemon);
        let ready = eventually("the daemon answering", DAEMON, || self.daemon_pid() == Some(id) || !self.daemon_runs());
        if ready.is_ok() && self.daemon_runs() {
            return Ok(());
        }
        Err(Error::new(format!("start the daemon: {}", fs::read_to_string(&output).unwrap_or_default())))
    }

    /// The process id in `daemon.json`, of whoever started that daemon.
    pub fn daemon_pid(&self) -> Option<u32> {
        let text = fs::read(self.home.daemon_json()).ok()?;
        let value: serde_json::Value = serde_json::from_slice(&text).ok()?;
        u32::try_from(value["pid"].as_u64()?).ok()
    }

    /// Whether the daemon that this test started still runs.
    pub fn daemon_runs(&self) -> bool {
        self.daemon().as_mut().is_some_and(Owned::is_running)
    }

    /// Stops the daemon with TERM and expects a clean end.
    pub fn stop_daemon(&self) -> Result<()> {
        let Some(mut daemon) = self.daemon().take() else { return Ok(()) };
        let status = daemon.terminate(DAEMON)?;
        if status.success() { Ok(()) } else { Err(Error::new(format!("stop the daemon: {status}"))) }
    }

    /// Kills the daemon with KILL.
    pub fn kill_daemon(&self) -> Result<()> {
        self.daemon().take().map_or(Ok(()), |mut daemon| daemon.kill9())
    }

    /// Freezes the daemon: it keeps its socket and answers nothing.
    pub fn freeze_daemon(&self) -> Result<()> {
        self.daemon().as_ref().map_or_else(|| Err(Error::new("freeze the daemon: it does not run")), Owned::freeze)
    }

    /// Lets a frozen daemon go on.
    pub fn thaw_daemon(&self) -> Result<()> {
        self.daemon().as_ref().map_or_else(|| Err(Error::new("thaw the daemon: it does not run")), Owned::thaw)
    }

    fn daemon(&self) -> MutexGuard<'_, Option<Owned>> {
        self.daemon.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Kills every process on this machine, whoever started it.
    pub fn power_off(&self) {
        strays::kill_all(self.home.root());
        strays::kill_all(self.scratch.path());
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.power_off();
    }
}
