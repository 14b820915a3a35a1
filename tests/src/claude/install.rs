//! The pinned Claude Code client: where it is kept, and how it gets there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::run::run;
use crate::{Error, Result};

/// The version that the tests are written against.
pub const VERSION: &str = "2.1.330";
/// In the environment of a test run: why the client could not be installed.
pub const FAILURE_VARIABLE: &str = "CLAUDETOOLS_TESTS_CLIENT_FAILURE";

const PACKAGE: &str = "@anthropic-ai/claude-code";
const DOWNLOAD: Duration = Duration::from_mins(10);

/// The client's program.
///
/// # Errors
/// When it is not installed, with the reason when an installation was tried.
pub fn program() -> Result<PathBuf> {
    let folder = folder()?;
    native_program(&folder).ok_or_else(|| {
        let reason = std::env::var(FAILURE_VARIABLE).unwrap_or_else(|_| "`cargo xtask test` installs it".to_owned());
        Error::new(format!("find the Claude Code client {VERSION} in {}: {reason}", folder.display()))
    })
}

/// Installs the client from npm unless it is there. No script of the package is run.
pub fn install() -> Result<PathBuf> {
    let folder = folder()?;
    if let Some(program) = native_program(&folder) {
        return Ok(program);
    }
    // Renamed into place once complete, so that an installation that was cut off is not taken for one.
    let part = folder.with_extension("part");
    let _ = fs::remove_dir_all(&part);
    fs::create_dir_all(&part).map_err(Error::doing(format!("create {}", part.display())))?;
    let mut npm = Command::new("npm");
    npm.current_dir(&part).arg("install").arg(format!("{PACKAGE}@{VERSION}")).args([
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
        "--prefix=.",
    ]);
    run(npm, b"", DOWNLOAD)?.ok()?;
    let _ = fs::remove_dir_all(&folder);
    fs::rename(&part, &folder).map_err(Error::doing(format!("rename {}", part.display())))?;
    let program = native_program(&folder).ok_or_else(|| {
        Error::new(format!("find a native program of {PACKAGE} for this platform in {}", folder.display()))
    })?;
    check_version(&program)?;
    Ok(program)
}

fn check_version(program: &Path) -> Result<()> {
    let mut command = Command::new(program);
    command.arg("--version");
    let answer = run(command, b"", Duration::from_mins(1))?.ok()?.stdout;
    if answer.starts_with(VERSION) {
        Ok(())
    } else {
        Err(Error::new(format!("install {VERSION}: it calls itself {answer}")))
    }
}

fn folder() -> Result<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
    let cache = cache.ok_or_else(|| Error::new("find a cache directory: neither XDG_CACHE_HOME nor HOME is set"))?;
    Ok(cache.join("claudetools-tests/claude-code").join(VERSION))
}

/// The package proper only picks the package with the program for this platform, which npm has put beside it.
fn native_program(folder: &Path) -> Option<PathBuf> {
    let packages = fs::read_dir(folder.join("node_modules/@anthropic-ai")).ok()?;
    let programs =
        packages.flatten().filter(|package| package.file_name().to_string_lossy().starts_with("claude-code-"));
    programs.map(|package| package.path().join("claude")).find(|program| program.is_file())
}
