//! When the last backup of this machine was made, and where it was put: `backup.json` in the home, for `status` and `doctor`.

use std::path::PathBuf;

use hooks::home::Home;
use serde::{Deserialize, Serialize};

use super::{BackupError, io_at};
use crate::files;

/// The last backup that went well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[schemars(rename = "LastBackup")]
pub(crate) struct LastBackup {
    /// Moment of the copy.
    pub(crate) made_at: String,
    /// Where it was put; it may be elsewhere now.
    pub(crate) path: PathBuf,
    /// Its size.
    pub(crate) bytes: u64,
}

/// The last backup; None when none was made, or the note cannot be read.
pub(crate) fn last(home: &Home) -> Option<LastBackup> {
    let text = std::fs::read(home.backup_note()).ok()?;
    serde_json::from_slice(&text).ok()
}

pub(super) fn write(home: &Home, last: &LastBackup) -> Result<(), BackupError> {
    let path = home.backup_note();
    let text = serde_json::to_vec(last).map_err(|error| io_at("write", &path)(error.into()))?;
    files::write_private(&path, &text).map_err(io_at("write", &path))
}
