//! Events that wait on disk for the daemon: one file each, named so that the order of names is the order of firing.
//!
//! A file is a line of JSON that says what it is, then the hook's input, byte for byte. It is written as `.part` and
//! renamed once it is on disk, so that a `.event` is always whole. A hook that was cut off between the two leaves a
//! `.part` that may be whole as well: [`adopt_parts`] finds those, so that they are not lost either.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use crate::durable::{private_dir, write_via};

const VERSION: u64 = 1;
const WHOLE: &str = "event";
const PART: &str = "part";
const BROKEN: &str = "broken";

/// One firing of a hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spooled {
    /// The name of the event, as the client calls it.
    pub event: String,
    /// See [`crate::wire::EVENT_ID`].
    pub id: String,
    /// When the hook was started, in microseconds since the epoch.
    pub sent_at_us: u64,
    /// The hook's input, whatever its bytes are.
    pub body: Vec<u8>,
}

/// Why a file of the spool cannot be taken in.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The disk.
    #[error("read {}: {reason}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: io::Error,
    },
    /// Not a whole file of a version that we know. It stays so however often it is read.
    #[error("read {}: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// Writes `event` into the folder, which is made when missing. On success it is on disk for good.
pub fn write(spool: &Path, event: &Spooled) -> io::Result<PathBuf> {
    private_dir(spool)?;
    let whole = spool.join(format!("{:020}-{}.{WHOLE}", event.sent_at_us, event.id));
    write_via(&whole.with_extension(PART), &whole, &encode(event), None)?;
    Ok(whole)
}

fn encode(event: &Spooled) -> Vec<u8> {
    let head = json!({
        "v": VERSION, "event": event.event, "id": event.id, "sent_at_us": event.sent_at_us, "bytes": event.body.len(),
    });
    let mut bytes = head.to_string().into_bytes();
    bytes.reserve(event.body.len() + 1);
    bytes.push(b'\n');
    bytes.extend_from_slice(&event.body);
    bytes
}

/// The events that wait, the oldest first. None when there is no spool yet.
pub fn pending(spool: &Path) -> io::Result<Vec<PathBuf>> {
    files(spool, WHOLE)
}

fn files(spool: &Path, extension: &str) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(spool) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>()?;
    paths.retain(|path| path.extension().is_some_and(|found| found == extension));
    paths.sort_unstable();
    Ok(paths)
}

/// Reads one file of the spool.
pub fn read(path: &Path) -> Result<Spooled, SpoolError> {
    let bytes = fs::read(path).map_err(|reason| SpoolError::Io { path: path.to_owned(), reason })?;
    parse(bytes).map_err(|reason| SpoolError::Unreadable { path: path.to_owned(), reason })
}

fn parse(mut bytes: Vec<u8>) -> Result<Spooled, &'static str> {
    let end = bytes.iter().position(|byte| *byte == b'\n').ok_or("it has no first line")?;
    let head: Value = serde_json::from_slice(&bytes[..end]).map_err(|_| "its first line is not JSON")?;
    if head["v"].as_u64() != Some(VERSION) {
        return Err("it is of another version");
    }
    let text = |name: &str| head[name].as_str().map(str::to_owned);
    let event = text("event").ok_or("it does not name its event")?;
    let id = text("id").ok_or("it has no id")?;
    let sent_at_us = head["sent_at_us"].as_u64().ok_or("it has no time")?;
    let body = bytes.split_off(end + 1);
    match head["bytes"].as_u64() {
        Some(stated) if stated != body.len() as u64 => Err("it is not whole"),
        _ => Ok(Spooled { event, id, sent_at_us, body }),
    }
}

/// What became of the `.part` files.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Adopted {
    /// Whole, and now among the [`pending`].
    pub whole: usize,
    /// Not whole: kept as `.broken` for people to look at.
    pub broken: usize,
}

/// Takes care of the files whose hook was cut off while writing, when they have not been touched for `idle`. That must
/// be longer than a hook lives (seconds), so that no file is taken from under its writer.
pub fn adopt_parts(spool: &Path, idle: Duration) -> io::Result<Adopted> {
    let mut adopted = Adopted::default();
    for part in files(spool, PART)? {
        // Gone since it was listed: its writer has finished.
        let Ok(metadata) = fs::metadata(&part) else { continue };
        if metadata.modified()?.elapsed().unwrap_or_default() < idle {
            continue;
        }
        match read(&part) {
            Ok(_) => {
                fs::rename(&part, part.with_extension(WHOLE))?;
                adopted.whole += 1;
            }
            Err(SpoolError::Unreadable { .. }) => {
                fs::rename(&part, part.with_extension(BROKEN))?;
                adopted.broken += 1;
            }
            Err(SpoolError::Io { reason, .. }) => return Err(reason),
        }
    }
    Ok(adopted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(sent_at_us: u64, id: &str, body: &[u8]) -> Spooled {
        Spooled { event: "Stop".into(), id: id.into(), sent_at_us, body: body.to_vec() }
    }

    #[test]
    fn what_is_written_is_read_byte_for_byte_and_in_order() {
        let home = tempfile::tempdir().unwrap();
        let spool = home.path().join("deep").join("spool");
        assert!(pending(&spool).unwrap().is_empty());
        let late = event(1_000_000_000_000_001, "aa", b"two\nlines \xff\x00 and bytes");
        let early = event(999, "bb", b"");
        let late_path = write(&spool, &late).unwrap();
        let early_path = write(&spool, &early).unwrap();
        assert_eq!(pending(&spool).unwrap(), [early_path.clone(), late_path.clone()]);
        assert_eq!(read(&late_path).unwrap(), late);
        assert_eq!(read(&early_path).unwrap(), early);
        assert_eq!(early_path.file_name().unwrap(), "00000000000000000999-bb.event");
    }

    #[cfg(unix)]
    #[test]
    fn only_its_owner_may_read_the_spool() {
        use std::os::unix::fs::PermissionsExt;
        let home = tempfile::tempdir().unwrap();
        let spool = home.path().join("spool");
        let path = write(&spool, &event(1, "aa", b"x")).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&spool), mode(&path)), (0o700, 0o600));
    }

    #[test]
    fn a_spool_that_cannot_be_made_is_an_error() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("spool"), "a file in its place").unwrap();
        assert!(write(&home.path().join("spool"), &event(1, "aa", b"x")).is_err());
    }

    #[test]
    fn damaged_files_are_told_apart_from_a_failing_disk() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("1-a.event");
        for text in ["", "no line", "{}\n", "{\"v\":2}\n", "{\"v\":1,\"event\":\"Stop\",\"id\":\"a\"}\n", "[\n"] {
            fs::write(&path, text).unwrap();
            assert!(matches!(read(&path), Err(SpoolError::Unreadable { .. })), "{text:?}");
        }
        fs::remove_file(&path).unwrap();
        assert!(matches!(read(&path), Err(SpoolError::Io { .. })));
    }

    #[test]
    fn a_part_that_is_whole_is_adopted_and_half_a_one_is_set_aside() {
        let home = tempfile::tempdir().unwrap();
        let spool = home.path();
        let whole = write(spool, &event(1, "aa", b"hello")).unwrap();
        let bytes = fs::read(&whole).unwrap();
        fs::rename(&whole, whole.with_extension(PART)).unwrap();
        fs::write(spool.join("2-bb.part"), &bytes[..bytes.len() - 1]).unwrap();
        assert_eq!(adopt_parts(spool, Duration::from_hours(1)).unwrap(), Adopted::default());
        assert_eq!(adopt_parts(spool, Duration::ZERO).unwrap(), Adopted { whole: 1, broken: 1 });
        assert_eq!(pending(spool).unwrap(), std::slice::from_ref(&whole));
        assert_eq!(read(&whole).unwrap().body, b"hello");
        assert!(spool.join("2-bb.broken").exists());
    }
}
