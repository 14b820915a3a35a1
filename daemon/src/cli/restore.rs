//! `restore`: a machine from its backup.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use hooks::home::Home;
use sync::SystemClock;
use vault::Passphrase;

use super::backup::{VARIABLE, failure};
use super::{Failure, Outcome, ask, output, progress};
use crate::backup::{self, RestoreReport, Wanted};
use crate::secret::SecretText;

/// Restore a backup into this home; what is there is kept beside
#[derive(Args)]
pub(super) struct Arguments {
    /// A file that `backup` made
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Though the replica here has rows that central has not got
    #[arg(long)]
    force: bool,
    /// Do not ask for the passphrase of the vault's keys in the backup; they stay in it
    #[arg(long)]
    without_keys: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, home: &Home) -> Result<Outcome, Failure> {
    let restoring = failure("restore");
    let has_keys = backup::keys_to_open(home, &arguments.file).map_err(&restoring)?;
    let passphrase = (has_keys && !arguments.without_keys).then(passphrase).transpose()?;
    let clock = Arc::new(SystemClock);
    let wanted = Wanted { home, file: &arguments.file, force: arguments.force, passphrase, clock };
    let report = progress::of_backup(|progress| backup::restore(&wanted, progress)).map_err(restoring)?;
    if arguments.json {
        output::json(&report);
    } else {
        print(&report);
    }
    Ok(if report.needs_user { Outcome::NeedsUser } else { Outcome::Done })
}

fn passphrase() -> Result<Passphrase, Failure> {
    let asked = ask::for_secret("passphrase of the keys in the backup", VARIABLE);
    let hinted = |failure: Failure| failure.hint(format!("put it into the variable {VARIABLE}, or: --without-keys"));
    asked.map(SecretText::into_passphrase).map_err(hinted)
}

fn print(report: &RestoreReport) {
    let RestoreReport { home, made_at, machine, .. } = report;
    output::line(format!("✓ the replica of {machine} of {made_at} is in {}", home.display()));
    if let Some(kept) = &report.kept {
        output::line(format!("  the one that was there is kept: {}", kept.display()));
    }
    output::line(format!("  settings: {}; keys of the vault: {}", report.settings, report.keys));
    output::line(
        "  to central it is a machine of its own: what happened since the backup comes back with the next round",
    );
    for step in &report.next {
        output::line(format!("  → {step}"));
    }
}
