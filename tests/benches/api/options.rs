//! What the benchmark is asked for.

use std::path::PathBuf;
use std::time::Duration;

use world::arguments::{number, numbers, value};
use world::{Error, Result};

use super::disk::Slowness;

const USAGE: &str = "cargo xtask bench api [--json] [--seconds N] [--rounds N] [--clients N,N…] [--slow-disk MS]";

/// Said to the benchmark's own program so that it is the bare handler; the folder of its socket follows.
pub(crate) const BARE: &str = "--bare";

/// The same for the process that writes durably; the file and the milliseconds follow.
pub(crate) const DURABLY: &str = "--durably";

/// What this process is for.
pub(crate) enum Wanted {
    Bench(Options),
    Bare(PathBuf),
    Durably(PathBuf, Duration),
}

/// The arguments.
pub(crate) struct Options {
    /// Print JSON.
    pub(crate) json: bool,
    /// How long each contender is asked before it is the other's turn.
    pub(crate) turn: Duration,
    /// Turns of each contender.
    pub(crate) rounds: usize,
    /// Numbers of connections.
    pub(crate) clients: Vec<usize>,
    /// Only writes, each sync of which ends so much later.
    pub(crate) slowness: Option<Slowness>,
}

impl Options {
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Wanted> {
        let (turn, clients) = (Duration::from_secs(2), vec![1, 8, 64]);
        let mut options = Options { json: false, turn, rounds: 3, clients, slowness: None };
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--json" => options.json = true,
                "--seconds" => options.turn = Duration::from_secs(number(&value(&mut arguments, USAGE)?)? as u64),
                "--rounds" => options.rounds = number(&value(&mut arguments, USAGE)?)?,
                "--clients" => {
                    options.clients = numbers(&value(&mut arguments, USAGE)?)?;
                }
                "--slow-disk" => {
                    let delay = Duration::from_millis(number(&value(&mut arguments, USAGE)?)? as u64);
                    options.slowness = Some(Slowness::of(delay)?);
                }
                DURABLY => {
                    let (file, millis) = (value(&mut arguments, USAGE)?, number(&value(&mut arguments, USAGE)?)?);
                    return Ok(Wanted::Durably(file.into(), Duration::from_millis(millis as u64)));
                }
                BARE => return Ok(Wanted::Bare(value(&mut arguments, USAGE)?.into())),
                // What `cargo bench` says to every benchmark.
                "--bench" => {}
                other => return Err(Error::new(format!("understand {other}; usage: {USAGE}"))),
            }
        }
        Ok(Wanted::Bench(options))
    }
}
