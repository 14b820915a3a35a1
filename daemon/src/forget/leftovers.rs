//! Events in the spool that were set aside: their bodies are as the client sent them.

use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::text::Needle;
use crate::files;

/// Removes the events that hold the text, or are of one of these conversations and not later than the moment; how many.
/// What waits in the spool to be taken in is taken in first, and refused then.
pub(crate) fn drop_events(spool: &Path, needle: Option<&Needle>, conversations: &[(String, u64)]) -> io::Result<u64> {
    let mut dropped = 0;
    for path in set_aside(spool)? {
        let body = match std::fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            body => body?,
        };
        let is_held = needle.is_some_and(|needle| needle.is_in_bytes(&body));
        if is_held || conversations.iter().any(|(id, until_us)| is_of(&path, &body, id, *until_us)) {
            files::remove_if_there(&path.with_extension("reason"))?;
            dropped += u64::from(files::remove_if_there(&path)?);
        }
    }
    Ok(dropped)
}

/// Rejected events, and files that could not be read.
fn set_aside(spool: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for folder in [spool.to_path_buf(), spool.join("rejected")] {
        let entries = match std::fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries?,
        };
        let is_rejected = folder != spool;
        for entry in entries {
            let path = entry?.path();
            let extension = path.extension().and_then(|extension| extension.to_str());
            if extension == Some("broken") || (is_rejected && extension == Some("event")) {
                found.push(path);
            }
        }
    }
    Ok(found)
}

/// The name of a file begins with when its event was sent.
fn is_of(path: &Path, body: &[u8], conversation: &str, until_us: u64) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let sent_us: u64 = name.split('-').next().and_then(|digits| digits.parse().ok()).unwrap_or(0);
    let start = body.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let said: Option<Value> = serde_json::from_slice(&body[start..]).ok();
    let is_named = match said {
        Some(event) => event["session_id"] == conversation,
        None => String::from_utf8_lossy(body).contains(conversation),
    };
    sent_us <= until_us && is_named
}

#[cfg(test)]
mod tests {
    use hooks::spool::{Spooled, write};

    use super::*;

    #[test]
    fn only_what_is_meant_goes() {
        let folder = tempfile::tempdir().unwrap();
        let rejected = folder.path().join("rejected");
        let event = |id: &str, at, body: &str| Spooled {
            event: "Stop".into(),
            id: id.into(),
            sent_at_us: at,
            body: body.as_bytes().to_vec(),
        };
        write(&rejected, &event("a", 5, r#"{"session_id":"s1"}"#)).unwrap();
        write(&rejected, &event("b", 15, r#"{"session_id":"s1"}"#)).unwrap();
        write(&rejected, &event("c", 5, r#"{"session_id":"s2","x":"the walrus"}"#)).unwrap();
        write(folder.path(), &event("d", 5, r#"{"session_id":"s1"}"#)).unwrap();
        let drop = |needle: Option<&str>, of: &[(String, u64)]| {
            drop_events(folder.path(), needle.and_then(Needle::new).as_ref(), of).unwrap()
        };
        assert_eq!(drop(None, &[("s1".into(), 10)]), 1);
        assert_eq!(drop(Some("Walrus"), &[]), 1);
        assert_eq!(drop(Some("Walrus"), &[]), 0);
        assert_eq!(hooks::spool::pending(&rejected).unwrap().len(), 1);
        assert_eq!(hooks::spool::pending(folder.path()).unwrap().len(), 1);
    }
}
