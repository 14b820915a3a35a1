//! Several segments made one: forgotten memories go, the rest is put in the order of its keys.

use std::io::{self, Read, Seek, Write};

use super::codec::Held;
use super::dead::Part;
use super::doc::{Doc, Links};
use super::segment::{self, Segment, SegmentError, Terms};

/// Writes one segment that holds what these hold, without the places that are dead. Memory is taken for some 12 bytes a
/// memory; `spool` is [`segment::write`]'s.
pub fn merge(parts: &[Part<'_>], out: impl Write, spool: &mut (impl Read + Write + Seek)) -> Result<(), SegmentError> {
    let mut moved: Vec<Vec<u32>> = parts.iter().map(|part| vec![u32::MAX; part.segment.len() as usize]).collect();
    let mut links = Links::default();
    for (new, found) in (0_u32..).zip(InOrder::new(parts)?) {
        let (at, place, doc) = found?;
        moved[at][place as usize] = new;
        links.add(&doc);
    }
    let cursors = parts.iter().zip(&moved).map(|(part, moved)| Cursor::new(part.segment, moved));
    let mut cursors = cursors.collect::<io::Result<Vec<_>>>()?;
    let docs = (0..).zip(InOrder::new(parts)?).map(|(new, found)| Ok(links.link(new, found?.2)));
    segment::write(|| next(&mut cursors), docs, out, spool)
}

/// The memories of several segments in the order of their keys, each with its segment and its place there.
struct InOrder<'a> {
    parts: &'a [Part<'a>],
    heads: Vec<Option<(u32, Doc)>>,
}

impl<'a> InOrder<'a> {
    fn new(parts: &'a [Part<'a>]) -> io::Result<Self> {
        let heads = parts.iter().map(|part| alive(part, 0)).collect::<io::Result<_>>()?;
        Ok(Self { parts, heads })
    }

    fn advance(&mut self) -> io::Result<Option<(usize, u32, Doc)>> {
        let heads = self.heads.iter().enumerate().filter_map(|(at, head)| head.map(|(place, doc)| (at, place, doc)));
        let Some(least) = heads.min_by_key(|(_, _, doc)| doc.key) else { return Ok(None) };
        self.heads[least.0] = alive(&self.parts[least.0], least.1 + 1)?;
        Ok(Some(least))
    }
}

impl Iterator for InOrder<'_> {
    type Item = io::Result<(usize, u32, Doc)>;

    fn next(&mut self) -> Option<Self::Item> {
        self.advance().transpose()
    }
}

/// The first memory from a place on that is not dead.
fn alive(part: &Part<'_>, from: u32) -> io::Result<Option<(u32, Doc)>> {
    let Part { segment, dead } = part;
    let place = (from..segment.len()).find(|&place| !dead.contains(place));
    place.map(|place| Ok((place, segment.doc(place)?))).transpose()
}

/// The next term of all, with its memories at their new places.
fn next(cursors: &mut [Cursor<'_>]) -> io::Result<Option<Held>> {
    let heads = cursors.iter().filter_map(|cursor| cursor.head.as_ref());
    let Some(least) = heads.map(|(term, _)| *term).min() else { return Ok(None) };
    let mut all = Vec::new();
    for cursor in cursors {
        if let Some((_, postings)) = cursor.head.take_if(|(term, _)| *term == least) {
            all.extend(postings.into_iter().filter_map(|(place, impact)| {
                let new = *cursor.moved.get(place as usize)?;
                (new != u32::MAX).then_some((new, impact))
            }));
            cursor.head = cursor.terms.next().transpose()?;
        }
    }
    all.sort_unstable_by_key(|&(place, _)| place);
    Ok(Some((least, all)))
}

/// The terms of one segment, with its memories at their new places.
struct Cursor<'a> {
    terms: Terms<'a>,
    moved: &'a [u32],
    head: Option<Held>,
}

impl<'a> Cursor<'a> {
    fn new(segment: &'a Segment, moved: &'a [u32]) -> io::Result<Self> {
        let mut terms = segment.terms();
        let head = terms.next().transpose()?;
        Ok(Self { terms, moved, head })
    }
}
