//! Files that have changed and wait to be quiet. Pure: the time is passed in.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const SECOND_US: u64 = 1_000_000;
/// A file whose session has ended is read so long after its last change: the client may still write what it had in hand.
const ENDED_US: u64 = 2 * SECOND_US;
/// What depends on another file is tried again after this, so many times.
const AGAIN_US: u64 = 5 * 60 * SECOND_US;
const AGAIN: u8 = 5;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    /// When it was changed last, or what counts for that, in microseconds since the Unix epoch.
    changed_us: u64,
    /// How often it was tried already.
    tried: u8,
}

/// What waits.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    quiet_us: u64,
    files: BTreeMap<PathBuf, Entry>,
}

impl Waiting {
    /// Files are quiet after so many seconds.
    pub(super) fn new(quiet_seconds: u64) -> Self {
        Self { quiet_us: quiet_seconds.saturating_mul(SECOND_US), files: BTreeMap::new() }
    }

    /// A file was changed.
    pub(super) fn changed(&mut self, path: PathBuf, at_us: u64) {
        let entry = self.files.entry(path).or_insert(Entry { changed_us: 0, tried: 0 });
        *entry = Entry { changed_us: entry.changed_us.max(at_us), tried: 0 };
    }

    /// What a file tells cannot be placed yet.
    pub(super) fn again(&mut self, path: PathBuf, tried: u8, now_us: u64) {
        if tried < AGAIN {
            self.files.insert(path, Entry { changed_us: now_us + AGAIN_US, tried: tried + 1 });
        }
    }

    /// Takes out the file that waits longest of those that are due, and how often it was tried. `has_ended` is asked of
    /// those that are not quiet yet. Conversations come before their helpers, which lie deeper.
    pub(super) fn take_due(&mut self, now_us: u64, has_ended: impl Fn(&Path) -> bool) -> Option<(PathBuf, u8)> {
        let is_due = |path: &Path, entry: &Entry| {
            let quiet_us = now_us.saturating_sub(entry.changed_us);
            let is_past = entry.changed_us <= now_us;
            is_past && (quiet_us >= self.quiet_us || (quiet_us >= ENDED_US && has_ended(path)))
        };
        let due = self.files.iter().filter(|(path, entry)| is_due(path, entry));
        let first = due.min_by_key(|(path, entry)| (path.components().count(), entry.changed_us))?;
        let path = first.0.clone();
        self.files.remove(&path).map(|entry| (path, entry.tried))
    }

    /// How many wait.
    pub(super) fn count(&self) -> u64 {
        self.files.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(waiting: &mut Waiting, second: u64, ended: bool) -> Option<String> {
        waiting.take_due(second * SECOND_US, |_| ended).map(|(path, _)| path.display().to_string())
    }

    #[test]
    fn a_file_is_due_when_it_is_quiet_or_its_session_has_ended() {
        let mut waiting = Waiting::new(30);
        waiting.changed("/p/a.jsonl".into(), 100 * SECOND_US);
        waiting.changed("/p/a.jsonl".into(), 120 * SECOND_US);
        assert_eq!((due(&mut waiting, 149, false), waiting.count()), (None, 1));
        assert_eq!((due(&mut waiting, 150, false).as_deref(), waiting.count()), (Some("/p/a.jsonl"), 0));
        waiting.changed("/p/a.jsonl".into(), 200 * SECOND_US);
        assert_eq!(due(&mut waiting, 201, true), None, "the client may still write");
        assert_eq!(due(&mut waiting, 202, true).as_deref(), Some("/p/a.jsonl"));
    }

    #[test]
    fn conversations_come_before_their_helpers_and_the_oldest_first() {
        let mut waiting = Waiting::new(1);
        for (path, at) in [("/p/a/subagents/agent-1.jsonl", 1), ("/p/b.jsonl", 3), ("/p/a.jsonl", 2)] {
            waiting.changed(path.into(), at * SECOND_US);
        }
        let order: Vec<String> = std::iter::from_fn(|| due(&mut waiting, 10, false)).collect();
        assert_eq!(order, ["/p/a.jsonl", "/p/b.jsonl", "/p/a/subagents/agent-1.jsonl"]);
    }

    #[test]
    fn what_cannot_be_placed_is_tried_again_a_few_times() {
        let mut waiting = Waiting::new(1);
        let mut now_us = 10 * SECOND_US;
        waiting.changed("/p/agent.jsonl".into(), 1);
        let mut tries = 0;
        while let Some((path, tried)) = waiting.take_due(now_us, |_| false) {
            tries += 1;
            waiting.again(path, tried, now_us);
            assert_eq!(due(&mut waiting, now_us / SECOND_US + 10, false), None, "not at once");
            now_us += AGAIN_US + 2 * SECOND_US;
        }
        assert_eq!(tries, u32::from(AGAIN) + 1);
    }
}
