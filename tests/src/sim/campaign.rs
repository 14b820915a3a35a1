//! Many seeds over the processors of this machine, and what came of them together.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use sync::mechanism::{Mechanism, without};

use super::{Outcome, Tally, run};

/// What came of many seeds.
#[derive(Debug, Default)]
pub struct Campaign {
    /// How many there were.
    pub seeds: u64,
    /// All together.
    pub tally: Tally,
    /// Those that failed, with what happened, by number.
    pub failed: Vec<(u64, String)>,
}

/// Runs seeds on so many threads, each on one. `done` is called after each.
pub fn campaign(seeds: &[u64], threads: usize, missing: Option<Mechanism>, done: impl Fn() + Sync) -> Campaign {
    let next = AtomicU64::new(0);
    let result = Mutex::new(Campaign::default());
    let work = || {
        without(missing, || {
            while let Some(&seed) =
                usize::try_from(next.fetch_add(1, Ordering::Relaxed)).ok().and_then(|at| seeds.get(at))
            {
                let outcome = run(seed);
                result.lock().unwrap_or_else(PoisonError::into_inner).add(seed, outcome);
                done();
            }
        });
    };
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(work);
        }
    });
    let mut campaign = result.into_inner().unwrap_or_else(PoisonError::into_inner);
    campaign.failed.sort();
    campaign
}

impl Campaign {
    fn add(&mut self, seed: u64, outcome: Outcome) {
        self.seeds += 1;
        self.tally.add(&outcome.tally);
        self.failed.extend(outcome.violation.map(|violation| (seed, violation)));
    }

    /// Seeds in which something acknowledged was lost.
    pub fn lost(&self) -> usize {
        self.failed.iter().filter(|(_, violation)| violation.contains("lost")).count()
    }

    /// Seeds in which the sides did not come together.
    pub fn diverged(&self) -> usize {
        let apart = |violation: &str| violation.contains("differ") || violation.contains("settles");
        self.failed.iter().filter(|(_, violation)| apart(violation)).count()
    }
}
