//! Virtual time, and the clocks that tell it wrongly.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use sync::Clock;

/// When a simulation begins: microseconds since the Unix epoch.
pub(crate) const START_US: u64 = 1_790_000_000_000_000;

/// The time of a simulated world. Clones share it.
#[derive(Clone)]
pub(crate) struct Time(Arc<AtomicU64>);

impl Time {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicU64::new(START_US)))
    }

    /// Microseconds since the Unix epoch; each look takes one.
    pub(crate) fn now_us(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }

    /// Lets time pass.
    pub(crate) fn pass(&self, us: u64) {
        self.0.fetch_add(us, Ordering::Relaxed);
    }
}

/// A machine's clock.
pub(crate) struct SkewedClock {
    time: Time,
    skew_us: AtomicI64,
}

impl SkewedClock {
    pub(crate) fn new(time: Time) -> Self {
        Self { time, skew_us: AtomicI64::new(0) }
    }

    /// Sets it wrong by so many microseconds.
    pub(crate) fn skew(&self, us: i64) {
        self.skew_us.store(us, Ordering::Relaxed);
    }
}

impl Clock for SkewedClock {
    fn now_us(&self) -> u64 {
        self.time.now_us().saturating_add_signed(self.skew_us.load(Ordering::Relaxed))
    }
}
