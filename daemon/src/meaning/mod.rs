//! Recall by meaning: vectors of the memories, made in the background by a model of this machine or a service that its user
//! names, and those that are nearest to a question. Off unless it is configured; without it recall goes by words alone.
//!
//! [`Meaning::ask`] makes the vector of a question within the time that its asker has, [`Meaning::nearest`] finds, and
//! `upkeep` follows the replica. `memory/meant.rs` is the one place where words and meaning come together.
//!
//! Architecture invariant: nothing leaves this machine's programs unless a service is configured, and then no memory that
//! ever held a secret. Who may see what is the caller's matter: what he may not see counts 0, see `memory/visibility.rs`.

mod embedder;
mod local;
pub(crate) mod models;
mod own;
mod roots;
mod service;
pub(crate) mod source;
#[cfg(test)]
mod tests;
mod texts;
mod upkeep;
mod vectors;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sync::Store;
use tokio::sync::Semaphore;

use crate::files::remove_if_there;
use crate::phase::Trouble;
use embedder::{EmbedError, Embedder};
use source::Source;
use upkeep::Follow;
use vectors::Vectors;

/// How long a hook waits for a question's vector: one takes about 10 ms where a model is in memory.
pub(crate) const HOOK_PATIENCE: Duration = Duration::from_millis(40);
/// The same of a service, which is further away.
const HOOK_PATIENCE_SERVICE: Duration = Duration::from_millis(150);
/// How long who asks by hand waits; the model is read first, perhaps.
pub(crate) const PATIENCE: Duration = Duration::from_secs(3);
/// Questions whose vectors are made at a time.
const AT_ONCE: usize = 2;

/// Where it stands, for `status`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct MeaningReport {
    /// The model.
    pub(crate) model: String,
    /// True when it is a service, to which texts are sent.
    pub(crate) service: bool,
    /// Memories that have a vector.
    pub(crate) memories: u64,
    /// Memories that wait for theirs.
    pub(crate) waiting: u64,
    /// Memories that are not sent to a service, since a secret was taken out of them.
    pub(crate) kept_back: u64,
    /// Bytes of the files.
    pub(crate) bytes: u64,
    /// Questions since the daemon started.
    pub(crate) asked: u64,
    /// Of them, those whose vector was not there in time: they were answered by words alone.
    pub(crate) late: u64,
    /// What went wrong last, until it went well.
    pub(crate) trouble: Option<Trouble>,
}

/// The vectors of one replica, and what makes them.
pub(crate) struct Meaning {
    store: Store,
    folder: PathBuf,
    embedder: Arc<dyn Embedder>,
    /// None until the model was looked at.
    vectors: RwLock<Option<Vectors>>,
    follow: Mutex<Follow>,
    trouble: Mutex<Option<Trouble>>,
    asked: AtomicU64,
    late: AtomicU64,
    turns: Arc<Semaphore>,
    stopping: AtomicBool,
}

impl std::fmt::Debug for Meaning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Meaning").field("model", &self.embedder.name()).finish_non_exhaustive()
    }
}

impl Meaning {
    /// The vectors of a replica in that folder, made by what the configuration names. When it names nothing, none are kept:
    /// nobody would take out what is forgotten.
    pub(crate) fn new(store: Store, folder: PathBuf, source: Option<Source>) -> Option<Meaning> {
        if source != Some(Source::Own)
            && let Err(error) = remove_if_there(&own::file(&folder))
        {
            tracing::warn!(%error, folder = %folder.display(), "what was learnt from memories was left behind");
        }
        let Some(source) = source else {
            forget_all(&folder);
            return None;
        };
        let embedder = embedder::of(source, &store, &folder);
        Some(Meaning::with(store, folder, embedder.into()))
    }

    fn with(store: Store, folder: PathBuf, embedder: Arc<dyn Embedder>) -> Meaning {
        Meaning {
            store,
            folder,
            embedder,
            vectors: RwLock::default(),
            follow: Mutex::default(),
            trouble: Mutex::default(),
            asked: AtomicU64::new(0),
            late: AtomicU64::new(0),
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            stopping: AtomicBool::new(false),
        }
    }

    /// Lets a step end soon.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.embedder.stop();
    }

    /// Memories were forgotten on purpose: what was learnt from them is learnt anew.
    pub(crate) fn forgotten(&self) {
        self.embedder.forgotten();
    }

    /// What it counts beside words, as a share of what a sentence model does.
    pub(crate) fn trust(&self) -> f64 {
        self.embedder.trust()
    }

    /// True when nearness alone says too little to inject a memory for it.
    pub(crate) fn is_learnt(&self) -> bool {
        self.embedder.is_learnt()
    }

    /// The vector of a question for a hook, or None when it is not there in time: then words alone have to do.
    pub(crate) async fn ask_quickly(&self, text: &str) -> Option<Vec<f32>> {
        self.ask(text, if self.embedder.is_service() { HOOK_PATIENCE_SERVICE } else { HOOK_PATIENCE }).await
    }

    /// The vector of a question, or None when it is not there in time or there is nothing to compare it with.
    pub(crate) async fn ask(&self, text: &str, patience: Duration) -> Option<Vec<f32>> {
        if text.trim().is_empty() || self.read().as_ref().is_none_or(|vectors| vectors.len() == 0) {
            return None;
        }
        self.asked.fetch_add(1, Ordering::Relaxed);
        let (embedder, turns, text) = (Arc::clone(&self.embedder), Arc::clone(&self.turns), text.to_owned());
        let work = async move {
            let turn = turns.acquire_owned().await;
            let made = tokio::task::spawn_blocking(move || {
                let _turn = turn; // kept to the end, though nobody may wait for it any longer
                embedder.ask(&text, patience)
            });
            made.await.unwrap_or_else(|panic| Err(EmbedError::Model(crate::tasks::panic_text(panic))))
        };
        let vector = match tokio::time::timeout(patience, work).await {
            Ok(Ok(vector)) => Some(vector),
            Ok(Err(error)) => {
                self.note(Some(&error));
                None
            }
            Err(_) => None,
        };
        let fits = |vector: &Vec<f32>| self.read().as_ref().is_some_and(|it| it.dimensions() == vector.len());
        let vector = vector.filter(fits);
        if vector.is_none() {
            self.late.fetch_add(1, Ordering::Relaxed);
        }
        vector
    }

    /// The memories that are nearest to a question, see [`Vectors::nearest`]; none when the files are damaged, which are
    /// made anew then.
    pub(crate) fn nearest(&self, question: &[f32], counts: &dyn Fn(u64, u32) -> f32, most: usize) -> Vec<(u64, f32)> {
        let found = self.read().as_ref().map(|vectors| vectors.nearest(question, counts, most));
        self.whole(found).unwrap_or_default()
    }

    /// How near memories are to a question; None for those that have no vector.
    pub(crate) fn likeness(&self, question: &[f32], keys: &[u64]) -> Vec<Option<f32>> {
        let each = |vectors: &Vectors| keys.iter().map(|&key| vectors.likeness(question, key)).collect();
        let found: Option<std::io::Result<_>> = self.read().as_ref().map(each);
        self.whole(found).unwrap_or_else(|| vec![None; keys.len()])
    }

    fn whole<T>(&self, found: Option<std::io::Result<T>>) -> Option<T> {
        found?.map_err(|error| self.give_up(&error)).ok()
    }

    /// The files are not to be used as they are: the upkeep makes them anew.
    fn give_up(&self, error: &std::io::Error) {
        tracing::error!(%error, "the vectors of memories are made anew; recall goes by words alone until they are there");
        *self.write() = None;
        forget_all(&self.folder);
    }

    /// Where it stands.
    pub(crate) fn report(&self) -> MeaningReport {
        let (memories, bytes) = self.read().as_ref().map_or((0, 0), |vectors| (vectors.len() as u64, vectors.bytes()));
        let (waiting, kept_back) = self.follow.lock().unwrap_or_else(PoisonError::into_inner).counts();
        MeaningReport {
            model: self.embedder.name(),
            service: self.embedder.is_service(),
            memories,
            waiting,
            kept_back,
            bytes,
            asked: self.asked.load(Ordering::Relaxed),
            late: self.late.load(Ordering::Relaxed),
            trouble: self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    fn note(&self, error: Option<&EmbedError>) {
        if matches!(error, Some(EmbedError::Resting | EmbedError::Stopping)) {
            return; // why it rests was noted
        }
        let now = error.map(|error| Trouble { reason: error.to_string(), hint: error.hint().to_owned() });
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        match (&*trouble, &now) {
            (None, Some(now)) => tracing::warn!(reason = now.reason, "recall goes by words alone"),
            (Some(_), None) => tracing::info!("recall goes by meaning again"),
            _ => {}
        }
        *trouble = now;
    }

    fn read(&self) -> RwLockReadGuard<'_, Option<Vectors>> {
        self.vectors.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Option<Vectors>> {
        self.vectors.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes the files; what cannot be removed is tried again with the next start.
fn forget_all(folder: &Path) {
    if let Err(error) = vectors::remove(folder) {
        tracing::warn!(%error, folder = %folder.display(), "vectors that are not used were left behind");
    }
}
