//! Running other programs, with what they print shown.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use world::{Error, Result};

/// Variables to set, by name.
pub(crate) type Environment = Vec<(&'static str, String)>;

/// What cargo tells a program that it runs of the package that this is of. Build scripts look at them, ring's for one: told
/// of another package than by a cargo that a person runs, it and all that stands on it would be compiled again, in turns.
const OF_OUR_PACKAGE: [&str; 3] = ["CARGO_MANIFEST_", "CARGO_PKG_", "CARGO_BIN_"];

/// Runs the cargo that runs us, as a person would.
pub(crate) fn cargo(arguments: &[&str], environment: &[(&'static str, String)]) -> Result<()> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let ours = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    for name in ours.filter(|name| OF_OUR_PACKAGE.iter().any(|start| name.starts_with(start))) {
        command.env_remove(name);
    }
    command.args(arguments).envs(environment.iter().map(|(name, value)| (name, value)));
    shown(command)
}

/// Builds the tests and the programs that they run, which `cargo test` does not all build. Together, as programs that are
/// built alone have fewer features of what they use, and everything would be compiled twice.
pub(crate) fn build_for_tests() -> Result<()> {
    cargo(&["build", "--workspace", "--bins", "--tests"], &[])
}

/// Runs a command, after printing it.
pub(crate) fn shown(mut command: Command) -> Result<()> {
    let line = line_of(&command);
    eprintln!("xtask: {line}");
    let status = command.stdin(Stdio::null()).status().map_err(Error::doing(format!("run {line}")))?;
    if status.success() { Ok(()) } else { Err(Error::new(format!("run {line}: {status}"))) }
}

/// A command as a person would type it.
pub(crate) fn line_of(command: &Command) -> String {
    let program = PathBuf::from(command.get_program());
    let program = program.file_name().unwrap_or_default().to_string_lossy();
    let words = command.get_args().map(|word| word.to_string_lossy());
    std::iter::once(program).chain(words).collect::<Vec<_>>().join(" ")
}

/// Whether a program is where programs are, those for administrators included.
pub(crate) fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(system).any(|folder| folder.join(program).is_file())
}
