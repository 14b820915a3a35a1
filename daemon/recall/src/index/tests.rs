use std::collections::{BTreeMap, HashSet};
use std::io::Cursor;

use proptest::prelude::*;

use super::bag::Bag;
use super::merge::merge;
use super::*;
use crate::score::Weights;
use crate::terms::{self, Stem};

fn doc(key: u64, session: u32) -> Doc {
    Doc {
        key,
        session,
        made: 1_000,
        before: NO_LINK,
        after: NO_LINK,
        importance: 50,
        is_turn: session != 0,
        tokens: 9,
        shown: 9,
    }
}

fn key(scope: u32, position: u32) -> u64 {
    u64::from(scope) << 32 | u64::from(position)
}

fn segment(tail: &Tail) -> Segment {
    let mut bytes = Vec::new();
    tail.write(&mut bytes).unwrap();
    Segment::open(Box::new(bytes)).unwrap()
}

fn stems(text: &str) -> Vec<Stem> {
    terms::query(text).iter().map(terms::Term::hash).collect()
}

fn found(parts: &[Part<'_>], tail: &Tail, text: &str) -> Vec<Match> {
    let ask = Ask {
        terms: &stems(text),
        phrases: &[],
        scope: &|scope| if scope == 9 { 0.0 } else { 1.0 },
        except: &HashSet::new(),
        only: None,
        before: None,
        now: 1_000,
        best: 300,
        weights: &Weights::default(),
    };
    search(parts, tail, &ask, &mut Scratch::default()).unwrap().matches
}

fn keys(matches: &[Match]) -> Vec<u64> {
    matches.iter().map(|found| found.doc.key).collect()
}

#[test]
fn more_of_the_rarer_terms_comes_first() {
    let mut tail = Tail::default();
    for position in 1..=50 {
        tail.insert(doc(key(1, position), 0), &Bag::of("", "the server was restarted", ""));
    }
    tail.insert(doc(key(1, 51), 0), &Bag::of("", "the server listens on port 5544", ""));
    tail.insert(doc(key(1, 52), 0), &Bag::of("", "port of the server", ""));
    assert_eq!(keys(&found(&[], &tail, "server port 5544"))[..2], [key(1, 51), key(1, 52)]);
}

#[test]
fn the_turn_after_the_one_that_matches_is_found_too() {
    let mut tail = Tail::default();
    tail.insert(doc(key(1, 1), 7), &Bag::of("", "which port does staging use", ""));
    tail.insert(doc(key(1, 2), 7), &Bag::of("", "it is 5544", ""));
    tail.insert(doc(key(1, 3), 8), &Bag::of("", "unrelated", ""));
    let dead = Dead::default();
    let segment = segment(&tail);
    let parts = [Part { segment: &segment, dead: &dead }];
    for matches in [found(&[], &tail, "staging port"), found(&parts, &Tail::default(), "staging port")] {
        assert_eq!(keys(&matches), [key(1, 1), key(1, 2)]);
        assert!(matches[1].lexical == 0.0 && matches[1].placed.neighbour > 0.0);
    }
}

#[test]
fn what_may_not_be_seen_is_not_found() {
    let mut tail = Tail::default();
    tail.insert(doc(key(9, 1), 0), &Bag::of("", "secret port", ""));
    tail.insert(doc(key(1, 1), 0), &Bag::of("", "open port", ""));
    let dead = Dead::default();
    let segment = segment(&tail);
    assert_eq!(keys(&found(&[], &tail, "port")), [key(1, 1)]);
    assert_eq!(keys(&found(&[Part { segment: &segment, dead: &dead }], &Tail::default(), "port")), [key(1, 1)]);
}

#[test]
fn a_segment_that_was_cut_or_changed_is_not_opened() {
    let mut tail = Tail::default();
    for position in 0..300 {
        tail.insert(doc(key(1, position), 0), &Bag::of("", &format!("memory number{position} of all"), ""));
    }
    let mut bytes = Vec::new();
    tail.write(&mut bytes).unwrap();
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        // Bytes of the footer that mean nothing may be what they like.
        let is_open = Segment::open(Box::new(changed)).is_ok();
        assert!(!is_open || (bytes.len() - 12..bytes.len() - 8).contains(&at), "byte {at} of {}", bytes.len());
    }
    for length in [0, 1, bytes.len() / 2, bytes.len() - 1] {
        assert!(Segment::open(Box::new(bytes[..length].to_vec())).is_err());
    }
}

/// Scope, words of the vocabulary, session.
fn memories() -> impl Strategy<Value = Vec<(u32, Vec<u8>, u32)>> {
    prop::collection::vec((1_u32..4, prop::collection::vec(0_u8..30, 1..12), 0_u32..4), 1..200)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// In the tail, in segments, merged, with some forgotten: the same memories with the same sums.
    #[test]
    fn it_is_the_same_index_however_it_is_written(
        memories in memories(),
        cut in 0_usize..200,
        gone in prop::collection::hash_set(0_usize..200, 0..40),
        asked in prop::collection::vec(0_u8..34, 1..6),
    ) {
        let text = |words: &[u8]| words.iter().map(|word| format!("w{word}x")).collect::<Vec<_>>().join(" ");
        let (mut whole, mut first, mut second) = (Tail::default(), Tail::default(), Tail::default());
        let mut positions: BTreeMap<u32, u32> = BTreeMap::new();
        let mut all = Vec::new();
        for (at, (scope, words, session)) in memories.iter().enumerate() {
            let position = positions.entry(*scope).or_default();
            *position += 1;
            let key = key(*scope, *position);
            let bag = Bag::of("", &text(words), "");
            // Links to what is forgotten differ by where it was forgotten, so no sessions here.
            let _ = session;
            if !gone.contains(&at) {
                whole.insert(doc(key, 0), &bag);
            }
            if at < cut { &mut first } else { &mut second }.insert(doc(key, 0), &bag);
            all.push((key, at));
        }
        let segments = [segment(&first), segment(&second)];
        let mut dead = [Dead::default(), Dead::default()];
        for &(key, at) in &all {
            if gone.contains(&at) {
                let part = usize::from(at >= cut);
                let place = segments[part].place(key).unwrap().unwrap();
                prop_assert!(dead[part].insert(place));
            }
        }
        let parts = [0, 1].map(|at| Part { segment: &segments[at], dead: &dead[at] });
        let mut bytes = Vec::new();
        merge(&parts, &mut bytes, &mut Cursor::new(Vec::new())).unwrap();
        let merged = Segment::open(Box::new(bytes)).unwrap();
        prop_assert_eq!(merged.len() as usize, whole.live());
        for term in merged.terms() {
            let (term, held) = term.unwrap();
            let mut expected: Vec<(u64, u8)> = Vec::new();
            for &(place, impact) in whole.postings(term) {
                expected.push((whole.doc(place).unwrap().key, impact));
            }
            expected.sort_unstable();
            let found: Vec<(u64, u8)> =
                held.iter().map(|&(place, impact)| (merged.doc(place).unwrap().key, impact)).collect();
            prop_assert_eq!(found, expected);
            prop_assert_eq!(merged.postings(term).unwrap().unwrap().count(), held.len());
        }
        let nothing = Dead::default();
        let asked = text(&asked);
        let in_merged = found(&[Part { segment: &merged, dead: &nothing }], &Tail::default(), &asked);
        prop_assert_eq!(&in_merged, &found(&[], &whole, &asked));
        // Weights count what is forgotten until it is merged away: the same memories, in about the same order.
        let set = |matches: &[Match]| matches.iter().map(|found| found.doc.key).collect::<HashSet<_>>();
        prop_assert_eq!(set(&found(&parts, &Tail::default(), &asked)), set(&in_merged));
    }
}
