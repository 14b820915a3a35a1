//! `daemon`: the daemon itself, in the foreground.

use std::net::SocketAddr;

use clap::Args;
use hooks::home::Home;

use super::{Failure, Outcome};
use crate::lock::LockError;
use crate::run::{self, Options, RunError};
use crate::server::listen::ListenError;

/// Run the daemon in the foreground (setup registers it as a service; hooks start it when it is missing)
#[derive(Args)]
pub(super) struct Arguments {
    /// Also answer on this loopback address, with the bearer token of http.token [default: [http] listen of config.toml]
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Run in the background: leave this terminal, and end quietly when a daemon runs already
    #[arg(long)]
    detach: bool,
}

pub(super) fn run(arguments: &Arguments, home: Home) -> Result<Outcome, Failure> {
    let options = Options { home, listen: arguments.listen, detach: arguments.detach };
    match run::run(options) {
        Ok(()) => Ok(Outcome::Done),
        Err(RunError::Lock(LockError::Held { .. })) if arguments.detach => Ok(Outcome::Done),
        Err(error) => {
            let hint = hint(&error);
            Err(Failure::new(error).hint(hint))
        }
    }
}

fn hint(error: &RunError) -> &'static str {
    match error {
        RunError::Lock(LockError::Held { .. }) => "it is in use already; look at it with: claudetools status",
        RunError::Listen(ListenError::NotLoopback(_)) => "use 127.0.0.1:PORT; for other machines there is central",
        RunError::Listen(ListenError::Io { .. }) => "choose another port",
        RunError::Lock(LockError::Io { .. }) | RunError::Io { .. } => "the home must be a folder that you can write to",
    }
}
