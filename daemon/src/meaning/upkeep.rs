//! What keeps the vectors: they follow the log of changes as the index does, and where that was cut off before they had read
//! it (at every start too), all memories are compared with what their vectors are of.

use std::collections::BTreeSet;
use std::io;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use sync::StoreError;
use sync::local::ReadTx;

use super::embedder::EmbedError;
use super::texts::{self, Text};
use super::vectors::{Mark, Vectors};
use super::{Meaning, vectors};
use crate::memory::index::rows;
use crate::news::Next;

/// Entries that are read in one go.
const BATCH: usize = 256;
/// How long a step may take.
const STEP: Duration = Duration::from_millis(500);
/// Until the next look, at least.
const QUIET: Duration = Duration::from_secs(1);
/// What a model's numbers are counted with.
const PROBE: &str = "how many numbers?";

/// Why a step did not get through.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StepError {
    /// There is no vector; it is in the report too.
    #[error("make vectors of memories: {0}")]
    Embed(#[from] EmbedError),
    /// The files cannot be read or written.
    #[error("keep the vectors of memories: {0}")]
    File(#[from] io::Error),
    /// The replica does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What comparing some memories found: up to which it came (None at the end), which have another vector than they should, and
/// which vectors have no memory.
type Compared = (Option<u64>, Vec<u64>, Vec<u64>);

/// How far the replica is followed.
#[derive(Debug, Default)]
pub(super) struct Follow {
    /// The log is read up to here; None: not begun.
    read: Option<i64>,
    /// All memories up to here were compared; None: there is nothing to compare.
    compared: Option<u64>,
    todo: BTreeSet<u64>,
    kept_back: BTreeSet<u64>,
}

impl Follow {
    /// How many wait, and how many are kept back.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.todo.len() as u64, self.kept_back.len() as u64)
    }
}

impl Meaning {
    /// Does what is to be done next, and says when to do the next step. Blocks, for about half a second.
    pub(crate) fn step(&self) -> Result<Next, StepError> {
        self.embedder.rest();
        if self.embedder.is_outgrown() {
            *self.write() = None;
        }
        match self.open() {
            Err(StepError::Embed(EmbedError::Stopping)) => return Ok(Next::News(QUIET)),
            opened => opened?,
        }
        let begun = Instant::now();
        let outcome = loop {
            let more = self.follow().and_then(|more| Ok(self.some()? || more));
            let goes_on = begun.elapsed() < STEP && !self.stopping.load(Ordering::Relaxed);
            match more {
                Ok(true) if goes_on => {}
                Ok(more) => break Ok(if more { Next::NOW } else { Next::News(QUIET) }),
                Err(error) => break Err(error),
            }
        };
        match &outcome {
            Err(StepError::File(error)) => self.give_up(error),
            Err(StepError::Embed(error)) => self.note(Some(error)),
            Ok(_) => self.note(None),
            Err(StepError::Store(_)) => {}
        }
        outcome
    }

    /// Takes the files over when they are of the model in use, and begins new ones otherwise.
    fn open(&self) -> Result<(), StepError> {
        if self.read().is_some() {
            return Ok(());
        }
        let open = || {
            let identity = self.embedder.identity()?;
            if let Some(vectors) = Vectors::open(&self.folder, &identity) {
                return Ok(vectors);
            }
            if vectors::exist(&self.folder) {
                tracing::info!("the vectors of memories are of another model or damaged, and are made anew");
            }
            let probe = low(|| self.embedder.embed(&[PROBE.to_owned()]))?;
            Ok::<_, StepError>(Vectors::create(&self.folder, &identity, probe.first().map_or(0, Vec::len))?)
        };
        let vectors = open().inspect_err(|error| {
            if let StepError::Embed(error) = error {
                self.note(Some(error));
            }
        })?;
        *self.follow.lock().unwrap_or_else(PoisonError::into_inner) = Follow::default();
        *self.write() = Some(vectors);
        Ok(())
    }

    /// Reads what is new in the log, and compares some more memories; true when there is more to compare.
    fn follow(&self) -> Result<bool, StepError> {
        let mut follow = self.follow.lock().unwrap_or_else(PoisonError::into_inner);
        let ((last, cut), lines) = self.store.read(|tx| {
            let lines = follow.read.map(|read| rows::after(tx, read, BATCH)).transpose()?.unwrap_or_default();
            Ok((rows::span(tx)?, lines))
        })?;
        match follow.read {
            Some(read) if cut <= read => {
                follow.read = lines.last().map_or(Some(read), |line| Some(line.seq));
                follow.todo.extend(lines.iter().map(|line| line.key));
            }
            // What changes while all are compared is in the log after this.
            _ => (follow.read, follow.compared) = (Some(last), Some(0)),
        }
        let Some(compared) = follow.compared else { return Ok(lines.len() == BATCH) };
        let (next, changed, gone) = self.compare(compared)?;
        follow.compared = next;
        follow.todo.extend(changed);
        follow.todo.extend(gone);
        Ok(true)
    }

    /// Compares some memories with what their vectors are of.
    fn compare(&self, after: u64) -> Result<Compared, StepError> {
        let read = |tx: &ReadTx<'_>| {
            let keys = rows::keys_after(tx, after, BATCH)?;
            keys.into_iter().map(|key| Ok((key, texts::of(tx, key)?.map(|text| text.mark())))).collect()
        };
        let memories: Vec<(u64, Option<u64>)> = self.store.read(read)?;
        let vectors = self.read();
        let Some(vectors) = &*vectors else { return Ok((None, Vec::new(), Vec::new())) };
        let mut changed = Vec::new();
        for &(key, mark) in &memories {
            if vectors.text_of(key)? != mark {
                changed.push(key);
            }
        }
        let last = memories.last().map(|&(key, _)| key);
        let known: BTreeSet<u64> = memories.into_iter().map(|(key, _)| key).collect();
        let within = |key: &u64| *key > after && last.is_none_or(|last| *key <= last);
        let gone = vectors.keys().into_iter().filter(|key| within(key) && !known.contains(key)).collect();
        Ok((last, changed, gone))
    }

    /// Makes the vectors of a few memories, the newest first; true when there are more to make.
    fn some(&self) -> Result<bool, StepError> {
        let keys: Vec<u64> = {
            let follow = self.follow.lock().unwrap_or_else(PoisonError::into_inner);
            follow.todo.iter().rev().take(self.embedder.batch()).copied().collect()
        };
        if keys.is_empty() {
            return Ok(false);
        }
        // Read at the last moment: what was forgotten meanwhile goes nowhere.
        let read = |tx: &ReadTx<'_>| keys.iter().map(|&key| Ok((key, texts::of(tx, key)?))).collect();
        let memories: Vec<(u64, Option<Text>)> = self.store.read(read)?;
        let (mut marks, mut texts, mut without) = (Vec::new(), Vec::new(), Vec::new());
        let mut kept_back = Vec::new();
        for (key, text) in memories {
            match text {
                None => without.push(key),
                Some(text) if self.embedder.is_service() && text.held_a_secret() => kept_back.push(key),
                Some(text) => {
                    marks.push(Mark { key, made: text.made, text: text.mark() });
                    texts.push(text.text);
                }
            }
        }
        let made = if texts.is_empty() { Vec::new() } else { low(|| self.embedder.embed(&texts))? };
        self.store_some(&marks, &made, without.iter().chain(&kept_back))?;
        let mut follow = self.follow.lock().unwrap_or_else(PoisonError::into_inner);
        for key in &keys {
            follow.todo.remove(key);
            follow.kept_back.remove(key);
        }
        follow.kept_back.extend(kept_back);
        Ok(!follow.todo.is_empty())
    }

    fn store_some<'a>(
        &self,
        marks: &[Mark],
        made: &[Vec<f32>],
        gone: impl Iterator<Item = &'a u64>,
    ) -> Result<(), StepError> {
        let mut vectors = self.write();
        let Some(vectors) = &mut *vectors else { return Ok(()) };
        for (&mark, vector) in marks.iter().zip(made) {
            if vector.len() != vectors.dimensions() {
                return Err(io::Error::other("the model gives vectors of another length than before").into());
            }
            vectors.put(mark, vector)?;
        }
        for &key in gone {
            vectors.remove(key)?;
        }
        Ok(())
    }
}

/// Does something on a thread that others go before.
pub(super) fn low<T: Send>(job: impl FnOnce() -> T + Send) -> T {
    let outcome = std::thread::scope(|scope| {
        let work = scope.spawn(|| {
            // On Linux this is the thread's own; that it may fail is no harm.
            #[cfg(target_os = "linux")]
            let _ = rustix::process::setpriority_process(None, 19);
            job()
        });
        work.join()
    });
    outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
