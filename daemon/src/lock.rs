//! One daemon a home: an advisory lock on `daemon.lock`, which the kernel lets go of however its holder ends.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use hooks::durable::private_file;

use crate::wait;

/// How long a lock that is held may be somebody's look at it.
const PROBE: Duration = Duration::from_millis(150);

/// The lock on a home, held until it is dropped.
#[derive(Debug)]
pub(crate) struct HomeLock {
    _file: File,
}

/// Why the lock was not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LockError {
    /// Another daemon has it.
    #[error("start the daemon: {holder} already serves this home")]
    Held { holder: Holder },
    /// The lock file cannot be opened or locked.
    #[error("lock {}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
}

/// Who holds the lock, as it wrote into the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holder {
    /// Process id; absent in the moment between locking and writing.
    pub(crate) pid: Option<u32>,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.pid {
            Some(pid) => write!(f, "a daemon with process id {pid}"),
            None => f.write_str("another daemon"),
        }
    }
}

impl HomeLock {
    /// Takes the lock, or says who has it, after [`PROBE`] at most: who only looks whether it is held ([`holder`]) holds
    /// it for an instant, and must not keep a daemon from starting.
    pub(crate) fn acquire(path: &Path) -> Result<HomeLock, LockError> {
        let io = |source| LockError::Io { path: path.to_path_buf(), source };
        let mut file = private_file().read(true).write(true).create(true).truncate(false).open(path).map_err(io)?;
        let tried = wait::until(PROBE, || match file.try_lock() {
            Err(TryLockError::WouldBlock) => None,
            decided => Some(decided),
        });
        match tried {
            Some(Ok(())) => {}
            None | Some(Err(TryLockError::WouldBlock)) => {
                return Err(LockError::Held { holder: read_holder(&mut file) });
            }
            Some(Err(TryLockError::Error(source))) => return Err(io(source)),
        }
        // A full disk must not keep the daemon from starting: the pid only tells people who holds the lock.
        let named = file.set_len(0).and_then(|()| write!(file, "{}", std::process::id()));
        if let Err(error) = named {
            tracing::warn!(%error, "the process id could not be written into the lock file");
        }
        Ok(HomeLock { _file: file })
    }
}

/// Who holds the lock on this home now; `None` when nobody does.
pub(crate) fn holder(path: &Path) -> Option<Holder> {
    let mut file = File::open(path).ok()?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Some(read_holder(&mut file)),
        _ => None,
    }
}

/// Waits until nobody holds the lock. False when `limit` passed first.
pub(crate) fn wait_released(path: &Path, limit: Duration) -> bool {
    let Ok(file) = File::open(path) else { return true };
    let (tell, told) = mpsc::channel();
    // The thread outlives a missed deadline; it holds nothing but this file, and the process is about to say so and end.
    std::thread::spawn(move || tell.send(file.lock().is_ok()));
    told.recv_timeout(limit).unwrap_or(false)
}

fn read_holder(file: &mut File) -> Holder {
    let mut text = String::new();
    let read = file.rewind().and_then(|()| file.read_to_string(&mut text));
    Holder { pid: read.ok().and_then(|_| text.trim().parse().ok()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_one_learns_who_holds_it_and_gets_it_after_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("daemon.lock");
        let first = HomeLock::acquire(&path).unwrap();
        let own = Holder { pid: Some(std::process::id()) };
        let Err(LockError::Held { holder: told }) = HomeLock::acquire(&path) else { panic!("two holders") };
        assert_eq!(told, own);
        assert_eq!(holder(&path), Some(own));
        assert!(!wait_released(&path, Duration::ZERO));
        drop(first);
        assert!(wait_released(&path, Duration::from_secs(10)));
        HomeLock::acquire(&path).unwrap();
    }

    #[test]
    fn no_file_means_no_holder() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(holder(&folder.path().join("daemon.lock")), None);
    }
}
