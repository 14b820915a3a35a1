//! `cargo run -p tests --release --bin simulate -- --seeds N`: the reconciliation in virtual time.

use std::process::ExitCode;

use clap::Parser;

/// Simulates machines that reconcile through one central, and checks that nothing is lost.
#[derive(Debug, Parser)]
struct Options {
    /// How many seeds to run.
    #[arg(long, default_value_t = 1000)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// One seed only: runs it, and when it fails prints the shortest history that fails.
    #[arg(long)]
    seed: Option<u64>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let seeds = match options.seed {
        Some(seed) => seed..seed + 1,
        None => options.from..options.from + options.seeds,
    };
    let started = std::time::Instant::now();
    let mut failed = 0;
    let mut total = world::sim::Tally::default();
    let count = seeds.end - seeds.start;
    for seed in seeds {
        let outcome = world::sim::run(seed);
        total.add(&outcome.tally);
        if let Some(violation) = outcome.violation {
            failed += 1;
            println!("seed {seed}: {violation}");
            if options.seed.is_some()
                && let Some((steps, violation)) = world::sim::explain(seed)
            {
                for step in steps {
                    println!("  {step}");
                }
                println!("  => {violation}");
            }
        }
    }
    let seconds = started.elapsed().as_secs().max(1);
    println!("{count} seeds, {failed} failed, {} a second; {total:?}", count / seconds);
    if failed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
