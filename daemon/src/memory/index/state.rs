//! What the index holds: its segments with what is dead in each, and the tail.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;

use recall::index::{Dead, Part, Segment, Tail};

use super::rows::Entry;

/// A segment in use.
#[derive(Debug, Clone)]
pub(super) struct InUse {
    pub(super) segment: Arc<Segment>,
    /// Name of its file.
    pub(super) file: String,
    pub(super) bytes: u64,
    pub(super) dead: Dead,
}

/// All of the index.
#[derive(Debug, Default)]
pub(super) struct State {
    /// False until it holds all that the replica holds.
    pub(super) ready: bool,
    pub(super) segments: Vec<InUse>,
    pub(super) tail: Tail,
    /// The log is taken in up to here.
    pub(super) applied: i64,
    /// Places of the log after that which were taken in already.
    pub(super) ahead: HashSet<i64>,
}

impl State {
    /// What a search reads.
    pub(super) fn parts(&self) -> Vec<Part<'_>> {
        self.segments.iter().map(|part| Part { segment: &part.segment, dead: &part.dead }).collect()
    }

    /// Memories in it.
    pub(super) fn memories(&self) -> u64 {
        let held: u64 = self.segments.iter().map(|part| u64::from(part.segment.len() - part.dead.len())).sum();
        held + self.tail.live() as u64
    }

    /// Takes an entry of the log in; one of several at the end of a long log is out of order.
    pub(super) fn apply(&mut self, entry: Entry, in_order: bool) -> io::Result<()> {
        if entry.seq <= self.applied || (!in_order && self.ahead.contains(&entry.seq)) {
            return Ok(());
        }
        self.put(entry.key, entry.memory)?;
        if in_order {
            self.applied = entry.seq;
            self.ahead.remove(&entry.seq);
        } else {
            self.ahead.insert(entry.seq);
        }
        Ok(())
    }

    /// Makes a memory what it is now, or takes it away.
    pub(super) fn put(&mut self, key: u64, memory: Option<super::rows::Memory>) -> io::Result<()> {
        if !self.tail.remove(key) {
            for part in &mut self.segments {
                if let Some(place) = part.segment.place(key)?
                    && part.dead.insert(place)
                {
                    break;
                }
            }
        }
        if let Some(memory) = memory {
            self.tail.insert(memory.doc, &memory.bag);
        }
        Ok(())
    }
}
