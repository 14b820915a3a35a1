//! How long to wait before the next try: doubling with jitter, so that machines do not come back all at once.

use std::time::Duration;

/// First wait.
const FIRST: Duration = Duration::from_secs(1);
/// Longest wait for a central that is away.
const LONGEST: Duration = Duration::from_mins(1);

/// The waits of one outage.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// Central answered: the next outage starts from the first wait.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }

    /// Tries that failed in this outage.
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    /// The next wait: between half of and the whole of min(60 s, 1 s × 2^failures). `random` is uniform.
    pub(super) fn next(&mut self, random: u32) -> Duration {
        let whole = FIRST.saturating_mul(1 << self.failures.min(10)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        whole / 2 + (whole / 2).mul_f64(f64::from(random) / f64::from(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_to_its_limit_and_starts_again() {
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..9).map(|_| backoff.next(u32::MAX).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        backoff.reset();
        assert_eq!(backoff.next(0), FIRST / 2);
    }
}
