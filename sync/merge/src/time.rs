//! Hybrid logical time in one number.
//!
//! The method is that of Kulkarni et al., "Logical Physical Clocks" (OPODIS 2014), with the logical part folded into
//! the microseconds: a stamp is the larger of the physical time and the last stamp seen plus one.

use std::fmt;

/// Microseconds since the Unix epoch, never issued twice by one machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct HybridTime(pub u64);

impl HybridTime {
    /// The stamp after `self` when the physical clock reads `now_us` (microseconds since the Unix epoch).
    pub fn next(self, now_us: u64) -> Self {
        Self(now_us.max(self.0.saturating_add(1)))
    }

    /// A stamp that another machine issued, no later than `limit`: a clock that runs ahead must not win for ever.
    pub fn clamped(self, limit: Self) -> Self {
        self.min(limit)
    }
}

impl fmt::Display for HybridTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
