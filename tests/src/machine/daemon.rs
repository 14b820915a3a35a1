//! The daemon of a machine, whoever started it: the test, setup, or a hook.

use std::fs;
use std::process::{Command, Stdio};
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use hooks::link::Link;
use hooks::wire::Request;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::Machine;
use crate::child::{self, Owned, state_of};
use crate::{Error, Result, eventually};

const PATIENCE: Duration = Duration::from_secs(30);

impl Machine {
    /// Starts the daemon as a child of the test and waits until it answers.
    pub fn start_daemon(&self) -> Result<()> {
        self.start_daemon_with(|_| {})
    }

    /// The same after `change` has had its way with the command.
    pub fn start_daemon_with(&self, change: impl FnOnce(&mut Command)) -> Result<()> {
        let path = self.temporary().join("daemon.out");
        let output = fs::File::options().create(true).append(true).open(&path);
        let output = output.map_err(Error::doing(format!("open {}", path.display())))?;
        let mut command = self.program(child::MORTAL[0]);
        command
            .args(&child::MORTAL[1..])
            .arg(self.path("claudetools")?)
            .arg("daemon")
            .stdin(Stdio::null())
            .stdout(output.try_clone().map_err(Error::doing("duplicate a file handle"))?)
            .stderr(output);
        change(&mut command);
        let mut daemon = child::spawn("claudetools daemon", command)?;
        let id = daemon.id();
        let mut ended = false;
        eventually("the daemon answering", PATIENCE, || {
            ended = !daemon.is_running();
            ended || self.daemon_pid() == Some(id)
        })?;
        if ended {
            return Err(Error::new(format!("start the daemon: {}", fs::read_to_string(&path).unwrap_or_default())));
        }
        *self.child() = Some(daemon);
        Ok(())
    }

    /// Waits until the running daemon's memory index answers: until then the replica's text index does, more slowly.
    pub fn index_ready(&self, patience: Duration) -> Result<()> {
        let request = Request { method: "GET", path: "/api/status", headers: &[], body: b"" };
        eventually("the memory index is ready", patience, || {
            let answer = Link::open(self.home(), patience).ok().and_then(|link| link.ask(&request).ok());
            let status = answer.and_then(|answer| serde_json::from_slice::<Value>(&answer.body).ok());
            status.is_some_and(|status| status["replica"]["index"]["ready"] == true)
        })
    }

    /// The process id of the daemon that answers here, or did when it was killed.
    pub fn daemon_pid(&self) -> Option<u32> {
        let text = fs::read(self.home_seen_outside().daemon_json()).ok()?;
        let value: Value = serde_json::from_slice(&text).ok()?;
        u32::try_from(value["pid"].as_u64()?).ok()
    }

    /// Whether a daemon runs, frozen or not.
    pub fn daemon_runs(&self) -> bool {
        match (self.child().as_mut(), self.daemon_pid()) {
            (Some(child), _) => child.is_running(),
            (None, Some(id)) => state_of(id).is_some_and(|state| state != 'Z'),
            (None, None) => false,
        }
    }

    /// Stops the daemon with TERM and waits for its end.
    pub fn stop_daemon(&self) -> Result<()> {
        self.signal_daemon(Signal::TERM)?;
        self.wait_for_end()
    }

    /// Kills the daemon with KILL.
    pub fn kill_daemon(&self) -> Result<()> {
        self.signal_daemon(Signal::KILL)?;
        self.wait_for_end()
    }

    /// Freezes the daemon: it keeps its socket and answers nothing.
    pub fn freeze_daemon(&self) -> Result<()> {
        let id = self.signal_daemon(Signal::STOP)?;
        eventually("the daemon frozen", PATIENCE, || state_of(id) == Some('T'))
    }

    /// Lets a frozen daemon go on.
    pub fn thaw_daemon(&self) -> Result<()> {
        self.signal_daemon(Signal::CONT).map(drop)
    }

    fn signal_daemon(&self, signal: Signal) -> Result<u32> {
        let own = self.child().as_ref().map(Owned::id);
        let none = || Error::new("signal the daemon: none runs");
        let id = own.or_else(|| self.daemon_pid()).ok_or_else(none)?;
        let process = i32::try_from(id).ok().and_then(Pid::from_raw).ok_or_else(none)?;
        kill_process(process, signal).map_err(Error::doing(format!("signal the daemon, process {id}")))?;
        Ok(id)
    }

    fn wait_for_end(&self) -> Result<()> {
        eventually("the end of the daemon", PATIENCE, || !self.daemon_runs())?;
        *self.child() = None;
        Ok(())
    }

    fn child(&self) -> MutexGuard<'_, Option<Owned>> {
        self.daemon.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
