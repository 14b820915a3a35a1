//! BERT's tokenizer: text is cleaned, lower-cased, freed of accents, cut at spaces and punctuation, and each word into
//! the longest pieces that the vocabulary knows.

use std::collections::HashMap;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Characters of a word from which on it is one unknown piece, as in the original.
const LONGEST_WORD: usize = 100;

/// A vocabulary, and how it cuts texts.
#[derive(Debug)]
pub struct WordPiece {
    pieces: HashMap<Box<str>, u32>,
    unknown: u32,
    begin: u32,
    end: u32,
}

impl WordPiece {
    /// Reads a `vocab.txt`: a piece a line. Errors: the name of a special piece that is not in it.
    pub fn new(vocabulary: &str) -> Result<WordPiece, &'static str> {
        let pieces: HashMap<Box<str>, u32> =
            (0..).zip(vocabulary.lines()).map(|(id, piece)| (piece.into(), id)).collect();
        let special = |piece: &'static str| pieces.get(piece).copied().ok_or(piece);
        let (unknown, begin, end) = (special("[UNK]")?, special("[CLS]")?, special("[SEP]")?);
        Ok(WordPiece { pieces, unknown, begin, end })
    }

    /// Pieces in the vocabulary.
    pub fn len(&self) -> usize {
        self.pieces.len()
    }

    /// True when it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// The numbers of a text's pieces between those that begin and end it, at most so many.
    pub fn encode(&self, text: &str, most: usize) -> Vec<u32> {
        let room = most.saturating_sub(1).max(1);
        let mut ids = vec![self.begin];
        let mut word = String::new();
        // Of a long text only the beginning counts: what comes after is not even looked at.
        for c in cleaned(text) {
            if ids.len() >= room {
                break;
            }
            if c == ' ' || is_alone(c) {
                self.cut(&word, &mut ids);
                word.clear();
            }
            if is_alone(c) {
                self.cut(c.encode_utf8(&mut [0; 4]), &mut ids);
            } else if c != ' ' {
                word.push(c);
            }
        }
        self.cut(&word, &mut ids);
        ids.truncate(room);
        ids.push(self.end);
        ids
    }

    /// Cuts a word into the longest known pieces; one that cannot be is unknown as a whole.
    fn cut(&self, word: &str, ids: &mut Vec<u32>) {
        if word.is_empty() {
            return;
        }
        let before = ids.len();
        if word.chars().count() > LONGEST_WORD {
            return ids.push(self.unknown);
        }
        let (mut rest, mut inner) = (word, String::new());
        while !rest.is_empty() {
            let ends = rest.char_indices().map(|(at, c)| at + c.len_utf8()).rev();
            let found = ends.into_iter().find_map(|end| {
                let piece = &rest[..end];
                if rest.len() == word.len() {
                    return self.pieces.get(piece).map(|&id| (id, end));
                }
                inner.clear();
                inner.push_str("##");
                inner.push_str(piece);
                self.pieces.get(inner.as_str()).map(|&id| (id, end))
            });
            let Some((id, end)) = found else {
                ids.truncate(before);
                return ids.push(self.unknown);
            };
            ids.push(id);
            rest = &rest[end..];
        }
    }
}

/// The characters that count: lower case, without accents; every kind of white space is a space.
fn cleaned(text: &str) -> impl Iterator<Item = char> + '_ {
    text.chars()
        .filter(|&c| c != '\0' && c != '\u{fffd}' && (is_space(c) || !is_control(c)))
        .map(|c| if is_space(c) { ' ' } else { c })
        .nfd()
        .filter(|&c| !is_combining_mark(c))
        .flat_map(char::to_lowercase)
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r') || c.is_whitespace()
}

/// Controls, and the invisible characters that Unicode calls formats.
fn is_control(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{206f}' | '\u{feff}')
}

/// A word of its own: punctuation (to BERT, all of ASCII that is no letter and no digit) and Chinese characters.
fn is_alone(c: char) -> bool {
    c.is_ascii_punctuation() || is_punctuation(c) || is_ideograph(c)
}

/// Punctuation beyond ASCII, in the blocks where it stands in developers' texts.
fn is_punctuation(c: char) -> bool {
    matches!(c,
        '\u{a1}' | '\u{a7}' | '\u{ab}' | '\u{b6}' | '\u{b7}' | '\u{bb}' | '\u{bf}'
        | '\u{37e}' | '\u{387}' | '\u{55a}'..='\u{55f}' | '\u{589}' | '\u{58a}' | '\u{5be}' | '\u{60c}' | '\u{61b}' | '\u{61f}'
        | '\u{66a}'..='\u{66d}' | '\u{6d4}' | '\u{964}' | '\u{965}'
        | '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{2043}' | '\u{2045}'..='\u{2051}' | '\u{2053}'..='\u{205e}'
        | '\u{207d}' | '\u{207e}' | '\u{208d}' | '\u{208e}' | '\u{2308}'..='\u{230b}' | '\u{2329}' | '\u{232a}'
        | '\u{2768}'..='\u{2775}' | '\u{27e6}'..='\u{27ef}' | '\u{2e00}'..='\u{2e4f}'
        | '\u{3001}'..='\u{3003}' | '\u{3008}'..='\u{3011}' | '\u{3014}'..='\u{301f}' | '\u{3030}' | '\u{303d}' | '\u{30a0}' | '\u{30fb}'
        | '\u{fe10}'..='\u{fe19}' | '\u{fe30}'..='\u{fe52}' | '\u{fe54}'..='\u{fe61}' | '\u{fe63}' | '\u{fe68}' | '\u{fe6a}' | '\u{fe6b}'
        | '\u{ff01}'..='\u{ff03}' | '\u{ff05}'..='\u{ff0a}' | '\u{ff0c}'..='\u{ff0f}' | '\u{ff1a}' | '\u{ff1b}' | '\u{ff1f}' | '\u{ff20}'
        | '\u{ff3b}'..='\u{ff3d}' | '\u{ff3f}' | '\u{ff5b}' | '\u{ff5d}' | '\u{ff5f}'..='\u{ff65}')
}

fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{2a6df}'
        | '\u{2a700}'..='\u{2ceaf}' | '\u{2f800}'..='\u{2fa1f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    const VOCABULARY: &str = "[PAD]\n[UNK]\n[CLS]\n[SEP]\nun\n##aff\n##able\ncafe\n,\n.\n_\nkey\n数\n据\n##s";

    fn pieces(text: &str) -> Vec<&'static str> {
        let tokenizer = WordPiece::new(VOCABULARY).unwrap();
        let names: Vec<&str> = VOCABULARY.lines().collect();
        tokenizer.encode(text, 64).into_iter().map(|id| names[id as usize]).collect()
    }

    #[test]
    fn words_fall_into_the_longest_known_pieces() {
        assert_eq!(pieces("UNAFFABLE keys"), ["[CLS]", "un", "##aff", "##able", "key", "##s", "[SEP]"]);
        assert_eq!(pieces("unaffabl key"), ["[CLS]", "[UNK]", "key", "[SEP]"]);
        assert_eq!(pieces(&"x".repeat(200)), ["[CLS]", "[UNK]", "[SEP]"]);
    }

    #[test]
    fn accents_go_and_punctuation_and_ideographs_stand_alone() {
        assert_eq!(pieces("Café,\u{a0}key_key.\u{0}\u{200b}"), ["[CLS]", "cafe", ",", "key", "_", "key", ".", "[SEP]"]);
        assert_eq!(pieces("key数据key"), ["[CLS]", "key", "数", "据", "key", "[SEP]"]);
    }

    #[test]
    fn a_long_text_is_cut_and_still_ends() {
        let tokenizer = WordPiece::new(VOCABULARY).unwrap();
        let ids = tokenizer.encode(&"key ".repeat(1_000), 16);
        assert_eq!((ids.len(), ids.last()), (16, Some(&3)));
        assert_eq!(tokenizer.encode("", 16), [2, 3]);
    }

    #[test]
    fn a_vocabulary_without_its_special_pieces_is_none() {
        assert_eq!(WordPiece::new("[UNK]\n[CLS]\nkey").unwrap_err(), "[SEP]");
    }
}
