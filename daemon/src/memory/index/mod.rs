//! The impact index of this machine: segments in files beside the replica, the newest memories in memory, and how both
//! follow the replica.
//!
//! Every change of a memory is in `ct_memory_log` with the transaction that made it. A search first takes in what is new
//! there ([`Index::search`]), so that a memory is found from the moment on at which it was acknowledged; everything else
//! ([`upkeep`]) goes on in the background. While the index is being built (the first time, after damage, after a replica
//! was put back) the text index of the replica answers instead, more slowly.
//!
//! Architecture invariant: the index is derived. When its files do not belong to the replica or do not hold what was
//! written, they are thrown away and made anew; a search never fails for them.

mod files;
pub(crate) mod rows;
mod state;
#[cfg(test)]
mod tests;
mod turns;
mod upkeep;

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use recall::index::search::Found;
use recall::index::{Ask, Scratch, SegmentError, search};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sync::{Store, StoreError};
use tokio::sync::watch;

use crate::meaning::Meaning;
use rows::Entry;
pub(crate) use rows::{Used, seconds, source, used};
use state::State;
use turns::Turns;

/// Entries of the log that a search takes in itself; of more, it takes in the newest, and leaves the rest to the upkeep.
const AT_ONCE: usize = 64;
/// Scratch memory that is kept for the next search, in searches at a time.
const KEPT_SCRATCH: usize = 2;

/// Why the index did not do what it should.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IndexError {
    /// A segment is damaged or cannot be written.
    #[error(transparent)]
    Segment(#[from] SegmentError),
    /// A file or folder is out of reach.
    #[error("{doing}: {source}")]
    File { doing: String, source: io::Error },
    /// The replica does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Where the index stands, for `status`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct IndexReport {
    /// False while it is being built: recall is slower then, and finds the same.
    pub(crate) ready: bool,
    /// Memories in it.
    pub(crate) memories: u64,
    /// Of them, those that no file holds yet.
    pub(crate) newest: u64,
    /// Files.
    pub(crate) segments: usize,
    /// Bytes of all files.
    pub(crate) bytes: u64,
    /// What went wrong last, until it went well.
    pub(crate) trouble: Option<String>,
}

/// The index of one replica.
pub(crate) struct Index {
    store: Store,
    folder: PathBuf,
    state: RwLock<State>,
    scratch: Mutex<Vec<Scratch>>,
    turns: Turns,
    trouble: Mutex<Option<String>>,
    /// The daemon is stopping: what takes long is left for the next time.
    stopping: AtomicBool,
    /// Segments that hold anything dead are to be written anew.
    purging: AtomicBool,
    /// Tells the upkeep that there is something to do, although nothing was written.
    nudge: watch::Sender<()>,
    /// What goes by meaning, if anything does.
    meaning: Option<Arc<Meaning>>,
}

impl std::fmt::Debug for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Index").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Index {
    /// The index of a replica, with its files in that folder. It answers from the first [`Index::step`] on that finds it
    /// whole.
    pub(crate) fn new(store: Store, folder: PathBuf) -> Index {
        Index {
            store,
            folder,
            state: RwLock::default(),
            scratch: Mutex::default(),
            turns: Turns::of_this_machine(),
            trouble: Mutex::default(),
            stopping: AtomicBool::new(false),
            purging: AtomicBool::new(false),
            nudge: watch::Sender::new(()),
            meaning: None,
        }
    }

    /// The same, with vectors beside it.
    pub(crate) fn with_meaning(self, meaning: Option<Arc<Meaning>>) -> Index {
        Index { meaning, ..self }
    }

    /// What goes by meaning, if anything does.
    pub(crate) fn meaning(&self) -> Option<&Arc<Meaning>> {
        self.meaning.as_ref()
    }

    /// Tells from now on when there is something to do, although nothing was written.
    pub(crate) fn nudge(&self) -> watch::Receiver<()> {
        self.nudge.subscribe()
    }

    /// Lets a step that takes long end soon.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Has the files written anew that still hold what is gone; the upkeep does it with its next step.
    pub(crate) fn purge(&self) {
        self.purging.store(true, Ordering::Relaxed);
        self.nudge.send_replace(());
        if let Some(meaning) = &self.meaning {
            meaning.forgotten();
        }
    }

    /// Searches, or None when the index cannot answer now. Blocks for as long as a search takes, a few at a time.
    pub(super) fn search(&self, ask: &Ask<'_>) -> Result<Option<Found>, StoreError> {
        if !self.read().ready {
            return Ok(None);
        }
        self.take_in_news()?;
        let _turn = self.turns.take();
        let mut kept = self.scratch().pop().unwrap_or_default();
        let found = {
            let state = self.read();
            if !state.ready {
                return Ok(None);
            }
            search(&state.parts(), &state.tail, ask, &mut kept)
        };
        let mut scratch = self.scratch();
        if scratch.len() < KEPT_SCRATCH {
            scratch.push(kept);
        }
        drop(scratch);
        match found {
            Ok(found) => Ok(Some(found)),
            Err(error) => {
                self.give_up(&mut self.write(), &format!("read the memory index: {error}"));
                Ok(None)
            }
        }
    }

    /// Takes in what was committed since the last time.
    fn take_in_news(&self) -> Result<(), StoreError> {
        let (applied, ahead) = {
            let state = self.read();
            (state.applied, state.ahead.clone())
        };
        let news = self.store.read(|tx| {
            let news = rows::after(tx, applied, AT_ONCE + 1)?;
            if news.len() <= AT_ONCE {
                return Ok(News { entries: rows::entries(tx, news)?, is_all: true });
            }
            let newest = rows::newest(tx, AT_ONCE)?.into_iter().filter(|line| !ahead.contains(&line.seq)).collect();
            Ok(News { entries: rows::entries(tx, newest)?, is_all: false })
        })?;
        if !news.entries.is_empty() {
            let mut state = self.write();
            for entry in news.entries {
                self.apply(&mut state, entry, news.is_all);
            }
        }
        Ok(())
    }

    fn apply(&self, state: &mut State, entry: Entry, in_order: bool) {
        if let Err(error) = state.apply(entry, in_order) {
            self.give_up(state, &format!("read the memory index: {error}"));
        }
    }

    /// Where it stands.
    pub(crate) fn report(&self) -> IndexReport {
        let state = self.read();
        IndexReport {
            ready: state.ready,
            memories: state.memories(),
            newest: state.tail.live() as u64,
            segments: state.segments.len(),
            bytes: state.segments.iter().map(|part| part.bytes).sum(),
            trouble: self.trouble(),
        }
    }

    /// The index is not to be used as it is: the upkeep makes it anew.
    fn give_up(&self, state: &mut State, reason: &str) {
        tracing::error!(reason, "the memory index is made anew; recall is slower until it is there");
        state.ready = false;
        self.nudge.send_replace(());
        self.note(Some(reason.to_owned()));
    }

    fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, trouble: Option<String>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn scratch(&self) -> std::sync::MutexGuard<'_, Vec<Scratch>> {
        self.scratch.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a search found new in the log.
struct News {
    entries: Vec<Entry>,
    /// False when there was more before them.
    is_all: bool,
}
