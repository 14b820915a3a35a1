//! The sync beside its limits, in one run: a private MariaDB with durable settings, release builds of the daemon.
//!
//! - push: a machine that worked offline sends its rows; beside multi-row INSERTs of the same rows without triggers. Both
//!   once more without central's two full text indexes of that table, which most of the time goes into;
//! - first sync: a new machine gets them, and people work on it meanwhile; beside a streamed read of them and a bare
//!   SQLite bulk insert;
//! - notice: how soon a change is on another machine, and what an idle machine asks of the server;
//! - triggers: 16 programs that know nothing of us write with and without capture, in turns.

#[path = "../hook/host.rs"]
mod host;
#[path = "../hook/prose.rs"]
mod prose;

mod daemon;
mod first_sync;
mod guest;
mod notice;
mod options;
mod push;
mod report;
mod rows;
mod server;
mod triggers;

use std::process::ExitCode;

use options::{Options, Parts};
use report::Report;
use server::Server;
use world::{Error, Result};

fn main() -> ExitCode {
    let outcome = Options::parse(std::env::args().skip(1)).and_then(|options| Ok((run(&options)?, options.json)));
    match outcome {
        Ok((report, json)) => {
            print!("{}", if json { report.json() } else { report.table() });
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("bench sync: failed to {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<Report> {
    let runtime = tokio::runtime::Runtime::new().map_err(Error::doing("start threads"))?;
    let server = Server::start()?;
    let mut report = Report::new(options, server.settings());
    if options.parts != Parts::Triggers {
        let sender = push::measure(&runtime, &server, options.rows, &mut report)?;
        let newcomer = first_sync::measure(&runtime, &server, options.rows, &mut report)?;
        notice::measure(&server, [&sender, &newcomer], options, &mut report)?;
    }
    if options.parts != Parts::Sync {
        runtime.block_on(triggers::measure(&server, options, &mut report))?;
    }
    report.finish();
    Ok(report)
}
