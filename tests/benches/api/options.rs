//! What the benchmark is asked for.

use std::path::PathBuf;
use std::time::Duration;

use world::arguments::{number, numbers, value};
use world::{Error, Result};

const USAGE: &str = "cargo xtask bench api [--json] [--seconds N] [--rounds N] [--clients N,N…]";

/// Said to the benchmark's own program so that it is the bare handler; the folder of its socket follows.
pub(crate) const BARE: &str = "--bare";

/// What this process is for.
pub(crate) enum Wanted {
    Bench(Options),
    Bare(PathBuf),
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
}

impl Options {
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Wanted> {
        let (turn, clients) = (Duration::from_secs(2), vec![1, 8, 64]);
        let mut options = Options { json: false, turn, rounds: 3, clients };
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--json" => options.json = true,
                "--seconds" => options.turn = Duration::from_secs(number(&value(&mut arguments, USAGE)?)? as u64),
                "--rounds" => options.rounds = number(&value(&mut arguments, USAGE)?)?,
                "--clients" => {
                    options.clients = numbers(&value(&mut arguments, USAGE)?)?;
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
