//! Files that are either as they were or whole, whenever the machine stops.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::path::Path;

/// Makes `path` and what is missing above it, open to its owner only. What exists keeps its mode.
pub fn private_dir(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Options that create files which only their owner may read.
pub fn private_file() -> OpenOptions {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "only Unix has modes"))]
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Writes `content` to `part` and renames that to `target`, which must be in the same folder; both are on disk for good
/// when this returns. Without `permissions` only the owner may read it. A `part` that failed is removed.
pub fn write_via(part: &Path, target: &Path, content: &[u8], permissions: Option<Permissions>) -> io::Result<()> {
    let written = write_synced(part, content, permissions).and_then(|()| fs::rename(part, target));
    if let Err(error) = written {
        // Half a file helps nobody, and on a full disk its room is needed. The first error is the one that matters.
        let _ = fs::remove_file(part);
        return Err(error);
    }
    target.parent().map_or(Ok(()), sync_folder)
}

fn write_synced(path: &Path, content: &[u8], permissions: Option<Permissions>) -> io::Result<()> {
    let mut file = private_file().write(true).create(true).truncate(true).open(path)?;
    file.write_all(content)?;
    if let Some(permissions) = permissions {
        file.set_permissions(permissions)?;
    }
    file.sync_all()
}

/// Makes a rename in `folder` durable. Windows has no such call; there the file system's journal has to do.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
