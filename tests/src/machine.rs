//! A machine: a user's home and a ClaudeTools home of its own, with the real programs on it.
//!
//! Two machines on one host share nothing but what a test gives to both, for instance the URL of a central server.

mod daemon;
mod disk;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use hooks::home::Home;

use crate::child::Owned;
use crate::run::{Run, run};
use crate::scratch::Scratch;
use crate::{Error, Result, binaries, git, strays};

pub use disk::Disk;

/// How long a command may take before the test is failed for it.
const COMMAND: Duration = Duration::from_mins(1);

/// One machine. Dropped, everything that runs on it is killed and its directory removed.
#[derive(Debug)]
pub struct Machine {
    scratch: Scratch,
    home: Home,
    disk: Option<Disk>,
    daemon: Mutex<Option<Owned>>,
    /// Where its programs are, if they are of another build.
    programs: Option<PathBuf>,
}

impl Machine {
    /// An empty machine; `name` is for whoever looks into its directory.
    pub fn new(name: &str) -> Result<Machine> {
        Machine::build(name, "tools", |_| Ok(None))
    }

    /// A machine whose ClaudeTools home has a path that is too long for a socket.
    pub fn with_deep_home(name: &str) -> Result<Machine> {
        Machine::build(name, &format!("{}/tools", "deep".repeat(30)), |_| Ok(None))
    }

    /// A machine whose ClaudeTools home is a disk of its own with so many MiB.
    pub fn with_small_disk(name: &str, mib: u32) -> Result<Machine> {
        Machine::build(name, "tools", |home| Disk::small(home, mib).map(Some))
    }

    /// An empty machine with the programs of another build, which are in this folder.
    pub fn of_build(name: &str, programs: PathBuf) -> Result<Machine> {
        let mut machine = Machine::new(name)?;
        machine.programs = Some(programs);
        Ok(machine)
    }

    /// Ends everything that runs here, and puts the programs of this build in the place of the other's.
    pub fn upgrade(&mut self) {
        self.power_off();
        self.programs = None;
    }

    fn build(name: &str, home: &str, disk: impl FnOnce(&Path) -> Result<Option<Disk>>) -> Result<Machine> {
        let scratch = Scratch::new(name)?;
        let home = Home::at(scratch.path().join(home));
        let disk = disk(home.root())?;
        let machine = Machine { scratch, home, disk, daemon: Mutex::new(None), programs: None };
        for folder in [machine.user_home(), machine.temporary()] {
            fs::create_dir_all(&folder).map_err(Error::doing(format!("create {}", folder.display())))?;
        }
        Ok(machine)
    }

    /// A machine on which `claudetools setup` was run, with its daemon running.
    pub fn set_up(name: &str, central: Option<&str>) -> Result<Machine> {
        let machine = Machine::new(name)?;
        machine.setup(central)?;
        Ok(machine)
    }

    /// Runs `claudetools setup` without asking and without a service.
    pub fn setup(&self, central: Option<&str>) -> Result<Run> {
        let mut arguments = vec!["setup", "--yes", "--no-service"];
        arguments.extend(central.iter().flat_map(|url| ["--central", *url]));
        self.cli(&arguments)?.ok()
    }

    /// The files of ClaudeTools on this machine, as its programs see them.
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// The files of ClaudeTools on this machine, as the test sees them: the disk may be another's.
    pub fn home_seen_outside(&self) -> Home {
        Home::at(
            self.disk.as_ref().map_or_else(|| self.home.root().to_owned(), |disk| disk.seen_outside(self.home.root())),
        )
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

    /// Makes a git repository below the user's home whose `origin` is `remote`.
    pub fn project(&self, folder: &str, remote: &str) -> Result<PathBuf> {
        let path = self.user_home().join(folder);
        git::repository(&path, remote)?;
        Ok(path)
    }

    /// The environment of this machine's user, and nothing of the test's own.
    fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned()),
            ("HOME", self.user_home().display().to_string()),
            ("TMPDIR", self.temporary().display().to_string()),
            ("LANG", "C.UTF-8".to_owned()),
            ("GIT_CONFIG_NOSYSTEM", "1".to_owned()),
            ("CLAUDETOOLS_HOME", self.home.root().display().to_string()),
        ]
    }

    /// A command that runs `program` on this machine: with its user's environment, in its user's home, on its disk.
    pub fn program(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = match &self.disk {
            Some(disk) => disk.command(program),
            None => Command::new(program),
        };
        command.env_clear().envs(self.environment()).current_dir(self.user_home());
        command
    }

    /// Where a program is that this machine has.
    fn path(&self, name: &str) -> Result<PathBuf> {
        self.programs.as_ref().map_or_else(|| binaries::path(name), |folder| Ok(folder.join(name)))
    }

    /// Runs `claudetools` with these arguments to its end.
    pub fn cli(&self, arguments: &[&str]) -> Result<Run> {
        self.cli_in(&self.user_home(), arguments)
    }

    /// Runs `claudetools` in a directory.
    pub fn cli_in(&self, directory: &Path, arguments: &[&str]) -> Result<Run> {
        let mut command = self.program(self.path("claudetools")?);
        command.args(arguments).current_dir(directory);
        run(command, b"", COMMAND)
    }

    /// Runs `claudetools` with these variables, for what must stand in no list of arguments.
    pub fn cli_with(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Result<Run> {
        let mut command = self.program(binaries::path("claudetools")?);
        command.args(arguments).envs(variables.iter().copied());
        run(command, b"", COMMAND)
    }

    /// Runs `claudetools` with something on its standard input.
    pub fn cli_given(&self, input: &[u8], arguments: &[&str]) -> Result<Run> {
        let mut command = self.program(self.path("claudetools")?);
        command.args(arguments);
        run(command, input, COMMAND)
    }

    /// Runs the hook client as Claude Code does, with `input` on its standard input, after `change` has had its way with
    /// the command.
    pub fn hook_with(&self, event: &str, input: &[u8], change: impl FnOnce(&mut Command)) -> Result<Run> {
        let mut command = self.program(self.path("claudetools-hook")?);
        command.arg(event);
        change(&mut command);
        run(command, input, COMMAND)
    }

    /// The disk of its own that this machine's home is on.
    pub fn disk(&self) -> Option<&Disk> {
        self.disk.as_ref()
    }

    /// The ids of all processes on this machine, whoever started them, in order.
    pub fn processes(&self) -> Vec<u32> {
        strays::all(self.scratch.path())
    }

    /// Kills every process on this machine, whoever started it.
    pub fn power_off(&self) {
        strays::kill_all(self.scratch.path());
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.power_off();
    }
}
