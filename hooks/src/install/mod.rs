//! Puts our hooks into Claude Code's settings.json, and our MCP server into its .claude.json, takes them out again, and tells
//! `doctor` what is there.
//!
//! Everything else in the file keeps its meaning and its order. A file that is not understood is refused and left alone.

mod file;
mod inspect;
mod merge;
mod server;

use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use self::file::SettingsFile;
pub use self::inspect::{Inspection, Stale, inspect};
pub use self::server::{SERVER, ServerCommand, ServerInstalled, inspect_server, install_server, remove_server};

/// What [`install`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// False when every hook was in place already.
    pub changed: bool,
    /// The copy of the file as it was before; `None` when nothing was changed or there was no file.
    pub backup: Option<PathBuf>,
    /// The events that are now served.
    pub events: Vec<&'static str>,
}

/// What [`remove`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    /// The events that had a hook of ours; empty when the file had none and was left alone.
    pub events: Vec<String>,
    /// Whether the file itself went, because it was ours alone.
    pub deleted: bool,
}

/// Why settings.json was left as it was.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// It cannot be read.
    #[error("read {}: {reason}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: io::Error,
    },
    /// It is not JSON.
    #[error("understand {}: {reason}; correct the file and try again, nothing was changed", path.display())]
    NotJson {
        /// The file.
        path: PathBuf,
        /// What the parser says, with line and column.
        reason: String,
    },
    /// It is JSON, but not as Claude Code has it.
    #[error("understand {}: `{at}` is not {expected}; correct the file and try again, nothing was changed", path.display())]
    Shape {
        /// The file.
        path: PathBuf,
        /// The place in it.
        at: String,
        /// What should be there.
        expected: &'static str,
    },
    /// A name that is needed is another's.
    #[error("change {}: `{at}` is another program's; rename or remove that entry and try again, nothing was changed", path.display())]
    Taken {
        /// The file.
        path: PathBuf,
        /// The place in it.
        at: String,
    },
    /// Another program wrote it meanwhile.
    #[error("change {}: another program changed it at the same time; try again", .0.display())]
    Raced(PathBuf),
    /// It, or its backup, cannot be written.
    #[error("write {}: {reason}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: io::Error,
    },
    /// A path that is to go into it cannot.
    #[error("install hooks with {}: the path must be absolute and valid Unicode", .0.display())]
    Path(PathBuf),
}

/// Merges a hook for each of [`crate::events::EVENTS`] into the file, which is made when missing.
///
/// Hooks of an older install are replaced, hooks of others are kept. A second call changes nothing.
/// `hook_binary` is the absolute path of `claudetools-hook`; `home` becomes its `--home`.
pub fn install(settings: &Path, hook_binary: &Path, home: Option<&Path>) -> Result<Installed, InstallError> {
    let binary = path_text(hook_binary)?;
    let home = home.map(path_text).transpose()?;
    let file = SettingsFile::read(settings)?;
    let mut root = file.parse()?;
    merge::check(&root).map_err(|misfit| misfit.of(settings))?;
    let events = merge::put_in(&mut root, binary, home);
    if file.exists() && root == file.parse()? {
        return Ok(Installed { changed: false, backup: None, events });
    }
    let backup = file.back_up()?;
    file.replace(&root)?;
    Ok(Installed { changed: true, backup, events })
}

/// Takes out exactly the hooks that are ours, and the containers that this empties. A file that only [`install`] made
/// goes as well.
pub fn remove(settings: &Path) -> Result<Removed, InstallError> {
    let file = SettingsFile::read(settings)?;
    let mut root = file.parse()?;
    merge::check(&root).map_err(|misfit| misfit.of(settings))?;
    let events = merge::take_out(&mut root);
    if events.is_empty() {
        return Ok(Removed { events, deleted: false });
    }
    let deleted = root.is_empty() && file.is_ours_alone();
    if deleted {
        file.delete()?;
    } else {
        file.replace(&root)?;
    }
    Ok(Removed { events, deleted })
}

fn path_text(path: &Path) -> Result<&str, InstallError> {
    path.to_str().filter(|_| path.is_absolute()).ok_or_else(|| InstallError::Path(path.to_owned()))
}

/// The whole of settings.json.
type Root = Map<String, Value>;

/// A place whose shape is not as Claude Code has it.
#[derive(Debug, PartialEq, Eq)]
struct Misfit {
    at: String,
    expected: &'static str,
}

impl Misfit {
    fn of(self, path: &Path) -> InstallError {
        InstallError::Shape { path: path.to_owned(), at: self.at, expected: self.expected }
    }
}
