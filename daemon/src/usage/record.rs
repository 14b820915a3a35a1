//! An injection into the ledger: what it cost, what it was made of, and by what its use can be told.

use recall::terms::Term;
use recall::used::{Mark, Said, marks, packed, said};
use rusqlite::Connection;
use sync::StoreError;
use sync::local::ReadTx;

use super::days::{self, More};

/// Rows of the ledger are kept for so long, in microseconds; the sums of the days stay.
const KEPT_US: u64 = 90 * 86_400 * 1_000_000;
/// A term that more memories hold tells nothing.
const RARE: i64 = 20;

/// What was handed out, beside the memories in it.
#[derive(Debug, Clone)]
pub(crate) struct Handed {
    /// The client's session id.
    pub(crate) conversation: String,
    /// Slug.
    pub(crate) project: String,
    /// `SessionStart`, `UserPromptSubmit` or `PreToolUse`.
    pub(crate) event: &'static str,
    /// What was asked, or is about to be run; empty at the start.
    pub(crate) prompt: String,
    /// Of the whole text.
    pub(crate) tokens: usize,
}

/// One memory that was handed out.
#[derive(Debug, Clone)]
pub(crate) struct Memory {
    pub(crate) table: String,
    pub(crate) id: String,
    pub(crate) tokens: usize,
    /// As it was given.
    pub(crate) text: String,
}

/// An injection, ready to be written.
#[derive(Debug)]
pub(crate) struct Entry {
    handed: Handed,
    memories: Vec<(Memory, Vec<Mark>)>,
    /// None when the conversation was given memories before, or is given none now.
    history: Option<u64>,
}

impl Entry {
    /// Finds out what the ledger is to know. Nobody waits for it.
    pub(crate) fn of(tx: &ReadTx<'_>, handed: Handed, memories: Vec<Memory>) -> Result<Self, StoreError> {
        let prompt = said(&handed.prompt);
        let marked = memories.into_iter().map(|memory| {
            let marks = marks_of(tx, &memory.text, &prompt)?;
            Ok((memory, marks))
        });
        let memories: Vec<(Memory, Vec<Mark>)> = marked.collect::<Result<_, StoreError>>()?;
        let first = "SELECT NOT EXISTS (SELECT 1 FROM ct_injections AS injection
                                          JOIN ct_injected_memories AS memory ON memory.injection = injection.id
                                         WHERE injection.claude_session_id = ?1)";
        let is_first = !memories.is_empty()
            && tx.connection().prepare_cached(first)?.query_row([&handed.conversation], |row| row.get(0))?;
        let history = is_first.then(|| history(tx, &handed)).transpose()?;
        Ok(Self { handed, memories, history })
    }

    /// Writes it, and drops what is old.
    pub(crate) fn save(&self, db: &Connection, now_us: u64) -> Result<(), StoreError> {
        let Handed { conversation, project, event, tokens, .. } = &self.handed;
        let (now, tokens) = (now_us.cast_signed(), *tokens as u64);
        let history = self.history.unwrap_or(0);
        db.prepare_cached(
            "INSERT INTO ct_injections (claude_session_id, project, event, at_us, tokens, history)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute((conversation, project, event, now, tokens.cast_signed(), history.cast_signed()))?;
        let injection = db.last_insert_rowid();
        let mut insert = db.prepare_cached(
            "INSERT OR IGNORE INTO ct_injected_memories (injection, source_table, source_id, tokens, marks)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?;
        for (memory, marks) in &self.memories {
            let cost = i64::try_from(memory.tokens).unwrap_or(i64::MAX);
            insert.execute((injection, &memory.table, &memory.id, cost, packed(marks)))?;
        }
        let more = More {
            sessions: u64::from(self.history.is_some()),
            injections: 1,
            memories: self.memories.len() as u64,
            tokens,
            history,
            ..More::default()
        };
        days::add(db, project, now_us, more)?;
        prune(db, now_us)
    }
}

fn prune(db: &Connection, now_us: u64) -> Result<(), StoreError> {
    let before = now_us.saturating_sub(KEPT_US).cast_signed();
    let old = "DELETE FROM ct_injected_memories WHERE injection IN (SELECT id FROM ct_injections WHERE at_us < ?1)";
    db.prepare_cached(old)?.execute([before])?;
    db.prepare_cached("DELETE FROM ct_injections WHERE at_us < ?1")?.execute([before])?;
    Ok(())
}

fn marks_of(tx: &ReadTx<'_>, text: &str, prompt: &Said) -> Result<Vec<Mark>, StoreError> {
    let sql = "SELECT count(*) FROM (SELECT 1 FROM ct_memory_fts WHERE ct_memory_fts MATCH ?1 LIMIT ?2)";
    let mut holding = tx.connection().prepare_cached(sql)?;
    marks(text, prompt, |term: &Term| {
        let held: i64 = holding.query_row((term.match_expression(), RARE + 1), |row| row.get(0))?;
        Ok(held <= RARE)
    })
}

/// Tokens of all that the memory of a project holds of other conversations: title and text of each memory.
fn history(tx: &ReadTx<'_>, handed: &Handed) -> Result<u64, StoreError> {
    // As `recall::budget::tokens` estimates them, without bringing every text here.
    let sql = "SELECT coalesce(sum((length(title) + length(body) + 3) / 4), 0) FROM ct_memory_source
                WHERE project_id = (SELECT id FROM projects WHERE slug = ?1)
                  AND session_id IS NOT (SELECT id FROM sessions WHERE claude_session_id = ?2)";
    let bound = (&handed.project, &handed.conversation);
    Ok(tx.connection().prepare_cached(sql)?.query_row(bound, |row| row.get(0))?)
}
