//! How long this process may take, and how it waits for what may not end.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

const HOOK_VARIABLE: &str = "CLAUDETOOLS_HOOK_DEADLINE_MS";
const START_VARIABLE: &str = "CLAUDETOOLS_START_DEADLINE_MS";
const HOOK_DEFAULT_MS: u64 = 200;
const START_DEFAULT_MS: u64 = 1_500;
/// Below, not even the spool could be reached; above, the user would wait for nothing.
const ALLOWED_MS: std::ops::RangeInclusive<u64> = 20..=60_000;
/// The most that is held back for keeping the event on disk when the daemon has not answered. Half of the time, up to
/// this: a late answer costs what would have been recalled, a disk that is too late costs the event.
const MOST_RESERVE: Duration = Duration::from_millis(300);

/// The deadlines of one run.
///
/// They are kept by leaving, so they hold against everything but a kernel that does not let a process go: a write to a
/// disk that hangs without an error. There the `timeout` in settings.json is what frees the session.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadlines {
    started: Instant,
    total: Duration,
    start: Duration,
}

impl Deadlines {
    /// The deadlines of a process that was started at `started`, by the environment or by default.
    pub(crate) fn from_environment(started: Instant) -> Self {
        let total = millis(HOOK_VARIABLE, HOOK_DEFAULT_MS);
        Self { started, total, start: millis(START_VARIABLE, START_DEFAULT_MS).max(total) }
    }

    /// The same run, with the longer time that starting a daemon takes.
    pub(crate) fn extended(self) -> Self {
        Self { total: self.start, ..self }
    }

    /// How long everything may take.
    pub(crate) fn total(&self) -> Duration {
        self.total
    }

    /// How long it may take until the daemon has answered; what is left then is for the disk.
    pub(crate) fn asking(&self) -> Duration {
        self.total.saturating_sub((self.total / 2).min(MOST_RESERVE))
    }

    pub(crate) fn asking_end(&self) -> Instant {
        self.started + self.asking()
    }

    pub(crate) fn end(&self) -> Instant {
        self.started + self.total
    }
}

/// A value that is not a number of milliseconds is as good as none, and one out of bounds is brought within them: the
/// hook has to do its work in any environment.
fn millis(variable: &str, default: u64) -> Duration {
    let given = std::env::var(variable).ok().and_then(|text| text.trim().parse::<u64>().ok());
    Duration::from_millis(given.unwrap_or(default).clamp(*ALLOWED_MS.start(), *ALLOWED_MS.end()))
}

/// Runs the job on a thread of its own and gives it up at `until`: `None` then, and when it panicked or no thread could
/// be had.
pub(crate) fn by<T: Send + 'static>(until: Instant, job: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (done, result) = mpsc::sync_channel(1);
    let worker = thread::Builder::new().spawn(move || {
        // Nobody listens any more when the deadline has passed.
        let _ = done.send(job());
    });
    worker.ok()?;
    result.recv_timeout(until.saturating_duration_since(Instant::now())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn part_of_the_time_is_held_back_for_the_disk() {
        let started = Instant::now();
        let at =
            |total| Deadlines { started, total: Duration::from_millis(total), start: Duration::from_millis(1_500) };
        assert_eq!(at(200).asking(), Duration::from_millis(100));
        assert_eq!(at(20).asking(), Duration::from_millis(10));
        assert_eq!(at(2_000).asking(), Duration::from_millis(1_700));
        assert_eq!(at(200).extended().asking(), Duration::from_millis(1_200));
        assert_eq!(at(200).end() - at(200).asking_end(), Duration::from_millis(100));
    }

    #[test]
    fn a_job_is_done_given_up_or_lost() {
        let soon = || Instant::now() + Duration::from_millis(20);
        assert_eq!(by(Instant::now() + Duration::from_mins(1), || 7), Some(7));
        let (_keep_open, never) = mpsc::channel::<()>();
        assert_eq!(by(soon(), move || never.recv().is_ok()), None);
        assert_eq!(by(Instant::now() + Duration::from_mins(1), || -> u8 { panic!("as a fault would") }), None);
    }
}
