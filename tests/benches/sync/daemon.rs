//! A machine with the real daemon, whose memory is watched from outside.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use hooks::durable::private_dir;
use sync::StoreError;
use sync::local::{self, ReadTx};
use world::{Error, Machine, Result, wait};

use super::host;
use super::server::Server;

/// How often it is looked whether the work is done.
const LOOK: Duration = Duration::from_millis(50);
/// How often it is told how far it is.
const TELL: Duration = Duration::from_secs(10);

pub(crate) struct Daemon {
    pub(crate) machine: Machine,
}

/// The most that a daemon used while it was watched, in KiB.
#[derive(Clone, Copy, Default)]
pub(crate) struct Memory {
    /// All of it, file pages that the kernel may take back at any time included.
    pub(crate) resident: u64,
    /// What is the daemon's own.
    pub(crate) anonymous: u64,
}

impl Daemon {
    /// A machine that is configured for this central database, its daemon not started.
    pub(crate) fn new(name: &str, server: &Server, database: &str) -> Result<Daemon> {
        let machine = Machine::new(name)?;
        let home = machine.home();
        private_dir(home.root()).map_err(Error::doing("make a home"))?;
        let path = home.config();
        fs::write(&path, format!("[central]\nurl = \"{}\"\n", server.mariadb.url(database)))
            .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o600)))
            .map_err(Error::doing(format!("write {}", path.display())))?;
        Ok(Daemon { machine })
    }

    /// Looks into the replica from outside.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&ReadTx<'_>) -> std::result::Result<T, StoreError>) -> Result<T> {
        local::inspect(&self.machine.home().replica(), look).map_err(Error::doing("look into a replica"))
    }

    /// A number from the replica; 0 as long as there is no replica or no such table.
    pub(crate) fn number(&self, query: &str) -> u64 {
        self.look(|tx| Ok(tx.connection().query_row(query, [], |row| row.get::<_, i64>(0))?))
            .map_or(0, |number| u64::try_from(number).unwrap_or(0))
    }

    /// Waits until `left` finds nothing left to do, tells from time to time how far it is, and watches the daemon's memory
    /// meanwhile.
    pub(crate) fn watch(&self, what: &str, left: impl Fn(&Daemon, Look) -> u64) -> Result<Memory> {
        let mut most = Memory::default();
        let (started, mut told) = (Instant::now(), Instant::now());
        let watched = wait::eventually(what, Duration::from_hours(1), || {
            wait::pause(LOOK);
            if let Some(pid) = self.machine.daemon_pid() {
                most.resident = most.resident.max(host::kib_of_process(pid, "VmRSS"));
                most.anonymous = most.anonymous.max(host::kib_of_process(pid, "RssAnon"));
            }
            if told.elapsed() >= TELL {
                told = Instant::now();
                eprintln!("{what}: {} to go after {:.0?}", left(self, Look::HowMany), started.elapsed());
            }
            left(self, Look::Whether) == 0
        });
        watched.map(|()| most)
    }
}

/// What is asked while something is waited for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// Any number above 0 when there is something left; asked often, so it must cost nothing.
    Whether,
    /// How much is left.
    HowMany,
}
