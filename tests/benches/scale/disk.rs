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

/// What the pages of a replica are for, by the beginnings of the names of their tables and indexes; the first that fits counts.
const PARTS: [(&str, &[&str]); 6] = [
    ("rows", &["conversation_contexts"]),
    ("indexes of the rows", &["idx_conversation_contexts_", "sqlite_autoindex_conversation_contexts_"]),
    ("text index", &["ct_memory_fts"]),
    ("numbers of memories", &["ct_memory", "sqlite_autoindex_ct_memory"]),
    ("tags", &["context_tags", "idx_context_tags_"]),
    ("what central has not got", &["ct_sync_", "sqlite_autoindex_ct_sync_"]),
];

/// A part of a replica: what it is for, and its bytes.
pub(crate) type Part = (&'static str, u64);

/// Bytes of a replica by what they are for.
pub(crate) fn parts(replica: &Path) -> Result<Vec<Part>> {
    let sizes = local::inspect(replica, |tx| {
        let mut statement = tx.connection().prepare("SELECT name, sum(pgsize) FROM dbstat GROUP BY name")?;
        let sizes =
            statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?.unsigned_abs())))?;
        Ok(sizes.collect::<std::result::Result<Vec<_>, _>>()?)
    });
    let mut parts: Vec<Part> = PARTS.iter().map(|(part, _)| (*part, 0)).chain([("all else", 0)]).collect();
    for (name, bytes) in sizes.map_err(Error::doing("measure the parts of the replica"))? {
        let part = PARTS.iter().position(|(_, starts)| starts.iter().any(|start| name.starts_with(start)));
        parts[part.unwrap_or(PARTS.len())].1 += bytes;
    }
    Ok(parts)
}
