//! A systemd user unit, with absolute paths, so that it does not depend on anybody's shell profile.

use std::path::{Path, PathBuf};

use super::{Registered, Service, ServiceError, remove_file, run, write_if_changed};

/// Where the unit stands: `$XDG_CONFIG_HOME/systemd/user`, by default `~/.config/systemd/user`.
pub(super) fn unit_path(service: &Service) -> Option<PathBuf> {
    let config = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let config = config.or_else(|| std::env::home_dir().map(|home| home.join(".config")))?;
    Some(config.join("systemd/user").join(unit_name(service)))
}

fn unit_name(service: &Service) -> String {
    format!("{}.service", service.name)
}

pub(super) fn register(service: &Service, start: bool) -> Result<Registered, ServiceError> {
    if let Err(error) = run("systemctl", &["--user", "show-environment"]) {
        return Ok(Registered::Unavailable(format!("no systemd for users is running here ({error})")));
    }
    let Some(path) = unit_path(service) else {
        return Ok(Registered::Unavailable("the user has no home folder".into()));
    };
    let written = write_if_changed(&path, unit_text(service).as_bytes())?;
    let unit = unit_name(service);
    if written {
        run("systemctl", &["--user", "daemon-reload"])?;
    }
    run("systemctl", &["--user", "enable", &unit])?;
    if start {
        self::start(service)?;
    }
    Ok(if written { Registered::Written(path) } else { Registered::Unchanged(path) })
}

pub(super) fn start(service: &Service) -> Result<(), ServiceError> {
    run("systemctl", &["--user", "start", &unit_name(service)]).map(drop)
}

pub(super) fn remove(service: &Service) -> Result<bool, ServiceError> {
    let Some(path) = unit_path(service).filter(|path| path.exists()) else { return Ok(false) };
    run("systemctl", &["--user", "disable", "--now", &unit_name(service)])?;
    remove_file(&path)?;
    run("systemctl", &["--user", "daemon-reload"])?;
    Ok(true)
}

fn unit_text(service: &Service) -> String {
    format!(
        "[Unit]\n\
         Description=ClaudeTools: memory for Claude Code\n\
         StartLimitIntervalSec=600\n\
         StartLimitBurst=5\n\
         \n\
         [Service]\n\
         Type=exec\n\
         Environment={home}\n\
         ExecStart={program} daemon\n\
         Restart=on-failure\n\
         RestartSec=5\n\
         TimeoutStopSec=20\n\
         \n\
         [Install]\n\
         WantedBy=default.target\n",
        home = quoted(&format!("CLAUDETOOLS_HOME={}", service.home.display())),
        program = executable(&service.program),
    )
}

/// A word of a unit file: quoted, with systemd's specifiers switched off.
fn quoted(word: &str) -> String {
    format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%"))
}

/// The first word of a command line: variables are expanded there too, so `$` is doubled.
fn executable(path: &Path) -> String {
    quoted(&path.to_string_lossy()).replace('$', "$$")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_has_absolute_paths_and_survives_odd_names() {
        let service = Service {
            name: "claudetools-1".into(),
            program: "/opt/a b/$x/claudetools".into(),
            home: "/home/u/100% \"mine\"".into(),
        };
        let text = unit_text(&service);
        assert!(text.contains("\nExecStart=\"/opt/a b/$$x/claudetools\" daemon\n"), "{text}");
        assert!(text.contains("\nEnvironment=\"CLAUDETOOLS_HOME=/home/u/100%% \\\"mine\\\"\"\n"), "{text}");
        assert!(text.contains("\nRestart=on-failure\n") && text.contains("\nWantedBy=default.target\n"), "{text}");
    }
}
