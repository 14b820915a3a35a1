//! A log file that is cut each day and at a size, keeping at most so many old ones: `daemon.log`, `daemon.log.1`, …

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hooks::durable::private_file;
use sync::Clock;

use crate::files;

const DAY_US: u64 = 86_400_000_000;

/// When to cut, and what to keep.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rotation {
    /// Bytes after which a new file begins.
    pub(crate) max_bytes: u64,
    /// Old files kept.
    pub(crate) keep: usize,
}

/// The open log. Writing to it opens the file, again after every cut.
pub(crate) struct RotatingFile {
    path: PathBuf,
    rotation: Rotation,
    clock: Arc<dyn Clock>,
    open: Option<Open>,
}

struct Open {
    file: File,
    size: u64,
    day: u64,
}

impl RotatingFile {
    /// Nothing is opened before the first line.
    pub(crate) fn new(path: PathBuf, rotation: Rotation, clock: Arc<dyn Clock>) -> RotatingFile {
        RotatingFile { path, rotation, clock, open: None }
    }

    fn today(&self) -> u64 {
        self.clock.now_us() / DAY_US
    }

    fn ready(&mut self, more: u64) -> io::Result<&mut Open> {
        let today = self.today();
        let due = |open: &Open| open.size > 0 && (open.day != today || open.size + more > self.rotation.max_bytes);
        let mut open = match self.open.take() {
            Some(open) => open,
            None => open_append(&self.path, today)?,
        };
        if due(&open) {
            drop(open);
            self.shift()?;
            open = open_append(&self.path, today)?;
        }
        Ok(self.open.insert(open))
    }

    /// `daemon.log` becomes `.1`, `.1` becomes `.2`; the oldest goes.
    fn shift(&self) -> io::Result<()> {
        files::remove_if_there(&numbered(&self.path, self.rotation.keep))?;
        for number in (1..self.rotation.keep).rev() {
            rename_if_there(&numbered(&self.path, number), &numbered(&self.path, number + 1))?;
        }
        match self.rotation.keep {
            0 => files::remove_if_there(&self.path).map(drop),
            _ => rename_if_there(&self.path, &numbered(&self.path, 1)),
        }
    }
}

fn open_append(path: &Path, today: u64) -> io::Result<Open> {
    let file = private_file().append(true).create(true).open(path)?;
    let metadata = file.metadata()?;
    let written = metadata.modified().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    let day = written.filter(|_| metadata.len() > 0).map_or(today, |since| since.as_secs() * 1_000_000 / DAY_US);
    Ok(Open { file, size: metadata.len(), day })
}

fn numbered(path: &Path, number: usize) -> PathBuf {
    if number == 0 {
        return path.to_path_buf();
    }
    let mut name = path.as_os_str().to_os_string();
    name.push(format!(".{number}"));
    PathBuf::from(name)
}

fn rename_if_there(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

impl Write for RotatingFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let open = self.ready(line.len() as u64)?;
        open.file.write_all(line)?;
        open.size += line.len() as u64;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(()) // every line goes straight to the file
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    struct At(AtomicU64);

    impl Clock for At {
        fn now_us(&self) -> u64 {
            self.0.load(Ordering::Relaxed)
        }
    }

    fn log(folder: &Path, max_bytes: u64, keep: usize) -> (RotatingFile, Arc<At>) {
        // The day must agree with the file system's clock, which stamps the file that is found.
        let clock = Arc::new(At(AtomicU64::new(sync::SystemClock.now_us())));
        (RotatingFile::new(folder.join("daemon.log"), Rotation { max_bytes, keep }, clock.clone()), clock)
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn it_is_cut_at_its_size_and_the_oldest_goes() {
        let folder = tempfile::tempdir().unwrap();
        let (mut log, _) = log(folder.path(), 10, 2);
        for line in ["one....\n", "two....\n", "three..\n", "four...\n"] {
            log.write_all(line.as_bytes()).unwrap();
        }
        assert_eq!(names(folder.path()), ["daemon.log", "daemon.log.1", "daemon.log.2"]);
        assert_eq!(fs::read_to_string(folder.path().join("daemon.log")).unwrap(), "four...\n");
        assert_eq!(fs::read_to_string(folder.path().join("daemon.log.2")).unwrap(), "two....\n");
    }

    #[test]
    fn it_is_cut_when_the_day_changes_also_across_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let (mut first, clock) = log(folder.path(), 1000, 3);
        first.write_all(b"today\n").unwrap();
        first.write_all(b"still today\n").unwrap();
        assert_eq!(names(folder.path()), ["daemon.log"]);
        clock.0.fetch_add(DAY_US, Ordering::Relaxed);
        let path = folder.path().join("daemon.log");
        RotatingFile::new(path.clone(), first.rotation, clock).write_all(b"tomorrow\n").unwrap();
        assert_eq!(fs::read_to_string(path).unwrap(), "tomorrow\n");
        assert_eq!(names(folder.path()), ["daemon.log", "daemon.log.1"]);
    }

    #[test]
    fn an_empty_or_missing_file_is_never_cut() {
        let folder = tempfile::tempdir().unwrap();
        let (mut log, _) = log(folder.path(), 2, 3);
        log.write_all(b"longer than the limit\n").unwrap();
        assert_eq!(names(folder.path()), ["daemon.log"]);
    }
}
