//! What setup put where, in `setup.json`, so that uninstall takes out exactly that and doctor looks there.

use std::fs;
use std::io;
use std::path::PathBuf;

use hooks::home::Home;
use serde::{Deserialize, Serialize};

use crate::files;

/// The content of `setup.json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Record {
    /// The settings files of Claude Code that hold our hooks.
    pub(crate) settings: Vec<PathBuf>,
    /// The configuration files of Claude Code that name our MCP server.
    pub(crate) servers: Vec<PathBuf>,
    /// The name of the registered service.
    pub(crate) service: Option<String>,
}

fn path(home: &Home) -> PathBuf {
    home.root().join("setup.json")
}

impl Record {
    /// Reads it; empty when setup has not run.
    pub(crate) fn read(home: &Home) -> io::Result<Record> {
        match fs::read(path(home)) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Record::default()),
            Err(error) => Err(error),
        }
    }

    /// Writes it, unless it is there just so.
    pub(crate) fn write(&self, home: &Home) -> io::Result<()> {
        if Record::read(home).is_ok_and(|now| now == *self) {
            return Ok(());
        }
        files::write_private(&path(home), &serde_json::to_vec_pretty(self)?)
    }

    /// Forgets it.
    pub(crate) fn remove(home: &Home) -> io::Result<bool> {
        files::remove_if_there(&path(home))
    }

    /// Adds a configuration file with our MCP server.
    pub(crate) fn add_server(&mut self, config: PathBuf) {
        if !self.servers.contains(&config) {
            self.servers.push(config);
        }
    }

    /// Adds a settings file.
    pub(crate) fn add_settings(&mut self, settings: PathBuf) {
        if !self.settings.contains(&settings) {
            self.settings.push(settings);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_read_and_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        let mut record = Record::read(&home).unwrap();
        assert_eq!(record, Record::default());
        record.add_settings("/a/settings.json".into());
        record.add_settings("/a/settings.json".into());
        record.service = Some("claudetools".into());
        record.write(&home).unwrap();
        let read = Record::read(&home).unwrap();
        assert_eq!(read, record);
        assert_eq!(read.settings.len(), 1);
        assert!(Record::remove(&home).unwrap());
        assert_eq!(Record::read(&home).unwrap(), Record::default());
    }
}
