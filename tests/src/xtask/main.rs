//! `cargo xtask`: every repeatable command of a developer, one function each.

mod bench;
mod builds;
mod command;
mod faults;
mod prepare;

use std::process::ExitCode;

use command::{build_for_tests, cargo};
use world::{Error, Result};

const HELP: &str = "\
Usage: cargo xtask COMMAND

  test [FILTER…]   install what the tests need (saying so), build the programs, run all tests
  check            formatting, and clippy with warnings as errors
  deny             licences, banned crates and sources of the dependencies
  bench [NAME …]   benchmarks: hook (the hook end to end; --json, --samples N, --memories N,N…)
                    api (requests/s beside bare hyper and the disk; --json, --seconds N, --rounds N, --clients N,N…)
                    recall (what it finds for its tokens; --json, --data FOLDER)
                    redact (what it finds and mistakes; --json, --corpus FOLDER)
                    scale (what recall costs as memory grows; --json, --memories N,N…, --seconds N)
                    transcripts (importing them, beside plain reading and parsing; --json, --mib N)
                    verify (comparing with central: rows, seconds, bytes; [ROWS])
                   and sync (push, first sync, triggers, change notice; --json, --rows N, --samples N, --seconds N)
  faults           the fault tests, then what was acknowledged, broken, lost, in conflict (--all: every fault; --json)
  soak             real daemons against one MariaDB while all of it breaks (--machines 20, --minutes 5, --json)
  talk             the real client on two machines, beside the ledger (--prompts 200, --sessions 10, --json)
  builds           two builds side by side: an earlier commit's programs and these (--other COMMIT)
  help             this text
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (command, rest) = arguments.split_first().map_or(("help", &[][..]), |(first, rest)| (first.as_str(), rest));
    let outcome = match command {
        "test" => test(rest),
        "check" => check(),
        "deny" => deny(),
        "bench" => bench::run(rest),
        "faults" => faults::faults(rest),
        "soak" => faults::soak(rest),
        "talk" => faults::talk(rest),
        "builds" => builds::builds(rest),
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        other => {
            eprint!("xtask: {other} is not a command\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: failed to {error}");
            ExitCode::FAILURE
        }
    }
}

fn test(filter: &[String]) -> Result<()> {
    let environment = prepare::for_tests()?;
    build_for_tests()?;
    let mut arguments = vec!["test", "--workspace", "--"];
    arguments.extend(filter.iter().map(String::as_str));
    cargo(&arguments, &environment)
}

fn check() -> Result<()> {
    cargo(&["fmt", "--all", "--check"], &[])?;
    cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"], &[])
}

fn deny() -> Result<()> {
    if !command::is_installed("cargo-deny") {
        return Err(Error::new("check the dependencies: cargo-deny is missing; `cargo install --locked cargo-deny`"));
    }
    cargo(&["deny", "check", "licenses", "bans", "sources"], &[])
}
