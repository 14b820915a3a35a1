//! The import of transcripts beside plain reading and parsing of the same files.
//!
//! `cargo xtask bench transcripts [--mib N] [--json]` makes transcripts of real sizes, reads and parses them as JSON, line by
//! line, with nothing else, and then lets `claudetools import --transcripts` take them in, while a hook fires ten times a
//! second. Afterwards once more, when there is nothing new.

#[path = "../hook/host.rs"]
mod host;
#[path = "../hook/prose.rs"]
mod prose;

mod generate;
mod options;
mod plain;
mod report;
mod run;

use std::process::ExitCode;

use options::Options;

fn main() -> ExitCode {
    let outcome = Options::parse(std::env::args().skip(1)).and_then(|options| Ok((run::run(&options)?, options.json)));
    match outcome {
        Ok((report, json)) => {
            print!("{}", if json { report.json() } else { report.table() });
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("bench transcripts: failed to {error}");
            ExitCode::FAILURE
        }
    }
}
