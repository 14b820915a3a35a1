//! Starting the daemon at login, by whatever the platform has: systemd user units, launchd agents, scheduled tasks.
//!
//! The texts are rendered by pure functions and compile everywhere, so that every platform's text is tested on each.

mod launchd;
mod systemd;
mod task;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{fs, io};

use crate::files;

/// The daemon of one home, as the service manager is to know it.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    /// Unit, label or task name; two homes of one user have two.
    pub(crate) name: String,
    /// `claudetools`, absolute.
    pub(crate) program: PathBuf,
    /// The home, absolute.
    pub(crate) home: PathBuf,
}

/// What registering did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Registered {
    /// It was not there, or said something else.
    Written(PathBuf),
    /// It was there, just so.
    Unchanged(PathBuf),
    /// This machine has no service manager for users: the hooks start the daemon on demand instead.
    Unavailable(String),
}

/// Why the service manager did not do as asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServiceError {
    /// A file of the service cannot be written or removed.
    #[error("write the service file {}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    /// The manager's program failed.
    #[error("run `{command}`: {reason}")]
    Tool { command: String, reason: String },
}

impl Service {
    /// The service of a home. The default home has the plain name; others carry a mark of their path.
    pub(crate) fn of(program: PathBuf, home: PathBuf, is_default: bool) -> Service {
        let mark = sync::local::derived_id("home", &home.to_string_lossy());
        let name = if is_default { "claudetools".to_owned() } else { format!("claudetools-{}", &mark[..8]) };
        Service { name, program, home }
    }

    /// Makes the service known and starts it at each login; starts it now when `start`.
    pub(crate) fn register(&self, start: bool) -> Result<Registered, ServiceError> {
        match Manager::of_this_platform() {
            Manager::Systemd => systemd::register(self, start),
            Manager::Launchd => launchd::register(self, start),
            Manager::Task => task::register(self, start),
            Manager::None => {
                Ok(Registered::Unavailable("this platform has no service manager that setup knows".into()))
            }
        }
    }

    /// Starts it now, when it is registered.
    pub(crate) fn start(&self) -> Result<(), ServiceError> {
        if self.registered().is_none() {
            return Ok(());
        }
        match Manager::of_this_platform() {
            Manager::Systemd => systemd::start(self),
            Manager::Launchd => launchd::start(self),
            Manager::Task => task::start(self),
            Manager::None => Ok(()),
        }
    }

    /// Stops the service and forgets it. False when it was not registered.
    pub(crate) fn remove(&self) -> Result<bool, ServiceError> {
        match Manager::of_this_platform() {
            Manager::Systemd => systemd::remove(self),
            Manager::Launchd => launchd::remove(self),
            Manager::Task => task::remove(self),
            Manager::None => Ok(false),
        }
    }

    /// The file that registers the service, when there is one.
    pub(crate) fn registered(&self) -> Option<PathBuf> {
        let file = match Manager::of_this_platform() {
            Manager::Systemd => systemd::unit_path(self),
            Manager::Launchd => launchd::agent_path(self),
            Manager::Task => Some(task::file_path(self)),
            Manager::None => None,
        };
        file.filter(|path| path.exists())
    }
}

enum Manager {
    Systemd,
    Launchd,
    Task,
    None,
}

impl Manager {
    fn of_this_platform() -> Manager {
        match std::env::consts::OS {
            "linux" => Manager::Systemd,
            "macos" => Manager::Launchd,
            "windows" => Manager::Task,
            _ => Manager::None,
        }
    }
}

/// Runs a program of the service manager; its stderr becomes the reason when it fails.
fn run(program: &str, arguments: &[&str]) -> Result<String, ServiceError> {
    let fail = |reason: String| ServiceError::Tool { command: format!("{program} {}", arguments.join(" ")), reason };
    let output =
        Command::new(program).args(arguments).stdin(Stdio::null()).output().map_err(|error| fail(error.to_string()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(fail(if said.is_empty() { output.status.to_string() } else { said }))
}

/// Writes the file unless it is there just so. True when it was written.
fn write_if_changed(path: &Path, content: &[u8]) -> Result<bool, ServiceError> {
    if fs::read(path).is_ok_and(|now| now == content) {
        return Ok(false);
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)
        .and_then(|()| files::write_private(path, content))
        .map_err(|source| ServiceError::File { path: path.to_path_buf(), source })?;
    Ok(true)
}

fn remove_file(path: &Path) -> Result<bool, ServiceError> {
    files::remove_if_there(path).map_err(|source| ServiceError::File { path: path.to_path_buf(), source })
}

/// Text inside an XML element (property lists, task definitions).
fn xml(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_home_has_the_plain_name_and_others_their_own() {
        let service = |home: &str, default| Service::of("/bin/claudetools".into(), home.into(), default).name;
        assert_eq!(service("/home/u/.local/share/claudetools", true), "claudetools");
        let (one, other) = (service("/tmp/a", false), service("/tmp/b", false));
        assert!(one.starts_with("claudetools-") && one != other, "{one} {other}");
        assert_eq!(one, service("/tmp/a", false));
    }

    #[test]
    fn a_failing_tool_is_named_with_what_it_said() {
        let error = run("claudetools-no-such-program", &["--now"]).unwrap_err().to_string();
        assert!(error.contains("claudetools-no-such-program --now"), "{error}");
    }

    #[test]
    fn a_service_file_is_written_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("systemd/user/x.service");
        assert!(write_if_changed(&path, b"a").unwrap());
        assert!(!write_if_changed(&path, b"a").unwrap());
        assert!(write_if_changed(&path, b"b").unwrap());
        assert!(remove_file(&path).unwrap());
        assert!(!remove_file(&path).unwrap());
    }
}
