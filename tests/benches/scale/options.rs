//! What the benchmark is asked for.

use std::time::Duration;

use world::arguments::{number, numbers, value};
use world::{Error, Result};

const USAGE: &str = "cargo xtask bench scale [--json] [--memories N,N…] [--seconds N]";

/// The command line.
pub(crate) struct Options {
    /// Print JSON and no table.
    pub(crate) json: bool,
    /// How long each question is asked.
    pub(crate) turn: Duration,
    /// Sizes of the replicas, in memories.
    pub(crate) memories: Vec<usize>,
}

impl Options {
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Options> {
        let mut options = Options { json: false, memories: vec![10_000, 100_000], turn: Duration::from_secs(10) };
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--json" => options.json = true,
                "--seconds" => options.turn = Duration::from_secs(number(&value(&mut arguments, USAGE)?)? as u64),
                "--memories" => options.memories = numbers(&value(&mut arguments, USAGE)?)?,
                // What `cargo bench` says to every benchmark.
                "--bench" => {}
                other => return Err(Error::new(format!("understand {other}; usage: {USAGE}"))),
            }
        }
        Ok(options)
    }
}
