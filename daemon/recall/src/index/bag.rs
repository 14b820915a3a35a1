//! From a memory's text to the terms that the index keeps of it.
//!
//! Words are cut, folded and stemmed as in [`crate::terms`]. An identifier (`src/main.rs`, `getUserName`, `PROJ-123`)
//! stands in the index whole, in parts, and by each of its ends, so that `main.rs` finds `daemon/src/main.rs`.

use super::codec::{self, Impact};
use crate::terms::{self, Stem};

/// Words of a memory that are indexed at most; our own are far shorter.
const MOST_WORDS: usize = 20_000;
/// A title's words count as often as this.
const TITLE_TIMES: usize = 2;

/// The terms of one memory with their impacts, in the order of the terms.
#[derive(Debug, Clone, Default)]
pub struct Bag {
    /// Each term once.
    pub terms: Vec<(Stem, Impact)>,
}

impl Bag {
    /// Of a memory's title, text and tags.
    pub fn of(title: &str, body: &str, tags: &str) -> Bag {
        let mut found = Vec::with_capacity((title.len() + body.len()) / 5);
        let mut words = 0;
        for (text, times) in [(title, TITLE_TIMES), (body, 1), (tags, 1)] {
            let before = found.len();
            words += terms::document(text, MOST_WORDS - words.min(MOST_WORDS), &mut found);
            for _ in 1..times {
                found.extend_from_within(before..);
            }
        }
        found.sort_unstable();
        let mut terms: Vec<(Stem, Impact)> = Vec::with_capacity(found.len());
        for run in found.chunk_by(|a, b| a == b) {
            terms.push((run[0], codec::impact(run.len(), words)));
        }
        Bag { terms }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terms::query;

    fn holds(text: &str, prompt: &str) -> Vec<String> {
        let bag = Bag::of("", text, "");
        let held = |hash| bag.terms.binary_search_by_key(&hash, |&(term, _)| term).is_ok();
        query(prompt).iter().filter(|term| held(term.hash())).map(terms::Term::text).collect()
    }

    #[test]
    fn identifiers_are_found_whole_in_parts_and_by_their_ends() {
        assert_eq!(holds("see daemon/src/main.rs there", "src/main.rs"), ["src main rs", "src", "main", "rs"]);
        assert_eq!(holds("calls getUserName()", "user name getUserName"), ["user", "name", "getusername"]);
        assert_eq!(holds("error PROJ-123", "PROJ-123 PROJ-124"), ["proj 123", "proj", "123"]);
        assert_eq!(
            holds("host db-07.example.net is down", "db-07.example.net"),
            ["db 07 example net", "db", "07", "example", "net"]
        );
    }

    #[test]
    fn stop_words_are_not_kept_and_a_title_counts_twice() {
        assert!(Bag::of("", "it was as it is", "").terms.is_empty());
        let vault = query("vault")[0].hash();
        let impact = |bag: Bag| {
            let at = bag.terms.binary_search_by_key(&vault, |&(term, _)| term).unwrap();
            bag.terms[at].1
        };
        assert!(impact(Bag::of("vault", "red blue green", "")) > impact(Bag::of("", "vault red blue green", "")));
    }
}
