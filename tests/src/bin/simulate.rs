//! `cargo run -p tests --release --bin simulate -- --seeds N`: the reconciliation in virtual time.
//!
//! Exit code 0 when nothing was lost and all came together, 1 when a seed failed or a mechanism was not missed.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use sync::mechanism::Mechanism;
use world::sim::{Campaign, Tally, campaign, explain, fleet, fleet_story};

/// The first seed for mechanisms taken away: those before are drawn in another way.
const MUTATED: u64 = 12_000;

/// Simulates machines that reconcile through one central, and checks that nothing is lost.
#[derive(Debug, Parser)]
#[command(name = "simulate")]
struct Options {
    /// How many seeds to run.
    #[arg(long, default_value_t = 1000)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Runs this seed only.
    #[arg(long, conflicts_with_all = ["seeds", "from"])]
    seed: Option<u64>,
    /// Takes away one mechanism after the other; each must be missed by a seed at least.
    #[arg(long)]
    mutations: bool,
    /// Of the mechanisms, takes away only this one.
    #[arg(long, requires = "mutations", value_parser = mechanism)]
    without: Option<Mechanism>,
    /// One fleet of so many machines, instead of many small worlds.
    #[arg(long, requires = "days")]
    machines: Option<usize>,
    /// For so many days.
    #[arg(long, requires = "machines")]
    days: Option<u32>,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
    /// Threads; as many as there are processors if it is not said.
    #[arg(long)]
    threads: Option<usize>,
}

/// A mechanism by its name.
fn mechanism(name: &str) -> Result<Mechanism, String> {
    let names = || Mechanism::ALL.map(|known| format!("{known:?}"));
    let found = Mechanism::ALL.into_iter().find(|known| format!("{known:?}").eq_ignore_ascii_case(name));
    found.ok_or_else(|| format!("there are: {}", names().join(", ")))
}

impl Options {
    fn chosen(&self) -> Vec<u64> {
        match self.seed {
            Some(seed) => vec![seed],
            None => (self.from..self.from.saturating_add(self.seeds)).collect(),
        }
    }

    fn threads(&self) -> usize {
        self.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    // A panic in a seed is a violation of it, told with the seed.
    std::panic::set_hook(Box::new(|_| {}));
    let good = if let (Some(machines), Some(days)) = (options.machines, options.days) {
        run_fleet(&options, machines, days)
    } else if options.mutations {
        run_mutations(&options)
    } else {
        run_seeds(&options)
    };
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run_seeds(options: &Options) -> bool {
    let seeds = options.chosen();
    let started = Instant::now();
    let bar = progress(seeds.len() as u64);
    let found = campaign(&seeds, options.threads(), None, || bar.inc(1));
    bar.finish_and_clear();
    let took = started.elapsed();
    let shrunk = found.failed.first().and_then(|(seed, _)| Some((*seed, explain(*seed)?)));
    if options.json {
        println!("{}", told_as_json(&found, took));
    } else {
        for (seed, violation) in &found.failed {
            println!("seed {seed}: {violation}");
        }
        if let Some((seed, (steps, violation))) = &shrunk {
            println!("\nthe shortest history of seed {seed} that fails:");
            for step in steps {
                println!("  {step}");
            }
            println!("  => {violation}\n");
        }
        let rate = tenths(found.seeds, took);
        println!("{} seeds in {} s ({rate} a second), {} failed", found.seeds, took.as_secs(), found.failed.len());
        print_tally(&found.tally);
        println!("lost {}, diverged {}", found.lost(), found.diverged());
    }
    found.failed.is_empty()
}

fn run_mutations(options: &Options) -> bool {
    let seeds: Vec<u64> = options.chosen().iter().map(|seed| seed + MUTATED).collect();
    let mut survivors = 0;
    let mut told = Vec::new();
    let chosen = Mechanism::ALL.into_iter().filter(|known| options.without.is_none_or(|only| only == *known));
    for mechanism in chosen {
        let bar = progress(seeds.len() as u64);
        let found = campaign(&seeds, options.threads(), Some(mechanism), || bar.inc(1));
        bar.finish_and_clear();
        survivors += usize::from(found.failed.is_empty());
        let example = found.failed.first().map(|(seed, violation)| format!("seed {seed}: {violation}"));
        if options.json {
            let (failed, seeds) = (found.failed.len(), found.seeds);
            told.push(
                json!({ "without": format!("{mechanism:?}"), "failed": failed, "seeds": seeds, "example": example }),
            );
        } else {
            let example = example.unwrap_or_else(|| "NOT MISSED".to_owned());
            println!("without {mechanism:?}: {} of {} seeds failed; {example}", found.failed.len(), found.seeds);
        }
    }
    if options.json {
        println!("{}", Value::from(told));
    }
    survivors == 0
}

fn run_fleet(options: &Options, machines: usize, days: u32) -> bool {
    let started = Instant::now();
    let outcome = fleet(options.seed.unwrap_or(options.from), machines, days);
    let took = started.elapsed();
    if options.json {
        let tally = tally_as_json(&outcome.tally);
        let violation = &outcome.violation;
        let seconds = took.as_secs();
        println!(
            "{}",
            json!({ "machines": machines, "days": days, "seconds": seconds, "violation": violation, "tally": tally })
        );
    } else {
        println!("{machines} machines for {days} days in {} s", took.as_secs());
        print_tally(&outcome.tally);
        println!("{}", outcome.violation.as_deref().unwrap_or("lost 0, diverged 0"));
        let seed = options.seed.unwrap_or(options.from);
        for line in outcome.violation.iter().flat_map(|violation| fleet_story(seed, machines, days, violation)) {
            println!("{line}");
        }
    }
    outcome.violation.is_none()
}

fn print_tally(tally: &Tally) {
    let faults: Vec<String> = tally.faults.iter().map(|(name, count)| format!("{name} {count}")).collect();
    println!("writes acknowledged {}, rounds {}, rows at central {}", tally.acknowledged, tally.rounds, tally.rows);
    println!("faults injected: {}", faults.join(", "));
    println!("conflicts recorded {}, quarantined {}", tally.conflicts, tally.quarantined);
}

fn tally_as_json(tally: &Tally) -> Value {
    json!({
        "acknowledged": tally.acknowledged,
        "rounds": tally.rounds,
        "rows": tally.rows,
        "faults": tally.faults,
        "conflicts": tally.conflicts,
        "quarantined": tally.quarantined,
    })
}

fn told_as_json(found: &Campaign, took: Duration) -> Value {
    let failed: Vec<Value> = found.failed.iter().map(|(seed, why)| json!({ "seed": seed, "violation": why })).collect();
    json!({
        "seeds": found.seeds,
        "seconds": took.as_secs_f64(),
        "failed": failed,
        "lost": found.lost(),
        "diverged": found.diverged(),
        "tally": tally_as_json(&found.tally),
    })
}

/// Per second, with one digit after the point.
fn tenths(count: u64, took: Duration) -> String {
    let tenths = u128::from(count) * 10_000 / took.as_millis().max(1);
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// On standard error, and only on a terminal.
fn progress(length: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} seeds, {per_sec}, {eta}");
    let bar = ProgressBar::new(length);
    style.map_or(bar.clone(), |style| bar.with_style(style))
}
