//! A fleet in ordinary life: many machines over many days, most of them laptops that are away for hours or days.

use super::link::Fault;
use super::model::Make;
use super::step::Step;
use super::{Outcome, Scenario, play};
use crate::random::Random;

const HOUR_US: u64 = 3_600_000_000;

/// Runs a fleet. Each machine works a few times a day and syncs when it is online, which each is nine days of ten;
/// the network fails now and then, and other programs write at central.
pub fn fleet(seed: u64, machines: usize, days: u32) -> Outcome {
    let mut random = Random::new(seed);
    let mut steps = Vec::new();
    for _ in 0..days {
        let online: Vec<bool> = (0..machines).map(|_| random.percent(90)).collect();
        for _ in 0..24 {
            hour(&mut random, &online, &mut steps);
            steps.push(Step::Wait { us: HOUR_US });
        }
    }
    play(&Scenario { machines, habits: true, make: Make { acts: false, page: 500, rows: 500 }, steps })
}

fn hour(random: &mut Random, online: &[bool], steps: &mut Vec<Step>) {
    for (machine, online) in online.iter().enumerate() {
        if random.percent(6) {
            steps.push(Step::Work { machine, salt: random.bits() });
        }
        if random.percent(1) {
            let fault = *random.pick(&Fault::ALL);
            steps.push(Step::Disturb { machine, after: usize::try_from(random.below(8)).unwrap_or(0), fault });
        }
        if *online && random.percent(12) {
            steps.push(Step::Sync { machine });
        } else if random.below(1000) < 3 {
            steps.push(Step::Crash { machine });
        }
    }
    if random.percent(50) {
        steps.push(Step::Foreign { salt: random.bits() });
    }
}
