//! `timesheet confirm` and `timesheet discard`.

use clap::Args;
use hooks::home::Home;

use super::{Entry, Filter, failure, gather, shown};
use crate::api::input::Id;
use crate::api::special::billable_time::{ConfirmDrafts, ConfirmedDrafts};
use crate::cli::{Failure, Outcome, output};
use crate::client;
use crate::render::counted;
use crate::setup::confirm::confirm;

/// Drafts that one request takes.
const AT_ONCE: usize = 500;

/// Which drafts, and whether to ask.
#[derive(Args)]
pub(super) struct Arguments {
    /// The drafts, by the first digits of their ids
    #[arg(value_name = "ID", required_unless_present = "all", conflicts_with = "all")]
    ids: Vec<String>,
    /// All drafts of the month
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    filter: Filter,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

pub(super) fn run(arguments: &Arguments, home: &Home, is_billable: bool) -> Result<Outcome, Failure> {
    let sheet = gather(home, &arguments.filter)?;
    let drafts: Vec<&Entry> = sheet.entries.iter().filter(|entry| entry.is_draft()).collect();
    let chosen = if arguments.all { drafts } else { named(&drafts, &arguments.ids, &sheet.month)? };
    if chosen.is_empty() {
        output::line(format!("no draft in {}", sheet.month));
        return Ok(Outcome::Done);
    }
    let list: Vec<String> = chosen.iter().map(|entry| format!("  {} {}", entry.client, shown::line(entry))).collect();
    let verb = if is_billable { "billable" } else { "not billable" };
    confirm(arguments.yes, &format!("{}\nThese become {verb}. ", list.join("\n")))?;
    let mut settled = 0;
    for some in chosen.chunks(AT_ONCE) {
        let ids = some.iter().map(|entry| Id(entry.id.clone())).collect();
        let request = ConfirmDrafts { ids, is_billable };
        let answer: ConfirmedDrafts = client::post(home, "/api/billable-time/confirm", &request, client::LONG)
            .map_err(|error| failure(&error))?;
        settled += answer.confirmed;
    }
    output::line(format!("✓ {} {verb} now", counted(settled, "entry is", "entries are")));
    Ok(Outcome::Done)
}

/// The drafts whose ids begin so, each of which must be one.
fn named<'e>(drafts: &[&'e Entry], ids: &[String], month: &str) -> Result<Vec<&'e Entry>, Failure> {
    let mut chosen: Vec<&Entry> = Vec::new();
    for id in ids {
        let alike: Vec<&&Entry> = drafts.iter().filter(|entry| entry.id.starts_with(&id.to_lowercase())).collect();
        match alike.as_slice() {
            [entry] if !chosen.iter().any(|known| known.id == entry.id) => chosen.push(entry),
            [_] => {}
            [] => {
                return Err(Failure::new(format!("find the draft {id}: none of {month} has an id that begins so"))
                    .hint("see: claudetools timesheet; another month: --month"));
            }
            _ => return Err(Failure::new(format!("find the draft {id}: several begin so")).hint("give more digits")),
        }
    }
    Ok(chosen)
}
