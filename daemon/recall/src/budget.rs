//! Packing: the best memories that fit a token budget, without saying the same thing twice.

use std::collections::BTreeSet;

/// Characters that a token stands for. Real tokenisers give 3.5 to 4.5 on English prose and code; this errs on the
/// side of a smaller injection for prose.
const CHARS_PER_TOKEN: usize = 4;
/// Share of common words (Jaccard) from which two memories are taken to say the same.
const SAME: f64 = 0.6;
/// Smaller word sets are compared by equality: three common words of four prove nothing.
const COMPARABLE_WORDS: usize = 5;

/// Tokens that a text costs, estimated from its characters.
pub fn tokens(text: &str) -> usize {
    text.chars().count().div_ceil(CHARS_PER_TOKEN)
}

/// Characters that fit into so many tokens.
pub fn chars(tokens: usize) -> usize {
    tokens * CHARS_PER_TOKEN
}

/// Something to pack.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// What it costs, provenance line included.
    pub tokens: usize,
    /// What it is about, from [`crate::terms::subject`].
    pub subject: BTreeSet<String>,
}

/// Positions of the candidates to take, in the order given, which is best first. A candidate that no longer fits is
/// passed over for a smaller one behind it.
pub fn pack(candidates: &[Candidate], budget: usize) -> Vec<usize> {
    let mut left = budget;
    let mut taken: Vec<usize> = Vec::new();
    for (position, candidate) in candidates.iter().enumerate() {
        let repeats = taken.iter().any(|&other| near_duplicates(&candidate.subject, &candidates[other].subject));
        if candidate.tokens <= left && !repeats {
            left -= candidate.tokens;
            taken.push(position);
        }
    }
    taken
}

/// True when two texts say about the same. Texts with different numbers do not, however alike they are: ports,
/// versions and dates are the facts that are asked for.
#[expect(clippy::cast_precision_loss, reason = "words of one memory")]
pub fn near_duplicates(one: &BTreeSet<String>, other: &BTreeSet<String>) -> bool {
    if one.len().min(other.len()) < COMPARABLE_WORDS {
        return one == other;
    }
    if !numbers(one).eq(numbers(other)) {
        return false;
    }
    let common = one.intersection(other).count();
    let all = one.len() + other.len() - common;
    common as f64 / all as f64 >= SAME
}

fn numbers(subject: &BTreeSet<String>) -> impl Iterator<Item = &String> {
    subject.iter().filter(|word| word.bytes().any(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terms::subject;

    fn candidate(tokens: usize, text: &str) -> Candidate {
        Candidate { tokens, subject: subject(text) }
    }

    #[test]
    fn best_first_within_the_budget() {
        let candidates = [candidate(60, "alpha"), candidate(60, "beta"), candidate(40, "gamma")];
        assert_eq!(pack(&candidates, 100), [0, 2]);
        assert!(pack(&candidates, 10).is_empty());
    }

    #[test]
    fn the_same_fact_is_told_once() {
        let first = "The staging database listens on port 5544 behind the proxy";
        let again = "Staging database listens on port 5544, behind the proxy!";
        let moved = "The staging database listens on port 5545 behind the proxy";
        let other = "The production database listens on a socket, behind nothing";
        let candidates = [first, again, moved, other].map(|text| candidate(20, text));
        assert_eq!(pack(&candidates, 100), [0, 2, 3]);
    }

    #[test]
    fn tokens_are_characters_by_four() {
        assert_eq!(tokens(""), 0);
        assert_eq!(tokens("abcde"), 2);
        assert_eq!(tokens("日本語"), 1);
    }
}
