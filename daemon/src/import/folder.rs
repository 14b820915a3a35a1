//! The files of a folder. Nothing outside of it is ever opened.

use std::fs::{self, File};
use std::io;
use std::path::{Component, Path, PathBuf};
use std::time::UNIX_EPOCH;

/// Folders within folders.
const DEPTH: usize = 32;

/// Why a folder is not looked into.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RootError {
    #[error("import {}: the path must be absolute", .0.display())]
    Relative(PathBuf),
    #[error("import {}: the path must not contain `..`", .0.display())]
    Upwards(PathBuf),
    #[error("import {}: a whole disk is not imported", .0.display())]
    Disk(PathBuf),
    #[error("import {}: it is a symbolic link; name what it leads to", .0.display())]
    Link(PathBuf),
    #[error("import {}: it is neither a folder nor a file", .0.display())]
    Other(PathBuf),
    #[error("import {}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
}

/// A file to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) path: PathBuf,
    /// Below the folder, for people.
    pub(super) name: String,
    pub(crate) bytes: u64,
    /// When it was changed last, in microseconds since the Unix epoch.
    pub(crate) modified_us: u64,
}

impl Entry {
    fn new(path: PathBuf, name: String, kind: &fs::Metadata) -> Self {
        let modified = kind.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
        Self { path, name, bytes: kind.len(), modified_us: u64::try_from(modified.as_micros()).unwrap_or(0) }
    }
}

/// What there is.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// By name.
    pub(crate) files: Vec<Entry>,
    /// What was left out, and why.
    pub(crate) errors: Vec<String>,
    /// How many folders there are, with the one that was asked for.
    pub(crate) folders: u64,
}

/// All files of the kinds that are read.
pub(crate) fn walk(root: &Path) -> Result<Found, RootError> {
    if !root.is_absolute() {
        return Err(RootError::Relative(root.to_owned()));
    }
    if root.components().any(|part| part == Component::ParentDir) {
        return Err(RootError::Upwards(root.to_owned()));
    }
    if root.parent().is_none() {
        return Err(RootError::Disk(root.to_owned()));
    }
    let io = |source| RootError::Io { path: root.to_owned(), source };
    let kind = fs::symlink_metadata(root).map_err(io)?;
    let mut found = Found::default();
    if kind.is_symlink() {
        return Err(RootError::Link(root.to_owned()));
    } else if kind.is_dir() {
        let real = fs::canonicalize(root).map_err(io)?;
        fs::read_dir(root).map_err(io)?;
        visit(&real, &real, DEPTH, &mut found);
    } else if kind.is_file() {
        let name = root.file_name().unwrap_or_default().to_string_lossy().into_owned();
        found.files.push(Entry::new(root.to_owned(), name, &kind));
    } else {
        return Err(RootError::Other(root.to_owned()));
    }
    found.files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

fn visit(folder: &Path, root: &Path, depth: usize, found: &mut Found) {
    let name_of = |path: &Path| path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned();
    if depth == 0 {
        return found.errors.push(format!("{}: it lies too deep", name_of(folder)));
    }
    found.folders += 1;
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => return found.errors.push(format!("{}: {error}", name_of(folder))),
    };
    for entry in entries {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => return found.errors.push(format!("{}: {error}", name_of(folder))),
        };
        let (path, name) = (entry.path(), name_of(&entry.path()));
        match entry.metadata() {
            Err(error) => found.errors.push(format!("{name}: {error}")),
            Ok(kind) if kind.is_symlink() => found.errors.extend(refusal(&path, &name, root)),
            Ok(kind) if kind.is_dir() => visit(&path, root, depth - 1, found),
            Ok(kind) if kind.is_file() && is_read(&path) => found.files.push(Entry::new(path, name, &kind)),
            Ok(_) => {}
        }
    }
}

/// What a link leads to within the folder is found without it; all else is refused.
fn refusal(link: &Path, name: &str, root: &Path) -> Option<String> {
    match fs::canonicalize(link) {
        Ok(target) if target.starts_with(root) => None,
        Ok(_) => Some(format!("{name}: the link leads out of the folder and is not followed")),
        Err(error) => Some(format!("{name}: the link leads nowhere: {error}")),
    }
}

fn is_read(path: &Path) -> bool {
    let extension = path.extension().and_then(|end| end.to_str()).unwrap_or_default();
    ["json", "jsonl"].iter().any(|known| extension.eq_ignore_ascii_case(known))
}

/// Opens a file that was found. What has become something else meanwhile is refused.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        options.custom_flags(flags.bits().cast_signed());
    }
    let file = options.open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is no regular file any more")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_the_folder_are_found() {
        let outside = tempfile::tempdir().unwrap();
        let secret = outside.path().join("secret.jsonl");
        fs::write(&secret, "{}").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("deep")).unwrap();
        for name in ["b.jsonl", "a.JSON", "notes.txt", "deep/c.json"] {
            fs::write(at(name), "{}").unwrap();
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::symlink;
            symlink(&secret, at("link.jsonl")).unwrap();
            symlink(outside.path(), at("folder")).unwrap();
            symlink(at("b.jsonl"), at("inside.jsonl")).unwrap();
            symlink(at("nowhere"), at("broken.jsonl")).unwrap();
        }
        let found = walk(folder.path()).unwrap();
        let names: Vec<&str> = found.files.iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(names, ["a.JSON", "b.jsonl", "deep/c.json"]);
        if cfg!(unix) {
            let mut errors = found.errors;
            errors.sort();
            assert_eq!(errors.len(), 3, "{errors:?}");
            assert!(errors[0].starts_with("broken.jsonl: the link leads nowhere"), "{errors:?}");
            assert!(errors[1].starts_with("folder: the link leads out"), "{errors:?}");
            assert!(open(&at("link.jsonl")).is_err());
        }
    }

    #[test]
    fn what_is_no_plain_path_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(walk(Path::new("relative")), Err(RootError::Relative(_))));
        assert!(matches!(walk(&folder.path().join("a/../..")), Err(RootError::Upwards(_))));
        assert!(matches!(walk(Path::new("/")), Err(RootError::Disk(_))));
        assert!(matches!(walk(&folder.path().join("missing")), Err(RootError::Io { .. })));
        #[cfg(unix)]
        {
            assert!(matches!(walk(Path::new("/dev/null")), Err(RootError::Other(_))));
            std::os::unix::fs::symlink("/etc", folder.path().join("etc")).unwrap();
            assert!(matches!(walk(&folder.path().join("etc")), Err(RootError::Link(_))));
        }
    }
}
