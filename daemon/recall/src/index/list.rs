//! A term's postings in a segment: those that are kept in memory from there, longer ones piece by piece, so that of these
//! only what is looked at meanwhile is in memory.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use super::codec::{Bytes, Impact, Runs};
use super::kept::Kept;
use super::segment::{Postings, Segment};

/// Bytes that are read first: all of most terms'.
const FIRST: u64 = 1 << 12;
/// Bytes that are read at a time after those.
const CHUNK: u64 = 1 << 15;

/// Postings to be read in the order of their places.
pub(super) enum List<'a> {
    /// Of a single memory.
    One(u32, Impact),
    /// An impact for each memory from the first one on.
    Dense(Dense<'a>),
    /// The memories that hold the term.
    Packed(Box<Runs<Window<'a>>>),
}

impl<'a> List<'a> {
    pub(super) fn new(segment: &'a Segment, postings: Postings) -> io::Result<List<'a>> {
        let (count, window, dense) = match postings {
            Postings::One(place, impact) => return Ok(List::One(place, impact)),
            Postings::Kept(kept) => (kept.count, Window::Kept(Arc::clone(&kept), 0), Dense::Kept(kept)),
            Postings::Many(count, range) => {
                let pieces = Pieces::new(segment, range.clone());
                (count, Window::Pieces(pieces), Dense::Pieces(segment, range.start + 1..range.end, Vec::new()))
            }
        };
        let runs = Runs::new(window, count)?;
        Ok(if runs.is_dense() { List::Dense(dense) } else { List::Packed(Box::new(runs)) })
    }

    /// What the term tells of a memory, 0 when that does not hold it. Memories are asked for in the order of their places.
    pub(super) fn impact(&mut self, place: u32) -> io::Result<Impact> {
        Ok(match self {
            List::One(own, impact) if *own == place => *impact,
            List::One(..) => 0,
            List::Dense(dense) => dense.read(place, 1)?.first().copied().unwrap_or(0),
            List::Packed(runs) => {
                let mut found = 0;
                runs.skip_to(place)?;
                runs.below(u64::from(place), |_, _| {})?;
                runs.below(u64::from(place) + 1, |_, impacts| found = impacts[0])?;
                found
            }
        })
    }
}

/// An impact for each memory.
pub(super) enum Dense<'a> {
    /// Behind the first byte.
    Kept(Arc<Kept>),
    /// These bytes of the segment, and those that were read last.
    Pieces(&'a Segment, Range<u64>, Vec<Impact>),
}

impl Dense<'_> {
    /// The impacts of so many memories from a place on; fewer where the last ones do not hold the term.
    pub(super) fn read(&mut self, first: u32, count: usize) -> io::Result<&[Impact]> {
        match self {
            Dense::Kept(kept) => {
                let rest = kept.bytes.get(1 + first as usize..).unwrap_or_default();
                Ok(&rest[..count.min(rest.len())])
            }
            Dense::Pieces(segment, range, held) => {
                let at = range.start + u64::from(first);
                let length = count.min(usize::try_from(range.end.saturating_sub(at)).unwrap_or(usize::MAX));
                held.resize(length, 0);
                segment.read_at(at, held)?;
                Ok(held)
            }
        }
    }
}

/// The bytes of one term.
pub(super) enum Window<'a> {
    /// All of them, from a position on.
    Kept(Arc<Kept>, usize),
    /// Of which some are in memory.
    Pieces(Pieces<'a>),
}

impl Bytes for Window<'_> {
    fn peek(&mut self, wanted: usize) -> io::Result<&[u8]> {
        match self {
            Window::Kept(kept, at) => Ok(&kept.bytes[*at..]),
            Window::Pieces(pieces) => pieces.peek(wanted),
        }
    }

    fn skip(&mut self, count: usize) {
        match self {
            Window::Kept(kept, at) => *at = (*at + count).min(kept.bytes.len()),
            Window::Pieces(pieces) => pieces.held.start = (pieces.held.start + count).min(pieces.held.end),
        }
    }
}

/// The bytes of one term, some at a time.
pub(super) struct Pieces<'a> {
    segment: &'a Segment,
    /// What was not read yet.
    left: Range<u64>,
    bytes: Vec<u8>,
    /// Of the bytes, those that were read and not used.
    held: Range<usize>,
}

impl<'a> Pieces<'a> {
    fn new(segment: &'a Segment, range: Range<u64>) -> Pieces<'a> {
        Pieces { segment, left: range, bytes: Vec::new(), held: 0..0 }
    }

    fn peek(&mut self, wanted: usize) -> io::Result<&[u8]> {
        if self.held.len() < wanted && !self.left.is_empty() {
            self.fill(wanted)?;
        }
        Ok(&self.bytes[self.held.clone()])
    }

    fn fill(&mut self, wanted: usize) -> io::Result<()> {
        let chunk = if self.bytes.is_empty() { FIRST } else { CHUNK }.max(wanted as u64);
        let more = usize::try_from(chunk.min(self.left.end - self.left.start)).unwrap_or(usize::MAX);
        self.bytes.copy_within(self.held.clone(), 0);
        self.held = 0..self.held.len();
        let end = self.held.end + more;
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        self.segment.read_at(self.left.start, &mut self.bytes[self.held.end..end])?;
        self.left.start += more as u64;
        self.held.end = end;
        Ok(())
    }
}
