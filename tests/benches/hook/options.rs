//! What the benchmark is asked for.

use world::arguments::{number, numbers, value};
use world::{Error, Result};

const USAGE: &str = "bench hook [--json] [--samples N] [--memories N,N…]";

/// The command line.
pub(crate) struct Options {
    /// Print JSON and no table.
    pub(crate) json: bool,
    /// Runs of each contender.
    pub(crate) samples: usize,
    /// Sizes of the replicas, in memories.
    pub(crate) memories: Vec<usize>,
}

impl Options {
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Options> {
        let mut options = Options { json: false, samples: 300, memories: vec![1_000, 100_000] };
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--json" => options.json = true,
                "--samples" => options.samples = number(&value(&mut arguments, USAGE)?)?,
                "--memories" => options.memories = numbers(&value(&mut arguments, USAGE)?)?,
                // What `cargo bench` says to every benchmark.
                "--bench" => {}
                other => return Err(Error::new(format!("understand {other}; usage: {USAGE}"))),
            }
        }
        Ok(options)
    }
}
