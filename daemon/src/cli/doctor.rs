//! `doctor`: looks at every link of the chain.

use clap::Args;
use hooks::home::Home;

use super::{Outcome, output};
use crate::doctor::{Examination, Finding, Level, Patient, examine};

/// Check every link of the chain, and name the remedy of what is wrong
#[derive(Args)]
pub(super) struct Arguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Repair what is safe to repair: permissions, hooks, the daemon, a stale socket
    #[arg(long)]
    fix: bool,
}

pub(super) fn run(arguments: &Arguments, home: &Home) -> Outcome {
    let examination = examine(&Patient { home, fix: arguments.fix });
    if arguments.json {
        output::json(&examination);
    } else {
        print(&examination);
    }
    match examination.level {
        Level::Ok => Outcome::Done,
        Level::Warn => Outcome::NeedsUser,
        Level::Fail => Outcome::Failed,
    }
}

fn print(examination: &Examination) {
    for Finding { check, level, what, remedy, .. } in &examination.findings {
        let mark = match level {
            Level::Ok => '✓',
            Level::Warn => '!',
            Level::Fail => '✗',
        };
        output::line(format!("{mark} {check:9} {what}"));
        if !remedy.is_empty() {
            output::line(format!("            → {remedy}"));
        }
    }
}
