//! `locks`: who has what, on all machines. Looking needs no daemon.

use clap::Args;
use hooks::home::Home;
use serde::Serialize;
use sync::{SystemClock, local};

use super::conflicts::unreadable;
use super::{Failure, Outcome, output};
use crate::coord::{self, Lock};

/// List the locks that sessions have on resources, on all machines
#[derive(Args)]
pub(super) struct Arguments {
    /// Only those of this project, by its slug
    #[arg(long, value_name = "SLUG")]
    project: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// `locks --json`
#[derive(Serialize)]
struct Listed {
    /// Oldest first.
    locks: Vec<Lock>,
}

pub(super) fn run(arguments: &Arguments, home: &Home) -> Result<Outcome, Failure> {
    let read = local::inspect(&home.replica(), |tx| coord::live(tx, coord::now_us(tx, &SystemClock)?));
    let mut locks = read.map_err(|error| unreadable(home, &error))?;
    locks.retain(|lock| arguments.project.as_ref().is_none_or(|project| *project == lock.project_key));
    if arguments.json {
        output::json(&Listed { locks });
        return Ok(Outcome::Done);
    }
    if locks.is_empty() {
        output::line("nothing is locked");
    }
    locks.iter().for_each(print);
    Ok(Outcome::Done)
}

fn print(lock: &Lock) {
    let until = lock.expires_at.as_deref().map_or_else(|| "until released".to_owned(), |end| format!("until {end}"));
    output::line(format!("{}  {}  by {}, {until}", lock.project_key, lock.resource, lock.session_id));
    if let Some(description) = &lock.description {
        output::line(format!("    {description}"));
    }
    if lock.provisional {
        output::line(format!("    provisional: {}", lock.note.as_deref().unwrap_or("central does not know of it yet")));
    }
}
