//! `sync verify` and `sync repair`: comparing with central, and healing what nothing captured.

use std::io::{self, BufRead, IsTerminal};
use std::time::Duration;

use clap::Args;
use hooks::home::Home;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use sync::engine::{Difference, Heal, Kind, TableFindings, VerifyReport, VerifyState};

use super::{Failure, Outcome, output};
use crate::api::special::sync::verify::{Begun, CompareRequest};
use crate::client::{self, ClientError};
use crate::render::{counted, size};
use crate::report::problems::kind_in_words;
use crate::setup::confirm::confirm;
use crate::{starter, wait};

/// Between two looks at how far it is.
const LOOK: Duration = Duration::from_millis(150);
/// The longest comparison that is waited for; it goes on without this command too.
const PATIENCE: Duration = Duration::from_hours(12);

/// Compare this machine's rows with central's; only digests travel where nothing differs
#[derive(Args)]
pub(super) struct VerifyArguments {
    /// Only this table (may be repeated)
    #[arg(long = "table", value_name = "TABLE")]
    tables: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Heal differences with central, on this machine and all others
#[derive(Args)]
pub(super) struct RepairArguments {
    /// Only this table (may be repeated)
    #[arg(long = "table", value_name = "TABLE")]
    tables: Vec<String>,
    /// Say what would be healed, and change nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    vanished: Vanished,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What a person says of rows that vanished.
#[derive(Args)]
struct Vanished {
    /// Rows that vanished at central without a trace are deleted on all machines
    #[arg(long, conflicts_with = "restore")]
    accept_deletes: bool,
    /// Rows that vanished at central without a trace are put back there from this machine
    #[arg(long)]
    restore: bool,
}

/// `sync repair --json`
#[derive(Debug, Serialize)]
struct Repaired {
    /// What differed.
    found: VerifyReport,
    /// What was healed, and what is left; `null` when nothing was changed.
    repaired: Option<VerifyReport>,
}

pub(super) fn verify(arguments: &VerifyArguments, home: &Home) -> Result<Outcome, Failure> {
    let report = compare(home, &arguments.tables, Heal::Nothing, "compare with central")?;
    if arguments.json {
        output::json(&report);
    } else {
        print(&report);
    }
    Ok(if report.differences == 0 { Outcome::Done } else { Outcome::NeedsUser })
}

pub(super) fn repair(arguments: &RepairArguments, home: &Home) -> Result<Outcome, Failure> {
    let found = compare(home, &arguments.tables, Heal::Nothing, "compare with central")?;
    if !arguments.json {
        print(&found);
    }
    if found.differences == 0 || arguments.dry_run {
        let outcome = if found.differences == 0 { Outcome::Done } else { Outcome::NeedsUser };
        if arguments.json {
            output::json(&Repaired { found, repaired: None });
        }
        return Ok(outcome);
    }
    let Some(heal) = decide(arguments, &found)? else {
        return Err(Failure::new("go on: you did not agree").hint("nothing was changed"));
    };
    let repaired = compare(home, &arguments.tables, heal, "repair")?;
    let left = repaired.left;
    if arguments.json {
        output::json(&Repaired { found, repaired: Some(repaired) });
    } else {
        print_repaired(&repaired);
    }
    Ok(if left == 0 { Outcome::Done } else { Outcome::NeedsUser })
}

/// What is to be done; None: nothing.
fn decide(arguments: &RepairArguments, found: &VerifyReport) -> Result<Option<Heal>, Failure> {
    let chosen = match (arguments.vanished.accept_deletes, arguments.vanished.restore) {
        (true, _) => Some(Heal::AcceptDeletes),
        (_, true) => Some(Heal::Restore),
        _ => None,
    };
    let masses: Vec<&TableFindings> = found.tables.iter().filter(|table| table.mass).collect();
    if chosen.is_none() && !masses.is_empty() && !arguments.yes && io::stdin().is_terminal() {
        return Ok(ask_about(&masses));
    }
    let rows = counted(found.differences, "row", "rows");
    confirm(arguments.yes, &format!("{rows} will be healed, here and at central. "))?;
    Ok(Some(chosen.unwrap_or(Heal::Careful)))
}

fn ask_about(masses: &[&TableFindings]) -> Option<Heal> {
    for table in masses {
        let rows = table.found.get(&Kind::Vanished).copied().unwrap_or(0);
        output::line(format!(
            "{} of {} vanished at central without a trace.",
            counted(rows, "row", "rows"),
            table.table
        ));
    }
    output::print("[d]elete them everywhere, [r]estore them at central, [l]eave them and heal the rest, or [q]uit? ");
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).ok()?;
    match answer.trim() {
        "d" => Some(Heal::AcceptDeletes),
        "r" => Some(Heal::Restore),
        "l" => Some(Heal::Careful),
        _ => None,
    }
}

/// Has the daemon compare, and waits for the end.
fn compare(home: &Home, tables: &[String], heal: Heal, doing: &str) -> Result<VerifyReport, Failure> {
    starter::ensure_running(home).map_err(|error| Failure::new(&error).hint(error.hint(home)))?;
    let failed = |error: &ClientError| Failure::new(format!("{doing}: {error}")).hint(error.hint());
    let request = CompareRequest { tables: tables.to_vec(), heal };
    let begun: Begun =
        client::post(home, "/api/sync/verify", &request, client::LONG).map_err(|error| failed(&error))?;
    let bar = bar();
    let look = || match client::get::<VerifyState>(home, "/api/sync/verify", client::LONG) {
        Ok(state) if state.number < begun.number => None,
        Ok(state) if state.number == begun.number && state.running => {
            bar.set_length(state.progress.rows.max(1));
            bar.set_position(state.progress.rows_done.min(state.progress.rows));
            bar.set_message(state.progress.table);
            None
        }
        done => Some(done),
    };
    let state = wait::until_each(LOOK, PATIENCE, look);
    bar.finish_and_clear();
    let state = state.unwrap_or_else(|| Ok(VerifyState::default())).map_err(|error| failed(&error))?;
    match (state.number == begun.number, state.report, state.error) {
        (true, Some(report), _) => Ok(report),
        (true, None, Some(error)) => {
            Err(Failure::new(format!("{doing}: {error}")).hint(state.hint.unwrap_or_default()))
        }
        _ => Err(Failure::new(format!("{doing}: another comparison came in between")).hint("run it again")),
    }
}

/// On a terminal only.
fn bar() -> ProgressBar {
    let bar = ProgressBar::new(1);
    let style = ProgressStyle::with_template("{bar:30} {percent:>3} % {human_pos} rows, {msg}");
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar
}

fn print(report: &VerifyReport) {
    for table in report.tables.iter().filter(|table| table.differences() > 0) {
        for (kind, rows) in &table.found {
            output::line(format!(
                "✗ {}: {} {}",
                table.table,
                counted(*rows, "row", "rows"),
                kind_in_words(kind.name())
            ));
        }
        table.examples.iter().for_each(print_difference);
        let more = table.differences().saturating_sub(table.examples.len() as u64);
        if more > 0 {
            output::line(format!("    and {more} more"));
        }
        if table.mass {
            output::line("  → which side is right: claudetools sync repair --accept-deletes, or --restore");
        }
    }
    let busy: u64 = report.tables.iter().map(|table| table.busy).sum();
    if busy > 0 {
        output::line(format!("{} could not be compared: they were being changed", counted(busy, "row", "rows")));
    }
    let outcome = match report.differences {
        0 => "equal to central's".to_owned(),
        count => format!("{} from central's", counted(count, "differs", "differ")),
    };
    output::line(format!(
        "{} in {}, {outcome}; {} sent, {} received, {}.{} s",
        counted(report.rows, "row", "rows"),
        counted(report.tables.len() as u64, "table", "tables"),
        size(report.sent_bytes),
        size(report.received_bytes),
        report.millis / 1000,
        report.millis % 1000 / 100,
    ));
    if report.differences > 0 {
        output::line("  → claudetools sync repair   (--dry-run: what it would do)");
    }
}

fn print_difference(difference: &Difference) {
    let columns = match difference.columns.as_slice() {
        [] => String::new(),
        columns => format!(" ({})", columns.join(", ")),
    };
    output::line(format!("    {} {}{columns}", difference.key, kind_in_words(difference.kind.name())));
}

fn print_repaired(report: &VerifyReport) {
    output::line(format!("{} healed, here and on its way to every machine", counted(report.healed, "row", "rows")));
    for table in &report.tables {
        for (kind, rows) in &table.left {
            let rows = counted(*rows, "row", "rows");
            output::line(format!("! {}: {rows} {} left as they are", table.table, kind_in_words(kind.name())));
            let remedy = match kind {
                Kind::Vanished => "say which side is right: claudetools sync repair --accept-deletes, or --restore",
                Kind::Orphaned => "insert the row that they refer to at central, or delete them there",
                _ => "run it again; if it stays: claudetools doctor",
            };
            output::line(format!("  → {remedy}"));
        }
    }
}
