//! The command line: the grammar is here, each command has a file of its own.

mod output;
mod progress;

mod adopt;
pub(crate) mod ask;
mod backup;
mod central;
mod completions;
mod conflicts;
mod daemon;
mod doctor;
mod forget;
mod import;
mod locks;
mod mcp;
mod model;
mod quarantine;
mod recall;
mod remember;
mod restore;
mod setup;
mod stats;
mod status;
mod sync;
mod timesheet;
mod token;
mod uninstall;
mod users;
mod vault;
mod verify;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use hooks::home::Home;

pub(crate) use output::{Failure, Outcome, print, warn};

/// Memory for Claude Code: saves what your sessions learn, and brings it back when it fits, on every machine of yours.
#[derive(Parser)]
#[command(name = "claudetools", version, about, max_term_width = 110, propagate_version = true)]
struct Cli {
    /// Everything of one machine under this folder [default: $CLAUDETOOLS_HOME, else the platform's data folder]
    #[arg(long, global = true, value_name = "DIR")]
    home: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Setup(setup::Arguments),
    Uninstall(uninstall::Arguments),
    Daemon(daemon::Arguments),
    Status(status::Arguments),
    Doctor(doctor::Arguments),
    Recall(recall::Arguments),
    Remember(remember::Arguments),
    Forget(forget::Arguments),
    Import(import::Arguments),
    Stats(stats::Arguments),
    Locks(locks::Arguments),
    Mcp(mcp::Arguments),
    Model(model::Arguments),
    Sync(sync::Arguments),
    Timesheet(timesheet::Arguments),
    Central(central::Arguments),
    Vault(vault::Arguments),
    Backup(backup::Arguments),
    Restore(restore::Arguments),
    Token(token::Arguments),
    Users(users::Arguments),
    Completions(completions::Arguments),
}

/// Parses the arguments, runs the command, prints what went wrong, and gives the exit code: 0 done, 1 failed, 2 usage,
/// 3 done but something needs the user.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = Home::resolve(cli.home.as_deref())
        .map_err(|error| Failure::new(error).hint("set CLAUDETOOLS_HOME or --home to a folder of yours"))
        .and_then(|home| run(cli.command, home));
    output::finish(result)
}

fn run(command: Command, home: Home) -> Result<Outcome, Failure> {
    match command {
        Command::Setup(arguments) => setup::run(&arguments, home),
        Command::Uninstall(arguments) => uninstall::run(&arguments, &home),
        Command::Daemon(arguments) => daemon::run(&arguments, home),
        Command::Status(arguments) => Ok(status::run(&arguments, &home)),
        Command::Doctor(arguments) => Ok(doctor::run(&arguments, &home)),
        Command::Recall(arguments) => recall::run(&arguments, &home),
        Command::Remember(arguments) => remember::run(&arguments, &home),
        Command::Forget(arguments) => forget::run(&arguments, &home),
        Command::Import(arguments) => import::run(&arguments, &home),
        Command::Stats(arguments) => stats::run(&arguments, &home),
        Command::Locks(arguments) => locks::run(&arguments, &home),
        Command::Model(arguments) => model::run(&arguments, &home),
        Command::Mcp(arguments) => mcp::run(&arguments, &home),
        Command::Sync(arguments) => sync::run(&arguments, &home),
        Command::Timesheet(arguments) => timesheet::run(&arguments, &home),
        Command::Central(arguments) => central::run(&arguments, &home),
        Command::Vault(arguments) => vault::run(&arguments, &home),
        Command::Backup(arguments) => backup::run(arguments, &home),
        Command::Restore(arguments) => restore::run(&arguments, &home),
        Command::Token(arguments) => token::run(&arguments, &home),
        Command::Users(arguments) => users::run(&arguments, &home),
        Command::Completions(arguments) => Ok(completions::run(&arguments)),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_grammar_is_sound() {
        Cli::command().debug_assert();
    }
}
