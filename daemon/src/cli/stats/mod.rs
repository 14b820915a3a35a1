//! `stats`: what memory cost in tokens, what of it was used, and what it saved. Looking needs no daemon.

mod chart;

use std::io::IsTerminal as _;

use clap::Args;
use hooks::home::Home;
use sync::{Clock as _, SystemClock, local};

use super::conflicts::unreadable;
use super::{Failure, Outcome, output};
use crate::capture::Place;
use crate::usage::stats::{self, Asked};

/// Columns where nobody says how many there are.
const COLUMNS: usize = 100;

/// Show what was injected by project and day, what of it was used, and what it saved
#[derive(Args)]
pub(super) struct Arguments {
    /// Only this project, by its slug or git remote
    #[arg(long, value_name = "PROJECT")]
    project: Option<String>,
    /// So many days, today (UTC) included
    #[arg(long, value_name = "N", default_value_t = 14, value_parser = clap::value_parser!(u64).range(1..=36_500))]
    days: u64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, home: &Home) -> Result<Outcome, Failure> {
    let project = arguments.project.as_deref().map(|project| Place::named_by(project).slug);
    let asked = Asked { project, days: arguments.days };
    let read = local::inspect(&home.replica(), |tx| stats::gather(tx, &asked, SystemClock.now_us()));
    let report = read.map_err(|error| unreadable(home, &error))?;
    if arguments.json {
        output::json(&report);
        return Ok(Outcome::Done);
    }
    let is_terminal = std::io::stdout().is_terminal();
    let columns = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    let is_coloured = is_terminal && std::env::var_os("NO_COLOR").is_none();
    output::print(&chart::drawn(&report, columns.filter(|_| is_terminal).unwrap_or(COLUMNS), is_coloured));
    Ok(Outcome::Done)
}
