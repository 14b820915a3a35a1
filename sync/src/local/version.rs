//! Which version of the replica a reader would see: a number that is even between commits and odd while one is made.
//!
//! The writer is the only one who changes the file, so that an answer that was read at a version is right as long as that
//! version stands. It ends before a commit can be seen, and the next one begins when the commit is through; in between,
//! nobody knows what a reader would see. This is the counter of a sequence lock, without the lock (Lameter, "Effective
//! Synchronization on Linux/NUMA Systems", 2005).

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;

/// The counter.
#[derive(Debug, Default)]
pub(super) struct Versions {
    number: AtomicU64,
    /// Tells when it has changed.
    commits: watch::Sender<()>,
}

impl Versions {
    /// Makes a commit, whatever becomes of it.
    pub(super) fn during<T>(&self, commit: impl FnOnce() -> T) -> T {
        self.number.fetch_add(1, Ordering::SeqCst);
        let outcome = commit();
        self.number.fetch_add(1, Ordering::SeqCst);
        self.commits.send_replace(());
        outcome
    }

    /// Sees each commit from now on.
    pub(super) fn commits(&self) -> watch::Receiver<()> {
        self.commits.subscribe()
    }

    /// The version that stands; None while a commit is made.
    pub(super) fn standing(&self) -> Option<u64> {
        Some(self.number.load(Ordering::SeqCst)).filter(|number| number.is_multiple_of(2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_version_stands_while_a_commit_is_made_and_another_one_afterwards() {
        let versions = Versions::default();
        let before = versions.standing();
        assert!(before.is_some());
        assert_eq!(versions.during(|| versions.standing()), None);
        assert!(versions.standing().is_some_and(|after| Some(after) != before));
    }
}
