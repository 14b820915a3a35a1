//! Which words of a text can be one of a query's at all.
//!
//! To compare a text with a query, its words are cut to their stems; that takes longer than everything else that is done
//! with a memory, and all but a few words are none of the query's. Porter's rules take away from the end of a word and write
//! there: the first letter of a word is that of its stem, and so is the second, but for a `y` that becomes an `i` and for
//! stems of one letter. A word that begins like none of the query's stems therefore need not be cut.

use crate::score::Weighted;

/// Letters and digits.
const CLASSES: usize = 36;
/// All second letters.
const ANY: u64 = (1 << CLASSES) - 1;

/// How the stems of a query's words begin.
#[derive(Debug, Clone)]
pub struct Beginnings {
    /// For each first letter, the second ones that occur after it.
    seconds: [u64; CLASSES],
}

impl Beginnings {
    /// Those of a query.
    pub fn of(query: &[Weighted]) -> Self {
        let mut all = Self { seconds: [0; CLASSES] };
        for stem in query.iter().flat_map(|weighted| weighted.term.stemmed()) {
            all.add(&stem);
        }
        all
    }

    /// A stem with other than plain letters is none of a plain word's.
    fn add(&mut self, stem: &[u8]) {
        let Some(first) = stem.first().copied().and_then(class) else { return };
        self.seconds[first] |= match stem.get(1).copied() {
            None => ANY,
            Some(b'i') => bit(b'i') | bit(b'y'),
            Some(second) => bit(second),
        };
    }

    /// False when a word of plain letters and digits can be none of the query's.
    pub fn admit(&self, word: &[u8]) -> bool {
        let Some(first) = word.first().copied().and_then(class) else { return false };
        let second = word.get(1).map_or(ANY, |&second| bit(second));
        self.seconds[first] & second != 0
    }
}

fn bit(letter: u8) -> u64 {
    class(letter).map_or(0, |class| 1 << class)
}

fn class(letter: u8) -> Option<usize> {
    match letter {
        b'a'..=b'z' => Some(usize::from(letter - b'a')),
        b'A'..=b'Z' => Some(usize::from(letter - b'A')),
        b'0'..=b'9' => Some(26 + usize::from(letter - b'0')),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::terms::{query, stems, stems_like};

    fn weighted(text: &str) -> Vec<Weighted> {
        query(text).into_iter().map(|term| Weighted { term, weight: 1.0 }).collect()
    }

    proptest! {
        /// Words over few letters, so that stems meet: every rule of the stemmer comes up.
        #[test]
        fn no_word_of_the_query_is_passed_over(
            asked in prop::collection::vec("[a-iy]{1,4}(s|ies|sses|ing|ed|y|ational|ness|er|ement)?", 1..12),
            told in prop::collection::vec("[a-iyA-C0-2]{1,4}(s|ies|sses|ing|ed|y|ational|ness|er|ement)?", 1..40),
        ) {
            let (query, text) = (weighted(&asked.join(" ")), format!("{} {}", told.join(" "), asked.join("ly ")));
            let beginnings = Beginnings::of(&query);
            let (all, some) = (stems(&text), stems_like(&text, &beginnings));
            prop_assert_eq!(all.len(), some.len());
            for Weighted { term, .. } in &query {
                prop_assert_eq!(term.occurrences(&all), term.occurrences(&some), "{}", term.text());
            }
        }
    }

    #[test]
    fn most_words_of_a_text_are_passed_over() {
        let beginnings = Beginnings::of(&weighted("which port does the staging database use"));
        let text = "The old printer in the corner office hums quietly while people make tea";
        let admitted: Vec<&str> = text.split(' ').filter(|word| beginnings.admit(word.as_bytes())).collect();
        assert_eq!(admitted, ["people"; 0]);
        assert!(beginnings.admit(b"Stages") && beginnings.admit(b"ports"));
    }
}
