//! Benchmarks, built for release.

use world::{Error, Result};

use crate::command::cargo;

const NAMES: [&str; 8] = ["api", "hook", "recall", "redact", "scale", "sync", "transcripts", "verify"];

/// Runs the benchmark of that name with the arguments behind it; without a name, all.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    match arguments {
        [] => NAMES.iter().try_for_each(|name| bench(name, &[])),
        [name, rest @ ..] if NAMES.contains(&name.as_str()) => bench(name, rest),
        _ => Err(Error::new(format!("bench: the benchmarks are: {}", NAMES.join(", ")))),
    }
}

fn bench(name: &str, arguments: &[String]) -> Result<()> {
    // The benchmarks run the programs of other packages, which `cargo bench` does not build.
    cargo(&["build", "--release", "--workspace", "--bins"], &[])?;
    let mut command = vec!["bench", "--package", "tests", "--bench", name, "--"];
    command.extend(arguments.iter().map(String::as_str));
    cargo(&command, &[])
}
