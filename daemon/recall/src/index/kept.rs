//! Postings that were asked for lately, in memory: the words that very many memories hold stand in most questions, and to
//! read them from the file each time takes longer than to add them up.
//!
//! Two generations: what is asked for is, or comes, into the younger one; when that fills half of the room, the older one
//! goes and the younger takes its place. What goes was not asked for in a while, and no step takes longer for how much is
//! kept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::terms::Stem;

/// Room for each memory of a segment, in bytes: a term that every fourth memory holds takes one.
const ROOM_PER_DOC: usize = 64;
/// Room of a small segment.
const LEAST_ROOM: usize = 1 << 20;
/// Room of a large one.
const MOST_ROOM: usize = 32 << 20;
/// One term takes no more than this share of the room.
const SHARE: usize = 16;

/// The encoded postings of a term.
#[derive(Debug)]
pub struct Kept {
    /// How many memories hold it.
    pub(super) count: usize,
    /// As [`super::codec::write`] writes them.
    pub(super) bytes: Vec<u8>,
}

/// What is kept of one segment.
#[derive(Debug)]
pub(super) struct Cache {
    room: usize,
    generations: Mutex<Generations>,
}

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<Stem, Arc<Kept>>,
    /// Bytes of the younger ones.
    bytes: usize,
    old: HashMap<Stem, Arc<Kept>>,
}

impl Cache {
    /// For a segment of so many memories.
    pub(super) fn new(docs: u32) -> Self {
        let room = (docs as usize * ROOM_PER_DOC).clamp(LEAST_ROOM, MOST_ROOM);
        Self { room, generations: Mutex::default() }
    }

    /// The most bytes that a term may take to be kept.
    pub(super) fn most(&self) -> usize {
        self.room / SHARE
    }

    /// A term's postings, if they are kept.
    pub(super) fn get(&self, term: Stem) -> Option<Arc<Kept>> {
        let mut generations = self.generations();
        if let Some(kept) = generations.young.get(&term) {
            return Some(Arc::clone(kept));
        }
        let kept = generations.old.remove(&term)?;
        generations.put(term, &kept, self.room);
        Some(kept)
    }

    /// Keeps a term's postings.
    pub(super) fn put(&self, term: Stem, kept: &Arc<Kept>) {
        self.generations().put(term, kept, self.room);
    }

    /// Gives all of it back.
    pub(super) fn clear(&self) {
        *self.generations() = Generations::default();
    }

    fn generations(&self) -> std::sync::MutexGuard<'_, Generations> {
        self.generations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Generations {
    fn put(&mut self, term: Stem, kept: &Arc<Kept>, room: usize) {
        if self.bytes + kept.bytes.len() > room / 2 {
            self.old = std::mem::take(&mut self.young);
            self.bytes = 0;
        }
        if self.young.insert(term, Arc::clone(kept)).is_none() {
            self.bytes += kept.bytes.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(bytes: usize) -> Arc<Kept> {
        Arc::new(Kept { count: 1, bytes: vec![7; bytes] })
    }

    #[test]
    fn what_is_asked_for_stays_and_the_rest_goes() {
        let cache = Cache::new(1);
        let often = Stem::from_bits(1);
        cache.put(often, &kept(LEAST_ROOM / 16));
        for term in 2..200 {
            cache.put(Stem::from_bits(term), &kept(LEAST_ROOM / 16));
            assert!(cache.get(often).is_some(), "after {term} others");
        }
        let held = (2..200).filter(|&term| cache.get(Stem::from_bits(term)).is_some()).count();
        assert!((4..16).contains(&held), "{held}");
    }

    #[test]
    fn it_takes_no_more_than_its_room() {
        let cache = Cache::new(1_000_000);
        for term in 0..1_000 {
            cache.put(Stem::from_bits(term), &kept(cache.most()));
        }
        let generations = cache.generations();
        let all = generations.young.values().chain(generations.old.values());
        assert!(all.map(|kept| kept.bytes.len()).sum::<usize>() <= MOST_ROOM);
        drop(generations);
        cache.clear();
        assert!((0..1_000).all(|term| cache.get(Stem::from_bits(term)).is_none()));
    }
}
