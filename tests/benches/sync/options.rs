//! What the benchmark is asked for.

use world::{Error, Result};

const USAGE: &str = "cargo xtask bench sync [--json] [--rows N] [--samples N] [--seconds N] [--only sync|triggers]";

/// The arguments.
pub(crate) struct Options {
    /// Print JSON.
    pub(crate) json: bool,
    /// Rows that are pushed and pulled.
    pub(crate) rows: usize,
    /// Changes whose way to the other machine is timed.
    pub(crate) samples: usize,
    /// How long the writers write in each of the two ways, and how long an idle machine is watched.
    pub(crate) seconds: u64,
    /// Which half is measured.
    pub(crate) parts: Parts,
}

/// The halves of the benchmark.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parts {
    All,
    /// Push, first sync and change notice.
    Sync,
    /// What the triggers cost.
    Triggers,
}

impl Options {
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Options> {
        let mut options = Options { json: false, rows: 1_000_000, samples: 100, seconds: 30, parts: Parts::All };
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--json" => options.json = true,
                "--rows" => options.rows = number(&mut arguments)?,
                "--samples" => options.samples = number(&mut arguments)?,
                "--seconds" => options.seconds = number(&mut arguments)? as u64,
                "--only" => options.parts = parts(arguments.next().as_deref())?,
                // What `cargo bench` says to every benchmark.
                "--bench" => {}
                other => return Err(Error::new(format!("understand {other}; usage: {USAGE}"))),
            }
        }
        Ok(options)
    }
}

fn number(arguments: &mut impl Iterator<Item = String>) -> Result<usize> {
    let number = arguments.next().and_then(|text| text.parse().ok()).filter(|number| *number > 0);
    number.ok_or_else(|| Error::new(format!("read a number above 0; usage: {USAGE}")))
}

fn parts(name: Option<&str>) -> Result<Parts> {
    match name {
        Some("sync") => Ok(Parts::Sync),
        Some("triggers") => Ok(Parts::Triggers),
        _ => Err(Error::new(format!("read which part is wanted; usage: {USAGE}"))),
    }
}
