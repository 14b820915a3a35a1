//! The newest memories, in memory: what is acknowledged is found at once, and written out as a segment later.

use std::collections::{HashMap, HashSet};
use std::io::{Cursor, Write};

use super::bag::Bag;
use super::codec::Impact;
use super::doc::{Doc, Links, NO_LINK};
use super::segment::{self, SegmentError};
use crate::terms::Stem;

/// Memories that no segment holds yet.
#[derive(Debug, Default, Clone)]
pub struct Tail {
    docs: Vec<Doc>,
    terms: HashMap<Stem, Vec<(u32, Impact)>>,
    places: HashMap<u64, u32>,
    dead: HashSet<u32>,
    /// The last turn of each session.
    last: HashMap<u32, u32>,
}

impl Tail {
    /// Takes a memory in; one of that key before it is gone.
    pub fn insert(&mut self, mut doc: Doc, bag: &Bag) {
        self.remove(doc.key);
        let place = u32::try_from(self.docs.len()).unwrap_or(u32::MAX);
        (doc.before, doc.after) = (NO_LINK, NO_LINK);
        if doc.is_turn
            && doc.session != 0
            && let Some(before) = self.last.insert(doc.session, place)
        {
            doc.before = before;
            self.docs[before as usize].after = place;
        }
        for &(term, impact) in &bag.terms {
            self.terms.entry(term).or_default().push((place, impact));
        }
        self.places.insert(doc.key, place);
        self.docs.push(doc);
    }

    /// Forgets a memory; false when it is not here.
    pub fn remove(&mut self, key: u64) -> bool {
        let place = self.places.remove(&key);
        place.is_some_and(|place| self.dead.insert(place))
    }

    /// The places in use, forgotten ones included.
    pub fn len(&self) -> usize {
        self.docs.len()
    }

    /// True when nothing was taken in.
    pub fn is_empty(&self) -> bool {
        self.docs.is_empty()
    }

    /// Memories in it.
    pub fn live(&self) -> usize {
        self.docs.len() - self.dead.len()
    }

    /// The memory at a place, unless it was forgotten.
    pub fn doc(&self, place: u32) -> Option<Doc> {
        if self.dead.contains(&place) { None } else { self.docs.get(place as usize).copied() }
    }

    /// A term's postings.
    pub fn postings(&self, term: Stem) -> &[(u32, Impact)] {
        self.terms.get(&term).map_or(&[], Vec::as_slice)
    }

    /// Writes it as a segment.
    pub fn write(&self, out: impl Write) -> Result<(), SegmentError> {
        let mut order: Vec<u32> = (0..).take(self.docs.len()).filter(|place| !self.dead.contains(place)).collect();
        order.sort_unstable_by_key(|&place| self.docs[place as usize].key);
        let mut new = vec![None; self.docs.len()];
        let mut links = Links::default();
        for (at, &place) in (0_u32..).zip(&order) {
            new[place as usize] = Some(at);
            links.add(&self.docs[place as usize]);
        }
        let mut terms: Vec<(&Stem, &Vec<(u32, Impact)>)> = self.terms.iter().collect();
        terms.sort_unstable_by_key(|&(term, _)| *term);
        let mut terms = terms.into_iter();
        let next = || {
            let Some((&term, postings)) = terms.next() else { return Ok(None) };
            let moved = postings.iter().filter_map(|&(place, impact)| Some((new[place as usize]?, impact)));
            let mut moved: Vec<(u32, Impact)> = moved.collect();
            moved.sort_unstable_by_key(|&(place, _)| place);
            Ok(Some((term, moved)))
        };
        let docs = (0..).zip(&order).map(|(at, &place)| Ok(links.link(at, self.docs[place as usize])));
        segment::write(next, docs, out, &mut Cursor::new(Vec::new()))
    }
}
