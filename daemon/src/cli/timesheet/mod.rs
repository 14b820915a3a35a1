//! `timesheet`: billable time of a month, drafts marked; `confirm` and `discard` say what becomes of drafts.

mod settle;
mod shown;

use clap::{Args, Subcommand};
use hooks::home::Home;
use serde::{Deserialize, Serialize};
use sync::{Clock, SystemClock, datetime_text};

use super::{Failure, Outcome, output};
use crate::api::special::billable_time::Summary;
use crate::billing::OVERLAP;
use crate::client::{self, ClientError};
use crate::starter;

/// Entries that are asked for at a time: one answer must not become too large.
const PAGE: usize = 100;

/// Show the billable time of a month, with the drafts that were made from captured work
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Arguments {
    #[command(flatten)]
    filter: Filter,
    /// Print a table for spreadsheets
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    command: Option<TimesheetCommand>,
}

/// Which entries.
#[derive(Args)]
struct Filter {
    /// Only this client, by name or id
    #[arg(long, value_name = "CLIENT")]
    client: Option<String>,
    /// The month in which the work began (UTC), like 2026-11 [default: this month]
    #[arg(long, value_name = "MONTH", value_parser = month)]
    month: Option<String>,
}

#[derive(Subcommand)]
enum TimesheetCommand {
    /// Make drafts billable
    Confirm(settle::Arguments),
    /// Settle the time of drafts as not billable
    Discard(settle::Arguments),
}

/// What there is of a month: `timesheet --json`
#[derive(Debug, Serialize)]
struct Timesheet {
    month: String,
    /// By the start of the work.
    entries: Vec<Entry>,
    summary: Summary,
}

/// An entry of billable time.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Entry {
    id: String,
    client_id: String,
    #[serde(default)]
    client: String,
    /// `draft`, `open`, `invoiced` or `not billable`.
    #[serde(default)]
    state: String,
    user_id: String,
    category: String,
    description: String,
    started_at: String,
    ended_at: Option<String>,
    duration_minutes: i64,
    hourly_rate: String,
    total_amount: String,
    is_billable: bool,
    is_invoiced: bool,
    invoice_reference: Option<String>,
    /// It is a draft, and drafts of the same user from another machine lie in the same time.
    #[serde(default)]
    overlaps: bool,
}

pub(super) fn run(arguments: &Arguments, home: &Home) -> Result<Outcome, Failure> {
    starter::ensure_running(home).map_err(|error| Failure::new(&error).hint(error.hint(home)))?;
    match &arguments.command {
        Some(TimesheetCommand::Confirm(drafts)) => return settle::run(drafts, home, true),
        Some(TimesheetCommand::Discard(drafts)) => return settle::run(drafts, home, false),
        None => {}
    }
    let sheet = gather(home, &arguments.filter)?;
    match (arguments.json, arguments.csv) {
        (true, _) => output::json(&sheet),
        (_, true) => output::print(&shown::csv(&sheet.entries)?),
        _ => output::print(&shown::table(&sheet)),
    }
    Ok(Outcome::Done)
}

fn gather(home: &Home, filter: &Filter) -> Result<Timesheet, Failure> {
    let month = filter.month.clone().unwrap_or_else(|| datetime_text(SystemClock.now_us())[..7].to_owned());
    let client = filter.client.as_deref().map(|named| client_id(home, named)).transpose()?;
    let client = client.map_or(String::new(), |id| format!("&client_id={id}"));
    let range = format!("from={}&to={}{client}", datetime_text(start(&month)), datetime_text(start(&next(&month)) - 1));
    let summary: Summary = ask(home, &format!("/api/billable-time/summary?{range}"))?;
    let mut entries: Vec<Entry> = pages(home, &format!("/api/billable-time?sort=started_at&order=asc&{range}"))?;
    for entry in &mut entries {
        let named = summary.items.iter().find(|of| of.client_id == entry.client_id);
        entry.client = named.map_or_else(|| entry.client_id.clone(), |of| of.client_name.clone());
        entry.state = entry.state_in_words().to_owned();
        entry.overlaps = entry.is_draft() && entry.description.lines().any(|line| line.starts_with(OVERLAP));
    }
    Ok(Timesheet { month, entries, summary })
}

impl Entry {
    fn state_in_words(&self) -> &'static str {
        match (self.is_invoiced, self.is_billable, self.invoice_reference.as_deref()) {
            (true, ..) => "invoiced",
            (_, true, _) => "open",
            (_, _, Some(crate::billing::DRAFT)) => "draft",
            _ => "not billable",
        }
    }

    fn is_draft(&self) -> bool {
        self.state == "draft"
    }
}

/// The id of a client that was named: by its id, its name, or a part of its name that no other has.
fn client_id(home: &Home, named: &str) -> Result<String, Failure> {
    #[derive(Deserialize)]
    struct Named {
        id: String,
        name: String,
    }
    let clients: Vec<Named> = pages(home, "/api/clients?include_inactive=true")?;
    let folded = named.trim().to_lowercase();
    let exact = |client: &&Named| client.id == folded || client.name.to_lowercase() == folded;
    if let Some(client) = clients.iter().find(exact) {
        return Ok(client.id.clone());
    }
    let alike: Vec<&Named> = clients.iter().filter(|client| client.name.to_lowercase().contains(&folded)).collect();
    match alike.as_slice() {
        [client] => Ok(client.id.clone()),
        [] => Err(Failure::new(format!("find the client: none is called {named:?}"))
            .hint("all of them: the names in /api/clients")),
        several => {
            let all: Vec<&str> = several.iter().map(|client| client.name.as_str()).collect();
            Err(Failure::new(format!("find the client: {named:?} is a part of several names"))
                .hint(format!("one of: {}", all.join(", "))))
        }
    }
}

/// All items of a list.
fn pages<T: serde::de::DeserializeOwned>(home: &Home, path: &str) -> Result<Vec<T>, Failure> {
    #[derive(Deserialize)]
    struct Page<T> {
        total: usize,
        items: Vec<T>,
    }
    let mut all = Vec::new();
    loop {
        let page: Page<T> = ask(home, &format!("{path}&limit={PAGE}&skip={}", all.len()))?;
        let is_last = page.items.is_empty();
        all.extend(page.items);
        if is_last || all.len() >= page.total {
            return Ok(all);
        }
    }
}

fn ask<T: serde::de::DeserializeOwned>(home: &Home, path: &str) -> Result<T, Failure> {
    client::get(home, path, client::LONG).map_err(|error| failure(&error))
}

fn failure(error: &ClientError) -> Failure {
    Failure::new(format!("read or change the timesheet: {error}")).hint(error.hint())
}

fn month(text: &str) -> Result<String, String> {
    let is_month = text.len() == 7 && start(text) > 0;
    if is_month { Ok(text.to_owned()) } else { Err("a month is a year and a month, like 2026-11".to_owned()) }
}

/// Its first moment in microseconds since the Unix epoch; 0 for what is no month.
fn start(month: &str) -> u64 {
    sync::parse_datetime(&format!("{month}-01T00:00:00.000000Z")).unwrap_or(0)
}

/// The month after.
fn next(month: &str) -> String {
    let number = |part: &str| part.parse::<u32>().unwrap_or_default();
    match (number(&month[..4]), number(&month[5..])) {
        (year, 12) => format!("{:04}-01", year + 1),
        (year, month) => format!("{year:04}-{:02}", month + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_follow_each_other() {
        assert_eq!((next("2026-11").as_str(), next("2026-12").as_str()), ("2026-12", "2027-01"));
        for wrong in ["2026-13", "2026-1", "26-11", "november", "2026-11-01"] {
            assert!(month(wrong).is_err(), "{wrong}");
        }
        assert_eq!(month("2026-11").as_deref(), Ok("2026-11"));
    }
}
