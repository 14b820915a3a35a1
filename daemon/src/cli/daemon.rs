//! `daemon`: the daemon itself, in the foreground, or started in the background.

use std::net::SocketAddr;

use clap::Args;
use hooks::home::Home;

use super::{Failure, Outcome, output};
use crate::client;
use crate::lock::LockError;
use crate::run::{self, Options, RunError};
use crate::server::listen::ListenError;
use crate::starter;

/// Run the daemon in the foreground (setup registers it as a service; hooks start it when it is missing)
#[derive(Args)]
pub(super) struct Arguments {
    /// Also answer on this loopback address, with the bearer token of http.token [default: [http] listen of config.toml]
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Start it in the background, wait until it answers, and return; one that runs already is left alone
    #[arg(long)]
    detach: bool,
    /// What `--detach` and the hooks start: this process, away from the terminal
    #[arg(long, hide = true, conflicts_with = "detach")]
    detached: bool,
}

pub(super) fn run(arguments: &Arguments, home: Home) -> Result<Outcome, Failure> {
    if arguments.detach {
        return launch(arguments.listen, &home);
    }
    let options = Options { home, listen: arguments.listen, detached: arguments.detached };
    match run::run(options) {
        Ok(()) => Ok(Outcome::Done),
        Err(RunError::Lock(LockError::Held { .. })) if arguments.detached => Ok(Outcome::Done),
        Err(error) => {
            let hint = hint(&error);
            Err(Failure::new(error).hint(hint))
        }
    }
}

fn launch(listen: Option<SocketAddr>, home: &Home) -> Result<Outcome, Failure> {
    let before = client::health(home).ok();
    if let (Some(running), Some(address)) = (&before, listen) {
        return Err(Failure::new(format!("listen on {address}: a daemon runs already (process {})", running.pid))
            .hint(format!("end it first (kill {}), or set [http] listen in config.toml and restart it", running.pid)));
    }
    let health =
        starter::ensure_listening(home, listen).map_err(|error| Failure::new(&error).hint(error.hint(home)))?;
    let how = if before.is_some_and(|before| before.pid == health.pid) { "runs already" } else { "has been started" };
    output::line(format!("the daemon {how} (process {})", health.pid));
    Ok(Outcome::Done)
}

fn hint(error: &RunError) -> &'static str {
    match error {
        RunError::Lock(LockError::Held { .. }) => "it is in use already; look at it with: claudetools status",
        RunError::Listen(ListenError::NotLoopback(_)) => "use 127.0.0.1:PORT; for other machines there is central",
        RunError::Listen(ListenError::Io { .. }) => "choose another port",
        RunError::Lock(LockError::Io { .. }) | RunError::Io { .. } => "the home must be a folder that you can write to",
    }
}
