//! What lies on the disk.

use std::path::Path;

use sync::local;
use world::{Error, Result};

/// Bytes of a file with its WAL, or of all files of a folder.
pub(crate) fn bytes(path: &Path) -> Result<u64> {
    let reading = || Error::doing(format!("look at {}", path.display()));
    let meta = std::fs::metadata(path).map_err(reading())?;
    if meta.is_dir() {
        let mut sum = 0;
        for entry in std::fs::read_dir(path).map_err(reading())? {
            sum += entry.and_then(|entry| entry.metadata()).map_err(reading())?.len();
        }
        return Ok(sum);
    }
    let wal = path.with_extension(format!("{}-wal", path.extension().unwrap_or_default().display()));
    Ok(meta.len() + std::fs::metadata(wal).map_or(0, |meta| meta.len()))
}

/// Bytes of the memories' own texts: titles, summaries, tags, and details as they are stored.
pub(crate) fn text_bytes(replica: &Path) -> Result<u64> {
    let sum = local::inspect(replica, |tx| {
        Ok(tx.connection().query_row(
            "SELECT sum(length(CAST(title AS BLOB)) + length(CAST(dense_summary AS BLOB)) + length(CAST(tags AS BLOB))
                        + ifnull(length(detail_zst), 0)) FROM conversation_contexts",
            [],
            |row| row.get::<_, i64>(0),
        )?)
    });
    Ok(sum.map_err(Error::doing("measure the texts"))?.unsigned_abs())
}
