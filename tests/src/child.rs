//! Processes that die with the test process.
//!
//! Each is started through `setpriv --pdeathsig KILL`, so that the kernel kills it when its parent is gone. The kernel's idea
//! of a parent is the *thread* that forked, and a test's thread ends before the others: one thread that never ends forks all.

use std::ffi::OsStr;
use std::fs;
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::{Error, Result, eventually};

/// A running process, killed when dropped.
#[derive(Debug)]
pub struct Owned {
    name: String,
    child: Child,
}

/// The program and the arguments that, before a command, make it die with this process.
pub const MORTAL: [&str; 4] = ["setpriv", "--pdeathsig", "KILL", "--"];

/// A command that runs `program` and dies with this process. Give it to [`spawn`].
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(MORTAL[0]);
    command.args(&MORTAL[1..]).arg(program);
    command
}

/// Starts what [`command`] made; `name` is for errors.
pub fn spawn(name: &str, command: Command) -> Result<Owned> {
    let (reply, started) = channel();
    let gone = || Error::new(format!("start {name}: the thread that starts processes is gone"));
    let requests = spawner().lock().unwrap_or_else(PoisonError::into_inner).clone();
    requests.send((command, reply)).map_err(|_| gone())?;
    let child = started.recv().map_err(|_| gone())?;
    let child = child.map_err(Error::doing(format!("start {name} (through setpriv, of util-linux)")))?;
    Ok(Owned { name: name.to_owned(), child })
}

type Request = (Command, Sender<std::io::Result<Child>>);

fn spawner() -> &'static Mutex<Sender<Request>> {
    static SPAWNER: OnceLock<Mutex<Sender<Request>>> = OnceLock::new();
    SPAWNER.get_or_init(|| {
        let (sender, requests): (_, Receiver<Request>) = channel();
        std::thread::spawn(move || {
            for (mut command, reply) in requests {
                // Whoever asked may have given up; then the child is dropped here, and dies with the process.
                let _ = reply.send(command.spawn());
            }
        });
        Mutex::new(sender)
    })
}

impl Owned {
    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The pipes and the status of it.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        kill_process(Pid::from_child(&self.child), signal).map_err(Error::doing(format!(
            "signal {} (pid {})",
            self.name,
            self.child.id()
        )))
    }

    /// Freezes it, and returns when it is frozen.
    pub fn freeze(&self) -> Result<()> {
        self.signal(Signal::STOP)?;
        eventually(&format!("{} frozen", self.name), Duration::from_secs(5), || state_of(self.id()) == Some('T'))
    }

    /// Lets it go on after [`Owned::freeze`].
    pub fn thaw(&self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Sends TERM and waits for the end of it.
    pub fn terminate(&mut self, deadline: Duration) -> Result<ExitStatus> {
        self.signal(Signal::TERM)?;
        let name = format!("the end of {} after TERM", self.name);
        eventually(&name, deadline, || !self.is_running())?;
        self.child.wait().map_err(Error::doing(format!("wait for {}", self.name)))
    }

    /// Sends KILL and waits for the end of it.
    pub fn kill9(&mut self) -> Result<()> {
        self.child.kill().map_err(Error::doing(format!("kill {}", self.name)))?;
        self.child.wait().map(drop).map_err(Error::doing(format!("wait for {}", self.name)))
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The state letter of a process: `T` is stopped, `Z` is dead and not yet waited for. None when there is none.
pub(crate) fn state_of(id: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}
