//! What of a memory is made a vector of, read from the replica as it is now.

use rusqlite::OptionalExtension;
use sha2::{Digest, Sha256};
use sync::StoreError;
use sync::local::ReadTx;

use crate::memory::index::{seconds, source};

/// A memory's text.
#[derive(Debug, Clone)]
pub(super) struct Text {
    pub(super) text: String,
    /// Seconds since the Unix epoch.
    pub(super) made: u32,
}

impl Text {
    /// Stands for the text: another text has another one.
    pub(super) fn mark(&self) -> u64 {
        Sha256::digest(&self.text).first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
    }

    /// True when a secret was taken out of it.
    pub(super) fn held_a_secret(&self) -> bool {
        self.text.contains(recall::redact::OPENING)
    }
}

/// A memory's text by its number; None for one that is gone.
pub(super) fn of(tx: &ReadTx<'_>, key: u64) -> Result<Option<Text>, StoreError> {
    let Some(source) = source(tx, key.cast_signed())? else { return Ok(None) };
    let mut statement = tx.connection().prepare_cached(
        "SELECT title, body, created_at FROM ct_memory_source WHERE source_table = ?1 AND source_id = ?2",
    )?;
    let found = statement.query_row(source, |row| {
        let (title, body, created_at): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let text = if body.starts_with(&title) { body } else { format!("{title}\n{body}") };
        Ok(Text { text, made: seconds(&created_at) })
    });
    Ok(found.optional()?)
}
