//! `vault status`, `init`, `join`, `rotate`, `passphrase`: the keys that secrets are sealed with.

use clap::{Args, Subcommand};
use hooks::home::Home;

use super::{Failure, Outcome, ask, output};
use crate::api::special::vault::PassphraseRequest;
use crate::client;
use crate::starter;
use crate::vault::report::VaultReport;

/// The keys that secrets are sealed with
#[derive(Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: VaultCommand,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum VaultCommand {
    /// What keys this machine has, and whether all secrets open here
    Status,
    /// Set the passphrase with which other machines join, and put this machine's key to central, wrapped by it
    Init,
    /// Get the vault's key from central, with its passphrase
    Join,
    /// Make a new key and seal everything anew with it; machines that have the current one take it over by themselves
    Rotate,
    /// Set another passphrase; who has the key needs not the old one
    Passphrase,
}

/// The passphrase, for who cannot type it.
const VARIABLE: &str = "CLAUDETOOLS_PASSPHRASE";

pub(super) fn run(arguments: &Arguments, home: &Home) -> Result<Outcome, Failure> {
    let existing = || ask::for_secret("passphrase of the vault", VARIABLE);
    let new = || ask::for_new_secret("new passphrase of the vault", VARIABLE);
    let (doing, action, passphrase) = match arguments.command {
        VaultCommand::Status => ("look at the vault", None, None),
        VaultCommand::Init => ("make the vault", Some("/api/vault/init"), Some(new()?)),
        VaultCommand::Join => ("join the vault", Some("/api/vault/join"), Some(existing()?)),
        VaultCommand::Rotate => ("rotate the vault's key", Some("/api/vault/rotate"), Some(existing()?)),
        VaultCommand::Passphrase => ("set the passphrase", Some("/api/vault/passphrase"), Some(new()?)),
    };
    starter::ensure_running(home).map_err(|error| Failure::new(&error).hint(error.hint(home)))?;
    let answer = match action.zip(passphrase) {
        Some((path, passphrase)) => client::post(home, path, &PassphraseRequest { passphrase }, client::LONG),
        None => client::get(home, "/api/vault", client::LONG),
    };
    let report: VaultReport = answer.map_err(|error| Failure::new(format!("{doing}: {error}")).hint(error.hint()))?;
    if arguments.json {
        output::json(&report);
    } else {
        output::print(&story(&report));
    }
    Ok(if report.problem.is_some() { Outcome::NeedsUser } else { Outcome::Done })
}

fn story(report: &VaultReport) -> String {
    let mut lines = Vec::new();
    match &report.current {
        Some(current) => {
            lines.push(format!("✓ secrets are sealed with the key {current}, of {} here", report.keys.len()));
        }
        None => lines.push("✗ this machine has no key that can be used".to_owned()),
    }
    lines.push(if report.shared {
        "  other machines join with the passphrase: claudetools vault join".to_owned()
    } else {
        "  the key is on this machine only; set a passphrase and share it: claudetools vault init".to_owned()
    });
    lines.extend((report.to_reseal > 0).then(|| format!("  {} secret(s) are being sealed anew", report.to_reseal)));
    lines.extend(report.problem.as_ref().map(|problem| format!("! {problem}")));
    lines.extend(report.remedy.as_ref().map(|remedy| format!("  → {remedy}")));
    lines.join("\n") + "\n"
}
