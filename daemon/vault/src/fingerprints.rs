//! Secrets that are looked for in texts, without being kept: of each value only its length and two keyed hashes are here.
//!
//! A rolling hash finds where a value may stand, in one pass over the text for each length; an HMAC tells that it does. The
//! key is random and of one process, so nothing here can be compared with what another one has.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

/// Bytes of a value that is looked for; shorter ones stand in ordinary words.
const SHORTEST: usize = 6;
/// Longer values are found within other words, too.
const UNMISTAKABLE: usize = 12;
/// A prime: the hashes are remainders of it.
const MODULUS: u64 = (1 << 61) - 1;

/// Values to look for.
pub struct Fingerprints {
    key: Zeroizing<[u8; 32]>,
    base: u64,
    by_length: BTreeMap<usize, Values>,
}

/// Values of one length.
#[derive(Default)]
struct Values {
    /// A bit for each remainder of a hash by 64 that one of them has: most places of a text are told by it alone.
    bits: u64,
    tags: HashMap<u64, [u8; 32]>,
}

impl Values {
    fn tag_of(&self, hash: u64) -> Option<&[u8; 32]> {
        if self.bits >> (hash % 64) & 1 == 0 { None } else { self.tags.get(&hash) }
    }
}

impl Fingerprints {
    /// None yet, under a key which must be random.
    pub fn new(key: Zeroizing<[u8; 32]>) -> Fingerprints {
        let number = key.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        Fingerprints { base: 256 + number % (MODULUS - 256), key, by_length: BTreeMap::new() }
    }

    /// None, under the same key.
    pub fn emptied(&self) -> Fingerprints {
        Fingerprints::new(self.key.clone())
    }

    /// Adds a value, without the space around it; of one of several lines each long line, too. What is too short, or no
    /// text, is left out.
    pub fn add(&mut self, value: &[u8]) {
        let Ok(text) = std::str::from_utf8(value) else { return };
        self.add_text(text.trim());
        if text.trim().contains('\n') {
            text.lines().map(str::trim).filter(|line| line.len() >= UNMISTAKABLE).for_each(|line| self.add_text(line));
        }
    }

    fn add_text(&mut self, text: &str) {
        if text.len() >= SHORTEST {
            let (hash, tag) = (self.hash(text.as_bytes()), self.tag(text.as_bytes()));
            let values = self.by_length.entry(text.len()).or_default();
            values.bits |= 1 << (hash % 64);
            values.tags.insert(hash, tag);
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_length.values().map(|values| values.tags.len()).sum()
    }

    /// True when nothing is looked for.
    pub fn is_empty(&self) -> bool {
        self.by_length.is_empty()
    }

    /// Where values stand in a text, in order and apart from each other; of two in one place the longer.
    pub fn find(&self, text: &str) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        for (&length, values) in &self.by_length {
            self.find_of(text.as_bytes(), length, values, &mut found);
        }
        found.sort_by_key(|range: &Range<usize>| (range.start, std::cmp::Reverse(range.end)));
        let mut end = 0;
        found.retain(|range| {
            let is_apart = range.start >= end;
            end = if is_apart { range.end } else { end };
            is_apart
        });
        found
    }

    fn find_of(&self, text: &[u8], length: usize, values: &Values, found: &mut Vec<Range<usize>>) {
        if text.len() < length {
            return;
        }
        let leading = (1..length).fold(1, |power, _| times(power, self.base));
        let mut hash = self.hash(&text[..length]);
        for start in 0..=text.len() - length {
            let range = start..start + length;
            let held = values.tag_of(hash).filter(|_| is_bounded(text, &range));
            if held.is_some_and(|tag| *tag == self.tag(&text[range.clone()])) {
                found.push(range.clone());
            }
            if let Some(&next) = text.get(range.end) {
                let without = reduced(hash + MODULUS - times(u64::from(text[start]), leading));
                hash = reduced(times(without, self.base) + u64::from(next));
            }
        }
    }

    fn hash(&self, bytes: &[u8]) -> u64 {
        bytes.iter().fold(0, |hash, byte| reduced(times(hash, self.base) + u64::from(*byte)))
    }

    fn tag(&self, bytes: &[u8]) -> [u8; 32] {
        // As in `chain.rs`: written out to a block, there is no length that could be wrong.
        let mut block = Zeroizing::new([0; 64]);
        block[..32].copy_from_slice(&*self.key);
        let mut mac = Hmac::<Sha256>::new(&(*block).into());
        mac.update(bytes);
        mac.finalize().into_bytes().into()
    }
}

fn times(one: u64, other: u64) -> u64 {
    // A division would take ten times as long: of a Mersenne prime, the remainder is the sum of the upper and the lower part.
    let product = u128::from(one) * u128::from(other);
    let part = |bits: u128| u64::try_from(bits & u128::from(MODULUS)).unwrap_or_default();
    reduced(part(product) + part(product >> 61))
}

/// Of a number below twice the modulus.
fn reduced(number: u64) -> u64 {
    if number >= MODULUS { number - MODULUS } else { number }
}

/// A short value is one only where no word goes on; after the option `-p` it is one, too.
fn is_bounded(text: &[u8], range: &Range<usize>) -> bool {
    let goes_on = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || !byte.is_ascii());
    let (before, after) = (&text[..range.start], text.get(range.end));
    range.len() >= UNMISTAKABLE || (!goes_on(after) && (!goes_on(before.last()) || before.ends_with(b" -p")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(values: &[&str]) -> Fingerprints {
        let mut known = Fingerprints::new(Zeroizing::new(std::array::from_fn(|at| u8::try_from(at * 7 + 3).unwrap())));
        for value in values {
            known.add(value.as_bytes());
        }
        known
    }

    fn found<'t>(known: &Fingerprints, text: &'t str) -> Vec<&'t str> {
        known.find(text).into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn values_are_found_wherever_they_stand() {
        let known = known(&["walrus", " grüner-tisch\n", "correct horse battery staple"]);
        assert_eq!(known.len(), 3);
        for text in ["walrus", "x walrus", "walrus.", "(walrus)", "user:walrus@host", "mysql -pwalrus db", "ä walrus ä"]
        {
            assert_eq!(found(&known, text), ["walrus"], "{text}");
        }
        assert_eq!(found(&known, "walrus, grüner-tisch; walrus"), ["walrus", "grüner-tisch", "walrus"]);
        assert_eq!(found(&known, "xcorrect horse battery stapley"), ["correct horse battery staple"]);
        for text in ["walruses", "swalrus", "walru", "", "Walrus", "grüner tisch", "äwalrus"] {
            assert_eq!(found(&known, text), [""; 0], "{text}");
        }
        assert_eq!(found(&known.emptied(), "walrus"), [""; 0]);
    }

    #[test]
    fn short_values_and_what_is_no_text_are_left_out_and_lines_are_known() {
        let mut known = known(&["five5", "", "first line is long\nshort\nthe last line of it"]);
        known.add(&[0xff; 20]);
        assert_eq!(known.len(), 3);
        assert_eq!(found(&known, "> the last line of it\nshort"), ["the last line of it"]);
    }

    #[test]
    fn of_two_in_one_place_the_longer_is_found() {
        let known = known(&["walrus", "walrus-in-the-cellar"]);
        assert_eq!(found(&known, "a walrus-in-the-cellar"), ["walrus-in-the-cellar"]);
        assert_eq!(found(&known, "a walrus-in-the-attic"), ["walrus"]);
    }
}
