//! The steps of setup, in order. Whatever can be found out is found out before the first thing is changed.

use std::path::{Path, PathBuf};

use hooks::durable::private_dir;
use hooks::home::Home;
use hooks::install;
use sync::central::CentralUrl;

use super::record::Record;
use crate::api::special::health::Health;
use crate::cli::Failure;
use crate::config::{self, Config};
use crate::files;
use crate::service::Registered;
use crate::{client, starter};

/// What setup works on, all of it checked.
pub(crate) struct Plan {
    pub(crate) home: Home,
    /// Claude Code's settings file.
    pub(crate) settings: PathBuf,
    /// Claude Code's own configuration, where MCP servers are.
    pub(crate) client_config: PathBuf,
    /// `claudetools-hook`, beside the running program.
    pub(crate) hook: PathBuf,
    /// Has been reached and is as it must be.
    pub(crate) central: Option<CentralUrl>,
    pub(crate) with_service: bool,
}

/// What a step did, for people; `changed` is false when all was as it should be.
#[derive(Debug, Clone, serde::Serialize)]
pub(crate) struct Done {
    /// The step.
    pub(crate) step: &'static str,
    /// What is now so.
    pub(crate) what: String,
    /// False when it was so before.
    pub(crate) changed: bool,
}

impl Done {
    pub(super) fn new(step: &'static str, what: impl Into<String>, changed: bool) -> Done {
        Done { step, what: what.into(), changed }
    }
}

type Step = Result<Done, Failure>;

impl Plan {
    /// Looks whether setup can succeed; changes nothing.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        if !super::is_executable(&self.hook) {
            return Err(Failure::new(format!("find the hook program {}", self.hook.display()))
                .hint("build or install claudetools and claudetools-hook into the same folder"));
        }
        let path = self.home.config();
        Config::load(&path).map_err(|error| Failure::new(&error).hint(error.hint()))?;
        if let Err(problem) = install::inspect_server(&self.client_config) {
            return Err(Failure::new(problem).hint("setup changes nothing while it cannot read that file"));
        }
        match install::inspect(&self.settings, &self.hook).problem {
            Some(problem) => Err(Failure::new(problem).hint("setup changes nothing while it cannot read that file")),
            None => Ok(()),
        }
    }

    /// True when memory is shared: through the central that is given, or one that was given before.
    pub(crate) fn has_central(&self) -> bool {
        let path = self.home.config();
        let configured = || Config::load(&path).and_then(|config| config.central_url(&path));
        self.central.is_some() || configured().is_ok_and(|url| url.is_some())
    }

    /// The folder of this machine, and its configuration.
    pub(crate) fn make_home(&self) -> Step {
        let root = self.home.root();
        let failure = |error: &dyn std::fmt::Display| {
            Failure::new(format!("make {}: {error}", root.display()))
                .hint("choose a folder that you can write to: --home DIR")
        };
        let mut changed = !root.exists();
        for folder in std::iter::once(root.to_path_buf()).chain(self.home.folders()) {
            private_dir(&folder).map_err(|error| failure(&error))?;
        }
        if files::foreign_bits(root).map_err(|error| failure(&error))? != 0 {
            files::make_private(root).map_err(|error| failure(&error))?;
            changed = true;
        }
        changed |= config::create_if_missing(&self.home.config()).map_err(|error| failure(&error))?;
        Ok(Done::new("home", root.display().to_string(), changed))
    }

    /// Where central is, into the configuration.
    pub(crate) fn set_central(&self) -> Option<Step> {
        let url = self.central.as_ref()?;
        let set = config::set_central_url(&self.home.config(), &url.expose());
        Some(match set {
            Ok(changed) => Ok(Done::new("central", url.to_string(), changed)),
            Err(error) => Err(Failure::new(&error).hint(error.hint())),
        })
    }

    /// Our hooks into Claude Code's settings.
    pub(crate) fn install_hooks(&self) -> Step {
        let failure =
            |error: &dyn std::fmt::Display| Failure::new(error).hint("correct that file, then run setup again");
        let mut record = Record::read(&self.home).map_err(|error| failure(&error))?;
        record.add_settings(self.settings.clone());
        record.write(&self.home).map_err(|error| failure(&error))?; // first: what is recorded too much does no harm
        let done =
            install::install(&self.settings, &self.hook, Some(self.home.root())).map_err(|error| failure(&error))?;
        let backup = done.backup.map_or(String::new(), |path| format!(", the file as it was: {}", path.display()));
        let what = format!("{} events in {}{backup}", done.events.len(), self.settings.display());
        Ok(Done::new("hooks", what, done.changed))
    }

    /// Our MCP server into Claude Code's configuration.
    pub(crate) fn install_server(&self) -> Step {
        let failure =
            |error: &dyn std::fmt::Display| Failure::new(error).hint("correct that file, then run setup again");
        let mut record = Record::read(&self.home).map_err(|error| failure(&error))?;
        record.add_server(self.client_config.clone());
        record.write(&self.home).map_err(|error| failure(&error))?; // first: what is recorded too much does no harm
        let program = std::env::current_exe().map_err(|error| failure(&error))?;
        let done = install::install_server(&self.client_config, &program, self.home.root());
        let done = done.map_err(|error| failure(&error))?;
        let backup = done.backup.map_or(String::new(), |path| format!(", the file as it was: {}", path.display()));
        Ok(Done::new("mcp", format!("{} in {}{backup}", install::SERVER, self.client_config.display()), done.changed))
    }

    /// The daemon at each login, where the platform has a way.
    pub(crate) fn register_service(&self) -> Step {
        const ON_DEMAND: &str = "hooks start the daemon when it is needed";
        if !self.with_service {
            return Ok(Done::new("service", format!("none, as asked: {ON_DEMAND}"), false));
        }
        let failure = |error: &dyn std::fmt::Display| {
            Failure::new(error).hint(format!("or leave it out with --no-service: {ON_DEMAND}"))
        };
        let service = super::service(&self.home).map_err(|error| failure(&error))?;
        let is_running = crate::lock::holder(&self.home.lock()).is_some();
        let registered = service.register(!is_running).map_err(|error| failure(&error))?;
        if !matches!(registered, Registered::Unavailable(_)) {
            let record = Record::read(&self.home).map_err(|error| failure(&error))?;
            let record = Record { service: Some(service.name), ..record };
            record.write(&self.home).map_err(|error| failure(&error))?;
        }
        Ok(match registered {
            Registered::Written(path) => Done::new("service", path.display().to_string(), true),
            Registered::Unchanged(path) => Done::new("service", path.display().to_string(), false),
            Registered::Unavailable(why) => Done::new("service", format!("none: {why}; {ON_DEMAND}"), false),
        })
    }

    /// A daemon of this version that has read this configuration. `stale`: one that runs must read it again.
    pub(crate) fn start_daemon(&self, stale: bool) -> Step {
        let failure = |error: starter::StarterError| Failure::new(&error).hint(error.hint(&self.home));
        let running = client::health(&self.home).ok();
        let restart = running.as_ref().is_some_and(|health| stale || health.version != env!("CARGO_PKG_VERSION"));
        let health = if restart { super::restart(&self.home, None) } else { starter::ensure_running(&self.home) };
        let health = health.map_err(failure)?;
        let Health { pid, version, .. } = super::opened(health)?;
        Ok(Done::new("daemon", format!("process {pid}, version {version}"), restart || running.is_none()))
    }
}

/// Takes our hooks out of every settings file that setup put them into. Hooks that name another home are another
/// machine's, and stay.
pub(crate) fn remove_hooks(home: &Home, usual: Option<PathBuf>) -> Vec<Step> {
    let recorded = Record::read(home).map(|record| record.settings).unwrap_or_default();
    let files = if recorded.is_empty() { usual.into_iter().collect() } else { recorded };
    files.iter().filter(|path| is_of(home, path)).map(|path| remove_hooks_of(path)).collect()
}

/// Takes our MCP server out of every configuration that setup put it into.
pub(crate) fn remove_servers(home: &Home, usual: Option<PathBuf>) -> Vec<Step> {
    let recorded = Record::read(home).map(|record| record.servers).unwrap_or_default();
    let files = if recorded.is_empty() { usual.into_iter().collect() } else { recorded };
    let remove = |config: &PathBuf| {
        let removed = install::remove_server(config, home.root())
            .map_err(|error| Failure::new(error).hint("correct that file, then run uninstall again"))?;
        let what = if removed { "taken out of" } else { "none of ours in" };
        Ok(Done::new("mcp", format!("{what} {}", config.display()), removed))
    };
    files.iter().map(remove).collect()
}

/// True when the hooks in that file use this home, or when the file cannot be read, which is then said.
fn is_of(home: &Home, settings: &Path) -> bool {
    let found = install::inspect(settings, Path::new(super::HOOK_PROGRAM));
    found.problem.is_some() || found.homes.iter().flatten().any(|named| named == home.root())
}

fn remove_hooks_of(settings: &Path) -> Step {
    let removed = install::remove(settings)
        .map_err(|error| Failure::new(error).hint("correct that file, then run uninstall again"))?;
    let what = match (removed.events.len(), removed.deleted) {
        (0, _) => format!("none of ours in {}", settings.display()),
        (count, false) => format!("{count} taken out of {}", settings.display()),
        (_, true) => format!("{} removed, it held nothing else", settings.display()),
    };
    Ok(Done::new("hooks", what, !removed.events.is_empty()))
}

/// Stops and forgets the service.
pub(crate) fn remove_service(home: &Home) -> Step {
    let failure = |error: &dyn std::fmt::Display| {
        Failure::new(error).hint("remove the service by hand, then run uninstall again")
    };
    let mut service = super::service(home).map_err(|error| failure(&error))?;
    if let Some(name) = Record::read(home).ok().and_then(|record| record.service) {
        service.name = name;
    }
    let removed = service.remove().map_err(|error| failure(&error))?;
    let what = if removed { format!("{} removed", service.name) } else { "none was registered".to_owned() };
    Ok(Done::new("service", what, removed))
}

/// Stops the daemon.
pub(crate) fn stop_daemon(home: &Home) -> Step {
    let stopped = starter::stop(home).map_err(|error| Failure::new(&error).hint(error.hint(home)))?;
    Ok(Done::new("daemon", if stopped { "stopped" } else { "none was running" }, stopped))
}

/// Deletes what ClaudeTools keeps in the home, by name; the folder itself when nothing else is in it.
pub(crate) fn purge(home: &Home) -> Step {
    let failure =
        |error: std::io::Error| Failure::new(format!("delete the data in {}: {error}", home.root().display()));
    let with_suffix = |suffix: &str| home.root().join(format!("replica.db{suffix}"));
    let singles = [
        home.config(),
        home.token(),
        home.socket(),
        home.daemon_json(),
        home.backup_note(),
        with_suffix(""),
        with_suffix("-wal"),
        with_suffix("-shm"),
        home.lock(),
    ];
    for file in singles {
        files::remove_if_there(&file).map_err(failure)?;
    }
    for folder in home.folders().into_iter().filter(|folder| folder.exists()) {
        std::fs::remove_dir_all(folder).map_err(failure)?;
    }
    Record::remove(home).map_err(failure)?;
    let what = match std::fs::remove_dir(home.root()) {
        Ok(()) => format!("{} deleted", home.root().display()),
        Err(_) => format!("ours deleted; {} holds files of others and stays", home.root().display()),
    };
    Ok(Done::new("data", what, true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hooks_of_another_home_stay() {
        let folder = tempfile::tempdir().unwrap();
        let (mine, other) = (Home::at(folder.path().join("mine")), Home::at(folder.path().join("other")));
        let settings = folder.path().join("settings.json");
        install::install(&settings, &folder.path().join("claudetools-hook"), Some(other.root())).unwrap();
        assert!(remove_hooks(&mine, Some(settings.clone())).is_empty());
        assert!(settings.exists());
        let taken_out = remove_hooks(&other, Some(settings.clone()));
        assert!(taken_out.len() == 1 && taken_out[0].as_ref().is_ok_and(|done| done.changed));
        assert!(!settings.exists(), "it held nothing else");
    }

    #[test]
    fn purging_deletes_ours_and_leaves_what_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        std::fs::write(home.config(), "").unwrap();
        for made in home.folders() {
            std::fs::create_dir(&made).unwrap();
            std::fs::write(made.join("file"), "").unwrap();
        }
        std::fs::write(folder.path().join("thesis.txt"), "years of work").unwrap();
        purge(&home).unwrap();
        let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["thesis.txt"]);
    }
}
