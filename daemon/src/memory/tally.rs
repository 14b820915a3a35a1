//! Weights added up by memory: tens of thousands of additions for one prompt.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// What each memory has come to.
#[derive(Default)]
pub(super) struct Tally {
    sums: HashMap<i64, f64, BuildHasherDefault<Spread>>,
}

impl Tally {
    pub(super) fn add(&mut self, ids: &[i64], weight: f64) {
        for id in ids {
            *self.sums.entry(*id).or_default() += weight;
        }
    }

    /// The memories with the highest sums, best first, the newer of equal ones first. `factor` is what a memory's sum is
    /// multiplied by; None keeps it out.
    pub(super) fn best(self, count: usize, factor: impl Fn(i64) -> Option<f64>) -> Vec<i64> {
        let mut ranked: Vec<(i64, f64)> =
            self.sums.into_iter().filter_map(|(id, sum)| Some((id, sum * factor(id)?))).collect();
        let best_first = |a: &(i64, f64), b: &(i64, f64)| b.1.total_cmp(&a.1).then(b.0.cmp(&a.0));
        if ranked.len() > count {
            ranked.select_nth_unstable_by(count, best_first);
            ranked.truncate(count);
        }
        ranked.sort_unstable_by(best_first);
        ranked.into_iter().map(|(id, _)| id).collect()
    }
}

/// A hash for our own ids, which nobody chooses in order to make them collide.
#[derive(Default)]
struct Spread(u64);

impl Hasher for Spread {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_i64(&mut self, id: i64) {
        self.write_u64(id.cast_unsigned());
    }

    fn write_u64(&mut self, number: u64) {
        // An odd constant without a pattern (the golden ratio); the table looks at the highest and the lowest bits.
        let product = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = product ^ (product >> 32);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_are_in_order_and_the_newer_of_equals_first() {
        let mut tally = Tally::default();
        tally.add(&[1, 2, 3, 4, 5], 1.0);
        tally.add(&[2, 4], 2.0);
        tally.add(&[5], 9.0);
        let factor = |id| (id != 5).then_some(if id == 4 { 0.5 } else { 1.0 });
        assert_eq!(tally.best(3, factor), [2, 4, 3]);
    }

    #[test]
    fn neighbouring_ids_are_spread_over_a_small_table() {
        let hash = |id: i64| {
            let mut spread = Spread::default();
            spread.write_i64(id);
            spread.finish()
        };
        let scope = 7_i64 << 32;
        let low: std::collections::HashSet<u64> = (0..128).map(|n| hash(scope + n) & 127).collect();
        let high: std::collections::HashSet<u64> = (0..128).map(|n| hash(scope + n) >> 57).collect();
        assert!(low.len() > 64 && high.len() > 64, "{} {}", low.len(), high.len());
    }
}
