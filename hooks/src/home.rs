//! Where one machine's files are. Two homes on one host are two machines.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::{fmt, io};

/// The variable that names the home when no `--home` is given.
pub const HOME_VARIABLE: &str = "CLAUDETOOLS_HOME";

/// Why no home could be named.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// The variable holds a relative path, which would be another home in every directory.
    #[error("use {HOME_VARIABLE}={}: it must be an absolute path", .0.display())]
    Relative(PathBuf),
    /// The given path cannot be made absolute.
    #[error("find the directory {}: {reason}", path.display())]
    Unusable {
        /// What was given.
        path: PathBuf,
        /// What the system says.
        reason: io::Error,
    },
    /// The user has no home directory.
    #[error("find your home directory: set {HOME_VARIABLE} to an absolute path")]
    Unknown,
}

/// The folder of one machine, and the paths in it. Nothing is created by naming it.
#[derive(Clone, PartialEq, Eq)]
pub struct Home {
    root: PathBuf,
}

impl Home {
    /// The home by the first of: `explicit` (the flag `--home`), `CLAUDETOOLS_HOME`, the platform's data directory.
    pub fn resolve(explicit: Option<&Path>) -> Result<Self, HomeError> {
        if let Some(path) = explicit {
            let unusable = |reason| HomeError::Unusable { path: path.to_owned(), reason };
            return std::path::absolute(path).map(Self::at).map_err(unusable);
        }
        Self::from_environment(|name| std::env::var_os(name), std::env::home_dir)
    }

    /// The home at exactly this folder, which must be an absolute path.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    fn from_environment(
        variable: impl Fn(&str) -> Option<OsString>,
        user_home: impl Fn() -> Option<PathBuf>,
    ) -> Result<Self, HomeError> {
        let named = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        if let Some(path) = named(HOME_VARIABLE) {
            return if path.is_absolute() { Ok(Self::at(path)) } else { Err(HomeError::Relative(path)) };
        }
        let data = if cfg!(windows) {
            named("LOCALAPPDATA")
        } else if cfg!(target_os = "macos") {
            user_home().map(|home| home.join("Library/Application Support"))
        } else {
            // The XDG specification has a relative value ignored.
            let xdg = named("XDG_DATA_HOME").filter(|path| path.is_absolute());
            xdg.or_else(|| user_home().map(|home| home.join(".local/share")))
        };
        let data = data.filter(|path| path.is_absolute()).ok_or(HomeError::Unknown)?;
        Ok(Self::at(data.join("claudetools")))
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The settings that a person may edit.
    pub fn config(&self) -> PathBuf {
        self.root.join("config.toml")
    }

    /// The replica: the SQLite database.
    pub fn replica(&self) -> PathBuf {
        self.root.join("replica.db")
    }

    /// `index/`: the memory index, derived from the replica.
    pub fn index(&self) -> PathBuf {
        self.root.join("index")
    }

    /// `models/`: sentence models that were pulled.
    pub fn models(&self) -> PathBuf {
        self.root.join("models")
    }

    /// `vectors/`: what a sentence model makes of the memories, derived from the replica.
    pub fn vectors(&self) -> PathBuf {
        self.root.join("vectors")
    }

    /// The folders in it, each with files of ours only.
    pub fn folders(&self) -> [PathBuf; 7] {
        [self.keys(), self.spool(), self.logs(), self.index(), self.models(), self.vectors(), self.replaced()]
    }

    /// `replaced/`: replicas in whose place a backup was restored.
    pub fn replaced(&self) -> PathBuf {
        self.root.join("replaced")
    }

    /// What is noted of the last backup.
    pub fn backup_note(&self) -> PathBuf {
        self.root.join("backup.json")
    }

    /// The socket that the daemon listens on.
    pub fn socket(&self) -> PathBuf {
        self.root.join("daemon.sock")
    }

    /// The file that the one daemon of this home keeps locked.
    pub fn lock(&self) -> PathBuf {
        self.root.join("daemon.lock")
    }

    /// What the running daemon says of itself; see [`crate::link::DaemonFile`].
    pub fn daemon_json(&self) -> PathBuf {
        self.root.join("daemon.json")
    }

    /// The secret that a hook shows when it comes over TCP.
    pub fn token(&self) -> PathBuf {
        self.root.join("http.token")
    }

    /// The folder of keys.
    pub fn keys(&self) -> PathBuf {
        self.root.join("keys")
    }

    /// The folder of events that wait for the daemon.
    pub fn spool(&self) -> PathBuf {
        self.root.join("spool")
    }

    /// The folder of logs.
    pub fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    /// What went wrong in hooks, a line each.
    pub fn hook_log(&self) -> PathBuf {
        self.logs().join("hook.log")
    }
}

impl fmt::Debug for Home {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Home({})", self.root.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(pairs: &[(&str, &str)], user_home: Option<&str>) -> Result<Home, HomeError> {
        let variable = |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value));
        Home::from_environment(variable, || user_home.map(PathBuf::from))
    }

    #[test]
    fn the_flag_wins_and_is_made_absolute() {
        let home = Home::resolve(Some(Path::new("here"))).unwrap();
        assert_eq!(home.root(), std::env::current_dir().unwrap().join("here"));
        assert_eq!(home.hook_log(), home.root().join("logs").join("hook.log"));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_variable_then_xdg_then_the_users_home() {
        let xdg = ("XDG_DATA_HOME", "/data");
        assert_eq!(from(&[("CLAUDETOOLS_HOME", "/x"), xdg], Some("/home/u")).unwrap(), Home::at("/x"));
        assert_eq!(from(&[("CLAUDETOOLS_HOME", ""), xdg], Some("/home/u")).unwrap(), Home::at("/data/claudetools"));
        let usual = Home::at("/home/u/.local/share/claudetools");
        assert_eq!(from(&[("XDG_DATA_HOME", "rel")], Some("/home/u")).unwrap(), usual);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_relative_variable_and_a_homeless_user_are_refused() {
        assert!(matches!(from(&[("CLAUDETOOLS_HOME", "rel")], Some("/home/u")), Err(HomeError::Relative(_))));
        assert!(matches!(from(&[], None), Err(HomeError::Unknown)));
        assert!(matches!(Home::resolve(Some(Path::new(""))), Err(HomeError::Unusable { .. })));
    }
}
