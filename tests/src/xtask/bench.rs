//! Benchmarks, built for release.

use world::{Error, Result};

use crate::command::cargo;

/// Runs the benchmark of that name with the arguments behind it; without a name, all.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    match arguments {
        [] => hook(&[]),
        [name, rest @ ..] if name == "hook" => hook(rest),
        _ => Err(Error::new("bench: the benchmarks are: hook")),
    }
}

fn hook(arguments: &[String]) -> Result<()> {
    // The benchmark runs the programs of other packages, which `cargo bench` does not build.
    cargo(&["build", "--release", "--workspace", "--bins"], &[])?;
    let mut command = vec!["bench", "--package", "tests", "--bench", "hook", "--"];
    command.extend(arguments.iter().map(String::as_str));
    cargo(&command, &[])
}
