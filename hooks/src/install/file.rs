//! settings.json as a file: read once, replaced whole, with a backup, through a symbolic link.

use std::fs::{self, Permissions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{InstallError, Root};
use crate::clock;
use crate::durable::{private_dir, private_file, write_via};

const BACKUP_SUFFIX: &str = ".before-claudetools";
/// As many links as Linux follows.
const LINKS: usize = 40;

/// The file as it was when it was read.
pub(super) struct SettingsFile {
    /// As the caller named it; backups stand beside it.
    path: PathBuf,
    /// Where it really is, when `path` is a symbolic link.
    target: PathBuf,
    /// `None` when there is no file.
    bytes: Option<Vec<u8>>,
}

impl SettingsFile {
    pub(super) fn read(path: &Path) -> Result<Self, InstallError> {
        let refused = |reason| InstallError::Read { path: path.to_owned(), reason };
        let target = follow(path).map_err(refused)?;
        let bytes = read_if_there(&target).map_err(refused)?;
        Ok(Self { path: path.to_owned(), target, bytes })
    }

    pub(super) fn exists(&self) -> bool {
        self.bytes.is_some()
    }

    /// The settings; none when there is no file or it is blank.
    pub(super) fn parse(&self) -> Result<Root, InstallError> {
        let bytes = without_mark(self.bytes.as_deref().unwrap_or_default());
        if bytes.trim_ascii().is_empty() {
            return Ok(Root::new());
        }
        match serde_json::from_slice(bytes) {
            Ok(Value::Object(root)) => Ok(root),
            Ok(_) => {
                Err(InstallError::Shape { path: self.path.clone(), at: "the file".to_owned(), expected: "an object" })
            }
            Err(error) => Err(InstallError::NotJson { path: self.path.clone(), reason: error.to_string() }),
        }
    }

    /// Copies the file as it was to a name that is not taken; `None` when there was none.
    pub(super) fn back_up(&self) -> Result<Option<PathBuf>, InstallError> {
        let Some(bytes) = &self.bytes else { return Ok(None) };
        let mut backup = with_suffix(&self.path, BACKUP_SUFFIX);
        if backup.exists() {
            let now_us = clock::now_us();
            let stamp = clock::second_text(now_us).replace([':', '-'], "");
            backup = with_suffix(&backup, &format!("-{stamp}-{:06}", now_us % 1_000_000));
        }
        match self.write_backup(&backup, bytes) {
            Ok(()) => Ok(Some(backup)),
            Err(reason) => Err(InstallError::Write { path: backup, reason }),
        }
    }

    fn write_backup(&self, backup: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = private_file().write(true).create_new(true).open(backup)?;
        let mut copy = || {
            file.write_all(bytes)?;
            file.set_permissions(fs::metadata(&self.target)?.permissions())?;
            file.sync_all()
        };
        // Half a backup would later pass for the file as it was.
        copy().inspect_err(|_| drop(fs::remove_file(backup)))
    }

    /// Writes the file anew, unless it has changed since it was read.
    pub(super) fn replace(&self, root: &Root) -> Result<(), InstallError> {
        let refused = |reason| InstallError::Write { path: self.target.clone(), reason };
        if let Some(folder) = self.target.parent() {
            private_dir(folder).map_err(refused)?;
        }
        let text = self.render(root).map_err(|error| refused(error.into()))?;
        if read_if_there(&self.target).map_err(refused)? != self.bytes {
            return Err(InstallError::Raced(self.path.clone()));
        }
        let part = with_suffix(&self.target, &format!(".claudetools-{}.tmp", std::process::id()));
        write_via(&part, &self.target, text.as_bytes(), self.permissions()).map_err(refused)
    }

    fn permissions(&self) -> Option<Permissions> {
        fs::metadata(&self.target).ok().map(|metadata| metadata.permissions())
    }

    /// Whether nothing says that there was a file before [`super::install`]: no backup, no link.
    pub(super) fn is_ours_alone(&self) -> bool {
        self.path == self.target && !with_suffix(&self.path, BACKUP_SUFFIX).exists()
    }

    pub(super) fn delete(&self) -> Result<(), InstallError> {
        fs::remove_file(&self.target).map_err(|reason| InstallError::Write { path: self.target.clone(), reason })
    }

    /// The JSON, indented as the file was, so that a version-controlled file shows the change only.
    fn render(&self, root: &Root) -> serde_json::Result<String> {
        let pretty = serde_json::to_string_pretty(root)?;
        let before = self.bytes.as_deref().map(String::from_utf8_lossy);
        let before = before.as_deref().unwrap_or("\n");
        let mut text = reindent(&pretty, indent_of(before).unwrap_or("  "));
        if before.contains("\r\n") {
            text = text.replace('\n', "\r\n");
        }
        if before.ends_with('\n') {
            text.push_str(if before.ends_with("\r\n") { "\r\n" } else { "\n" });
        }
        Ok(text)
    }
}

/// The first indentation in a JSON text.
fn indent_of(text: &str) -> Option<&str> {
    let line = text.lines().skip(1).find(|line| line.starts_with([' ', '\t']))?;
    Some(&line[..line.len() - line.trim_start_matches([' ', '\t']).len()])
}

/// Exchanges the two blanks a level of pretty JSON. No string reaches over a line end, so only indentation is touched.
fn reindent(pretty: &str, unit: &str) -> String {
    let lines = pretty.lines().map(|line| {
        let rest = line.trim_start_matches(' ');
        unit.repeat((line.len() - rest.len()) / 2) + rest
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Editors on Windows begin a file with a byte order mark, which is no JSON.
fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

fn read_if_there(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Where a path leads, also when nothing is there yet.
fn follow(path: &Path) -> io::Result<PathBuf> {
    let mut target = path.to_owned();
    for _ in 0..LINKS {
        match fs::symlink_metadata(&target) {
            Ok(metadata) if metadata.is_symlink() => {
                let next = fs::read_link(&target)?;
                target = target.parent().map_or_else(|| next.clone(), |folder| folder.join(&next));
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => return Ok(target),
        }
    }
    Err(io::Error::other("too many symbolic links"))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indentation_is_taken_over() {
        assert_eq!(indent_of("{\n\t\"a\": 1\n}"), Some("\t"));
        assert_eq!(indent_of("{\n    \"a\": {\n        \"b\": 1}}"), Some("    "));
        assert_eq!(indent_of("{\"a\": 1}"), None);
        assert_eq!(
            reindent("{\n  \"a\": {\n    \"b\": \"  x\"\n  }\n}", "\t"),
            "{\n\t\"a\": {\n\t\t\"b\": \"  x\"\n\t}\n}"
        );
    }
}
