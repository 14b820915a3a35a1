//! An immutable part of the index: postings, the table of terms, the table of memories, in one run of bytes.
//!
//! Bytes are read where they are needed, by position: a search reads the postings of its terms, piece by piece, and the
//! system's page cache holds what is read often. The daemon's own memory holds the table of memories, up to a million, and
//! next to nothing else. (A mapped file would save copying them, and end the process when the file is cut under it.)
//!
//! ```text
//! postings            as codec writes them, term after term
//! terms    16 bytes   each: term, impact << 24 | memories, position; a term of one memory needs no postings
//! docs     30 bytes   each, in the order of their keys
//! footer   40 bytes   length of the postings, probe, numbers of memories and terms, checksum, magic
//! ```

use std::io::{self, BufWriter, Read, Seek, Write};
use std::ops::Range;
use std::sync::Arc;

use super::codec::{self, Held, Impact};
use super::doc::Doc;
use super::kept::{Cache, Kept};
use crate::terms::{self, Stem};

/// Says what this is and how it is written.
const MAGIC: [u8; 8] = *b"ctindex\x04";
const FOOTER: usize = 40;
const TERM: usize = 16;
/// Memories that can hold a term: what fits beside the impact.
const MOST_DOCS: u32 = (1 << 24) - 1;
/// Terms from one signpost to the next: half a page is read to find a term, and a million terms take 64 KiB of memory.
const STRIDE: usize = 128;
/// Bytes read at a time when a segment is checked.
const CHUNK: usize = 1 << 18;
/// Tables of memories up to this many bytes are kept in memory: those of a million. Read one by one, the few hundred that a
/// search looks at cost it a tenth of its time.
const KEPT_DOCS: usize = 32 << 20;

/// Where a segment's bytes come from.
pub trait Source: Send + Sync + std::fmt::Debug {
    /// How many there are.
    fn size(&self) -> io::Result<u64>;

    /// Fills the buffer from that position on. Errors: when there is not as much, or it cannot be read.
    fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<()>;
}

impl Source for Vec<u8> {
    fn size(&self) -> io::Result<u64> {
        Ok(self.len() as u64)
    }

    fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<()> {
        let from = usize::try_from(at).ok().and_then(|at| self.get(at..)?.get(..buffer.len()));
        buffer.copy_from_slice(from.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

/// Why a segment cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SegmentError {
    /// It cannot be read.
    #[error("read the index: {0}")]
    Read(#[from] io::Error),
    /// It does not hold what was written, or was written by another version.
    #[error("the index is damaged or of another version ({0})")]
    Damaged(&'static str),
    /// More than a segment can hold.
    #[error("too many memories for one part of the index")]
    Full,
}

/// A term's postings in a segment.
#[derive(Debug)]
pub enum Postings {
    /// One memory holds it.
    One(u32, Impact),
    /// So many do; the bytes are [`codec::read`]'s.
    Many(usize, Range<u64>),
    /// The same, in memory.
    Kept(Arc<Kept>),
}

impl Postings {
    /// How many memories hold the term.
    pub fn count(&self) -> usize {
        match self {
            Postings::One(..) => 1,
            Postings::Many(count, _) => *count,
            Postings::Kept(kept) => kept.count,
        }
    }
}

/// An opened segment.
#[derive(Debug)]
pub struct Segment {
    source: Box<dyn Source>,
    docs: u32,
    terms: u32,
    terms_at: u64,
    docs_at: u64,
    /// The whole table of memories, when it is small.
    kept: Option<Vec<u8>>,
    /// Every [`STRIDE`]th term, so that one short read finds any.
    signposts: Vec<u64>,
    scopes: Vec<(u32, Range<u32>)>,
    lately: Cache,
}

/// What is written goes through here: its length and its checksum are known at the end.
struct Summed<W> {
    out: W,
    length: u64,
    sum: crc32fast::Hasher,
}

impl<W: Write> Summed<W> {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.length += bytes.len() as u64;
        self.sum.update(bytes);
        self.out.write_all(bytes)
    }
}

/// Writes a segment: each term's postings in the order of the terms, then the memories in the order of their keys. `spool`
/// holds the table of terms meanwhile, so that no part of the segment is in memory as a whole.
pub fn write(
    mut terms: impl FnMut() -> io::Result<Option<Held>>,
    docs: impl Iterator<Item = io::Result<Doc>>,
    out: impl Write,
    spool: &mut (impl Read + Write + Seek),
) -> Result<(), SegmentError> {
    let mut out = Summed { out, length: 0, sum: crc32fast::Hasher::new() };
    let mut table = BufWriter::new(&mut *spool);
    let mut encoded = Vec::new();
    let mut count = 0_u32;
    while let Some((term, postings)) = terms()? {
        let (tag, at) = match postings.as_slice() {
            [] => continue,
            [(memory, impact)] => (u32::from(*impact) << 24 | 1, *memory),
            many => {
                let at = u32::try_from(out.length).map_err(|_| SegmentError::Full)?;
                encoded.clear();
                codec::write(many, &mut encoded);
                out.put(&encoded)?;
                let held = u32::try_from(many.len()).ok().filter(|held| *held <= MOST_DOCS);
                (held.ok_or(SegmentError::Full)?, at)
            }
        };
        table.write_all(&term.to_bits().to_le_bytes())?;
        table.write_all(&tag.to_le_bytes())?;
        table.write_all(&at.to_le_bytes())?;
        count = count.checked_add(1).ok_or(SegmentError::Full)?;
    }
    table.into_inner().map_err(io::IntoInnerError::into_error)?.rewind()?;
    let postings = out.length;
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = spool.read(&mut chunk)?;
        if read == 0 {
            break;
        }
        out.put(&chunk[..read])?;
    }
    let mut written = 0_u32;
    for doc in docs {
        out.put(&doc?.to_bytes())?;
        written = written.checked_add(1).filter(|docs| *docs <= MOST_DOCS).ok_or(SegmentError::Full)?;
    }
    let mut footer = [0; FOOTER];
    footer[..8].copy_from_slice(&postings.to_le_bytes());
    footer[8..16].copy_from_slice(&terms::probe().to_bits().to_le_bytes());
    footer[16..20].copy_from_slice(&written.to_le_bytes());
    footer[20..24].copy_from_slice(&count.to_le_bytes());
    footer[24..28].copy_from_slice(&out.sum.clone().finalize().to_le_bytes());
    footer[32..].copy_from_slice(&MAGIC);
    out.put(&footer)?;
    Ok(out.out.flush()?)
}

impl Segment {
    /// Opens a segment and reads it once from end to end: what was written must be there.
    pub fn open(source: Box<dyn Source>) -> Result<Segment, SegmentError> {
        let mut footer = [0; FOOTER];
        let end = source.size()?.checked_sub(FOOTER as u64).ok_or(SegmentError::Damaged("its length"))?;
        source.read_at(end, &mut footer)?;
        if footer[32..] != MAGIC || u64_at(&footer, 8) != terms::probe().to_bits() {
            return Err(SegmentError::Damaged("its kind"));
        }
        let (docs, terms) = (u32_at(&footer, 16), u32_at(&footer, 20));
        let terms_at = u64_at(&footer, 0);
        let docs_at = terms_at.saturating_add(u64::from(terms) * TERM as u64);
        if docs_at.saturating_add(u64::from(docs) * Doc::BYTES as u64) != end {
            return Err(SegmentError::Damaged("its length"));
        }
        let docs_bytes = docs as usize * Doc::BYTES;
        let (kept, signposts, scopes) = (None, Vec::new(), Vec::new());
        let lately = Cache::new(docs);
        let mut segment = Segment { source, docs, terms, terms_at, docs_at, kept, signposts, scopes, lately };
        let mut sum = crc32fast::Hasher::new();
        let mut signposts = Vec::with_capacity(terms as usize / STRIDE + 1);
        let mut term = 0;
        segment.pass(0..terms_at, 1, |chunk| sum.update(chunk))?;
        segment.pass(terms_at..docs_at, TERM, |chunk| {
            sum.update(chunk);
            for entry in chunk.as_chunks::<TERM>().0 {
                if term % STRIDE == 0 {
                    signposts.push(u64_at(entry, 0));
                }
                term += 1;
            }
        })?;
        segment.signposts = signposts;
        let mut table = Vec::with_capacity(if docs_bytes <= KEPT_DOCS { docs_bytes } else { 0 });
        let mut scopes: Vec<(u32, Range<u32>)> = Vec::new();
        let mut place = 0;
        segment.pass(docs_at..docs_at + docs_bytes as u64, Doc::BYTES, |chunk| {
            sum.update(chunk);
            if docs_bytes <= KEPT_DOCS {
                table.extend_from_slice(chunk);
            }
            for doc in chunk.as_chunks::<{ Doc::BYTES }>().0 {
                let scope = Doc::from_bytes(doc).scope();
                match scopes.last_mut() {
                    Some((last, range)) if *last == scope => range.end = place + 1,
                    _ => scopes.push((scope, place..place + 1)),
                }
                place += 1;
            }
        })?;
        if sum.finalize() != u32_at(&footer, 24) {
            return Err(SegmentError::Damaged("its checksum"));
        }
        segment.kept = (docs_bytes <= KEPT_DOCS).then_some(table);
        segment.scopes = scopes;
        Ok(segment)
    }

    /// Hands a range of bytes on, in chunks that split no entry of so many bytes.
    fn pass(&self, range: Range<u64>, entry: usize, mut each: impl FnMut(&[u8])) -> Result<(), SegmentError> {
        let mut buffer = vec![0; CHUNK / entry * entry];
        let mut at = range.start;
        while at < range.end {
            let length = buffer.len().min(usize::try_from(range.end - at).unwrap_or(usize::MAX));
            self.source.read_at(at, &mut buffer[..length]).map_err(|_| SegmentError::Damaged("its length"))?;
            each(&buffer[..length]);
            at += length as u64;
        }
        Ok(())
    }

    /// How many memories it holds.
    pub fn len(&self) -> u32 {
        self.docs
    }

    /// True when it holds none.
    pub fn is_empty(&self) -> bool {
        self.docs == 0
    }

    /// The scopes in it, each with its places.
    pub fn scopes(&self) -> &[(u32, Range<u32>)] {
        &self.scopes
    }

    /// The memory at a place.
    pub fn doc(&self, place: u32) -> io::Result<Doc> {
        let at = place as usize * Doc::BYTES;
        if let Some(table) = &self.kept {
            let bytes = table.get(at..).and_then(|rest| rest.first_chunk()).ok_or(io::ErrorKind::UnexpectedEof)?;
            return Ok(Doc::from_bytes(bytes));
        }
        let mut bytes = [0; Doc::BYTES];
        self.source.read_at(self.docs_at + at as u64, &mut bytes)?;
        Ok(Doc::from_bytes(&bytes))
    }

    /// The place of the memory with that key.
    pub fn place(&self, key: u64) -> io::Result<Option<u32>> {
        let scope = u32::try_from(key >> 32).unwrap_or(u32::MAX);
        let Some((_, range)) = self.scopes.iter().find(|(own, _)| *own == scope) else { return Ok(None) };
        let (mut low, mut high) = (range.start, range.end);
        while low < high {
            let middle = low.midpoint(high);
            match self.doc(middle)?.key.cmp(&key) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return Ok(Some(middle)),
            }
        }
        Ok(None)
    }

    /// Gives back the memory for what was asked for lately.
    pub fn forget_lately(&self) {
        self.lately.clear();
    }

    /// A term's postings, None when no memory holds it. Those that do not take much are kept for the next time.
    pub fn postings(&self, term: Stem) -> io::Result<Option<Postings>> {
        if let Some(kept) = self.lately.get(term) {
            return Ok(Some(Postings::Kept(kept)));
        }
        let found = self.find(term)?;
        let Some(Postings::Many(count, range)) = &found else { return Ok(found) };
        let length = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX);
        if length > self.lately.most() {
            return Ok(found);
        }
        let mut bytes = vec![0; length];
        self.read_at(range.start, &mut bytes)?;
        let kept = Arc::new(Kept { count: *count, bytes });
        self.lately.put(term, &kept);
        Ok(Some(Postings::Kept(kept)))
    }

    fn find(&self, term: Stem) -> io::Result<Option<Postings>> {
        let wanted = term.to_bits();
        let Some(post) = self.signposts.partition_point(|first| *first <= wanted).checked_sub(1) else {
            return Ok(None);
        };
        let first = (post * STRIDE) as u64;
        // One more than the stride shows where the last term's postings end.
        let shown = (first + STRIDE as u64 + 1).min(u64::from(self.terms));
        let mut window = [0; (STRIDE + 1) * TERM];
        let window = &mut window[..usize::try_from(shown - first).unwrap_or(0) * TERM];
        self.source.read_at(self.terms_at + first * TERM as u64, window)?;
        let entries = window.as_chunks::<TERM>().0;
        let at = entries.partition_point(|entry| u64_at(entry, 0) < wanted);
        match entries.get(at) {
            Some(entry) if u64_at(entry, 0) == wanted => self.entry(entry, &entries[at + 1..], first + at as u64 + 1),
            _ => Ok(None),
        }
    }

    fn entry(&self, entry: &[u8; TERM], after: &[[u8; TERM]], next: u64) -> io::Result<Option<Postings>> {
        let (tag, at) = (u32_at(entry, 8), u32_at(entry, 12));
        if tag & 0x00ff_ffff == 1 {
            return Ok(Some(Postings::One(at, tag.to_le_bytes()[3])));
        }
        let start = u64::from(at);
        // The postings end where those of the next term that has some begin.
        let has_postings = |entry: &&[u8; TERM]| u32_at(*entry, 8) & 0x00ff_ffff != 1;
        let mut end = after.iter().find(has_postings).map(|entry| u64::from(u32_at(entry, 12)));
        let mut place = next + after.len() as u64;
        while end.is_none() && place < u64::from(self.terms) {
            let mut one = [0; TERM];
            self.source.read_at(self.terms_at + place * TERM as u64, &mut one)?;
            end = has_postings(&&one).then(|| u64::from(u32_at(&one, 12)));
            place += 1;
        }
        Ok(Some(Postings::Many(tag as usize, start..end.unwrap_or(self.terms_at))))
    }

    /// Hands a term's postings on, in runs.
    pub fn read(
        &self,
        postings: &Postings,
        buffer: &mut Vec<u8>,
        mut each: impl FnMut(&[u32], &[Impact]),
    ) -> io::Result<()> {
        match postings {
            Postings::One(memory, impact) => each(&[*memory], &[*impact]),
            Postings::Many(count, range) => {
                buffer.resize(usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(0), 0);
                self.read_at(range.start, buffer)?;
                codec::read(buffer, *count, each)?;
            }
            Postings::Kept(kept) => codec::read(&kept.bytes, kept.count, each)?,
        }
        Ok(())
    }

    /// Fills the buffer with the segment's bytes from a position on.
    pub(super) fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.source.read_at(at, buffer)
    }

    /// Every term with its postings, in the order of the terms.
    pub fn terms(&self) -> Terms<'_> {
        Terms { segment: self, next: 0, window: Vec::new(), start: 0, buffer: Vec::new() }
    }
}

/// All terms of a segment, see [`Segment::terms`].
#[derive(Debug)]
pub struct Terms<'a> {
    segment: &'a Segment,
    next: u32,
    window: Vec<u8>,
    /// The first entry of the window.
    start: u32,
    buffer: Vec<u8>,
}

/// Entries of the table of terms that are read at a time.
const WINDOW: u32 = 4096;

impl Terms<'_> {
    fn read_next(&mut self) -> io::Result<Option<Held>> {
        let segment = self.segment;
        if self.next == segment.terms {
            return Ok(None);
        }
        let loaded = u32::try_from(self.window.len() / TERM).unwrap_or(0);
        if self.next + 1 >= self.start + loaded && self.start + loaded < segment.terms || self.window.is_empty() {
            self.start = self.next;
            let count = WINDOW.min(segment.terms - self.start);
            self.window.resize(count as usize * TERM, 0);
            segment.source.read_at(segment.terms_at + u64::from(self.start) * TERM as u64, &mut self.window)?;
        }
        let entries = self.window.as_chunks::<TERM>().0;
        let at = (self.next - self.start) as usize;
        let entry = entries[at];
        self.next += 1;
        let term = Stem::from_bits(u64_at(&entry, 0));
        let found = segment.entry(&entry, &entries[at + 1..], u64::from(self.next))?;
        let mut postings = Vec::new();
        if let Some(found) = found {
            segment.read(&found, &mut self.buffer, |numbers, impacts| {
                postings.extend(numbers.iter().copied().zip(impacts.iter().copied()));
            })?;
        }
        Ok(Some((term, postings)))
    }
}

impl Iterator for Terms<'_> {
    type Item = io::Result<Held>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read_next().transpose()
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes[at..].first_chunk().map_or(0, |chunk| u32::from_le_bytes(*chunk))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes[at..].first_chunk().map_or(0, |chunk| u64::from_le_bytes(*chunk))
}
