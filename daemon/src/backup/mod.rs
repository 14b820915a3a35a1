//! Backups: one file with what it takes to get a machine back, and the way back.
//!
//! | in it | not in it |
//! |---|---|
//! | the replica, whole and consistent, with what central has not got yet | the memory index, which is made from the replica |
//! | the settings (`config.toml`), without the password of central and without comments | that password |
//! | when asked for: the vault's keys, each wrapped by a passphrase | keys in clear, tokens, logs |
//! | | events that wait in `spool/` because no daemon runs |
//!
//! The file is a tar archive packed with zstd, so that it can be looked into without this program: `manifest.json` says
//! what is in it, with sizes and SHA-256 sums; see [`archive`]. It is made beside a running daemon ([`make`]). What is
//! restored from it ([`restore`]) goes on as a machine of its own, see [`sync::local::adopt_copy`].

mod archive;
mod make;
pub(crate) mod note;
mod restore;
#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};

use sync::StoreError;

use crate::config::ConfigError;
use crate::lock::LockError;
use crate::phase::Trouble;

pub(crate) use make::{BackupReport, Order, make};
pub(crate) use restore::{RestoreReport, Wanted, keys_to_open, restore};

/// What is going on, for whoever waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doing {
    /// The replica is copied, in pages.
    Copying,
    /// The copy is packed, in bytes.
    Packing,
    /// What was packed is read again and compared, in bytes.
    Comparing,
    /// It is unpacked, in bytes.
    Unpacking,
}

/// Told what is going on, how much of it is done, and how much there is.
pub(crate) type Progress<'a> = &'a mut dyn FnMut(Doing, u64, u64);

/// Why there is no backup, or nothing was restored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BackupError {
    /// A file or folder is out of reach.
    #[error("{doing} {}: {source}", path.display())]
    Io { doing: &'static str, path: PathBuf, source: io::Error },
    /// The replica.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no replica to back up.
    #[error("there is no replica in {}", .0.display())]
    Nothing(PathBuf),
    /// A backup is never written over something.
    #[error("{} exists already", .0.display())]
    Exists(PathBuf),
    /// It is no backup, or not as it was written.
    #[error("{} is not a whole backup: {what}", path.display())]
    Damaged { path: PathBuf, what: String },
    /// A newer program made it.
    #[error("{} was made by claudetools {program}, whose backups this one cannot read", path.display())]
    Newer { path: PathBuf, program: String },
    /// The vault's keys are not wrapped, unwrapped or written.
    #[error("{}", .0.reason)]
    Keys(Trouble),
    /// A daemon has the home, or the lock is out of reach.
    #[error("{}", locked(.0))]
    Lock(#[from] LockError),
    /// What is here now would be lost.
    #[error("the replica of {} {why}", home.display())]
    Unsent { home: PathBuf, why: String },
    /// The settings cannot be read or written.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

fn locked(error: &LockError) -> String {
    match error {
        LockError::Held { holder } => format!("{holder} uses this home"),
        LockError::Io { .. } => error.to_string(),
    }
}

impl BackupError {
    /// What its reader can do.
    pub(crate) fn hint(&self) -> String {
        match self {
            BackupError::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                "a backup takes the size of the replica twice while it is made: free some space, or name another disk"
                    .to_owned()
            }
            BackupError::Io { .. } => "see to it that you may read and write there".to_owned(),
            BackupError::Store(error) => Trouble::of_store(error).hint,
            BackupError::Nothing(_) => "run: claudetools setup".to_owned(),
            BackupError::Exists(_) => "name another file, or move that one away".to_owned(),
            BackupError::Damaged { .. } => "take another backup; nothing was changed here".to_owned(),
            BackupError::Newer { .. } => "install the newer claudetools on this machine".to_owned(),
            BackupError::Keys(trouble) => trouble.hint.clone(),
            BackupError::Lock(LockError::Held { .. }) => {
                "run: claudetools daemon stop   (then run this again)".to_owned()
            }
            BackupError::Lock(LockError::Io { .. }) => "the home must be a folder that you can write to".to_owned(),
            BackupError::Unsent { .. } => {
                "let it reconcile first (claudetools sync --wait), or give --force: it is kept beside then".to_owned()
            }
            BackupError::Config(error) => error.hint(),
        }
    }
}

/// An error of the file system, at this path.
fn io_at(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> BackupError {
    let path = path.to_owned();
    move |source| BackupError::Io { doing, path, source }
}

/// A file that goes with this value, and what SQLite may have left beside it, unless it was renamed meanwhile.
struct Scrap(PathBuf);

impl Scrap {
    /// The file's name, with this added.
    fn beside(path: &Path, added: &str) -> PathBuf {
        let mut name = path.as_os_str().to_os_string();
        name.push(added);
        name.into()
    }
}

impl Drop for Scrap {
    fn drop(&mut self) {
        for added in ["", "-journal", "-wal", "-shm"] {
            // It is in the way of nobody; what cannot be removed shows itself by its name.
            let _ = std::fs::remove_file(Scrap::beside(&self.0, added));
        }
    }
}
