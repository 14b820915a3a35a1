//! Benchmarks, built for release.

use world::{Error, Result};

use crate::command::cargo;

/// Runs the benchmark of that name; without a name, all.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    match arguments {
        [] => hook(),
        [name] if name == "hook" => hook(),
        _ => Err(Error::new("bench: the benchmarks are: hook")),
    }
}

fn hook() -> Result<()> {
    cargo(&["build", "--release", "--workspace", "--bins"], &[])?;
    cargo(&["run", "--release", "--package", "claudetools-tests", "--bin", "bench-hook"], &[])
}
