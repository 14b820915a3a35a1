//! When to look at central, when to give a sign of life, when to run a round though nothing seems to have happened.
//!
//! A look is one small query, so a machine that idles costs about one query a second, and what another machine wrote is
//! here within about a second. Where something happened, more is likely to follow: for some seconds after a local change
//! or after something was pulled, looks are five times as frequent.

use std::time::Duration;

use tokio::time::Instant;

/// How long after something happened looks are more frequent.
const BUSY_FOR: Duration = Duration::from_secs(5);
/// How much more frequent.
const BUSY_FACTOR: u32 = 5;
/// Between signs of life; tombstones are kept for machines that give one.
const BEAT: Duration = Duration::from_mins(1);
/// Between rounds without a reason.
const UNASKED: Duration = Duration::from_mins(5);
/// The same while something waits that is tried again in time: see the quarantine.
const RETRIED: Duration = Duration::from_mins(1);
/// Between looks whether old tombstones may go; the first soon after the start.
const PRUNE: Duration = Duration::from_hours(6);

/// The times of the last events that matter for the pace.
#[derive(Debug)]
pub(super) struct Pace {
    poll: Duration,
    round: Instant,
    beat: Instant,
    busy_until: Instant,
    prune: Option<Instant>,
    /// True while something waits to be tried again.
    waiting: bool,
}

impl Pace {
    /// The pace of a connection that is new: the first round is due by itself.
    pub(super) fn new(poll: Duration, now: Instant) -> Self {
        Self { poll, round: now, beat: now, busy_until: now, prune: None, waiting: false }
    }

    /// Something happened here or came from there.
    pub(super) fn busy(&mut self, now: Instant) {
        self.busy_until = now + BUSY_FOR;
    }

    /// A round went through; it gave a sign of life. `waiting`: something is to be tried again.
    pub(super) fn round_done(&mut self, now: Instant, waiting: bool) {
        self.round = now;
        self.beat = now;
        self.waiting = waiting;
    }

    /// A sign of life was given.
    pub(super) fn beat_done(&mut self, now: Instant) {
        self.beat = now;
    }

    /// True when a round is due whatever central says.
    pub(super) fn round_due(&self, now: Instant) -> bool {
        now.duration_since(self.round) >= if self.waiting { RETRIED } else { UNASKED }
    }

    /// True, once, when it is time to look whether old tombstones may go.
    pub(super) fn prune_due(&mut self, now: Instant) -> bool {
        let due = self.prune.is_none_or(|last| now.duration_since(last) >= PRUNE);
        if due {
            self.prune = Some(now);
        }
        due
    }

    /// True when a sign of life is due.
    pub(super) fn beat_due(&self, now: Instant) -> bool {
        now.duration_since(self.beat) >= BEAT
    }

    /// How long to wait before the next look.
    pub(super) fn wait(&self, now: Instant) -> Duration {
        if now < self.busy_until { self.poll / BUSY_FACTOR } else { self.poll }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_are_frequent_after_something_happened_and_rare_otherwise() {
        let start = Instant::now();
        let mut pace = Pace::new(Duration::from_secs(1), start);
        assert_eq!(pace.wait(start), Duration::from_secs(1));
        pace.busy(start);
        assert_eq!(pace.wait(start + Duration::from_secs(4)), Duration::from_millis(200));
        assert_eq!(pace.wait(start + Duration::from_secs(6)), Duration::from_secs(1));
    }

    #[test]
    fn a_round_is_a_sign_of_life_but_not_the_other_way_round() {
        let start = Instant::now();
        let mut pace = Pace::new(Duration::from_secs(1), start);
        let later = start + UNASKED;
        assert!(pace.round_due(later) && pace.beat_due(later));
        pace.beat_done(later);
        assert!(pace.round_due(later) && !pace.beat_due(later));
        pace.round_done(later, false);
        assert!(!pace.round_due(later) && !pace.beat_due(later));
        pace.round_done(later, true);
        assert!(pace.round_due(later + RETRIED), "what waits is tried sooner");
    }
}
