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

/// A text's distinct words with a digit, sorted: [`Subject::numbers`] without the rest, which takes longer.
pub fn numbers(text: &str) -> Vec<Stem> {
    let mut letters = Vec::new();
    let with_digit = words(text).filter(|word| word.bytes().any(|letter| letter.is_ascii_digit()));
    let mut numbers: Vec<Stem> = with_digit
        .map(|word| {
            fold_into(word, &mut letters);
            stem(&mut letters);
            hashed(&letters)
        })
        .collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_are_those_of_the_subject(text in "([a-z0-9é٣①]{1,6}[ .-]){0,20}") {
            let whole = subject(&text);
            prop_assert_eq!(numbers(&text), whole.numbers());
        }
    }
}
