//! What texts are about, so that two can be compared.

use super::{Stem, fold_into, hashed, words};
use crate::stem::stem;
use crate::stopwords::is_stop_word;

/// What a text is about, for comparing texts: its distinct stems that are not stop words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subject {
    words: Vec<Stem>,
    numbers: Vec<Stem>,
}

impl Subject {
    /// All of them, sorted.
    pub fn words(&self) -> &[Stem] {
        &self.words
    }

    /// Those with a digit, sorted.
    pub fn numbers(&self) -> &[Stem] {
        &self.numbers
    }

    /// How many words two texts have in common.
    pub fn common(&self, other: &Subject) -> usize {
        let (mut left, mut right, mut found) = (0, 0, 0);
        while let (Some(a), Some(b)) = (self.words.get(left), other.words.get(right)) {
            left += usize::from(a <= b);
            right += usize::from(b <= a);
            found += usize::from(a == b);
        }
        found
    }
}

/// What a text is about.
pub fn subject(text: &str) -> Subject {
    let mut subject = Subject::default();
    let mut letters = Vec::new();
    for part in words(text) {
        fold_into(part, &mut letters);
        if std::str::from_utf8(&letters).is_ok_and(is_stop_word) {
            continue;
        }
        let is_number = letters.iter().any(u8::is_ascii_digit);
        stem(&mut letters);
        let stem = hashed(&letters);
        subject.words.push(stem);
        if is_number {
            subject.numbers.push(stem);
        }
    }
    for list in [&mut subject.words, &mut subject.numbers] {
        list.sort_unstable();
        list.dedup();
    }
    subject
}
