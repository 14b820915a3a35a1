//! How far each transcript was read: written in the transaction of what was read, so that whoever is killed in between
//! goes on where the rows end. See `0024_transcripts.sql`.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension};
use sync::StoreError;

/// How far a file was read, and whose it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// The file.
    pub(crate) path: String,
    /// The client's session id.
    pub(crate) session: String,
    /// Where the conversation took place, as the file's first records tell it.
    pub(crate) cwd: String,
    /// Where the next reading begins: at the last prompt, whose answer may grow.
    pub(crate) offset: u64,
    /// Bytes that the file had when it was read to its end; 0 before.
    pub(crate) size: u64,
    /// The digest of the file's first bytes, and how many they were: a file that begins otherwise is another one.
    pub(crate) head: String,
    pub(crate) head_bytes: u64,
}

impl Cursor {
    /// How far the file of that path was read.
    pub(crate) fn load(db: &Connection, path: &str) -> Result<Option<Self>, StoreError> {
        let sql =
            "SELECT path, claude_session_id, cwd, read_to, size, head, head_bytes FROM ct_transcripts WHERE path = ?1";
        let read = |row: &rusqlite::Row<'_>| {
            let number = |at| row.get::<_, i64>(at).map(i64::cast_unsigned);
            Ok(Self {
                path: row.get(0)?,
                session: row.get(1)?,
                cwd: row.get(2)?,
                offset: number(3)?,
                size: number(4)?,
                head: row.get(5)?,
                head_bytes: number(6)?,
            })
        };
        Ok(db.prepare_cached(sql)?.query_row([path], read).optional()?)
    }

    /// Bytes of every file that was read to its end, by its path.
    pub(super) fn sizes(db: &Connection) -> Result<HashMap<String, u64>, StoreError> {
        let mut statement = db.prepare_cached("SELECT path, size FROM ct_transcripts WHERE size > 0")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned())))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    pub(super) fn save(&self, db: &Connection, now_us: u64) -> Result<(), StoreError> {
        let sql = "INSERT INTO ct_transcripts (path, claude_session_id, cwd, read_to, size, head, head_bytes, read_us)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
                   ON CONFLICT (path) DO UPDATE SET claude_session_id = excluded.claude_session_id, cwd = excluded.cwd,
                     read_to = excluded.read_to, size = excluded.size, head = excluded.head,
                     head_bytes = excluded.head_bytes, read_us = excluded.read_us";
        db.prepare_cached(sql)?.execute((
            &self.path,
            &self.session,
            &self.cwd,
            self.offset.cast_signed(),
            self.size.cast_signed(),
            &self.head,
            self.head_bytes.cast_signed(),
            now_us.cast_signed(),
        ))?;
        Ok(())
    }
}
