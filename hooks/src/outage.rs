//! The mark of an outage: it makes the many hooks that meet one outage tell the user of it once.
//!
//! The first hook that can show a message creates the mark; the daemon removes it once it has taken in the spool.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::durable::{private_dir, private_file};

fn mark(spool: &Path) -> PathBuf {
    spool.join("outage")
}

/// Takes it upon the caller to tell of the outage: true for the first caller since [`clear`], false for all others.
pub fn claim(spool: &Path, now_us: u64) -> io::Result<bool> {
    private_dir(spool)?;
    match private_file().write(true).create_new(true).open(mark(spool)) {
        Ok(mut file) => {
            // The time is for `status` only; on a full disk the empty file still does its work.
            let _ = writeln!(file, "{now_us}");
            Ok(true)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

/// When the outage that was told of began, in microseconds since the epoch; `Some(0)` when that could not be written,
/// `None` when there is none.
pub fn since(spool: &Path) -> io::Result<Option<u64>> {
    match fs::read_to_string(mark(spool)) {
        Ok(text) => Ok(Some(text.trim().parse().unwrap_or(0))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Ends the outage; true when there was one.
pub fn clear(spool: &Path) -> io::Result<bool> {
    match fs::remove_file(mark(spool)) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_claim_an_outage() {
        let home = tempfile::tempdir().unwrap();
        let spool = home.path().join("spool");
        assert_eq!(since(&spool).unwrap(), None);
        assert!(claim(&spool, 42).unwrap());
        assert!(!claim(&spool, 43).unwrap());
        assert_eq!(since(&spool).unwrap(), Some(42));
        assert!(clear(&spool).unwrap());
        assert!(!clear(&spool).unwrap());
        assert!(claim(&spool, 44).unwrap());
    }

    #[test]
    fn a_mark_that_cannot_be_made_is_an_error() {
        let home = tempfile::tempdir().unwrap();
        let spool = home.path().join("spool");
        fs::write(&spool, "a file in its place").unwrap();
        assert!(claim(&spool, 1).is_err());
    }
}
