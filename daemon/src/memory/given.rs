//! What each conversation was given already.
//!
//! The record is written after the answer has arrived, so that it costs the user nothing. Until then it is kept here, so
//! that the next prompt of the same conversation cannot be given the same; an answer that did not arrive is taken back
//! ([`Handing`]), so that the conversation gets later what it was told too late.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::OptionalExtension;
use sync::local::ReadTx;
use sync::{Store, StoreError};
use tokio::task::JoinSet;

use crate::usage::record::{Entry, Handed, Memory};

/// Records older than this are dropped: no conversation goes on for so long, in microseconds.
const KEPT_US: u64 = 180 * 86_400 * 1_000_000;
/// As the source of what is told beside memories: a version tells what it states.
const BESIDE: &str = "coordination";

/// One thing that was given.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) source: Source,
    pub(super) tokens: usize,
    /// As it is given.
    pub(super) text: String,
}

/// A source row; the version is empty but for rows that are given again when they have changed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Source {
    pub(super) table: String,
    pub(super) id: String,
    pub(super) version: String,
}

#[derive(Debug, Default)]
pub(super) struct Given {
    unwritten: Arc<Mutex<HashMap<String, HashSet<Source>>>>,
    writes: Mutex<JoinSet<()>>,
}

impl Given {
    /// All that a conversation was given.
    pub(super) fn of(&self, tx: &ReadTx<'_>, conversation: &str) -> Result<HashSet<Source>, StoreError> {
        // Memory first: a write that ends between the two looks is seen twice rather than not at all.
        let mut had = locked(&self.unwritten).get(conversation).cloned().unwrap_or_default();
        let mut statement = tx
            .connection()
            .prepare_cached("SELECT source_table, source_id, version FROM ct_injected WHERE claude_session_id = ?1")?;
        let rows = statement.query_map([conversation], |row| {
            Ok(Source { table: row.get(0)?, id: row.get(1)?, version: row.get(2)? })
        })?;
        for source in rows {
            had.insert(source?);
        }
        Ok(had)
    }

    /// What a conversation was told last beside memories.
    pub(super) fn last_beside(&self, tx: &ReadTx<'_>, conversation: &str) -> Result<Option<String>, StoreError> {
        let unwritten = locked(&self.unwritten).get(conversation).and_then(|sources| {
            let beside = sources.iter().find(|source| source.table == BESIDE);
            beside.map(|source| source.version.clone())
        });
        if unwritten.is_some() {
            return Ok(unwritten);
        }
        let sql = "SELECT version FROM ct_injected WHERE claude_session_id = ?1 AND source_table = ?2";
        let mut statement = tx.connection().prepare_cached(sql)?;
        Ok(statement.query_row([conversation, BESIDE], |row| row.get(0)).optional()?)
    }

    /// Notes what is being given; whether it arrived is for the [`Handing`] to hear.
    pub(super) fn add(self: &Arc<Self>, store: &Store, handed: Handed, items: Vec<Item>) -> Handing {
        self.note(store, handed, items, None)
    }

    /// Notes what is being told beside memories, in the place of what was told before.
    pub(super) fn add_beside(self: &Arc<Self>, store: &Store, handed: Handed, facts: &str) -> Handing {
        let source = Source { table: BESIDE.to_owned(), id: String::new(), version: facts.to_owned() };
        self.note(store, handed, Vec::new(), Some(source))
    }

    fn note(self: &Arc<Self>, store: &Store, handed: Handed, items: Vec<Item>, beside: Option<Source>) -> Handing {
        let noted: Vec<Source> = items.iter().map(|item| item.source.clone()).chain(beside.clone()).collect();
        {
            let mut unwritten = locked(&self.unwritten);
            let sources = unwritten.entry(handed.conversation.clone()).or_default();
            if beside.is_some() {
                sources.retain(|source| source.table != BESIDE);
            }
            sources.extend(noted.iter().cloned());
        }
        let conversation = handed.conversation.clone();
        let told = Some(Told { store: store.clone(), handed, items, beside });
        Handing { given: Arc::clone(self), conversation, noted, told }
    }

    /// Writes the record; nobody waits for it.
    fn keep(&self, told: Told, conversation: String, noted: Vec<Source>) {
        let unwritten = Arc::clone(&self.unwritten);
        let mut writes = locked(&self.writes);
        while writes.try_join_next().is_some() {}
        writes.spawn(async move {
            match record(&told.store, told.handed, told.items, told.beside).await {
                Ok(()) => forget(&unwritten, &conversation, &noted),
                Err(error) => tracing::warn!(%error, "failed to record what was injected; it is kept in memory"),
            }
        });
    }

    /// Waits for the records on their way.
    pub(super) async fn settle(&self) {
        let mut writes = std::mem::take(&mut *locked(&self.writes));
        while writes.join_next().await.is_some() {}
    }
}

/// Something on its way to a conversation. Unless it [arrived](Handing::arrived), the conversation has not had it.
#[derive(Debug)]
#[must_use = "what is dropped was not told"]
pub struct Handing {
    given: Arc<Given>,
    conversation: String,
    noted: Vec<Source>,
    /// None once it has arrived.
    told: Option<Told>,
}

/// What the record is made of.
#[derive(Debug)]
struct Told {
    store: Store,
    handed: Handed,
    items: Vec<Item>,
    beside: Option<Source>,
}

impl Handing {
    /// Puts on record that the conversation has it. To be called on the runtime.
    pub fn arrived(mut self) {
        if let Some(told) = self.told.take() {
            self.given.keep(told, std::mem::take(&mut self.conversation), std::mem::take(&mut self.noted));
        }
    }
}

impl Drop for Handing {
    fn drop(&mut self) {
        if self.told.is_some() {
            tracing::debug!(conversation = self.conversation, "an answer came too late; what it told is taken back");
            forget(&self.given.unwritten, &self.conversation, &self.noted);
        }
    }
}

async fn record(store: &Store, handed: Handed, items: Vec<Item>, beside: Option<Source>) -> Result<(), StoreError> {
    let (conversation, told) = (handed.conversation.clone(), handed.tokens);
    let memory = |item: &Item| Memory {
        table: item.source.table.clone(),
        id: item.source.id.clone(),
        tokens: item.tokens,
        text: item.text.clone(),
    };
    let memories = items.iter().map(memory).collect();
    let entry = store.read_async(move |tx| Entry::of(tx, handed, memories)).await?;
    store
        .write_async(move |tx| {
            let now = i64::try_from(tx.now_us()).unwrap_or(i64::MAX);
            let db = tx.connection();
            let mut insert = db.prepare_cached(
                "INSERT OR IGNORE INTO ct_injected (claude_session_id, source_table, source_id, version, at_us, tokens) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?;
            if beside.is_some() {
                let before = "DELETE FROM ct_injected WHERE claude_session_id = ?1 AND source_table = ?2";
                db.prepare_cached(before)?.execute([&conversation, BESIDE])?;
            }
            let memories = items.iter().map(|item| (&item.source, item.tokens));
            for (source, tokens) in memories.chain(beside.as_ref().map(|source| (source, told))) {
                let tokens = i64::try_from(tokens).unwrap_or(i64::MAX);
                insert.execute((&conversation, &source.table, &source.id, &source.version, now, tokens))?;
            }
            let before = now.saturating_sub_unsigned(KEPT_US);
            db.prepare_cached("DELETE FROM ct_injected WHERE at_us < ?1")?.execute([before])?;
            entry.save(db, tx.now_us())
        })
        .await
}

fn forget(unwritten: &Mutex<HashMap<String, HashSet<Source>>>, conversation: &str, written: &[Source]) {
    let mut unwritten = locked(unwritten);
    if let Some(sources) = unwritten.get_mut(conversation) {
        for source in written {
            sources.remove(source);
        }
        if sources.is_empty() {
            unwritten.remove(conversation);
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
