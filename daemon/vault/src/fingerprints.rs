//! Secrets that are looked for in texts, without being kept: of each value only its length and keyed hashes are here.
//!
//! A rolling hash of a few bytes finds where a value may begin, in one pass over the text however many values there are; the
//! value's own hash and an HMAC tell that it stands there. The key is random and of one process, so nothing here can be
//! compared with what another one has.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

/// Bytes of a value that is looked for; shorter ones stand in ordinary words.
const SHORTEST: usize = 6;
/// Longer values are found within other words, too.
const UNMISTAKABLE: usize = 12;
/// Words of the filter, in which some hundred values leave most bits clear.
const FILTER_WORDS: usize = 64;
/// A prime: the hashes are remainders of it.
const MODULUS: u64 = (1 << 61) - 1;

/// Values to look for.
pub struct Fingerprints {
    key: Zeroizing<[u8; 32]>,
    base: u64,
    /// The hash of a value's first [`SHORTEST`] bytes, and the lengths of the values that begin so.
    beginnings: HashMap<u64, BTreeSet<usize>>,
    /// A bit for each remainder of those hashes: most places of a text are told by it alone.
    bits: [u64; FILTER_WORDS],
    /// Length, hash and tag of each value.
    values: HashMap<(usize, u64), [u8; 32]>,
}

impl Fingerprints {
    /// None yet, under a key which must be random.
    pub fn new(key: Zeroizing<[u8; 32]>) -> Fingerprints {
        let number = key.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        let base = 256 + number % (MODULUS - 256);
        Fingerprints { base, key, beginnings: HashMap::new(), bits: [0; FILTER_WORDS], values: HashMap::new() }
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
        let Some(first) = text.as_bytes().get(..SHORTEST) else { return };
        let (beginning, hash, tag) = (self.hash(first), self.hash(text.as_bytes()), self.tag(text.as_bytes()));
        let (word, bit) = filter(beginning);
        self.bits[word] |= bit;
        self.beginnings.entry(beginning).or_default().insert(text.len());
        self.values.insert((text.len(), hash), tag);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// True when nothing is looked for.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Where values stand in a text, in order and apart from each other; of two in one place the longer.
    pub fn find(&self, text: &str) -> Vec<Range<usize>> {
        let (bytes, mut found) = (text.as_bytes(), Vec::new());
        let (false, Some(first)) = (self.is_empty(), bytes.get(..SHORTEST)) else { return found };
        let leading = (1..SHORTEST).fold(1, |power, _| times(power, self.base));
        let (mut hash, mut end) = (self.hash(first), 0);
        for start in 0..=bytes.len() - SHORTEST {
            let (word, bit) = filter(hash);
            if start >= end
                && self.bits[word] & bit != 0
                && let Some(range) = self.longest_at(bytes, start, hash)
            {
                end = range.end;
                found.push(range);
            }
            if let Some(&next) = bytes.get(start + SHORTEST) {
                let without = reduced(hash + MODULUS - times(u64::from(bytes[start]), leading));
                hash = reduced(times(without, self.base) + u64::from(next));
            }
        }
        found
    }

    /// The longest value that stands at a place of a text, of those that begin with that hash.
    fn longest_at(&self, text: &[u8], start: usize, beginning: u64) -> Option<Range<usize>> {
        let is_value = |range: &Range<usize>| {
            let Some(part) = text.get(range.clone()) else { return false };
            let tag = self.values.get(&(part.len(), self.hash(part))).filter(|_| is_bounded(text, range));
            tag.is_some_and(|tag| *tag == self.tag(part))
        };
        let lengths = self.beginnings.get(&beginning)?;
        lengths.iter().rev().map(|length| start..start + length).find(is_value)
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

/// A hash's place in [`Fingerprints::bits`].
fn filter(hash: u64) -> (usize, u64) {
    let bit = usize::try_from(hash % (64 * FILTER_WORDS as u64)).unwrap_or(0);
    (bit / 64, 1 << (bit % 64))
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
