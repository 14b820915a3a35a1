//! What the index reads of the replica: the log of changes, and each memory as it is now.

use recall::index::bag::Bag;
use recall::index::{Doc, NO_LINK};
use rusqlite::OptionalExtension;
use sha2::{Digest, Sha256};
use sync::StoreError;
use sync::local::ReadTx;

/// The kind of memory that has neighbours, see `Hit::is_turn`.
const TURN: &str = "general_context";

/// A line of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) seq: i64,
    pub(crate) key: u64,
}

/// A line of the log with what stands behind it now.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) seq: i64,
    pub(super) key: u64,
    /// None for a memory that is gone.
    pub(super) memory: Option<Memory>,
}

/// A memory as the index takes it.
#[derive(Debug)]
pub(super) struct Memory {
    pub(super) doc: Doc,
    pub(super) bag: Bag,
}

/// Lines of the log after a place, oldest first.
pub(crate) fn after(tx: &ReadTx<'_>, seq: i64, most: usize) -> Result<Vec<Line>, StoreError> {
    lines(tx, "SELECT seq, memory FROM ct_memory_log WHERE seq > ?1 ORDER BY seq LIMIT ?2", seq, most)
}

/// The last lines of the log, oldest first.
pub(super) fn newest(tx: &ReadTx<'_>, most: usize) -> Result<Vec<Line>, StoreError> {
    let mut lines =
        lines(tx, "SELECT seq, memory FROM ct_memory_log WHERE seq > ?1 ORDER BY seq DESC LIMIT ?2", 0, most)?;
    lines.reverse();
    Ok(lines)
}

fn lines(tx: &ReadTx<'_>, sql: &str, seq: i64, most: usize) -> Result<Vec<Line>, StoreError> {
    let mut statement = tx.connection().prepare_cached(sql)?;
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let lines = statement
        .query_map((seq, most), |row| Ok(Line { seq: row.get(0)?, key: row.get::<_, i64>(1)?.cast_unsigned() }))?;
    Ok(lines.collect::<Result<_, _>>()?)
}

/// How far the log was ever written, and how far it was cut off.
pub(crate) fn span(tx: &ReadTx<'_>) -> Result<(i64, i64), StoreError> {
    let db = tx.connection();
    let last = db
        .prepare_cached("SELECT seq FROM sqlite_sequence WHERE name = 'ct_memory_log'")?
        .query_row([], |row| row.get(0))
        .optional()?
        .unwrap_or(0);
    let first: Option<i64> =
        db.prepare_cached("SELECT min(seq) FROM ct_memory_log")?.query_row([], |row| row.get(0))?;
    Ok((last, first.map_or(last, |first| first - 1)))
}

/// The token of the files that belong to this state of the replica.
pub(super) fn token(tx: &ReadTx<'_>) -> Result<Option<String>, StoreError> {
    let mut statement = tx.connection().prepare_cached("SELECT token FROM ct_memory_index")?;
    Ok(statement.query_row([], |row| row.get(0)).optional()?)
}

/// What stands behind lines of the log now.
pub(super) fn entries(tx: &ReadTx<'_>, lines: Vec<Line>) -> Result<Vec<Entry>, StoreError> {
    lines.into_iter().map(|Line { seq, key }| Ok(Entry { seq, key, memory: memory(tx, key)? })).collect()
}

/// The entries of the replica's index after one, in their order.
pub(crate) fn keys_after(tx: &ReadTx<'_>, key: u64, most: usize) -> Result<Vec<u64>, StoreError> {
    let mut statement =
        tx.connection().prepare_cached("SELECT id FROM ct_memory WHERE id > ?1 ORDER BY id LIMIT ?2")?;
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let keys = statement.query_map((key.cast_signed(), most), |row| Ok(row.get::<_, i64>(0)?.cast_unsigned()))?;
    Ok(keys.collect::<Result<_, _>>()?)
}

/// How many memories there are.
pub(crate) fn count(tx: &ReadTx<'_>) -> Result<u64, StoreError> {
    let mut statement = tx.connection().prepare_cached("SELECT count(*) FROM ct_memory")?;
    Ok(statement.query_row([], |row| row.get(0))?)
}

/// Table and id of the row behind an entry; None for one that is gone.
pub(crate) fn source(tx: &ReadTx<'_>, memory: i64) -> Result<Option<(String, String)>, StoreError> {
    let mut statement =
        tx.connection().prepare_cached("SELECT source_table, source_id FROM ct_memory WHERE id = ?1")?;
    Ok(statement.query_row([memory], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
}

/// How often a memory was of use, and the row behind it.
pub(crate) struct Used {
    /// Table and id.
    pub(crate) source: (String, String),
    pub(crate) uses: u32,
}

/// How often the memory of an entry was of use; None for one that is gone. Reads no row of a memory (`0029_used.sql`).
pub(crate) fn used(tx: &ReadTx<'_>, memory: i64) -> Result<Option<Used>, StoreError> {
    let mut statement = tx.connection().prepare_cached(
        // Who is not told to take that index takes that of the ids, and the row. A caller limited to clients reads through
        // views, which have no index: `main` is behind them. What is told of a memory is read through them as ever.
        "SELECT source_table, source_id, CASE source_table
           WHEN 'conversation_contexts' THEN
             (SELECT usage_count FROM main.conversation_contexts INDEXED BY ct_used_contexts
               WHERE id = source_id AND usage_count > 0)
           WHEN 'context_snippets' THEN
             (SELECT usage_count FROM main.context_snippets INDEXED BY ct_used_snippets
               WHERE id = source_id AND usage_count > 0)
           WHEN 'problem_solutions' THEN
             (SELECT times_reused FROM main.problem_solutions INDEXED BY ct_used_solutions
               WHERE id = source_id AND times_reused > 0)
         END FROM ct_memory WHERE id = ?1",
    )?;
    let found = statement.query_row([memory], |row| {
        let uses = row.get::<_, Option<i64>>(2)?.unwrap_or(0).try_into().unwrap_or(u32::MAX);
        Ok(Used { source: (row.get(0)?, row.get(1)?), uses })
    });
    Ok(found.optional()?)
}

/// A memory by the number of its entry.
pub(super) fn memory(tx: &ReadTx<'_>, key: u64) -> Result<Option<Memory>, StoreError> {
    let Some(source) = source(tx, key.cast_signed())? else { return Ok(None) };
    let mut statement = tx.connection().prepare_cached(
        "SELECT kind, session_id, title, body, coalesce(tags, ''), importance, created_at
           FROM ct_memory_source WHERE source_table = ?1 AND source_id = ?2",
    )?;
    let found = statement.query_row(source, |row| {
        let (kind, session): (String, Option<String>) = (row.get(0)?, row.get(1)?);
        let (title, body, tags): (String, String, String) = (row.get(2)?, row.get(3)?, row.get(4)?);
        let (hundredths, created_at): (i32, String) = (row.get(5)?, row.get(6)?);
        let doc = Doc {
            key,
            session: session.as_deref().map_or(0, number),
            made: seconds(&created_at),
            before: NO_LINK,
            after: NO_LINK,
            importance: u8::try_from((hundredths / 10).clamp(0, 100)).unwrap_or(50),
            is_turn: kind == TURN,
            tokens: at_most(recall::budget::tokens(&body)),
            shown: at_most(recall::render::least_tokens(&body)),
        };
        Ok(Memory { doc, bag: Bag::of(&title, &body, &tags) })
    });
    Ok(found.optional()?)
}

fn at_most(tokens: usize) -> u16 {
    u16::try_from(tokens).unwrap_or(u16::MAX)
}

/// Seconds since the Unix epoch of a time as the replica writes it; 0 for one that is none.
pub(crate) fn seconds(time: &str) -> u32 {
    sync::parse_datetime(time).map_or(0, |us| u32::try_from(us / 1_000_000).unwrap_or(u32::MAX))
}

/// A number that stands for a session; 0 stands for none.
fn number(session: &str) -> u32 {
    let digest = Sha256::digest(session);
    digest.first_chunk().map_or(1, |bytes| u32::from_le_bytes(*bytes)).max(1)
}
