//! What the benchmark is asked for.

use world::{Error, Result};

const USAGE: &str = "cargo xtask bench transcripts [--json] [--mib N]";

/// The arguments.
pub(crate) struct Options {
    /// Print JSON.
    pub(crate) json: bool,
    /// How much is imported.
    pub(crate) mib: u64,
}

impl Options {
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Options> {
        let mut options = Options { json: false, mib: 500 };
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--json" => options.json = true,
                "--mib" => {
                    let number = arguments.next().and_then(|text| text.parse().ok()).filter(|number| *number > 0);
                    options.mib = number.ok_or_else(|| Error::new(format!("read a number above 0; usage: {USAGE}")))?;
                }
                // What `cargo bench` says to every benchmark.
                "--bench" => {}
                other => return Err(Error::new(format!("understand {other}; usage: {USAGE}"))),
            }
        }
        Ok(options)
    }
}
