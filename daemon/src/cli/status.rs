//! `status`: the state of this machine, problems first.

use clap::Args;
use hooks::home::Home;
use sync::{Clock, SystemClock};

use super::{Outcome, output};
use crate::report::{Severity, StatusReport, offline};
use crate::{client, render};

/// Show the state of daemon, hooks, replica and sync
#[derive(Args)]
pub(super) struct Arguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, home: &Home) -> Outcome {
    let report = gather(home);
    if arguments.json {
        output::json(&report);
    } else {
        output::print(&render::status(&report, SystemClock.now_us()));
    }
    let failing = report.problems.iter().any(|problem| problem.severity == Severity::Fail);
    if failing { Outcome::NeedsUser } else { Outcome::Done }
}

/// The daemon's own report, or what the files say when it does not answer.
pub(super) fn gather(home: &Home) -> StatusReport {
    client::get(home, "/api/status", client::SHORT).unwrap_or_else(|_| offline::gather(home))
}
