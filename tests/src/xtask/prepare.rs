//! What the tests need besides Rust: packages of Debian, the Claude Code client, and tools that try the API.

use std::process::Command;

use world::claude::install;
use world::toolbox::{CLIENT_GENERATOR, SCHEMATHESIS};
use world::{Error, Result};

use crate::command::{Environment, is_installed, line_of, shown};

/// A program that the tests run, and the Debian packages that bring it.
const NEEDED: [(&str, &[&str]); 8] = [
    ("mariadbd", &["mariadb-server"]),
    ("tmux", &["tmux"]),
    ("ip", &["iproute2"]),
    ("setpriv", &["util-linux"]),
    ("mount", &["mount"]),
    ("git", &["git"]),
    ("npm", &["nodejs", "npm"]),
    ("python3", &["python3"]),
];

/// Installs what is missing. Returns what the tests must find in their environment.
///
/// # Errors
/// When a package is missing and cannot be installed. A client or tool that cannot be installed is no error here: the
/// tests that need it fail, and name the reason.
pub(crate) fn for_tests() -> Result<Environment> {
    install_packages()?;
    let client = install::program().or_else(|_| {
        eprintln!("xtask: installing the Claude Code client {} from npm", install::VERSION);
        install::install()
    });
    let mut environment = Environment::new();
    match client {
        Ok(program) => eprintln!("xtask: the Claude Code client is {}", program.display()),
        Err(error) => {
            eprintln!("xtask: the Claude Code client could not be installed: failed to {error}");
            environment.push((install::FAILURE_VARIABLE, format!("it could not be installed: failed to {error}")));
        }
    }
    for tool in [SCHEMATHESIS, CLIENT_GENERATOR] {
        if let Err(error) = tool.install() {
            eprintln!("xtask: {} {} could not be installed: failed to {error}", tool.name, tool.version);
            environment.push((tool.failure_variable, format!("it could not be installed: failed to {error}")));
        }
    }
    Ok(environment)
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
    let missing = NEEDED.iter().filter(|(program, _)| !is_installed(program));
    let mut packages: Vec<&str> = missing.flat_map(|(_, packages)| packages.iter().copied()).collect();
    // Debian leaves out a part of Python's own library.
    if !Command::new("python3").args(["-c", "import ensurepip"]).status().is_ok_and(|status| status.success()) {
        packages.push("python3-venv");
    }
    packages
}

fn apt_get(arguments: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
    command
}
