//! `sync` and `sync status`.

use std::time::Duration;

use clap::{Args, Subcommand};
use hooks::home::Home;
use serde::{Deserialize, Serialize};
use sync::local::{self, Conflict, Identity, Parked, Quarantined};
use sync::{Clock, SystemClock, datetime_text};

use super::{Failure, Outcome, conflicts, output, progress, quarantine, status, verify};
use crate::api::special::sync::round::SyncRequest;
use crate::api::special::sync::state::Paused;
use crate::client::{self, ClientError};
use crate::render::counted;
use crate::report::SyncReport;
use crate::{render, starter};

/// A first copy over a slow link may take hours; whoever waits sees it move, and can stop waiting.
const PATIENCE: Duration = Duration::from_hours(24);
/// The most of each list that is shown.
const SHOWN: usize = 20;

/// Reconcile with central now, or look at how it stands
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Arguments {
    /// Wait until the round is done, and say what it did
    #[arg(long)]
    wait: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    command: Option<SyncCommand>,
}

#[derive(Subcommand)]
enum SyncCommand {
    /// Show state, queue, conflicts, quarantine and what waits for a parent
    Status {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Stop exchanging with central, also over a restart; changes wait here meanwhile
    Pause,
    /// Go on exchanging
    Resume,
    Conflicts(conflicts::Arguments),
    Quarantine(quarantine::Arguments),
    Verify(verify::VerifyArguments),
    Repair(verify::RepairArguments),
}

/// `sync --json`
#[derive(Debug, Serialize, Deserialize)]
struct SyncAnswer {
    /// False: the round was only asked for.
    done: bool,
    /// What the round did; `null` without `--wait`.
    round: Option<Round>,
}

/// What a round did.
#[derive(Debug, Serialize, Deserialize)]
struct Round {
    /// Rows that changed here because of central.
    pulled: u64,
    /// Rows that central took.
    pushed: u64,
    /// Rows that both sides had changed.
    merged: u64,
    /// Rows that one side refused.
    quarantined: u64,
    /// Values set aside.
    conflicts: u64,
    /// How long it took.
    millis: u64,
}

/// `sync status --json`
#[derive(Debug, Serialize)]
struct SyncDetails {
    #[serde(flatten)]
    sync: SyncReport,
    /// Who this machine is to central.
    identity: Identity,
    /// The newest conflicts that ask for a look and were not acknowledged.
    conflict_list: Vec<Conflict>,
    /// The rows in quarantine.
    quarantine_list: Vec<Quarantined>,
    /// The references that wait for their parent.
    parked_list: Vec<Parked>,
}

pub(super) fn run(arguments: &Arguments, home: &Home) -> Result<Outcome, Failure> {
    match &arguments.command {
        Some(SyncCommand::Status { json }) => show(home, *json),
        Some(SyncCommand::Pause) => pause(home, "pause", "paused; go on with: claudetools sync resume"),
        Some(SyncCommand::Resume) => pause(home, "resume", "resumed"),
        Some(SyncCommand::Conflicts(arguments)) => conflicts::run(arguments, home),
        Some(SyncCommand::Quarantine(arguments)) => quarantine::run(arguments, home),
        Some(SyncCommand::Verify(arguments)) => verify::verify(arguments, home),
        Some(SyncCommand::Repair(arguments)) => verify::repair(arguments, home),
        None => round(arguments, home),
    }
}

fn round(arguments: &Arguments, home: &Home) -> Result<Outcome, Failure> {
    starter::ensure_running(home).map_err(|error| Failure::new(&error).hint(error.hint(home)))?;
    let request = SyncRequest { wait: arguments.wait };
    let ask = || client::post(home, "/api/sync/now", &request, PATIENCE);
    let answer: Result<SyncAnswer, ClientError> =
        if arguments.wait && !arguments.json { progress::shown(home, ask) } else { ask() };
    let answer = answer.map_err(|error| failure(&error))?;
    match (&answer.round, arguments.json) {
        (_, true) => output::json(&answer),
        (None, false) => output::line("a round was asked for; see: claudetools sync status"),
        (Some(round), false) => output::line(format!(
            "pulled {}, pushed {}, merged {}, in {} ms",
            round.pulled, round.pushed, round.merged, round.millis
        )),
    }
    // Most of what a round sets aside is settled by its rule; what is left over is what the replica has on record.
    let left = status::gather(home).sync;
    if let Some(versions) = left.versions.as_ref().filter(|versions| !versions.may_write) {
        if !arguments.json {
            output::line(format!("! {}\n  → {}", versions.notice.clone().unwrap_or_default(), versions.remedy));
        }
        return Ok(Outcome::NeedsUser);
    }
    if answer.round.is_none() || left.quarantined + left.conflicts == 0 {
        return Ok(Outcome::Done);
    }
    if !arguments.json {
        let SyncReport { quarantined, conflicts, .. } = left;
        if quarantined > 0 {
            output::line(format!(
                "{} refused by one side: claudetools sync quarantine",
                counted(quarantined, "row", "rows")
            ));
        }
        if conflicts > 0 {
            let many = counted(conflicts, "conflict wants", "conflicts want");
            output::line(format!("{many} a look: claudetools sync conflicts"));
        }
    }
    Ok(Outcome::NeedsUser)
}

fn pause(home: &Home, what: &str, done: &str) -> Result<Outcome, Failure> {
    let path = format!("/api/sync/{what}");
    let _: Paused = quarantine::ask(home, &path, &(), what)?;
    output::line(format!("the exchange with central is {done}"));
    Ok(Outcome::Done)
}

fn failure(error: &ClientError) -> Failure {
    Failure::new(format!("sync: {error}")).hint(error.hint())
}

fn show(home: &Home, json: bool) -> Result<Outcome, Failure> {
    let report = status::gather(home);
    let lists = local::inspect(&home.replica(), |tx| {
        Ok((local::identity(tx)?, local::conflicts(tx, SHOWN, true, None)?, local::quarantine(tx)?, local::parked(tx)?))
    });
    let (identity, conflict_list, quarantine_list, parked_list) =
        lists.map_err(|error| conflicts::unreadable(home, &error))?;
    let details = SyncDetails { sync: report.sync, identity, conflict_list, quarantine_list, parked_list };
    if json {
        output::json(&details);
    } else {
        print(&details);
        if !details.identity.seen {
            // Without a daemon that could remember it, it is shown again the next time.
            let _: Result<Identity, ClientError> = client::post(home, "/api/sync/identity/seen", &(), client::SHORT);
        }
    }
    Ok(if details.sync.state == "refused" { Outcome::NeedsUser } else { Outcome::Done })
}

fn print(details: &SyncDetails) {
    output::line(render::sync(&details.sync, SystemClock.now_us()));
    if let Some(error) = &details.sync.last_error {
        output::line(format!("✗ {error}"));
        output::print(&details.sync.hint.as_ref().map_or(String::new(), |hint| format!("  → {hint}\n")));
    }
    if let Some(reason) = &details.identity.reason {
        let since =
            details.identity.since_us.and_then(|us| u64::try_from(us).ok()).map_or(String::new(), datetime_text);
        output::line(format!("  known to central as another machine since {since}: {reason}"));
    }
    details.quarantine_list.iter().for_each(quarantine::print);
    details.conflict_list.iter().for_each(conflicts::print);
    for row in &details.parked_list {
        let Parked { table, key, column, parent_table, parent_key, .. } = row;
        output::line(format!("  {table} {key} {column} waits for {parent_table} {parent_key}"));
    }
}
