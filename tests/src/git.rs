//! Git repositories for conversations to happen in.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::run::run;
use crate::{Error, Result};

/// Makes a repository with one commit at `path`; `remote` becomes its `origin`, which need not exist.
pub fn repository(path: &Path, remote: &str) -> Result<()> {
    fs::create_dir_all(path).map_err(Error::doing(format!("create {}", path.display())))?;
    fs::write(path.join("README.md"), "# A project\n").map_err(Error::doing("write a file"))?;
    git(path, &["init", "--quiet", "--initial-branch=main"])?;
    git(path, &["remote", "add", "origin", remote])?;
    git(path, &["add", "--all"])?;
    git(path, &["commit", "--quiet", "--message=start"])
}

/// Runs git in `path`, with no settings but these.
pub fn git(path: &Path, arguments: &[&str]) -> Result<()> {
    let mut command = Command::new("git");
    command
        .args(["-c", "user.name=tester", "-c", "user.email=tester@example.invalid", "-c", "commit.gpgsign=false"])
        .args(arguments)
        .current_dir(path)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1");
    run(command, b"", Duration::from_secs(30))?.ok().map(drop)
}
