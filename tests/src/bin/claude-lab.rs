//! `claude-lab LOG PROGRAM ARGUMENTS…`: the first process in the client's namespaces.
//!
//! Brings loopback up, starts the stand-in model there, runs the program with the model's address, and ends as it ended.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use world::{Error, Result, model};

fn main() -> ExitCode {
    match run(env::args_os().skip(1)) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("claude-lab: failed to {error}");
            ExitCode::from(125)
        }
    }
}

fn run(mut arguments: impl Iterator<Item = OsString>) -> Result<u8> {
    let usage = || Error::new("start: the arguments are LOG PROGRAM ARGUMENTS…");
    let log = PathBuf::from(arguments.next().ok_or_else(usage)?);
    let program = arguments.next().ok_or_else(usage)?;
    let loopback = Command::new("ip").args(["link", "set", "lo", "up"]).status();
    if !loopback.map_err(Error::doing("run ip (of iproute2)"))?.success() {
        return Err(Error::new("bring loopback up: is this a network namespace of its own?"));
    }
    let url = model::serve(&log)?;
    let status = Command::new(&program).args(arguments).env("ANTHROPIC_BASE_URL", url).status();
    let status = status.map_err(Error::doing(format!("start {}", program.display())))?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(124))
}
