//! What this machine is called, for people who read a memory and want to know where it comes from.

use std::env;
use std::path::PathBuf;

use crate::capture::MachineInfo;

/// This machine, as the operating system tells it. What it does not tell is named `unknown`.
pub(crate) fn this_one() -> MachineInfo {
    let unknown = || "unknown".to_owned();
    MachineInfo {
        hostname: hostname().unwrap_or_else(unknown),
        username: first_variable(&["USER", "LOGNAME", "USERNAME"]).unwrap_or_else(unknown),
        platform: env::consts::OS.to_owned(),
        os_version: os_version(),
        home_directory: env::home_dir().unwrap_or_else(|| PathBuf::from("/")),
    }
}

/// What tells this host from others, for recognising a replica that was copied: the system's own id where there is one
/// (Linux), else the host's name.
pub(crate) fn host() -> String {
    let id = std::fs::read_to_string("/etc/machine-id").unwrap_or_default();
    if id.trim().is_empty() { hostname().unwrap_or_default() } else { id.trim().to_owned() }
}

fn first_variable(names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| env::var(name).ok()).filter(|value| !value.is_empty())
}

#[cfg(unix)]
fn hostname() -> Option<String> {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    (!name.is_empty()).then_some(name)
}

#[cfg(not(unix))]
fn hostname() -> Option<String> {
    first_variable(&["COMPUTERNAME", "HOSTNAME"])
}

/// `Debian GNU/Linux 12 (bookworm)` where the system has such a name, else the kernel's.
#[cfg(unix)]
fn os_version() -> Option<String> {
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    pretty_name(&release).or_else(|| {
        let kernel = rustix::system::uname();
        let [name, release] = [kernel.sysname(), kernel.release()].map(|text| text.to_string_lossy());
        (!name.is_empty()).then(|| format!("{name} {release}"))
    })
}

#[cfg(not(unix))]
fn os_version() -> Option<String> {
    first_variable(&["OS"])
}

#[cfg(unix)]
fn pretty_name(os_release: &str) -> Option<String> {
    let value = os_release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    Some(value.trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_a_name_and_a_platform() {
        let machine = this_one();
        assert!(!machine.hostname.is_empty() && !machine.username.is_empty());
        assert_eq!(machine.platform, env::consts::OS);
    }

    #[cfg(unix)]
    #[test]
    fn the_systems_name_is_read_as_it_is_written() {
        let text = "NAME=\"Debian\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n";
        assert_eq!(pretty_name(text).as_deref(), Some("Debian GNU/Linux 12 (bookworm)"));
        assert_eq!(pretty_name("NAME=x\n"), None);
    }
}
