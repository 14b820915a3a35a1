//! Samples and what is said of them.

use std::time::Duration;

/// The times of one contender.
#[derive(Default)]
pub(crate) struct Samples(Vec<Duration>);

impl Samples {
    pub(crate) fn add(&mut self, took: Duration) {
        self.0.push(took);
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn figures(&self) -> Figures {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        Figures { samples: sorted.len(), median: at(&sorted, 50), p95: at(&sorted, 95), p99: at(&sorted, 99) }
    }
}

/// Percentiles, by nearest rank; 0 when there are no samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Figures {
    pub(crate) samples: usize,
    pub(crate) median: Duration,
    pub(crate) p95: Duration,
    pub(crate) p99: Duration,
}

impl Figures {
    /// How many times as long as another takes in the median.
    pub(crate) fn times(&self, other: &Figures) -> f64 {
        self.median.as_secs_f64() / other.median.as_secs_f64()
    }
}

fn at(sorted: &[Duration], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}
