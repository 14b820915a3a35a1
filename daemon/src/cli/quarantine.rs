//! `sync quarantine`: rows that one side refused, why, and what helps.

use clap::{Args, Subcommand};
use hooks::home::Home;
use serde::Serialize;
use sync::engine::Discarded;
use sync::local::{self, Parked, Quarantined};

use super::conflicts::unreadable;
use super::{Failure, Outcome, output};
use crate::api::special::sync::by_hand::{Retried, RowRequest};
use crate::client;
use crate::render::counted;
use crate::starter;

/// Rows that one side refused: list them, try them again, give one up
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Arguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    command: Option<QuarantineCommand>,
}

#[derive(Subcommand)]
enum QuarantineCommand {
    /// Try one row, or all of them, again now
    Retry {
        /// The table
        #[arg(requires = "key")]
        table: Option<String>,
        /// The row's key, as the list shows it
        key: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Give up this machine's version of a row that central refused, and take central's; it stays on record
    Discard {
        /// The table
        table: String,
        /// The row's key, as the list shows it
        key: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// `sync quarantine --json`
#[derive(Debug, Serialize)]
struct Listed {
    /// The rows that one side refused, oldest first.
    quarantine: Vec<Quarantined>,
    /// The references that wait for their parent, oldest first.
    parked: Vec<Parked>,
}

pub(super) fn run(arguments: &Arguments, home: &Home) -> Result<Outcome, Failure> {
    match &arguments.command {
        None => list(arguments.json, home),
        Some(QuarantineCommand::Retry { table, key, json }) => retry(table.as_deref(), key.as_deref(), *json, home),
        Some(QuarantineCommand::Discard { table, key, json }) => discard(table, key, *json, home),
    }
}

fn list(json: bool, home: &Home) -> Result<Outcome, Failure> {
    let read = local::inspect(&home.replica(), |tx| {
        Ok(Listed { quarantine: local::quarantine(tx)?, parked: local::parked(tx)? })
    });
    let listed = read.map_err(|error| unreadable(home, &error))?;
    if json {
        output::json(&listed);
        return Ok(Outcome::Done);
    }
    if listed.quarantine.is_empty() {
        output::line("no row is in quarantine");
    }
    listed.quarantine.iter().for_each(print);
    listed.parked.iter().for_each(print_parked);
    if !listed.quarantine.is_empty() {
        output::line("each is tried again by itself when something changes; now: claudetools sync quarantine retry");
    }
    Ok(Outcome::Done)
}

/// A refused row with what helps.
pub(super) fn print(row: &Quarantined) {
    output::line(format!("! {} {} refused by {}: {}", row.table, row.key, side(&row.refused_by), row.reason));
    if let Some(row) = &row.waits_for {
        output::line(format!("  waits for {row}"));
    }
    output::line(format!("  → {}", row.hint));
}

fn side(refused_by: &str) -> &str {
    if refused_by == "replica" { "this machine" } else { refused_by }
}

/// A reference that waits for its parent.
pub(super) fn print_parked(row: &Parked) {
    let Parked { table, key, column, parent_table, parent_key, .. } = row;
    output::line(format!("  {table} {key} {column} waits for {parent_table} {parent_key}"));
}

fn retry(table: Option<&str>, key: Option<&str>, json: bool, home: &Home) -> Result<Outcome, Failure> {
    let request = RowRequest { table: table.map(str::to_owned), key: key.map(str::to_owned) };
    let retried: Retried = ask(home, "/api/sync/quarantine/retry", &request, "try again")?;
    if json {
        output::json(&retried);
    } else {
        let rows = counted(retried.rows, "row", "rows");
        output::line(match (&retried.left, &retried.error) {
            (Some(left), _) => format!("{rows} tried again, {left} still in quarantine"),
            (None, error) => format!(
                "{rows} to be tried with the next round; this one did not go through: {}",
                error.as_deref().unwrap_or_default()
            ),
        });
    }
    Ok(if retried.left == Some(0) { Outcome::Done } else { Outcome::NeedsUser })
}

fn discard(table: &str, key: &str, json: bool, home: &Home) -> Result<Outcome, Failure> {
    let request = RowRequest { table: Some(table.to_owned()), key: Some(key.to_owned()) };
    let discarded: Discarded = ask(home, "/api/sync/quarantine/discard", &request, "give the row up")?;
    if json {
        output::json(&discarded);
        return Ok(Outcome::Done);
    }
    let Discarded { table, key, at_central, conflict } = discarded;
    let now = if at_central { "is now as it is at central" } else { "is gone here, as central does not have it" };
    output::line(format!("{table} {key} {now}"));
    if let Some(id) = conflict {
        output::line(format!("this machine's version is kept: claudetools sync conflicts restore {id}"));
    }
    Ok(Outcome::Done)
}

/// One request to the daemon, which is started when none runs.
pub(super) fn ask<A: serde::de::DeserializeOwned>(
    home: &Home,
    path: &str,
    request: &impl Serialize,
    doing: &str,
) -> Result<A, Failure> {
    starter::ensure_running(home).map_err(|error| Failure::new(&error).hint(error.hint(home)))?;
    client::post(home, path, request, client::LONG)
        .map_err(|error| Failure::new(format!("{doing}: {error}")).hint(error.hint()))
}
