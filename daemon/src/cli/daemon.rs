//! `daemon`: the daemon itself, in the foreground, or started in the background, stopped, and started anew.

use std::net::SocketAddr;

use clap::{Args, Subcommand};
use hooks::home::Home;

use super::{Failure, Outcome, output};
use crate::client;
use crate::lock::{self, LockError};
use crate::run::{self, Options, RunError};
use crate::server::listen::ListenError;
use crate::{setup, starter};

/// Run the daemon in the foreground (setup registers it as a service; hooks start it when it is missing)
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Option<Action>,
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

#[derive(Subcommand)]
enum Action {
    /// End the daemon that runs, once it has finished what it has in hand; the next session of Claude Code starts one again
    Stop,
    /// End the daemon that runs, and start one: with the configuration as it is now
    Restart {
        /// Also answer on this loopback address [default: [http] listen of config.toml]
        #[arg(long, value_name = "ADDR")]
        listen: Option<SocketAddr>,
    },
}

pub(super) fn run(arguments: &Arguments, home: Home) -> Result<Outcome, Failure> {
    match &arguments.action {
        Some(Action::Stop) => return stop(&home),
        Some(Action::Restart { listen }) => return restart(*listen, &home),
        None if arguments.detach => return launch(arguments.listen, &home),
        None => {}
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
            .hint(format!("run: claudetools daemon restart --listen {address}")));
    }
    let health =
        starter::ensure_listening(home, listen).map_err(|error| Failure::new(&error).hint(error.hint(home)))?;
    let how = if before.is_some_and(|before| before.pid == health.pid) { "runs already" } else { "has been started" };
    output::line(format!("the daemon {how} (process {})", health.pid));
    Ok(Outcome::Done)
}

fn stop(home: &Home) -> Result<Outcome, Failure> {
    let running = lock::holder(&home.lock()).and_then(|holder| holder.pid);
    let stopped = starter::stop(home).map_err(|error| Failure::new(&error).hint(error.hint(home)))?;
    output::line(match (stopped, running) {
        (true, Some(pid)) => format!("the daemon has been stopped (process {pid})"),
        (true, None) => "the daemon has been stopped".to_owned(),
        (false, _) => "no daemon runs".to_owned(),
    });
    Ok(Outcome::Done)
}

fn restart(listen: Option<SocketAddr>, home: &Home) -> Result<Outcome, Failure> {
    let health = setup::restart(home, listen).map_err(|error| Failure::new(&error).hint(error.hint(home)))?;
    output::line(format!("the daemon has been started anew (process {})", health.pid));
    setup::opened(health)?;
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
