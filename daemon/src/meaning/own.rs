//! Vectors without a model: learnt from the user's own memories, on this machine, with nothing downloaded.
//!
//! What is learnt lies in a file beside the vectors, holds no text, and is made anew when it is missing or damaged, when there
//! are twice as many memories as it was learnt from, and when memories were forgotten.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use embed::latent::Latent;
use recall::terms;
use sha2::{Digest, Sha256};
use sync::local::ReadTx;
use sync::{Store, StoreError};

use super::embedder::{EmbedError, Embedder};
use super::{texts, upkeep};
use crate::files::{remove_if_there, write_private};
use crate::memory::index::rows;
use crate::server::guard::hex;

/// Memories from which on there is something to learn.
const LEAST: u64 = 50;
/// Memories that are learnt from at most; of more, they are picked evenly.
const MOST: u64 = 20_000;
/// Numbers of a vector, where there are as many memories.
const DIMENSIONS: usize = 256;
/// Words of a memory that are read.
const MOST_WORDS: usize = 2_000;
/// Memories read in one go.
const BATCH: usize = 256;
/// How many times as many memories as were learnt from are too many.
const OUTGROWN: u64 = 2;
/// How long until the memories are counted again.
const COUNTED: Duration = Duration::from_mins(1);
/// How long what was learnt stays in memory after its last use.
const IDLE: Duration = Duration::from_mins(5);
/// What it counts beside the evidence of words, measured on the sets of the README ("Recall by meaning").
const TRUST: f64 = 0.5;
/// The same memories give the same vectors.
const SEED: u64 = 1990;

/// What was learnt.
struct Learnt {
    /// None while there is too little.
    latent: Option<Latent>,
    /// From so many memories.
    memories: u64,
}

#[derive(Default)]
struct State {
    loaded: Option<(Arc<Learnt>, Instant)>,
    /// From how many memories that was learnt; None until it was looked at.
    memories: Option<u64>,
    counted: Option<Instant>,
    outgrown: bool,
}

/// Learns from a replica, and keeps what it learnt in a file.
pub(crate) struct Own {
    store: Store,
    file: PathBuf,
    state: Mutex<State>,
    stopping: AtomicBool,
}

/// The file of what was learnt for the vectors in that folder.
pub(super) fn file(vectors: &Path) -> PathBuf {
    vectors.with_extension("own")
}

impl Own {
    pub(crate) fn new(store: Store, vectors: &Path) -> Own {
        Own { store, file: file(vectors), state: Mutex::default(), stopping: AtomicBool::new(false) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn use_now(&self, learnt: Learnt) -> Arc<Learnt> {
        let learnt = Arc::new(learnt);
        let mut state = self.state();
        state.memories = Some(learnt.memories);
        state.loaded = Some((Arc::clone(&learnt), Instant::now()));
        learnt
    }

    /// What is in memory, or in the file. Errors: the file that was there is gone, so that what it gave vectors of is of no use.
    fn learnt(&self) -> Result<Arc<Learnt>, EmbedError> {
        if let Some((learnt, used)) = &mut self.state().loaded {
            *used = Instant::now();
            return Ok(Arc::clone(learnt));
        }
        if let Some(learnt) = fs::read(&self.file).ok().as_deref().and_then(Learnt::from_bytes) {
            return Ok(self.use_now(learnt));
        }
        self.state().outgrown = true;
        Err(EmbedError::Model(format!("{} cannot be read, and is learnt anew", self.file.display())))
    }

    fn memories(&self) -> Result<u64, StoreError> {
        self.store.read(rows::count)
    }

    /// Blocks, for some seconds where there are many memories.
    fn learn(&self) -> Result<Learnt, EmbedError> {
        let broken = |error: StoreError| EmbedError::Model(format!("read the memories to learn from: {error}"));
        let memories = self.memories().map_err(broken)?;
        if memories < LEAST {
            return Ok(Learnt { latent: None, memories });
        }
        let every = usize::try_from(memories.div_ceil(MOST)).unwrap_or(usize::MAX);
        let (mut texts, mut key, mut passed) = (Vec::new(), 0, 0);
        loop {
            let read = |tx: &ReadTx<'_>| {
                let keys = rows::keys_after(tx, key, BATCH)?;
                let picked = keys.iter().enumerate().filter(|(at, _)| (passed + at).is_multiple_of(every));
                let found = picked.map(|(_, &key)| texts::of(tx, key)).collect::<Result<Vec<_>, _>>()?;
                Ok((keys.last().copied(), keys.len(), found))
            };
            let (last, count, found) = self.store.read(read).map_err(broken)?;
            texts.extend(found.iter().flatten().map(|text| bits(&text.text)));
            let Some(last) = last else { break };
            (key, passed) = (last, passed + count);
            self.go_on()?;
        }
        let latent = Latent::learn(&texts, DIMENSIONS, SEED, &|| !self.stopping.load(Ordering::Relaxed));
        self.go_on()?;
        Ok(Learnt { latent, memories })
    }

    fn go_on(&self) -> Result<(), EmbedError> {
        if self.stopping.load(Ordering::Relaxed) { Err(EmbedError::Stopping) } else { Ok(()) }
    }
}

/// What a text holds, as it is learnt.
fn bits(text: &str) -> Vec<u64> {
    let mut found = Vec::new();
    terms::document(text, MOST_WORDS, &mut found);
    found.into_iter().map(terms::Stem::to_bits).collect()
}

impl Learnt {
    fn vector(&self, text: &str) -> Vec<f32> {
        // Nothing is known of anything yet: all are equally near.
        self.latent.as_ref().map_or_else(|| vec![0.0], |latent| latent.embed(&bits(text)))
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.memories.to_le_bytes().to_vec();
        // Terms are cut and hashed by this program, and another version may do it in another way.
        bytes.extend(terms::probe().to_bits().to_le_bytes());
        bytes.extend(self.latent.as_ref().map(Latent::to_bytes).unwrap_or_default());
        let sum = Sha256::digest(&bytes);
        bytes.extend_from_slice(&sum);
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Learnt> {
        let (bytes, sum) = bytes.split_last_chunk::<32>()?;
        if Sha256::digest(bytes).as_slice() != sum {
            return None;
        }
        let (memories, bytes) = bytes.split_first_chunk()?;
        let (probe, bytes) = bytes.split_first_chunk()?;
        if u64::from_le_bytes(*probe) != terms::probe().to_bits() {
            return None;
        }
        let latent = if bytes.is_empty() { None } else { Some(Latent::from_bytes(bytes)?) };
        Some(Learnt { latent, memories: u64::from_le_bytes(*memories) })
    }
}

impl Embedder for Own {
    fn identity(&self) -> Result<String, EmbedError> {
        let outgrown = std::mem::take(&mut self.state().outgrown);
        let kept = if outgrown { None } else { fs::read(&self.file).ok() };
        let kept = kept.and_then(|bytes| Some((Learnt::from_bytes(&bytes)?, bytes)));
        let (learnt, bytes) = if let Some(kept) = kept {
            kept
        } else {
            let learnt = upkeep::low(|| self.learn())?;
            let bytes = learnt.to_bytes();
            write_private(&self.file, &bytes)
                .map_err(|error| EmbedError::Model(format!("write {}: {error}", self.file.display())))?;
            tracing::info!(memories = learnt.memories, "what memories have in common is learnt");
            (learnt, bytes)
        };
        self.use_now(learnt);
        Ok(format!("own {}", hex(&Sha256::digest(bytes)[..12])))
    }

    fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbedError> {
        let learnt = self.learnt()?;
        Ok(texts.iter().map(|text| learnt.vector(text)).collect())
    }

    fn ask(&self, text: &str, _: Duration) -> Result<Vec<f32>, EmbedError> {
        Ok(self.learnt()?.vector(text))
    }

    fn batch(&self) -> usize {
        64
    }

    fn is_service(&self) -> bool {
        false
    }

    fn rest(&self) {
        self.state().loaded.take_if(|(_, used)| used.elapsed() > IDLE);
    }

    fn name(&self) -> String {
        match self.state().memories {
            Some(memories) if memories >= LEAST => format!("own (learnt from {memories} memories)"),
            _ => format!("own (it learns once there are {LEAST} memories)"),
        }
    }

    fn is_outgrown(&self) -> bool {
        let learnt_from = {
            let mut state = self.state();
            let Some(memories) = state.memories else { return false };
            if state.outgrown || state.counted.is_some_and(|counted| counted.elapsed() < COUNTED) {
                return state.outgrown;
            }
            state.counted = Some(Instant::now());
            memories
        };
        let Ok(now) = self.memories() else { return false }; // the next step says why
        let mut state = self.state();
        state.outgrown |= now >= LEAST && (learnt_from < LEAST || now >= OUTGROWN * learnt_from);
        state.outgrown
    }

    /// The file goes at once: the daemon may end before it has learnt anew.
    fn forgotten(&self) {
        self.state().outgrown = true;
        if let Err(error) = remove_if_there(&self.file) {
            tracing::warn!(%error, file = %self.file.display(), "what was learnt from forgotten memories stays until it is learnt anew");
        }
    }

    fn trust(&self) -> f64 {
        TRUST
    }

    fn is_learnt(&self) -> bool {
        true
    }

    fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
