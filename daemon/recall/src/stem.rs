//! Porter's stemmer ("An algorithm for suffix stripping", Program 14(3), 1980).
//!
//! It is the one that FTS5's `porter` tokeniser applies, so that a memory found there by a stem is recognised here by
//! the same stem. As there, words of one or two bytes and of more than 64 are left alone.

/// FTS5 passes longer tokens through.
const LONGEST: usize = 64;

/// Cuts a lower-case word, given as its bytes, to its stem.
pub(crate) fn stem(word: &mut Vec<u8>) {
    if !(3..=LONGEST).contains(&word.len()) || !word.is_ascii() {
        return;
    }
    let mut stem = Stem { letters: word };
    stem.plurals();
    stem.past_tense();
    stem.final_y();
    stem.longest(STEP_2, |before| before > 0);
    stem.longest(STEP_3, |before| before > 0);
    stem.step_4();
    stem.final_e();
}

const STEP_2: &[(&str, &str)] = &[
    ("ational", "ate"),
    ("tional", "tion"),
    ("enci", "ence"),
    ("anci", "ance"),
    ("izer", "ize"),
    ("logi", "log"),
    ("bli", "ble"),
    ("alli", "al"),
    ("entli", "ent"),
    ("eli", "e"),
    ("ousli", "ous"),
    ("ization", "ize"),
    ("ation", "ate"),
    ("ator", "ate"),
    ("alism", "al"),
    ("iveness", "ive"),
    ("fulness", "ful"),
    ("ousness", "ous"),
    ("aliti", "al"),
    ("iviti", "ive"),
    ("biliti", "ble"),
];

const STEP_3: &[(&str, &str)] =
    &[("icate", "ic"), ("ative", ""), ("alize", "al"), ("iciti", "ic"), ("ical", "ic"), ("ful", ""), ("ness", "")];

const STEP_4: &[(&str, &str)] = &[
    ("al", ""),
    ("ance", ""),
    ("ence", ""),
    ("er", ""),
    ("ic", ""),
    ("able", ""),
    ("ible", ""),
    ("ant", ""),
    ("ement", ""),
    ("ment", ""),
    ("ent", ""),
    ("sion", "s"),
    ("tion", "t"),
    ("ou", ""),
    ("ism", ""),
    ("ate", ""),
    ("iti", ""),
    ("ous", ""),
    ("ive", ""),
    ("ize", ""),
];

struct Stem<'a> {
    letters: &'a mut Vec<u8>,
}

impl Stem<'_> {
    fn ends(&self, suffix: &str) -> bool {
        // Most words end otherwise, which their last letter tells.
        self.letters.last() == suffix.as_bytes().last() && self.letters.ends_with(suffix.as_bytes())
    }

    /// Length without the suffix.
    fn without(&self, suffix: &str) -> usize {
        self.letters.len() - suffix.len()
    }

    fn replace(&mut self, suffix: &str, with: &str) {
        self.letters.truncate(self.without(suffix));
        self.letters.extend_from_slice(with.as_bytes());
    }

    fn is_vowel(&self, at: usize) -> bool {
        match self.letters[at] {
            b'a' | b'e' | b'i' | b'o' | b'u' => true,
            b'y' => at > 0 && !self.is_vowel(at - 1),
            _ => false,
        }
    }

    fn has_vowel(&self, length: usize) -> bool {
        (0..length).any(|at| self.is_vowel(at))
    }

    /// Porter's measure m: how many vowel-consonant sequences the first `length` letters hold.
    fn measure(&self, length: usize) -> usize {
        (1..length).filter(|&at| self.is_vowel(at - 1) && !self.is_vowel(at)).count()
    }

    fn ends_in_double_consonant(&self) -> bool {
        let length = self.letters.len();
        length >= 2 && self.letters[length - 1] == self.letters[length - 2] && !self.is_vowel(length - 1)
    }

    /// Porter's *o: consonant, vowel, consonant other than w, x, y at the end of the first `length` letters.
    fn ends_short(&self, length: usize) -> bool {
        length >= 3
            && !self.is_vowel(length - 3)
            && self.is_vowel(length - 2)
            && !self.is_vowel(length - 1)
            && !matches!(self.letters[length - 1], b'w' | b'x' | b'y')
    }

    /// Replaces the longest suffix of the table when the measure before it allows; no shorter one is tried then.
    fn longest(&mut self, table: &[(&str, &str)], allowed: impl Fn(usize) -> bool) {
        let found = table.iter().filter(|(suffix, _)| self.ends(suffix)).max_by_key(|(suffix, _)| suffix.len());
        if let Some((suffix, with)) = found
            && allowed(self.measure(self.without(suffix)))
        {
            self.replace(suffix, with);
        }
    }

    fn plurals(&mut self) {
        if self.ends("sses") || self.ends("ies") {
            self.letters.truncate(self.letters.len() - 2);
        } else if self.ends("s") && !self.ends("ss") {
            self.letters.pop();
        }
    }

    fn past_tense(&mut self) {
        if self.ends("eed") {
            if self.measure(self.without("eed")) > 0 {
                self.letters.pop();
            }
            return;
        }
        let Some(suffix) = ["ed", "ing"].into_iter().find(|s| self.ends(s) && self.has_vowel(self.without(s))) else {
            return;
        };
        self.replace(suffix, "");
        if self.ends("at") || self.ends("bl") || self.ends("iz") {
            self.letters.push(b'e');
        } else if self.ends_in_double_consonant() && !self.ends("l") && !self.ends("s") && !self.ends("z") {
            self.letters.pop();
        } else if self.measure(self.letters.len()) == 1 && self.ends_short(self.letters.len()) {
            self.letters.push(b'e');
        }
    }

    fn final_y(&mut self) {
        if self.ends("y") && self.has_vowel(self.without("y")) {
            self.replace("y", "i");
        }
    }

    /// The table's "sion" and "tion" keep their first letter, which counts for the measure.
    fn step_4(&mut self) {
        let found = STEP_4.iter().filter(|(suffix, _)| self.ends(suffix)).max_by_key(|(suffix, _)| suffix.len());
        if let Some((suffix, with)) = found
            && self.measure(self.without(suffix) + with.len()) > 1
        {
            self.replace(suffix, with);
        }
    }

    fn final_e(&mut self) {
        if self.ends("e") {
            let before = self.without("e");
            let measure = self.measure(before);
            if measure > 1 || (measure == 1 && !self.ends_short(before)) {
                self.letters.pop();
            }
        }
        if self.ends("ll") && self.measure(self.letters.len() - 1) > 1 {
            self.letters.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    fn stem(word: &str) -> String {
        let mut letters = word.as_bytes().to_vec();
        super::stem(&mut letters);
        String::from_utf8(letters).unwrap()
    }

    #[test]
    fn porters_own_examples() {
        for (word, expected) in [
            ("caresses", "caress"),
            ("ponies", "poni"),
            ("cats", "cat"),
            ("feed", "feed"),
            ("agreed", "agre"),
            ("plastered", "plaster"),
            ("motoring", "motor"),
            ("sing", "sing"),
            ("conflated", "conflat"),
            ("hopping", "hop"),
            ("falling", "fall"),
            ("filing", "file"),
            ("happy", "happi"),
            ("relational", "relat"),
            ("vietnamization", "vietnam"),
            ("triplicate", "triplic"),
            ("electrical", "electr"),
            ("adoption", "adopt"),
            ("replacement", "replac"),
            ("probate", "probat"),
            ("controll", "control"),
            ("running", "run"),
            ("databases", "databas"),
            ("connection", "connect"),
        ] {
            assert_eq!(stem(word), expected, "{word}");
        }
    }

    #[test]
    fn short_and_foreign_words_stay() {
        for word in ["a", "is", "größe", "日本語"] {
            assert_eq!(stem(word), word);
        }
    }
}
