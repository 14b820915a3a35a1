//! Sums of each day (UTC) and project.

use rusqlite::Connection;
use sync::{StoreError, datetime_text};

/// What is added to a day.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct More {
    pub(super) prompts: u64,
    pub(super) sessions: u64,
    pub(super) injections: u64,
    pub(super) memories: u64,
    pub(super) used: u64,
    pub(super) tokens: u64,
    pub(super) history: u64,
}

/// A person's prompt came in.
pub(crate) fn note_prompt(db: &Connection, project: &str, at_us: u64) -> Result<(), StoreError> {
    add(db, project, at_us, More { prompts: 1, ..More::default() })
}

pub(super) fn add(db: &Connection, project: &str, at_us: u64, more: More) -> Result<(), StoreError> {
    let day = &datetime_text(at_us)[..10];
    let sql = "INSERT INTO ct_usage_days (day, project, prompts, sessions, injections, memories, used, tokens, history)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
               ON CONFLICT (day, project) DO UPDATE SET prompts = prompts + excluded.prompts,
                 sessions = sessions + excluded.sessions, injections = injections + excluded.injections,
                 memories = memories + excluded.memories, used = used + excluded.used,
                 tokens = tokens + excluded.tokens, history = history + excluded.history";
    db.prepare_cached(sql)?.execute((
        day,
        project,
        more.prompts.cast_signed(),
        more.sessions.cast_signed(),
        more.injections.cast_signed(),
        more.memories.cast_signed(),
        more.used.cast_signed(),
        more.tokens.cast_signed(),
        more.history.cast_signed(),
    ))?;
    Ok(())
}
