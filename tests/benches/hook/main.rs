//! The hook end to end, as its user waits for it: the release build of `claudetools-hook`, started with a prompt on its
//! standard input, until it has ended. Meanwhile a running daemon has made the prompt durable and searched its memories.
//!
//! Beside it, in the same run and in turns, so that whatever slows the machine slows all of them: `/bin/true` (the start of
//! a process), and a bare socket client (`bare-client`) that sends the same bytes to a responder that does nothing, to one
//! that writes them to disk first, and to the daemon itself.

mod contenders;
mod desk;
mod figures;
mod host;
mod options;
mod prompts;
mod prose;
mod report;
mod responder;
mod seed;

use std::process::ExitCode;

use contenders::Contenders;
use options::Options;
use report::Report;
use world::Result;

fn main() -> ExitCode {
    let outcome = Options::parse(std::env::args().skip(1)).and_then(|options| Ok((run(&options)?, options.json)));
    match outcome {
        Ok((report, json)) => {
            print!("{}", if json { report.json() } else { report.table() });
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("bench hook: failed to {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<Report> {
    let mut contenders = Contenders::prepare(&options.memories)?;
    let idle = contenders.resources()?;
    let load_before = host::load();
    contenders.warm_up(options.samples / 10)?;
    for round in 0..options.samples {
        contenders.round(round)?;
        if round % 10 == 9 {
            eprint!("\rmeasuring: {} of {} samples each ", round + 1, options.samples);
        }
    }
    eprintln!();
    let loads = [load_before, host::load()];
    let (measured, busy) = contenders.finish()?;
    Ok(Report { facts: host::facts(), loads, idle, measured, busy })
}
