//! The file that holds this machine's keys in clear: `keys/vault.keys`, readable by its owner only.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use vault::{DataKey, KeyId, Keyring};
use zeroize::Zeroizing;

use crate::files;

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyFileError {
    /// It cannot be read or written.
    #[error("{doing} {}: {source}", path.display())]
    Io { doing: &'static str, path: PathBuf, source: io::Error },
    /// Others may read it.
    #[error("use {}: other users may read it (mode {mode:03o})", path.display())]
    Exposed { path: PathBuf, mode: u32 },
    /// It is not what was written.
    #[error("use {}: line {line} is not what was written there", path.display())]
    Damaged { path: PathBuf, line: usize },
}

impl KeyFileError {
    /// What its reader can do.
    pub(crate) fn hint(&self) -> &'static str {
        match self {
            KeyFileError::Io { .. } => {
                "make that file readable and writable for yourself; then run: claudetools daemon restart"
            }
            KeyFileError::Exposed { .. } => {
                "run: claudetools doctor --fix   (then: claudetools daemon restart, and: claudetools vault rotate)"
            }
            KeyFileError::Damaged { .. } => {
                "put that file back from a backup, or move it away and run: claudetools vault join"
            }
        }
    }
}

const HEADING: &str = "\
# The keys of this machine's vault. Whoever can read this file can read every secret: it must stay mode 600.
# Without it, and without the passphrase, nothing that was sealed can be opened again.
";

/// The keys; None when there is no such file.
pub(super) fn read(path: &Path) -> Result<Option<Keyring>, KeyFileError> {
    let io = |source| KeyFileError::Io { doing: "read", path: path.to_owned(), source };
    let text = match std::fs::read_to_string(path) {
        Ok(text) => Zeroizing::new(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io(error)),
    };
    match files::foreign_bits(path).map_err(io)? {
        0 => parse(&text).map(Some).map_err(|line| KeyFileError::Damaged { path: path.to_owned(), line }),
        bits => Err(KeyFileError::Exposed { path: path.to_owned(), mode: 0o600 | bits }),
    }
}

/// Replaces the file; a crash leaves the old or the new one.
pub(super) fn write(path: &Path, ring: &Keyring) -> Result<(), KeyFileError> {
    let mut text = Zeroizing::new(String::with_capacity(HEADING.len() + 128 * ring.keys().count()));
    text.push_str(HEADING);
    let _ = writeln!(text, "current {}", ring.current()); // writing to a String cannot fail
    for key in ring.keys() {
        let _ = write!(text, "key {} ", key.id());
        for byte in key.expose() {
            let _ = write!(text, "{byte:02x}");
        }
        text.push('\n');
    }
    let written = match path.parent() {
        Some(folder) => hooks::durable::private_dir(folder),
        None => Ok(()),
    };
    written.and_then(|()| files::write_private(path, text.as_bytes())).map_err(|source| KeyFileError::Io {
        doing: "write",
        path: path.to_owned(),
        source,
    })
}

/// The number of the wrong line on failure.
fn parse(text: &str) -> Result<Keyring, usize> {
    let mut ring: Option<Keyring> = None;
    let mut current = None;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    for (at, line) in lines {
        let wrong = at + 1;
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["current", id] => current = Some((id.parse::<KeyId>().map_err(|_| wrong)?, wrong)),
            ["key", id, hex] => {
                let bytes = key_bytes(hex).ok_or(wrong)?;
                let key = DataKey::new(id.parse().map_err(|_| wrong)?, bytes);
                match &mut ring {
                    Some(ring) => drop(ring.add(key).map_err(|_| wrong)?),
                    None => ring = Some(Keyring::new(key)),
                }
            }
            _ => return Err(wrong),
        }
    }
    let (mut ring, (current, at)) = ring.zip(current).ok_or(1_usize)?;
    ring.make_current(current).map_err(|_| at)?;
    Ok(ring)
}

fn key_bytes(hex: &str) -> Option<Zeroizing<[u8; 32]>> {
    let mut bytes = Zeroizing::new([0; 32]);
    if hex.len() != 64 || !hex.is_ascii() {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring() -> Keyring {
        let key = |name: u8| DataKey::new(KeyId([0, 0, 0, name]), Zeroizing::new([name; 32]));
        let mut ring = Keyring::new(key(1));
        ring.add(key(2)).unwrap();
        ring.make_current(KeyId([0, 0, 0, 2])).unwrap();
        ring
    }

    #[test]
    fn what_is_written_is_read_and_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys/vault.keys");
        assert!(read(&path).is_ok_and(|found| found.is_none()));
        write(&path, &ring()).unwrap();
        assert_eq!(files::foreign_bits(&path).unwrap(), 0);
        assert_eq!(files::foreign_bits(path.parent().unwrap()).unwrap(), 0);
        let found = read(&path).unwrap_or_else(|error| panic!("{error}")).unwrap();
        assert_eq!((found.current(), found.keys().count()), (KeyId([0, 0, 0, 2]), 2));
        assert!(found.keys().all(|key| key.expose() == &[key.id().0[3]; 32]));
    }

    #[test]
    fn a_damaged_file_is_told_by_its_line_and_never_by_its_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vault.keys");
        write(&path, &ring()).unwrap();
        let good = std::fs::read_to_string(&path).unwrap();
        for (bad, line) in [
            (good.replace("0101", "01"), 4),
            (good.replace("current 00000002", "current 00000003"), 3),
            (good.replace("key 00000002", "kez 00000002"), 5),
            (String::new(), 1),
        ] {
            files::write_private(&path, bad.as_bytes()).unwrap();
            let Err(error) = read(&path) else { panic!("line {line} was taken") };
            assert!(error.to_string().contains(&format!("line {line} ")), "{error}");
            assert!(!error.to_string().contains("0101"), "{error}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_may_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vault.keys");
        write(&path, &ring()).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).unwrap();
        assert!(matches!(read(&path), Err(KeyFileError::Exposed { mode: 0o640, .. })));
    }
}
