//! What the tests need besides Rust: packages of Debian, and the Claude Code client.

use std::process::Command;

use world::claude::install;
use world::{Error, Result};

use crate::command::{Environment, is_installed, line_of, shown};

/// A program that the tests run, and the Debian packages that bring it.
const NEEDED: [(&str, &[&str]); 7] = [
    ("mariadbd", &["mariadb-server"]),
    ("tmux", &["tmux"]),
    ("ip", &["iproute2"]),
    ("setpriv", &["util-linux"]),
    ("mount", &["mount"]),
    ("git", &["git"]),
    ("npm", &["nodejs", "npm"]),
];

/// Installs what is missing. Returns what the tests must find in their environment.
///
/// # Errors
/// When a package is missing and cannot be installed. A client that cannot be installed is no error here: the tests that
/// need it fail, and name the reason.
pub(crate) fn for_tests() -> Result<Environment> {
    install_packages()?;
    let client = install::program().or_else(|_| {
        eprintln!("xtask: installing the Claude Code client {} from npm", install::VERSION);
        install::install()
    });
    match client {
        Ok(program) => {
            eprintln!("xtask: the Claude Code client is {}", program.display());
            Ok(vec![])
        }
        Err(error) => {
            eprintln!("xtask: the Claude Code client could not be installed: failed to {error}");
            Ok(vec![(install::FAILURE_VARIABLE, format!("it could not be installed: failed to {error}"))])
        }
    }
}

fn install_packages() -> Result<()> {
    let missing = missing_packages();
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    eprintln!("xtask: the tests need Debian packages that are missing here: {list}");
    if !is_installed("apt-get") {
        return Err(Error::new(format!("install {list}: there is no apt-get here; install them by hand")));
    }
    let install = apt_get(&[&["install", "--yes", "--no-install-recommends"], &missing[..]].concat());
    if !rustix::process::getuid().is_root() {
        return Err(Error::new(format!("install {list} without being root; run: sudo {}", line_of(&install))));
    }
    shown(apt_get(&["update"]))?;
    shown(install)
}

fn missing_packages() -> Vec<&'static str> {
    // npm is for installing the client only.
    let needed = NEEDED.iter().filter(|(program, _)| *program != "npm" || install::program().is_err());
    let missing = needed.filter(|(program, _)| !is_installed(program));
    missing.flat_map(|(_, packages)| packages.iter().copied()).collect()
}

fn apt_get(arguments: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
    command
}
