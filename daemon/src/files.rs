//! Files that only their owner may read, written so that a crash leaves the old or the new content, never half of it.

use std::fs;
use std::io;
use std::path::Path;

use hooks::durable;

/// Replaces `path` by `content`, mode 0600.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.tmp", std::process::id()));
    durable::write_via(&path.with_file_name(name), path, content, None)
}

/// Removes a file; one that is not there is no error. True when there was one.
pub(crate) fn remove_if_there(path: &Path) -> io::Result<bool> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// The permission bits that others than the owner have on `path`; 0 where the platform has none.
pub(crate) fn foreign_bits(path: &Path) -> io::Result<u32> {
    let permissions = fs::metadata(path)?.permissions();
    Ok(others_bits(&permissions))
}

#[cfg(unix)]
fn others_bits(permissions: &fs::Permissions) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(permissions) & 0o077
}

#[cfg(not(unix))]
fn others_bits(_: &fs::Permissions) -> u32 {
    0
}

/// Takes every permission on `path` from others than the owner.
pub(crate) fn make_private(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        let mode = if fs::metadata(path)?.is_dir() { 0o700 } else { 0o600 };
        fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode))?;
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_file_is_replaced_whole_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        write_private(&path, b"one, and longer").unwrap();
        write_private(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(foreign_bits(&path).unwrap(), 0);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_failed_write_keeps_the_old_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("taken");
        fs::create_dir(&path).unwrap();
        fs::write(path.join("inside"), b"x").unwrap();
        assert!(write_private(&path, b"new").is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(path.join("inside").exists());
    }

    #[cfg(unix)]
    #[test]
    fn made_private_means_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        fs::write(&path, b"x").unwrap();
        fs::set_permissions(&path, PermissionsExt::from_mode(0o664)).unwrap();
        assert_eq!(foreign_bits(&path).unwrap(), 0o064);
        make_private(&path).unwrap();
        assert_eq!(foreign_bits(&path).unwrap(), 0);
    }
}
