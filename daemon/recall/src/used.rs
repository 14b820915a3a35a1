//! Was a memory of use? Told by its marks: rare terms of what was given that stand in the answer, or in what the
//! assistant's tools were told, and that the prompt did not bring along itself. Pure.

use std::collections::HashSet;

use crate::terms::{Stem, Term, document, query};

/// Marks that are kept of one memory.
const MOST: usize = 24;
/// Letters of a word that can be a mark.
const MIN_LETTERS: usize = 4;
/// Points that show use: identifiers count two, words one. Of a memory with few, half of them do, but never a single word.
const NEEDED: usize = 3;
const LEAST: usize = 2;
/// Words of a text that are looked at.
const WORDS: usize = 50_000;
/// Bytes of a mark, packed.
const PACKED: usize = 9;

/// A term that tells a memory from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    stem: Stem,
    /// An identifier, rather than a word.
    is_strong: bool,
}

impl Mark {
    fn points(self) -> usize {
        if self.is_strong { 2 } else { 1 }
    }
}

/// The marks of what was given; `is_rare` tells whether few memories hold a term.
pub fn marks<E>(given: &str, prompt: &Said, mut is_rare: impl FnMut(&Term) -> Result<bool, E>) -> Result<Vec<Mark>, E> {
    let mut marks = Vec::new();
    for term in query(given) {
        let is_strong = is_identifier(&term);
        let is_long = term.text().chars().filter(|letter| letter.is_alphabetic()).count() >= MIN_LETTERS;
        if !(is_strong || is_long) || prompt.0.contains(&term.hash()) || !is_rare(&term)? {
            continue;
        }
        marks.push(Mark { stem: term.hash(), is_strong });
        if marks.len() == MOST {
            break;
        }
    }
    Ok(marks)
}

/// Words joined, or letters and digits in one word; a year is none.
fn is_identifier(term: &Term) -> bool {
    let text = term.text();
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let letters = text.chars().any(char::is_alphabetic);
    let is_year = text.len() == 4 && (text.starts_with("19") || text.starts_with("20"));
    (letters && (term.is_phrase() || digits > 0)) || (digits >= 4 && !is_year && !term.is_phrase())
}

/// All that stands in a text, for [`is_used`] and as the prompt of [`marks`].
pub fn said(text: &str) -> Said {
    let mut found = Vec::new();
    document(text, WORDS, &mut found);
    Said(found.into_iter().collect())
}

/// Words and identifiers of a text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said(HashSet<Stem>);

impl Said {
    /// What stands here and not there.
    #[must_use]
    pub fn but(mut self, other: &Said) -> Self {
        self.0.retain(|stem| !other.0.contains(stem));
        self
    }
}

/// Whether what was said shows that a memory was of use.
pub fn is_used(marks: &[Mark], said: &Said) -> bool {
    let all: usize = marks.iter().map(|mark| mark.points()).sum();
    let found: usize = marks.iter().filter(|mark| said.0.contains(&mark.stem)).map(|mark| mark.points()).sum();
    found >= all.div_ceil(2).clamp(LEAST, NEEDED)
}

/// Marks as bytes.
pub fn packed(marks: &[Mark]) -> Vec<u8> {
    let one = |mark: &Mark| {
        let mut bytes = [0; PACKED];
        bytes[0] = u8::from(mark.is_strong);
        bytes[1..].copy_from_slice(&mark.stem.to_bits().to_le_bytes());
        bytes
    };
    marks.iter().flat_map(one).collect()
}

/// Marks out of bytes.
pub fn unpacked(bytes: &[u8]) -> Vec<Mark> {
    let one = |bytes: &[u8; PACKED]| {
        let [strong, stem @ ..] = *bytes;
        Mark { stem: Stem::from_bits(u64::from_le_bytes(stem)), is_strong: strong != 0 }
    };
    bytes.as_chunks::<PACKED>().0.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    fn marks_of(given: &str, prompt: &str) -> Vec<Mark> {
        let common = ["server", "error"];
        marks(given, &said(prompt), |term| Ok::<_, Infallible>(!common.contains(&term.text().as_str()))).unwrap()
    }

    fn used(given: &str, prompt: &str, answer: &str) -> bool {
        is_used(&marks_of(given, prompt), &said(answer))
    }

    #[test]
    fn what_the_answer_takes_up_was_of_use() {
        let given = "- [2026-11-20] The sextant lies in drawer eleven.";
        assert!(used(given, "Where is the sextant?", "It is in drawer eleven."));
        assert!(!used(given, "Where is the sextant?", "I do not know where the sextant is."));
        assert!(!used(given, "Where is the sextant?", "There are eleven of them."), "one word proves nothing");
    }

    #[test]
    fn what_the_prompt_brought_along_proves_nothing() {
        let given = "Port 5544 of parse_config in src/main.rs was wrong";
        assert!(!used(
            given,
            "is src/main.rs or parse_config wrong, with port 5544?",
            "src/main.rs, parse_config: port 5544"
        ));
        assert!(used(given, "what was wrong?", "src/main.rs said so"));
        assert!(used(given, "what was wrong?", "parse_config"));
    }

    #[test]
    fn common_words_and_years_are_no_marks() {
        assert_eq!(marks_of("the server error of 2026", ""), []);
        assert!(!is_used(&[], &said("anything")));
    }

    #[test]
    fn a_long_memory_shows_use_by_three_words() {
        let given = "walrus octopus zeppelin lantern compass barometer";
        assert!(!used(given, "", "the walrus and the octopus"));
        assert!(used(given, "", "the walrus, the octopus and a lantern"));
    }

    #[test]
    fn marks_survive_their_packing() {
        let marks = marks_of("walrus src/main.rs AB12", "");
        assert!(marks.iter().any(|mark| mark.is_strong) && marks.iter().any(|mark| !mark.is_strong));
        assert_eq!(unpacked(&packed(&marks)), marks);
        assert_eq!(unpacked(b"broken"), []);
    }
}
