//! A term's postings in a segment, read piece by piece: of the longest, which are a byte for each memory, only what is
//! looked at meanwhile is in memory, where the processor's cache still holds it when it is added up.

use std::io;
use std::ops::Range;

use super::codec::{Bytes, Impact, Runs};
use super::segment::Segment;

/// Bytes that are read first: all of most terms'.
const FIRST: u64 = 1 << 12;
/// Bytes that are read at a time after those.
const CHUNK: u64 = 1 << 15;

/// Postings of many memories.
pub(super) enum List<'a> {
    /// An impact for each memory from the first one on: these bytes of the segment.
    Dense(&'a Segment, Range<u64>),
    /// The memories that hold the term.
    Packed(Box<Runs<Window<'a>>>),
}

impl<'a> List<'a> {
    /// `count` postings, as [`super::segment::Postings::Many`] tells them.
    pub(super) fn new(segment: &'a Segment, count: usize, range: Range<u64>) -> io::Result<List<'a>> {
        let runs = Runs::new(Window::new(segment, range.clone()), count)?;
        if runs.is_dense() {
            return Ok(List::Dense(segment, range.start + 1..range.end));
        }
        Ok(List::Packed(Box::new(runs)))
    }

    /// What the term tells of a memory, 0 when that does not hold it. Memories are asked for in the order of their places.
    pub(super) fn impact(&mut self, place: u32) -> io::Result<Impact> {
        let mut found = [0];
        match self {
            List::Dense(segment, range) => {
                dense(segment, range, place, &mut found)?;
            }
            List::Packed(runs) => {
                runs.below(u64::from(place), |_, _| {})?;
                runs.below(u64::from(place) + 1, |_, impacts| found = [impacts[0]])?;
            }
        }
        Ok(found[0])
    }
}

/// Fills the buffer with the impacts of the memories from a place on; how many there are, as the last ones may not hold the
/// term.
pub(super) fn dense(segment: &Segment, range: &Range<u64>, first: u32, buffer: &mut [Impact]) -> io::Result<usize> {
    let at = range.start + u64::from(first);
    let length = buffer.len().min(usize::try_from(range.end.saturating_sub(at)).unwrap_or(usize::MAX));
    segment.read_at(at, &mut buffer[..length])?;
    Ok(length)
}

/// The bytes of one term, of which some are in memory.
pub(super) struct Window<'a> {
    segment: &'a Segment,
    /// What was not read yet.
    left: Range<u64>,
    bytes: Vec<u8>,
    /// Of the bytes, those that were read and not used.
    held: Range<usize>,
}

impl<'a> Window<'a> {
    fn new(segment: &'a Segment, range: Range<u64>) -> Window<'a> {
        Window { segment, left: range, bytes: Vec::new(), held: 0..0 }
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

impl Bytes for Window<'_> {
    fn peek(&mut self, wanted: usize) -> io::Result<&[u8]> {
        if self.held.len() < wanted && !self.left.is_empty() {
            self.fill(wanted)?;
        }
        Ok(&self.bytes[self.held.clone()])
    }

    fn skip(&mut self, count: usize) {
        self.held.start = (self.held.start + count).min(self.held.end);
    }
}
