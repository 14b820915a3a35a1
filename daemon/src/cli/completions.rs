//! `completions SHELL`: the completion script, on stdout.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Cli, Outcome};

/// Print the completion script of a shell
#[derive(Args)]
pub(super) struct Arguments {
    /// The shell that will read it
    shell: Shell,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "claudetools", &mut script);
    super::output::print(&String::from_utf8_lossy(&script));
    Outcome::Done
}
