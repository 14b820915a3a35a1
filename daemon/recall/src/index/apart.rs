//! Identifiers that a text may spell in words apart (`line-number`, "line number"): the index holds their words, but not
//! that they follow each other, so that such a memory can be worth more than the index knows.

use std::io;

use super::codec::{Impact, Runs, SCALE};
use super::dead::Part;
use super::search::Place;
use super::segment::Postings;
use super::tail::Tail;
use crate::terms::{Stem, Term};

/// What a term contributes at most, however often it stands in a memory.
const MOST: f32 = Impact::MAX as f32 / SCALE;

/// An identifier of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phrase {
    /// Its place among the terms.
    term: usize,
    /// The places of its words there, as far as they are terms themselves.
    words: Vec<usize>,
}

/// The identifiers among a query's terms.
pub fn phrases(terms: &[Term]) -> Vec<Phrase> {
    let of = |(term, phrase): (usize, &Term)| {
        let is_word = |(_, other): &(usize, &Term)| !other.is_phrase() && phrase.contains(other);
        Phrase { term, words: terms.iter().enumerate().filter(is_word).map(|(at, _)| at).collect() }
    };
    terms.iter().enumerate().filter(|(_, term)| term.is_phrase()).map(of).collect()
}

/// For each of these memories, the most that identifiers add which may stand in it in words apart: those all of whose words
/// it holds. `weights` are those of the terms.
pub(super) fn apart(
    parts: &[Part<'_>],
    tail: &Tail,
    terms: &[Stem],
    phrases: &[Phrase],
    weights: &[f32],
    places: &[Place],
) -> io::Result<Vec<f32>> {
    let mut most = vec![0.0; places.len()];
    let mut order: Vec<usize> = (0..places.len()).collect();
    order.sort_unstable_by_key(|&at| places[at]);
    let mut held: Vec<Option<Vec<bool>>> = vec![None; terms.len()];
    for phrase in phrases {
        let mut may = vec![true; places.len()];
        for &word in &phrase.words {
            if held[word].is_none() {
                held[word] = Some(holders(parts, tail, terms[word], places, &order)?);
            }
            for (may, holds) in may.iter_mut().zip(held[word].iter().flatten()) {
                *may &= holds;
            }
        }
        for (most, _) in most.iter_mut().zip(may).filter(|(_, may)| *may) {
            *most += weights[phrase.term] * MOST;
        }
    }
    Ok(most)
}

/// Which of these memories hold a term; `order` is that of their places.
fn holders(parts: &[Part<'_>], tail: &Tail, term: Stem, places: &[Place], order: &[usize]) -> io::Result<Vec<bool>> {
    let mut holds = vec![false; places.len()];
    for (number, part) in parts.iter().enumerate() {
        let own = order.iter().copied().filter(|&at| places[at].0 == number);
        match part.segment.postings(term)? {
            None => {}
            Some(Postings::One(place, _)) => own.for_each(|at| holds[at] = places[at].1 == place),
            Some(Postings::Many(count, range)) => {
                let mut bytes = Vec::new();
                part.segment.fetch(&range, &mut bytes)?;
                let mut runs = Runs::new(&bytes, count);
                for at in own {
                    let place = u64::from(places[at].1);
                    let read =
                        runs.below(place, |_, _| {}).and_then(|()| runs.below(place + 1, |_, _| holds[at] = true));
                    read.ok_or(io::ErrorKind::InvalidData)?;
                }
            }
        }
    }
    let newest = tail.postings(term);
    for &at in order.iter().filter(|&&at| places[at].0 == parts.len()) {
        holds[at] = newest.binary_search_by_key(&places[at].1, |&(place, _)| place).is_ok();
    }
    Ok(holds)
}
