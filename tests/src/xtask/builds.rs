//! Two builds side by side: the programs of an earlier commit, and those of this one.

use std::path::PathBuf;
use std::process::Command;

use world::{Error, Result, binaries};

use crate::command::{build_for_tests, cargo, shown};
use crate::prepare;

/// The last commit before step 7 of central's schema, and before steps 10 and 11 of the replica's.
const EARLIER: &str = "51a558790bde5233d619c6aaa150de6e6ffb3bfa";

/// `builds [--other COMMIT]`
pub(crate) fn builds(arguments: &[String]) -> Result<()> {
    let other = match arguments {
        [] => EARLIER,
        [flag, commit] if flag == "--other" => commit,
        _ => return Err(Error::new("builds: usage: cargo xtask builds [--other COMMIT]")),
    };
    let mut environment = prepare::for_tests()?;
    build_for_tests()?;
    environment.push((binaries::OTHER, built(other)?.display().to_string()));
    cargo(&["test", "--workspace", "--test", "all", "--", "--ignored", "skew::builds::"], &environment)
}

/// Builds the programs of a commit in a work tree of its own, and tells where they are.
fn built(commit: &str) -> Result<PathBuf> {
    let own = std::env::current_exe().map_err(Error::doing("find the running program"))?;
    let target = own.ancestors().nth(2).ok_or_else(|| Error::new("find the target directory"))?;
    let (source, programs) = (target.join("other-build"), target.join("other-build-target"));
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command.args(arguments);
        shown(command)
    };
    let place = source.display().to_string();
    if source.join("Cargo.toml").is_file() {
        git(&["-C", &place, "checkout", "--quiet", "--detach", commit])?;
    } else {
        git(&["worktree", "prune"])?;
        git(&["worktree", "add", "--quiet", "--detach", &place, commit])?;
    }
    let manifest = source.join("Cargo.toml").display().to_string();
    let folder = programs.display().to_string();
    let build = ["build", "--workspace", "--bins", "--locked", "--manifest-path", &manifest, "--target-dir", &folder];
    cargo(&build, &[])?;
    Ok(programs.join("debug"))
}
