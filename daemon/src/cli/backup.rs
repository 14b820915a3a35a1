//! `backup`: one file with what it takes to get this machine back.

use std::path::PathBuf;

use clap::Args;
use hooks::home::Home;
use sync::SystemClock;
use vault::Passphrase;

use super::{Failure, Outcome, ask, output, progress};
use crate::backup::{self, BackupReport, Doing, Order};
use crate::machine;
use crate::render;

/// Back up this machine into one file, beside a running daemon: replica and settings, no passwords, no keys in clear
#[derive(Args)]
pub(super) struct Arguments {
    /// The file, which must not exist [default: claudetools-HOST-MOMENT.tar.zst in this folder]
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Put the vault's keys in too, wrapped by a passphrase that is asked for (or $CLAUDETOOLS_PASSPHRASE)
    #[arg(long)]
    with_keys: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The passphrase, for who cannot type it.
pub(super) const VARIABLE: &str = "CLAUDETOOLS_PASSPHRASE";

pub(super) fn run(arguments: Arguments, home: &Home) -> Result<Outcome, Failure> {
    let passphrase = arguments.with_keys.then(new_passphrase).transpose()?;
    let order =
        Order { home, file: arguments.file, passphrase, machine: machine::this_one().hostname, clock: &SystemClock };
    let report = progress::of_backup(|progress| backup::make(order, progress)).map_err(failure("back up"))?;
    if arguments.json {
        output::json(&report);
    } else {
        print(&report);
    }
    Ok(if report.warnings.is_empty() { Outcome::Done } else { Outcome::NeedsUser })
}

fn new_passphrase() -> Result<Passphrase, Failure> {
    let text = ask::for_new_secret("passphrase that wraps the keys in the backup", VARIABLE)?;
    let short = || Failure::usage("the passphrase is too short: 12 characters at least");
    text.into_new_passphrase().ok_or_else(short)
}

/// What a command failed to do, and what helps.
pub(super) fn failure(doing: &'static str) -> impl Fn(backup::BackupError) -> Failure {
    move |error| Failure::new(format!("{doing}: {error}")).hint(error.hint())
}

/// What is going on, in a word.
pub(super) fn word(doing: Doing) -> &'static str {
    match doing {
        Doing::Copying => "copying",
        Doing::Packing => "packing",
        Doing::Comparing => "comparing",
        Doing::Unpacking => "unpacking",
    }
}

fn print(report: &BackupReport) {
    let (size, replica) = (render::size(report.bytes), render::size(report.replica_bytes));
    output::line(format!("✓ {} ({size}; the replica of {replica}, whole)", report.path.display()));
    if report.with_keys {
        output::line("  with the vault's keys, wrapped: they open with the passphrase only");
    }
    for left in &report.left_out {
        output::line(format!("  not in it: {left}"));
    }
    for warning in &report.warnings {
        output::line(format!("! {warning}"));
    }
    output::line(format!("  back again: claudetools restore {}", report.path.display()));
}
