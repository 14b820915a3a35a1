//! What happens in a simulated world, as data: a history can be written down, replayed and shrunk.

use std::fmt;

use super::link::Fault;
use crate::random::Random;

const HOUR_US: u64 = 3_600_000_000;

/// One thing that happens. Machines are counted modulo those that there are; `salt` draws the details, so that leaving
/// out other steps does not change them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A machine writes a transaction.
    Work { machine: usize, salt: u64 },
    /// A machine runs a round to its end.
    Sync { machine: usize },
    /// A machine goes on with its round for so many awaits.
    Walk { machine: usize, awaits: usize },
    /// A machine loses its power.
    Crash { machine: usize },
    /// After so many exchanges something goes wrong with one.
    Disturb { machine: usize, after: usize, fault: Fault },
    /// What was late arrives.
    Deliver { machine: usize },
    /// A machine's clock is set.
    Skew { machine: usize, us: i64 },
    /// Time passes.
    Wait { us: u64 },
    /// Another program writes, and commits at once.
    Foreign { salt: u64 },
    /// Another program writes, and leaves its transaction open.
    Open { salt: u64 },
    /// The oldest of those ends.
    Close { commit: bool },
    /// A machine's file is copied away.
    Backup { machine: usize },
    /// A machine gets its latest copy back.
    Restore { machine: usize },
    /// Another machine starts from a machine's file.
    Clone { machine: usize },
    /// Central is copied away.
    BackupCentral,
    /// Central gets its copy back.
    RestoreCentral,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// Which kinds of trouble a history has beside the network's.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent kinds of trouble")]
pub(crate) struct Trouble {
    pub foreign: bool,
    pub restores: bool,
    pub central_restores: bool,
    pub clones: bool,
}

/// A history of so many steps.
pub(crate) fn history(random: &mut Random, steps: usize, machines: usize, trouble: Trouble) -> Vec<Step> {
    (0..steps).map(|_| one(random, machines, trouble)).collect()
}

fn one(random: &mut Random, machines: usize, trouble: Trouble) -> Step {
    let machine = below(random, machines);
    match random.below(1000) {
        400..540 => Step::Sync { machine },
        540..640 => Step::Walk { machine, awaits: 1 + below(random, 24) },
        640..680 => Step::Crash { machine },
        680..760 => Step::Disturb { machine, after: below(random, 8), fault: *random.pick(&Fault::ALL) },
        760..790 => Step::Deliver { machine },
        790..810 => Step::Skew { machine, us: skew(random) },
        810..850 => Step::Wait { us: random.below(24 * HOUR_US) },
        850..853 => Step::Wait { us: 100 * 24 * HOUR_US },
        853..925 if trouble.foreign => Step::Foreign { salt: random.bits() },
        925..945 if trouble.foreign => Step::Open { salt: random.bits() },
        945..965 if trouble.foreign => Step::Close { commit: random.percent(75) },
        965..973 if trouble.restores => Step::Backup { machine },
        973..977 if trouble.restores => Step::Restore { machine },
        977..980 if trouble.clones => Step::Clone { machine },
        980..985 if trouble.central_restores => Step::BackupCentral,
        985..988 if trouble.central_restores => Step::RestoreCentral,
        // Most of the time people work.
        _ => Step::Work { machine, salt: random.bits() },
    }
}

/// Hours, either way; now and then years.
fn skew(random: &mut Random) -> i64 {
    let hours = if random.percent(10) { 24 * 365 * 10 } else { 12 };
    let us = random.below(2 * hours * HOUR_US);
    us.cast_signed() - (hours * HOUR_US).cast_signed()
}

fn below(random: &mut Random, limit: usize) -> usize {
    usize::try_from(random.below(limit as u64)).unwrap_or(0)
}
