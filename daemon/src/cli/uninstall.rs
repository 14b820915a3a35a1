//! `uninstall`: takes out what setup put in.

use clap::Args;
use hooks::home::Home;

use super::{Failure, Outcome, output, setup};
use crate::setup::confirm::confirm;
use crate::setup::record::Record;
use crate::setup::{client_config_path, settings_path, steps};

/// Take out the hooks, the MCP server and the service, and stop the daemon; what was remembered stays unless --purge
#[derive(Args)]
pub(super) struct Arguments {
    /// Also delete everything that was remembered on this machine
    #[arg(long)]
    purge: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

pub(super) fn run(arguments: &Arguments, home: &Home) -> Result<Outcome, Failure> {
    let root = home.root().display();
    let data =
        if arguments.purge { format!("and DELETES all memory in {root}") } else { format!("the data in {root} stays") };
    confirm(
        arguments.yes,
        &format!("This takes out the hooks, the MCP server and the service and stops the daemon; {data}.\n"),
    )?;
    let mut taken_out = steps::remove_hooks(home, settings_path(None));
    taken_out.extend(steps::remove_servers(home, client_config_path(None)));
    taken_out.push(steps::remove_service(home));
    taken_out.push(steps::stop_daemon(home));
    // Each is tried, so that one that cannot be taken out does not keep the others in.
    let mut failed = Vec::new();
    for step in taken_out {
        match step {
            Ok(done) => output::line(setup::line(&done)),
            Err(failure) => {
                output::line(format!("✗ {}", failure.message()));
                failed.push(failure);
            }
        }
    }
    if let Some(first) = failed.into_iter().next() {
        return Err(first);
    }
    if arguments.purge {
        output::line(setup::line(&steps::purge(home)?));
    } else {
        Record::remove(home).map_err(|error| Failure::new(format!("tidy up setup.json: {error}")))?;
        output::line(format!("  the data stays in {root}; delete it with: claudetools uninstall --purge"));
    }
    Ok(Outcome::Done)
}
