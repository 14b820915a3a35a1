//! From text to terms: the words of a memory as stems, the words of a prompt as query terms.
//!
//! Words are cut as FTS5's `unicode61 remove_diacritics 2` cuts them (runs of letters and digits), so that what the
//! index finds is recognised here again. A query keeps identifiers whole (`src/main.rs`, `getUserName`, `PROJ-123`,
//! as phrases) beside their parts; stop words stay out, numbers stay in.

mod subject;

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hasher};

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::beginnings::Beginnings;
use crate::stem::stem;
use crate::stopwords::is_stop_word;

pub use subject::{Subject, numbers, subject};

/// Query terms taken from one prompt; each costs one look into the index.
pub const MAX_TERMS: usize = 32;
/// Characters read of a long prompt, from its start and from its end: what people ask stands there, between them is
/// what they pasted.
const HEAD_CHARS: usize = 8_000;
const TAIL_CHARS: usize = 4_000;
/// Words that an identifier may consist of.
const IDENTIFIER_WORDS: std::ops::RangeInclusive<usize> = 2..=8;
/// Letters that a part of a camel-case word needs to be searched for alone.
const MIN_HUMP: usize = 3;

/// Letters and digits among the first 128 characters.
const IS_PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut at = 0_u8;
    while at < 128 {
        plain[at as usize] = at.is_ascii_alphanumeric();
        at += 1;
    }
    plain
};

/// A word's stem, as the 64-bit hash that stands for it: comparing texts means comparing very many of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stem(u64);

/// Stands where a word is not looked at. That a word's hash is the same is as likely as for any two words.
const NONE: Stem = Stem(0);

impl Stem {
    /// As a number, for the index.
    pub fn to_bits(self) -> u64 {
        self.0
    }

    /// Out of the index.
    pub fn from_bits(bits: u64) -> Self {
        Self(bits)
    }
}

/// What one word is cut and hashed to: another value says that an index was made with other rules.
pub fn probe() -> Stem {
    hashed(b"claudetools")
}

/// One thing to look for: a word, or the words of an identifier in their order.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Term {
    words: Vec<String>,
    stems: Vec<Stem>,
}

impl Term {
    fn new(words: &[&str]) -> Self {
        let words: Vec<String> = words.iter().map(|word| fold(word)).collect();
        let stems = words.iter().map(|word| hashed(&stemmed(word))).collect();
        Self { words, stems }
    }

    /// As it reads: the words, lower-cased, with blanks between them.
    pub fn text(&self) -> String {
        self.words.join(" ")
    }

    /// Its words, cut to their stems.
    pub(crate) fn stemmed(&self) -> impl Iterator<Item = Vec<u8>> {
        self.words.iter().map(|word| stemmed(word))
    }

    /// True for an identifier of several words.
    pub fn is_phrase(&self) -> bool {
        self.words.len() > 1
    }

    /// True when it has all words of another one.
    pub(crate) fn contains(&self, other: &Term) -> bool {
        other.stems.iter().all(|stem| self.stems.contains(stem))
    }

    /// What stands for it in the index.
    pub fn hash(&self) -> Stem {
        joined(&self.stems)
    }

    /// The FTS5 expression that finds it: one quoted string, in which nothing is an operator.
    pub fn match_expression(&self) -> String {
        quoted(&self.text())
    }

    /// How often it stands in a text that [`stems`] has cut.
    pub fn occurrences(&self, document: &[Stem]) -> usize {
        match self.stems.as_slice() {
            [single] => document.iter().filter(|stem| *stem == single).count(),
            phrase => document.windows(phrase.len()).filter(|window| *window == phrase).count(),
        }
    }

    /// How likely it is to tell one memory from another; long words and identifiers are.
    fn specificity(&self) -> usize {
        let length: usize = self.words.iter().map(|word| word.chars().count()).sum();
        let digits = self.words.iter().any(|word| word.chars().any(char::is_numeric));
        length.min(16) + if self.is_phrase() { 8 } else { 0 } + if digits { 4 } else { 0 }
    }
}

/// The terms to look for, in the order in which the text has them, at most [`MAX_TERMS`].
pub fn query(text: &str) -> Vec<Term> {
    let mut seen = HashSet::new();
    let mut terms = Vec::new();
    for part in ends_of(text) {
        for chunk in part.split_whitespace() {
            for term in terms_of(chunk) {
                if seen.insert(term.stems.clone()) {
                    terms.push(term);
                }
            }
        }
    }
    if terms.len() > MAX_TERMS {
        let mut by_worth: Vec<usize> = (0..terms.len()).collect();
        by_worth.sort_by_key(|&at| std::cmp::Reverse(terms[at].specificity()));
        let kept: HashSet<usize> = by_worth.into_iter().take(MAX_TERMS).collect();
        terms = terms.into_iter().enumerate().filter(|(at, _)| kept.contains(at)).map(|(_, term)| term).collect();
    }
    terms
}

/// All words of a text as stems, stop words included, in order.
pub fn stems(text: &str) -> Vec<Stem> {
    cut(text, |_| true)
}

/// The same for comparing with a query: a word that cannot be one of its words stands there as no stem at all.
pub fn stems_like(text: &str, beginnings: &Beginnings) -> Vec<Stem> {
    cut(text, |word| beginnings.admit(word))
}

/// The stems of a text; of plain text, of those words that are worth it.
fn cut(text: &str, is_worth_it: impl Fn(&[u8]) -> bool) -> Vec<Stem> {
    let mut letters = Vec::with_capacity(64);
    let mut stems = Vec::with_capacity(text.len() / 5);
    let is_plain = text.is_ascii();
    for word in words(text) {
        if is_plain && !is_worth_it(word.as_bytes()) {
            stems.push(NONE);
            continue;
        }
        fold_into(word, &mut letters);
        stem(&mut letters);
        stems.push(hashed(&letters));
    }
    stems
}

/// What a memory's index holds of a text, each time that it stands there: words, parts of identifiers, whole identifiers
/// and their ends. Reads at most so many words, and returns how many it read, stop words included.
pub fn document(text: &str, most: usize, found: &mut Vec<Stem>) -> usize {
    let mut letters = Vec::new();
    let (mut parts, mut cut) = (Vec::new(), Vec::new());
    let mut read = 0;
    for chunk in text.split_whitespace() {
        parts.clear();
        cut.clear();
        parts.extend(words(chunk));
        read += parts.len();
        if read > most {
            return most;
        }
        for part in &parts {
            let (stem, content) = word(part, &mut letters);
            cut.push(stem);
            if content {
                found.push(stem);
            }
            let humps = humps(part);
            if humps.len() > 1 {
                let long = humps.into_iter().filter(|hump| hump.len() >= MIN_HUMP);
                found.extend(
                    long.map(|hump| word(hump, &mut letters)).filter(|(_, content)| *content).map(|(stem, _)| stem),
                );
            }
        }
        let spoken = chunk.contains(['\'', '’']);
        if !spoken && cut.len() > 1 && parts.iter().any(|part| word(part, &mut letters).1) {
            identifier(&cut, found);
        }
    }
    read
}

/// An identifier as a whole, each of its ends, and each two words that follow each other.
fn identifier(cut: &[Stem], found: &mut Vec<Stem>) {
    for start in 0..cut.len() - 1 {
        let end = &cut[start..];
        if IDENTIFIER_WORDS.contains(&end.len()) {
            found.push(joined(end));
        }
        if end.len() > 2 {
            found.push(joined(&end[..2]));
        }
    }
}

/// A word's stem, and whether it is worth a look.
fn word(word: &str, letters: &mut Vec<u8>) -> (Stem, bool) {
    fold_into(word, letters);
    let content = letters.len() > 1 && !std::str::from_utf8(letters).is_ok_and(is_stop_word);
    stem(letters);
    (hashed(letters), content)
}

/// What stands for words that follow each other; one word stands for itself.
fn joined(stems: &[Stem]) -> Stem {
    if let [single] = stems {
        return *single;
    }
    let mut hasher = DefaultHasher::new();
    for stem in stems {
        hasher.write_u64(stem.0);
    }
    Stem(hasher.finish())
}

fn stemmed(word: &str) -> Vec<u8> {
    let mut letters = word.as_bytes().to_vec();
    stem(&mut letters);
    letters
}

fn hashed(letters: &[u8]) -> Stem {
    let mut hasher = DefaultHasher::new();
    hasher.write(letters);
    Stem(hasher.finish())
}

fn terms_of(chunk: &str) -> Vec<Term> {
    let parts: Vec<&str> = words(chunk).collect();
    let mut terms = Vec::new();
    let spoken = chunk.contains(['\'', '’']);
    if !spoken && IDENTIFIER_WORDS.contains(&parts.len()) && parts.iter().any(|word| is_content(word)) {
        terms.push(Term::new(&parts));
    }
    for part in parts {
        if is_content(part) {
            terms.push(Term::new(&[part]));
        }
        let humps = humps(part);
        if humps.len() > 1 {
            let long = humps.into_iter().filter(|hump| hump.len() >= MIN_HUMP && is_content(hump));
            terms.extend(long.map(|hump| Term::new(&[hump])));
        }
    }
    terms
}

/// Worth a look: no stop word, and no single Latin letter or digit.
fn is_content(word: &str) -> bool {
    let folded = fold(word);
    !is_stop_word(&folded) && (folded.len() > 1)
}

fn words(text: &str) -> Words<'_> {
    Words { rest: text, is_plain: text.is_ascii() }
}

/// The words of a text, as they stand there.
struct Words<'t> {
    rest: &'t str,
    /// Most memories are plain, and to ask each letter for its class takes as long as all else.
    is_plain: bool,
}

impl<'t> Iterator for Words<'t> {
    type Item = &'t str;

    fn next(&mut self) -> Option<&'t str> {
        let (start, end) = if self.is_plain {
            let bytes = self.rest.as_bytes();
            let start = bytes.iter().position(|&letter| IS_PLAIN[usize::from(letter)])?;
            let length = bytes[start..].iter().position(|&letter| !IS_PLAIN[usize::from(letter)]);
            (start, length.map_or(bytes.len(), |length| start + length))
        } else {
            let parts = |c: char| !c.is_alphanumeric() && (c.is_ascii() || !is_combining_mark(c));
            let start = self.rest.find(|c| !parts(c))?;
            (start, self.rest[start..].find(parts).map_or(self.rest.len(), |length| start + length))
        };
        let word = &self.rest[start..end];
        self.rest = &self.rest[end..];
        Some(word)
    }
}

/// [`fold`] into a buffer, which is emptied before.
fn fold_into(word: &str, letters: &mut Vec<u8>) {
    letters.clear();
    if word.is_ascii() {
        letters.extend(word.bytes().map(|letter| letter.to_ascii_lowercase()));
    } else {
        letters.extend(fold(word).bytes());
    }
}

fn fold(word: &str) -> String {
    if word.is_ascii() {
        word.to_ascii_lowercase()
    } else {
        word.nfd().filter(|&c| !is_combining_mark(c)).collect::<String>().to_lowercase()
    }
}

/// `getUserName` → get, User, Name; `HTTPServer` → HTTP, Server.
fn humps(word: &str) -> Vec<&str> {
    let letters: Vec<(usize, char)> = word.char_indices().collect();
    let mut parts = Vec::new();
    let mut start = 0;
    for at in 1..letters.len() {
        let (position, letter) = letters[at];
        let before = letters[at - 1].1;
        let ends_acronym = before.is_uppercase()
            && letter.is_uppercase()
            && letters.get(at + 1).is_some_and(|(_, c)| c.is_lowercase());
        if (before.is_lowercase() && letter.is_uppercase()) || ends_acronym {
            parts.push(&word[start..position]);
            start = position;
        }
    }
    parts.push(&word[start..]);
    parts
}

fn ends_of(text: &str) -> Vec<&str> {
    let boundary = |chars: usize| text.char_indices().nth(chars).map_or(text.len(), |(at, _)| at);
    let head = boundary(HEAD_CHARS);
    if head == text.len() {
        return vec![text];
    }
    let rest = &text[head..];
    let tail = rest.char_indices().rev().nth(TAIL_CHARS - 1).map_or(0, |(at, _)| at);
    vec![&text[..head], &rest[tail..]]
}

/// A string of FTS5's query language: only the quote itself needs care.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(prompt: &str) -> Vec<String> {
        query(prompt).iter().map(Term::text).collect()
    }

    #[test]
    fn stop_words_go_and_content_stays() {
        assert_eq!(texts("Which port does the staging database use?"), ["port", "staging", "database"]);
        assert!(texts("ok, yes go on").is_empty());
        assert!(texts("thanks! continue please :)").is_empty());
    }

    #[test]
    fn identifiers_are_searched_whole_and_in_parts() {
        assert_eq!(texts("fix src/main.rs"), ["fix", "src main rs", "src", "main", "rs"]);
        assert_eq!(texts("getUserName"), ["getusername", "user", "name"]);
        assert_eq!(texts("HTTPServer"), ["httpserver", "http", "server"]);
        assert_eq!(texts("PROJ-123"), ["proj 123", "proj", "123"]);
        assert_eq!(texts("don't"), ["don't"; 0]);
    }

    #[test]
    fn numbers_and_codes_are_kept() {
        assert_eq!(texts("error E0382 on 5544"), ["error", "e0382", "5544"]);
    }

    #[test]
    fn every_script_is_text() {
        assert_eq!(texts("Größe der Datenbank"), ["große", "der", "datenbank"]);
        assert_eq!(stems("café naïve"), stems("CAFE naive"));
        assert_ne!(stems("データベース"), stems("データ"));
    }

    #[test]
    fn operators_of_the_query_language_are_only_text() {
        for text in ["a\" OR b", "NEAR(x y)", "title: x*", "--", "'; DROP TABLE x"] {
            for term in query(text) {
                let expression = term.match_expression();
                assert!(expression.starts_with('"') && expression.ends_with('"'));
                assert!(!expression[1..expression.len() - 1].contains('"'));
            }
        }
    }

    #[test]
    fn a_long_prompt_keeps_its_ends_and_its_identifiers() {
        let filler = "plain words ".repeat(2_000);
        let terms = texts(&format!("start42 {filler} finish_line_7"));
        assert!(terms.contains(&"start42".to_owned()) && terms.contains(&"finish line 7".to_owned()));
        let many: Vec<String> = (0..500).map(|n| format!("word{n}")).collect();
        assert_eq!(query(&many.join(" ")).len(), MAX_TERMS);
    }

    #[test]
    fn occurrences_count_stems_and_phrases() {
        let document = stems("Running tests: the test in src/main.rs runs main.rs");
        let counted = |text: &str| query(text)[0].occurrences(&document);
        assert_eq!(counted("tests"), 2);
        assert_eq!(counted("run"), 2);
        assert_eq!(counted("main.rs"), 2);
        assert_eq!(counted("src/main.rs"), 1);
    }
}
