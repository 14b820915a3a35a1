//! Identifiers that a text may spell in words apart (`line-number`, "line number"): the index holds their words, but not
//! that they follow each other, so that such a memory can be worth more than the index knows.

use std::io;

use super::codec::{Impact, SCALE};
use super::dead::Part;
use super::list::List;
use super::search::Place;
use super::tail::Tail;
use crate::terms::{Stem, Term};

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

/// For each of these memories, the most that identifiers add which may stand in it in words apart. An identifier stands
/// there no more often than the rarest of its words, so that it cannot tell more than that one does. `weights` are those of
/// the terms.
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
    let mut known: Vec<Option<Vec<Impact>>> = vec![None; terms.len()];
    for phrase in phrases {
        let mut may = vec![Impact::MAX; places.len()];
        for &term in phrase.words.iter().chain([&phrase.term]) {
            if known[term].is_none() {
                known[term] = Some(impacts(parts, tail, terms[term], places, &order)?);
            }
        }
        for &word in &phrase.words {
            for (may, word) in may.iter_mut().zip(known[word].iter().flatten()) {
                *may = (*may).min(*word);
            }
        }
        // What it tells as it is spelled in the query is known.
        for ((most, may), told) in most.iter_mut().zip(may).zip(known[phrase.term].iter().flatten()) {
            *most += weights[phrase.term] * f32::from(may.saturating_sub(*told)) / SCALE;
        }
    }
    Ok(most)
}

/// What a term tells of each of these memories, 0 for one that does not hold it; `order` is that of their places.
fn impacts(parts: &[Part<'_>], tail: &Tail, term: Stem, places: &[Place], order: &[usize]) -> io::Result<Vec<Impact>> {
    let mut found = vec![0; places.len()];
    for (number, part) in parts.iter().enumerate() {
        let own = order.iter().copied().filter(|&at| places[at].0 == number);
        if let Some(postings) = part.segment.postings(term)? {
            let mut list = List::new(part.segment, postings)?;
            for at in own {
                found[at] = list.impact(places[at].1)?;
            }
        }
    }
    let newest = tail.postings(term);
    for &at in order.iter().filter(|&&at| places[at].0 == parts.len()) {
        if let Ok(held) = newest.binary_search_by_key(&places[at].1, |&(place, _)| place) {
            found[at] = newest[held].1;
        }
    }
    Ok(found)
}
