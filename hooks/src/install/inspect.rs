//! What of ours is in a settings.json, for `doctor` and `status`.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::file::SettingsFile;
use super::{InstallError, Root, merge};
use crate::events::EVENTS;

/// What [`inspect`] found.
#[derive(Debug, Default)]
pub struct Inspection {
    /// Why the file could not be looked at; the rest is empty then.
    pub problem: Option<InstallError>,
    /// Events with a hook of ours, whatever install it is of.
    pub present: Vec<&'static str>,
    /// Events without one.
    pub missing: Vec<&'static str>,
    /// Hooks of ours that start another program than the given one.
    pub stale: Vec<Stale>,
    /// Events with more than one hook of ours: each would be served more than once.
    pub duplicates: Vec<&'static str>,
    /// Whether `disableAllHooks` is set, which switches ours off as well.
    pub disabled: bool,
    /// The distinct homes that our hooks use; `None` stands for one without `--home`.
    pub homes: Vec<Option<PathBuf>>,
}

/// A hook of another install.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stale {
    /// Its event.
    pub event: String,
    /// The program that it starts.
    pub program: String,
}

impl Inspection {
    /// Whether every event is served by the given program, once. A hook of another install makes it false.
    pub fn is_complete(&self) -> bool {
        self.problem.is_none()
            && self.missing.is_empty()
            && self.stale.is_empty()
            && self.duplicates.is_empty()
            && !self.disabled
    }
}

/// Looks at the file, without changing anything. A file that does not exist has no hooks of ours.
pub fn inspect(settings: &Path, hook_binary: &Path) -> Inspection {
    match read(settings) {
        Ok(root) => look(&root, &hook_binary.to_string_lossy()),
        Err(problem) => Inspection { problem: Some(problem), ..Inspection::default() },
    }
}

fn read(settings: &Path) -> Result<Root, InstallError> {
    let root = SettingsFile::read(settings)?.parse()?;
    merge::check(&root).map_err(|misfit| misfit.of(settings))?;
    Ok(root)
}

fn look(root: &Root, binary: &str) -> Inspection {
    let mut found =
        Inspection { disabled: root.get("disableAllHooks") == Some(&Value::Bool(true)), ..Default::default() };
    let ours = ours(root);
    for spec in EVENTS {
        match ours.iter().filter(|(event, ..)| *event == spec.event).count() {
            0 => found.missing.push(spec.event),
            count => {
                found.present.push(spec.event);
                if count > 1 {
                    found.duplicates.push(spec.event);
                }
            }
        }
    }
    for (event, program, entry) in ours {
        if program != binary {
            found.stale.push(Stale { event: event.to_owned(), program: program.to_owned() });
        }
        let home = home_of(entry);
        if !found.homes.contains(&home) {
            found.homes.push(home);
        }
    }
    found
}

/// Event, program and entry of every hook of ours.
fn ours(root: &Root) -> Vec<(&str, &str, &Value)> {
    let mut ours = Vec::new();
    for (event, groups) in root.get("hooks").and_then(Value::as_object).into_iter().flatten() {
        let groups = groups.as_array().into_iter().flatten();
        let entries = groups.filter_map(|group| group.get("hooks")?.as_array()).flatten();
        ours.extend(entries.filter_map(|entry| Some((event.as_str(), merge::program(entry)?, entry))));
    }
    ours
}

fn home_of(entry: &Value) -> Option<PathBuf> {
    let args = entry.get("args")?.as_array()?;
    let flag = args.iter().position(|arg| arg == "--home")?;
    Some(PathBuf::from(args.get(flag + 1)?.as_str()?))
}
