//! A fleet in ordinary life: many machines over many days, most of them laptops that are away for hours or days.

use super::link::Fault;
use super::model::Make;
use super::step::Step;
use super::{Habits, Outcome, Scenario, play, told};
use crate::random::Random;

const HOUR_US: u64 = 3_600_000_000;
/// Of a UUID as text.
const KEY_LENGTH: usize = 36;

/// Runs a fleet. Each machine works a few times a day and syncs when it is online, which each is nine days of ten;
/// the network fails now and then, and other programs write at central.
pub fn fleet(seed: u64, machines: usize, days: u32) -> Outcome {
    play(&scenario(seed, machines, days))
}

/// What a fleet did to the row that a violation is about: the lines of its history that name it.
pub fn fleet_story(seed: u64, machines: usize, days: u32, violation: &str) -> Vec<String> {
    let is_key = |word: &&str| word.len() >= KEY_LENGTH && word.contains('-');
    let trimmed = violation.split_whitespace().map(|word| word.trim_matches(|c: char| !c.is_ascii_alphanumeric()));
    let keys: Vec<&str> = trimmed.filter(is_key).collect();
    let lines = told(&scenario(seed, machines, days), violation);
    lines.into_iter().filter(|line| line.contains("it is now") || keys.iter().any(|key| line.contains(key))).collect()
}

fn scenario(seed: u64, machines: usize, days: u32) -> Scenario {
    let mut random = Random::new(seed);
    let mut steps = Vec::new();
    for _ in 0..days {
        let online: Vec<bool> = (0..machines).map(|_| random.percent(90)).collect();
        for _ in 0..24 {
            hour(&mut random, &online, &mut steps);
            steps.push(Step::Wait { us: HOUR_US });
        }
    }
    Scenario { machines, habits: Habits::Sharing, make: Make { acts: false, page: 500, rows: 500 }, steps }
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
