//! What keeps the index: it is opened or built, follows long logs, writes the tail out, and merges segments.

use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use recall::index::Tail;
use recall::index::merge::merge;
use sync::local::{ReadTx, WriteTx, new_id};

use super::files::{self, List};
use super::state::{InUse, State};
use super::{Index, IndexError, rows};
use crate::news::Next;

/// Memories of the tail from which on it is written out.
const TAIL: usize = 1_024;
/// Entries that are read in one go.
const BATCH: usize = 256;
/// Until the next look, at least.
const QUIET: Duration = Duration::from_millis(500);
/// A segment is merged with the smaller ones when they come to at least this share of it.
const SHARE: f64 = 0.5;

impl Index {
    /// Does what is to be done next, and says when to do the next step. Blocks, for some milliseconds; longer
    /// where segments are opened or merged, which holds up nobody. Errors: are also in the report; nothing is lost by them.
    pub(crate) fn step(&self) -> Result<Next, IndexError> {
        let outcome = if self.read().ready { self.keep() } else { self.open_or_build().map(|()| Next::NOW) };
        match &outcome {
            Ok(_) if self.read().ready => self.note(None),
            Ok(_) => {}
            Err(error) => self.note(Some(error.to_string())),
        }
        outcome
    }

    fn keep(&self) -> Result<Next, IndexError> {
        let applied = self.read().applied;
        let news = self.store.read(|tx| rows::after(tx, applied, BATCH).and_then(|lines| rows::entries(tx, lines)))?;
        let is_long = news.len() == BATCH;
        if !news.is_empty() {
            let mut state = self.write();
            for entry in news {
                self.apply(&mut state, entry, true);
            }
        }
        let mut next = if is_long { Next::NOW } else { Next::News(QUIET) };
        let purging = self.purging.swap(false, Ordering::Relaxed);
        if purging || self.read().tail.len() >= TAIL {
            if let Some(held) = self.write_tail()? {
                self.record(held)?;
                self.merge(held, purging)?;
            } else if purging {
                self.purging.store(true, Ordering::Relaxed); // not done yet
                next = Next::In(QUIET);
            }
        } else if !is_long {
            // Nobody has searched for a while: the memory for it is not needed.
            self.scratch().clear();
            self.read().segments.iter().for_each(|part| part.segment.forget_lately());
        }
        Ok(next)
    }

    /// Takes the files over when they belong to the replica as it is, and builds them otherwise.
    fn open_or_build(&self) -> Result<(), IndexError> {
        let (token, (last, cut)) = self.store.read(|tx| Ok((rows::token(tx)?, rows::span(tx)?)))?;
        if let (Some(token), Some(list)) = (token, List::load(&self.folder))
            && (token == list.token || token == list.former)
            && (cut..=last).contains(&list.applied)
            // Files that gave trouble while they were in use are not taken over again.
            && self.trouble().is_none()
        {
            match list.open(&self.folder) {
                Ok(segments) => {
                    files::sweep(&self.folder, &segments);
                    let mut state = self.write();
                    *state = State { ready: true, segments, applied: list.applied, ..State::default() };
                    return Ok(());
                }
                Err(error) => tracing::warn!(%error, "the memory index cannot be used as it is, and is made anew"),
            }
        }
        self.build()
    }

    /// Reads all memories there are; a stop leaves the index as it was. What changes meanwhile is in the log after the place at which it began.
    fn build(&self) -> Result<(), IndexError> {
        let begun = self.store.read(|tx| Ok(rows::span(tx)?.0))?;
        let mut built = State { applied: begun, ..State::default() };
        let mut key = 0;
        tracing::info!("the memory index is being built");
        loop {
            let read = |tx: &ReadTx<'_>| {
                let keys = rows::keys_after(tx, key, BATCH)?;
                let last = keys.last().copied();
                let memories = keys.into_iter().map(|key| rows::memory(tx, key)).collect::<Result<Vec<_>, _>>()?;
                Ok((last, memories))
            };
            let (last, memories) = self.store.read(read)?;
            for memory in memories.into_iter().flatten() {
                built.tail.insert(memory.doc, &memory.bag);
            }
            let Some(last) = last else { break };
            if self.stopping.load(Ordering::Relaxed) {
                return Ok(());
            }
            key = last;
            if built.tail.len() >= TAIL {
                self.write_out(&mut built)?;
            }
        }
        self.write_out(&mut built)?;
        if built.segments.len() > 1 {
            let all: Vec<usize> = (0..built.segments.len()).collect();
            let merged = self.merged(&built.segments, &all)?;
            replace(&mut built.segments, &all, merged);
        }
        let memories = built.memories();
        built.ready = true;
        *self.write() = built;
        self.record(begun)?;
        tracing::info!(memories, "the memory index is built");
        Ok(())
    }

    /// Writes the tail out however small it is.
    #[cfg(test)]
    pub(super) fn write_all(&self) {
        self.keep().unwrap();
        let held = self.write_tail().unwrap().unwrap();
        self.record(held).unwrap();
        self.merge(held, false).unwrap();
    }

    /// While it is built: nobody else sees it.
    fn write_out(&self, built: &mut State) -> Result<(), IndexError> {
        let tail = std::mem::take(&mut built.tail);
        if tail.live() > 0 {
            built.segments.push(files::make(&self.folder, &self.name(), |out, _| tail.write(out))?);
        }
        while let Some(few) = due(&built.segments, false) {
            let merged = self.merged(&built.segments, &few)?;
            replace(&mut built.segments, &few, merged);
        }
        Ok(())
    }

    /// Writes the tail to a segment of its own. Returns how far the log is held by segments then, or None when the tail grew
    /// meanwhile: the next step writes it all.
    fn write_tail(&self) -> Result<Option<i64>, IndexError> {
        let (bytes, length, live) = {
            let state = self.read();
            let mut bytes = Vec::new();
            state.tail.write(&mut bytes)?;
            (bytes, state.tail.len(), state.tail.live())
        };
        let made = files::make(&self.folder, &self.name(), |mut out, _| {
            std::io::Write::write_all(&mut out, &bytes)?;
            Ok(std::io::Write::flush(&mut out)?)
        })?;
        let mut state = self.write();
        if (state.tail.len(), state.tail.live()) != (length, live) {
            return Ok(None);
        }
        state.tail = Tail::default();
        if live > 0 {
            state.segments.push(made);
        }
        Ok(Some(state.applied))
    }

    /// Merges small segments into larger ones, until there are few; `purging`: until none holds what is gone.
    fn merge(&self, held: i64, purging: bool) -> Result<(), IndexError> {
        loop {
            let segments = self.read().segments.clone();
            let Some(few) = due(&segments, purging) else { return Ok(()) };
            let mut merged = self.merged(&segments, &few)?;
            {
                let mut state = self.write();
                // What died meanwhile is dead in the new segment too.
                for &at in &few {
                    let (before, now) = (&segments[at], &state.segments[at]);
                    for place in now.dead.places().filter(|&place| !before.dead.contains(place)) {
                        let key = now.segment.doc(place).map_err(recall::index::SegmentError::from)?.key;
                        if let Some(place) = merged.segment.place(key).map_err(recall::index::SegmentError::from)? {
                            merged.dead.insert(place);
                        }
                    }
                }
                replace(&mut state.segments, &few, merged);
            }
            self.record(held)?;
        }
    }

    fn merged(&self, segments: &[InUse], few: &[usize]) -> Result<InUse, IndexError> {
        let parts: Vec<recall::index::Part<'_>> = few
            .iter()
            .map(|&at| recall::index::Part { segment: &segments[at].segment, dead: &segments[at].dead })
            .collect();
        files::make(&self.folder, &self.name(), |out, spool| merge(&parts, out, spool))
    }

    /// Writes the list of the files, which hold the log up to there, and cuts that off. What a list says of later lines is no
    /// harm: they are looked at again.
    fn record(&self, held: i64) -> Result<(), IndexError> {
        let former = self.store.read(rows::token)?.unwrap_or_default();
        let token = new_id(self.store.clock().now_us());
        let list = List::new(token.clone(), former, held, &self.read().segments);
        list.save(&self.folder)?;
        self.store.write(move |tx: &mut WriteTx<'_>| {
            let db = tx.connection();
            db.prepare_cached("DELETE FROM ct_memory_log WHERE seq <= ?1")?.execute([held])?;
            db.prepare_cached(
                "INSERT INTO ct_memory_index (id, token) VALUES (1, ?1) ON CONFLICT (id) DO UPDATE SET token = excluded.token",
            )?
            .execute([&token])?;
            Ok(())
        })?;
        files::sweep(&self.folder, &self.read().segments);
        Ok(())
    }

    /// A name that no file has.
    fn name(&self) -> String {
        format!("{}.seg", new_id(self.store.clock().now_us()))
    }
}

/// The segments to be merged next: the smallest, as long as they are not much smaller together than the next one. That
/// leaves about as many segments as the number of memories has doublings, and moves each memory as often.
fn due(segments: &[InUse], purging: bool) -> Option<Vec<usize>> {
    let live = |at: usize| f64::from(segments[at].segment.len() - segments[at].dead.len());
    let mut order: Vec<usize> = (0..segments.len()).collect();
    order.sort_by(|&a, &b| live(a).total_cmp(&live(b)));
    let mut few: Vec<usize> = Vec::new();
    let mut sum = 0.0;
    for (position, &at) in order.iter().enumerate() {
        sum += live(at);
        few.push(at);
        let Some(&next) = order.get(position + 1) else { break };
        if sum < SHARE * live(next) {
            break;
        }
    }
    let is_waste = |at: usize| {
        let (dead, all) = (segments[at].dead.len(), segments[at].segment.len());
        dead * 2 > all || (purging && dead > 0)
    };
    if few.len() > 1 {
        return Some(few);
    }
    (0..segments.len()).find(|&at| is_waste(at)).map(|at| vec![at])
}

/// Puts one segment in the place of several.
fn replace(segments: &mut Vec<InUse>, few: &[usize], merged: InUse) {
    let few: HashSet<usize> = few.iter().copied().collect();
    let mut at = 0;
    segments.retain(|_| {
        at += 1;
        !few.contains(&(at - 1))
    });
    if merged.segment.len() > merged.dead.len() {
        segments.push(merged);
    }
}
