//! Running a program to its end: input in, output and duration out.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::{Error, Result};

/// How a program ended.
#[derive(Debug, Clone)]
pub struct Run {
    /// The exit code; −1 when a signal ended it.
    pub code: i32,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
    /// From before the start until its output was closed.
    pub took: Duration,
}

impl Run {
    /// This run, when it ended with code 0.
    ///
    /// # Errors
    /// With everything that it printed, when it did not.
    pub fn ok(self) -> Result<Run> {
        if self.code == 0 { Ok(self) } else { Err(Error::new(format!("run a program: {self:#?}"))) }
    }

    /// Its standard output as JSON.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.stdout).map_err(Error::doing(format!("read JSON from {self:#?}")))
    }
}

/// Runs a command with `input` on its standard input.
///
/// # Errors
/// When it cannot be started, or has not ended and closed its output within `deadline`. Then it is killed.
pub fn run(mut command: Command, input: &[u8], deadline: Duration) -> Result<Run> {
    let name = command.get_program().display().to_string();
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let started = Instant::now();
    let mut child = command.spawn().map_err(Error::doing(format!("start {name}")))?;
    let process = Pid::from_child(&child);
    let pipe = child.stdin.take();
    let (sender, ended) = channel();
    std::thread::spawn(move || sender.send(child.wait_with_output()));
    std::thread::scope(|scope| {
        // A program that ends without reading its input closes the pipe: that is its right.
        scope.spawn(|| pipe.map(|mut pipe| pipe.write_all(input)));
        let output = ended.recv_timeout(deadline).map_err(|_| {
            let _ = kill_process(process, Signal::KILL);
            Error::new(format!("see {name} end and its output closed within {deadline:?}"))
        })?;
        let output = output.map_err(Error::doing(format!("wait for {name}")))?;
        Ok(to_run(&output, started.elapsed()))
    })
}

fn to_run(output: &Output, took: Duration) -> Run {
    Run {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        took,
    }
}
