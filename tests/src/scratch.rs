//! Directories of this test process, removed when dropped; those of processes that were killed are swept by the next run.
//!
//! All of them lie in `<tmp>/claudetools-tests-<uid>/<pid>/`. The process holds a lock on a file in there for as long as it
//! lives, so a directory whose lock is free belongs to nobody.

use std::fs::{self, File, TryLockError};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::{Error, Result, strays};

const LOCK: &str = "lock";

/// A directory that is removed with all its content when this is dropped.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// Makes an empty directory; `name` is for whoever looks into it.
    pub fn new(name: &str) -> Result<Scratch> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = process_root()?.join(format!("{name}-{number}"));
        make_private(&path)?;
        Ok(Scratch { path })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if std::env::var_os("CLAUDETOOLS_TESTS_KEEP").is_none() {
            // What cannot be removed now is swept by the next run.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

struct Root {
    path: PathBuf,
    _lock: File,
}

fn process_root() -> Result<&'static Path> {
    static ROOT: OnceLock<std::result::Result<Root, String>> = OnceLock::new();
    match ROOT.get_or_init(|| make_root().map_err(|e| e.to_string())) {
        Ok(root) => Ok(&root.path),
        Err(text) => Err(Error::new(text.clone())),
    }
}

fn make_root() -> Result<Root> {
    let all = std::env::temp_dir().join(format!("claudetools-tests-{}", rustix::process::getuid().as_raw()));
    make_private(&all)?;
    sweep(&all);
    let path = all.join(std::process::id().to_string());
    make_private(&path)?;
    let lock = File::create(path.join(LOCK)).map_err(Error::doing(format!("create a lock in {}", path.display())))?;
    lock.lock().map_err(Error::doing(format!("lock {}", path.display())))?;
    Ok(Root { path, _lock: lock })
}

/// Removes what dead test processes left. Best effort: a directory that stays harms nobody.
fn sweep(all: &Path) {
    let Ok(entries) = fs::read_dir(all) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let owner = File::open(path.join(LOCK)).map(|lock| lock.try_lock());
        if !matches!(owner, Ok(Err(TryLockError::WouldBlock)) | Err(_)) {
            strays::kill_all(&path);
            let _ = fs::remove_dir_all(&path);
        }
    }
}

fn make_private(path: &Path) -> Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(Error::doing(format!("create {}", path.display())))
}
