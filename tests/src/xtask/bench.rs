//! Benchmarks, built for release.

use world::{Error, Result};

use crate::command::cargo;

/// Runs the benchmark of that name with the arguments behind it; without a name, all.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    match arguments {
        [] => hook(&[]).and_then(|()| bench("verify", &[])),
        [name, rest @ ..] if name == "hook" => hook(rest),
        [name, rest @ ..] if name == "verify" => bench("verify", rest),
        _ => Err(Error::new("bench: the benchmarks are: hook, verify [ROWS]")),
    }
}

fn hook(arguments: &[String]) -> Result<()> {
    // The benchmark runs the programs of other packages, which `cargo bench` does not build.
    cargo(&["build", "--release", "--workspace", "--bins"], &[])?;
    bench("hook", arguments)
}

fn bench(name: &str, arguments: &[String]) -> Result<()> {
    let mut command = vec!["bench", "--package", "tests", "--bench", name, "--"];
    command.extend(arguments.iter().map(String::as_str));
    cargo(&command, &[])
}
