//! Events that cannot be saved whatever is tried: kept in `spool/rejected/`, each with its reason beside it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use hooks::spool::{self, Spooled};

use crate::files;

const REASON: &str = "reason";

fn folder(spool: &Path) -> PathBuf {
    spool.join("rejected")
}

/// Keeps an event that was just sent.
pub(super) fn keep(spool: &Path, event: &Spooled, reason: &str) -> io::Result<()> {
    let path = spool::write(&folder(spool), event)?;
    tracing::warn!(event = event.event, id = event.id, reason, "an event was rejected and kept aside");
    note(&path, reason)
}

/// Moves a file of the spool here.
pub(super) fn move_aside(spool: &Path, path: &Path, reason: &str) -> io::Result<()> {
    let folder = folder(spool);
    hooks::durable::private_dir(&folder)?;
    let to = folder.join(path.file_name().unwrap_or_default());
    tracing::warn!(file = %to.display(), reason, "an event on disk was rejected and kept aside");
    note(&to, reason)?; // first, so that a crash between the two moves it again rather than losing the reason
    fs::rename(path, to)
}

fn note(path: &Path, reason: &str) -> io::Result<()> {
    files::write_private(&path.with_extension(REASON), format!("{reason}\n").as_bytes())
}

/// How many events are kept here.
pub(crate) fn count(spool: &Path) -> u64 {
    spool::pending(&folder(spool)).map_or(0, |paths| paths.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> Spooled {
        Spooled { event: "Stop".into(), id: "ab".into(), sent_at_us: 5, body: b"{broken".to_vec() }
    }

    fn read(folder: &Path, extension: &str) -> Vec<u8> {
        fs::read(folder.join("00000000000000000005-ab").with_extension(extension)).unwrap()
    }

    #[test]
    fn a_rejected_event_is_kept_whole_with_its_reason() {
        let spool = tempfile::tempdir().unwrap();
        keep(spool.path(), &event(), "not JSON").unwrap();
        let folder = folder(spool.path());
        assert!(read(&folder, "event").ends_with(b"\n{broken"));
        assert_eq!(read(&folder, "reason"), b"not JSON\n");
        assert_eq!(count(spool.path()), 1);
        assert!(spool::pending(spool.path()).unwrap().is_empty());
    }

    #[test]
    fn a_spooled_file_moves_aside_as_it_is() {
        let spool = tempfile::tempdir().unwrap();
        let path = spool::write(spool.path(), &event()).unwrap();
        let bytes = fs::read(&path).unwrap();
        move_aside(spool.path(), &path, "too large").unwrap();
        assert!(!path.exists());
        assert_eq!(read(&folder(spool.path()), "event"), bytes);
        assert_eq!(count(spool.path()), 1);
    }
}
