//! A machine with the real daemon, whose memory is watched from outside.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use hooks::durable::private_dir;
use sync::StoreError;
use sync::local::{self, ReadTx};
use world::{Error, Machine, Result, wait};

use super::host;
use super::server::Server;

/// How often it is looked whether the work is done.
const LOOK: Duration = Duration::from_millis(50);

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
    /// A machine that is configured for central, its daemon not started.
    pub(crate) fn new(name: &str, server: &Server) -> Result<Daemon> {
        let machine = Machine::new(name)?;
        let home = machine.home();
        private_dir(home.root()).map_err(Error::doing("make a home"))?;
        let path = home.config();
        fs::write(&path, format!("[central]\nurl = \"{}\"\n", server.mariadb.url("memory")))
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

    /// Waits until `done` holds, and watches the daemon's memory meanwhile.
    pub(crate) fn watch(&self, what: &str, done: impl Fn(&Daemon) -> bool) -> Result<Memory> {
        let mut most = Memory::default();
        let watched = wait::eventually(what, Duration::from_mins(30), || {
            wait::pause(LOOK);
            if let Some(pid) = self.machine.daemon_pid() {
                most.resident = most.resident.max(host::kib_of_process(pid, "VmRSS"));
                most.anonymous = most.anonymous.max(host::kib_of_process(pid, "RssAnon"));
            }
            done(self)
        });
        watched.map(|()| most)
    }
}
