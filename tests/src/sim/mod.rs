//! Many machines, one central and other programs, in virtual time, from a seed.
//!
//! Real: the replica (its SQL, its transactions), the round of the engine, the logic of push, receipt and numbering, the
//! planner. Modelled: central's tables ([`model`]) and the network ([`link`]). A machine's round is a future that is
//! polled await by await and may be dropped at any of them, which is what a crash is. Everything random comes from the
//! seed, so that a failure can be replayed, and its history shrunk ([`shrink`]).

mod bases;
mod campaign;
mod clock;
mod draft;
mod fleet;
mod foreign;
mod link;
mod links;
mod machine;
mod model;
mod shrink;
mod step;
mod template;
mod tokens;
mod verdict;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

pub use campaign::{Campaign, campaign};
pub use fleet::{fleet, fleet_story};
use model::Make;
use step::{Step, Trouble, history};
pub use world::Tally;
use world::World;

use crate::random::Random;

/// Steps of a history.
const STEPS: u64 = 160;

/// What people do, by when a seed was first drawn: seeds that failed once stay what they were.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Habits {
    /// Anything, alike often.
    None,
    /// Counting, and columns that one condition is about.
    Counting,
    /// Those, and rows that all work on at once.
    Sharing,
}

impl Habits {
    fn of(seed: u64) -> Self {
        match seed {
            0..1_400 => Self::None,
            1_400..3_100 | 10_000..11_200 => Self::Counting,
            _ => Self::Sharing,
        }
    }
}

/// What a seed makes: the world, and what happens in it.
struct Scenario {
    machines: usize,
    habits: Habits,
    make: Make,
    steps: Vec<Step>,
}

/// What came of a seed.
#[derive(Debug)]
pub struct Outcome {
    /// In numbers.
    pub tally: Tally,
    /// Of central's rows at the end: two runs of one seed have it in common.
    pub hash: u64,
    /// What must not have happened.
    pub violation: Option<String>,
}

fn scenario(seed: u64) -> Scenario {
    let mut random = Random::new(seed);
    let machines = 2 + usize::try_from(random.below(4)).unwrap_or(0);
    let habits = Habits::of(seed);
    let make = Make {
        acts: random.percent(if habits > Habits::None { 45 } else { 30 }),
        page: *random.pick(&[2, 5, 20]),
        rows: *random.pick(&[1, 3, 8, 50]),
    };
    let trouble = Trouble {
        foreign: random.percent(70),
        restores: random.percent(20),
        clones: random.percent(20),
        central_restores: random.percent(15),
    };
    let steps = usize::try_from(STEPS / 2 + random.below(STEPS)).unwrap_or(0);
    let steps = history(&mut random, steps, machines, trouble);
    Scenario { machines, habits, make, steps }
}

/// Runs the history of a seed.
pub fn run(seed: u64) -> Outcome {
    play(&scenario(seed))
}

/// Runs the history of a seed, and when it fails finds the shortest that fails too: its steps, and what happens.
pub fn explain(seed: u64) -> Option<(Vec<String>, String)> {
    let scenario = scenario(seed);
    let violation = play(&scenario).violation?;
    let (scenario, violation) = shrink::shrink(scenario, violation);
    Some((told(&scenario, &violation), violation))
}

/// The steps, each with what was acknowledged in it, and with where the text is that the violation names.
fn told(scenario: &Scenario, violation: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let token = tokens::tokens_in(violation).next();
    let mut places = Vec::new();
    let Ok(mut world) = World::new(scenario.machines, scenario.make) else { return lines };
    world.habits = scenario.habits;
    for step in &scenario.steps {
        lines.push(step.to_string());
        world.tokens.story = Some(Vec::new());
        let failed = world.step(*step).err();
        let story = world.tokens.story.take().into_iter().flatten();
        lines.extend(story.chain(failed).map(|line| format!("    {line}")));
        let now = token.map(|token| world.places_of(token)).unwrap_or_default();
        if now != places {
            lines.push(format!(
                "    it is now at {}",
                if now.is_empty() { "no place".to_owned() } else { now.join(", ") }
            ));
            places = now;
        }
    }
    lines
}

fn play(scenario: &Scenario) -> Outcome {
    let mut tally = Tally::default();
    let mut hash = 0;
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let mut world = World::new(scenario.machines, scenario.make).map_err(world::text)?;
        world.habits = scenario.habits;
        let done = live(&mut world, &scenario.steps);
        tally = std::mem::take(&mut world.tally);
        hash = verdict::hash(&world);
        done
    }));
    let violation = outcome.unwrap_or_else(|_| Err("it panicked".to_owned())).err();
    Outcome { tally, hash, violation }
}

fn live(world: &mut World, steps: &[Step]) -> Result<(), String> {
    for step in steps {
        world.step(*step)?;
    }
    world.settle()?;
    verdict::check(world)
}
