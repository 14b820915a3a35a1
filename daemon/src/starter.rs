//! Starting and stopping the daemon of a home from the command line.

use std::io::{self, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use hooks::home::Home;
use hooks::link::DaemonFile;

use crate::api::special::health::Health;
use crate::client;
use crate::{lock, wait};

/// How long a daemon may take until it has opened its replica; a large one is checked and upgraded first.
const START_LIMIT: Duration = Duration::from_secs(30);
/// How long it may take to finish what it has in hand.
const STOP_LIMIT: Duration = Duration::from_secs(20);

/// Why there is no daemon, or still one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StarterError {
    /// The program cannot be run.
    #[error("start {}: {source}", program.display())]
    Program { program: std::path::PathBuf, source: io::Error },
    /// It ended instead of answering.
    #[error("start the daemon: {0}")]
    Ended(String),
    /// It runs, and does not answer in time.
    #[error("reach the daemon{}: it runs but does not answer", pid.map_or(String::new(), |pid| format!(" (process {pid})")))]
    Silent { pid: Option<u32> },
    /// It cannot be told to stop, or does not.
    #[error("stop the daemon: {0}")]
    Stop(String),
}

impl StarterError {
    /// What its reader can do.
    pub(crate) fn hint(&self, home: &Home) -> String {
        match self {
            StarterError::Silent { pid: Some(pid) } => format!("if it stays so: kill {pid}, then try again"),
            _ => format!(
                "see {}, or run: claudetools daemon   (it says what is wrong)",
                home.logs().join("daemon.log").display()
            ),
        }
    }
}

/// The daemon's answer; it is started when nobody answers.
pub(crate) fn ensure_running(home: &Home) -> Result<Health, StarterError> {
    ensure_listening(home, None)
}

/// The same; one that has to be started also answers on this address.
pub(crate) fn ensure_listening(home: &Home, listen: Option<SocketAddr>) -> Result<Health, StarterError> {
    match client::health(home) {
        Ok(health) if health.state != "opening" => return Ok(health),
        // One that is stopping answers no more, and lets go of the home in a moment; one that is starting will answer.
        Err(error) if error.is_nobody() && is_free_soon(home) => {
            let program = std::env::current_exe().map_err(program_error(Path::new("claudetools")))?;
            start(home, &program, listen)?;
        }
        _ => {}
    }
    wait_until_open(home)
}

/// True once nobody holds the home; false when somebody answers first, or goes on holding it.
fn is_free_soon(home: &Home) -> bool {
    let decided = wait::until(STOP_LIMIT, || match lock::holder(&home.lock()) {
        None => Some(true),
        Some(_) => client::health(home).is_ok().then_some(false),
    });
    decided.unwrap_or(false)
}

/// Starts `program daemon --detached` and waits until it answers, or has ended.
fn start(home: &Home, program: &Path, listen: Option<SocketAddr>) -> Result<(), StarterError> {
    let mut command = Command::new(program);
    command.arg("--home").arg(home.root()).args(["daemon", "--detached"]);
    if let Some(address) = listen {
        command.args(["--listen", &address.to_string()]);
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(program_error(program))?;
    let outcome = wait::until(START_LIMIT, || match child.try_wait() {
        Ok(Some(status)) if status.success() => Some(Ok(())), // another one was quicker
        Ok(Some(_)) | Err(_) => Some(Err(StarterError::Ended(last_words(&mut child)))),
        Ok(None) => client::health(home).is_ok().then_some(Ok(())),
    });
    outcome.unwrap_or(Err(StarterError::Silent { pid: Some(child.id()) }))
}

fn program_error(program: &Path) -> impl FnOnce(io::Error) -> StarterError {
    let program = program.to_path_buf();
    move |source| StarterError::Program { program, source }
}

fn last_words(child: &mut Child) -> String {
    let mut text = String::new();
    let read = child.stderr.take().map(|mut pipe| pipe.read_to_string(&mut text));
    let line = text.lines().next().unwrap_or_default();
    match read {
        Some(Ok(_)) if !line.is_empty() => line.strip_prefix("error: failed to ").unwrap_or(line).to_owned(),
        _ => "it ended at once".to_owned(),
    }
}

/// Waits until the daemon has opened its replica, or says why it cannot.
pub(crate) fn wait_until_open(home: &Home) -> Result<Health, StarterError> {
    let answer = wait::until(START_LIMIT, || client::health(home).ok().filter(|health| health.state != "opening"));
    answer.ok_or_else(|| StarterError::Silent { pid: lock::holder(&home.lock()).and_then(|holder| holder.pid) })
}

/// Tells the daemon of a home to stop, and waits until it has. False when none runs.
pub(crate) fn stop(home: &Home) -> Result<bool, StarterError> {
    let Some(holder) = lock::holder(&home.lock()) else { return Ok(false) };
    let file = || DaemonFile::read(home).ok().flatten().and_then(|file| file.pid);
    let pid = holder.pid.or_else(file).ok_or_else(|| StarterError::Stop("its process id is not known".into()))?;
    terminate(pid).map_err(|error| StarterError::Stop(format!("process {pid}: {error}")))?;
    if lock::wait_released(&home.lock(), STOP_LIMIT) {
        return Ok(true);
    }
    Err(StarterError::Stop(format!("process {pid} has not ended within {} s", STOP_LIMIT.as_secs())))
}

#[cfg(unix)]
fn terminate(pid: u32) -> io::Result<()> {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    let pid = pid.ok_or_else(|| io::Error::other("no process has this id"))?;
    Ok(rustix::process::kill_process(pid, rustix::process::Signal::TERM)?)
}

/// Windows has no TERM for a process without a console window; what was acknowledged is on disk.
#[cfg(not(unix))]
fn terminate(pid: u32) -> io::Result<()> {
    let ended = Command::new("taskkill").args(["/F", "/PID", &pid.to_string()]).output()?;
    if ended.status.success() { Ok(()) } else { Err(io::Error::other("taskkill refused")) }
}
