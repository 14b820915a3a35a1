//! Packing: the best memories that fit a token budget, without saying the same thing twice.

use std::collections::HashMap;

use crate::score::Weights;
use crate::terms::Subject;

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
    /// What it would cost as a whole; more than that when a part of it is shown.
    pub whole: usize,
    /// Its relevance, from [`crate::score`].
    pub worth: f64,
    /// For a turn of a conversation, the session.
    pub session: Option<String>,
}

/// Positions of the candidates to take, in the order in which they are to be read: always the one that is worth most
/// beside those taken ([`Weights::place`]). A candidate that no longer fits is passed over for a smaller one. `subject` is
/// asked for what a candidate is about, once for each that may be taken: to find that out costs more than all else here.
pub fn pack(
    candidates: &[Candidate],
    budget: usize,
    weights: &Weights,
    subject: impl Fn(usize) -> Subject,
) -> Vec<usize> {
    let mut left = budget;
    let mut taken: Vec<usize> = Vec::new();
    let mut subjects: Vec<Subject> = Vec::new();
    let mut told: HashMap<&str, usize> = HashMap::new();
    let mut open: Vec<usize> = (0..candidates.len()).collect();
    loop {
        open.retain(|&at| candidates[at].tokens <= left);
        let worth = |at: usize| {
            let Candidate { whole, worth, session, .. } = &candidates[at];
            let of_its_session = session.as_deref().and_then(|session| told.get(session)).copied().unwrap_or(0);
            worth * weights.place(*whole, of_its_session)
        };
        let best =
            open.iter().copied().map(|at| (worth(at), at)).max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
        let Some((_, best)) = best else { return taken };
        open.retain(|&at| at != best);
        let candidate = &candidates[best];
        let about = subject(best);
        if !subjects.iter().any(|other| near_duplicates(&about, other)) {
            left -= candidate.tokens;
            taken.push(best);
            subjects.push(about);
            if let Some(session) = &candidate.session {
                *told.entry(session).or_default() += 1;
            }
        }
    }
}

/// True when two texts say about the same. Texts with different numbers do not, however alike they are: ports,
/// versions and dates are the facts that are asked for.
#[expect(clippy::cast_precision_loss, reason = "words of one memory")]
pub fn near_duplicates(one: &Subject, other: &Subject) -> bool {
    if one.words().len().min(other.words().len()) < COMPARABLE_WORDS {
        return one == other;
    }
    if one.numbers() != other.numbers() {
        return false;
    }
    let common = one.common(other);
    let all = one.words().len() + other.words().len() - common;
    common as f64 / all as f64 >= SAME
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::terms::subject;

    /// A candidate and its text.
    type Told = (Candidate, &'static str);

    fn candidate(tokens: usize, text: &'static str) -> Told {
        (Candidate { tokens, whole: tokens, worth: 5.0, session: None }, text)
    }

    fn packed_with(told: &[Told], budget: usize, weights: &Weights) -> Vec<usize> {
        let candidates: Vec<Candidate> = told.iter().map(|(candidate, _)| candidate.clone()).collect();
        pack(&candidates, budget, weights, |at| subject(told[at].1))
    }

    fn packed(told: &[Told], budget: usize) -> Vec<usize> {
        packed_with(told, budget, &Weights::default())
    }

    #[test]
    fn best_first_within_the_budget() {
        let worth = |worth, (candidate, text): Told| (Candidate { worth, ..candidate }, text);
        let candidates =
            [worth(3.0, candidate(60, "alpha")), worth(9.0, candidate(60, "beta")), worth(1.0, candidate(40, "gamma"))];
        assert_eq!(packed(&candidates, 100), [1, 2]);
        assert!(packed(&candidates, 10).is_empty());
    }

    #[test]
    fn of_equals_the_shorter_goes_before() {
        let candidates = [candidate(60, "alpha"), candidate(40, "beta")];
        assert_eq!(packed(&candidates, 100), [1, 0]);
        assert_eq!(packed_with(&candidates, 100, &Weights { brevity: 0.0, ..Weights::default() }), [0, 1]);
    }

    #[test]
    fn a_part_of_a_long_memory_does_not_pass_for_a_short_one() {
        let (part, text) = candidate(50, "alpha");
        let candidates = [(Candidate { whole: 5_000, ..part }, text), candidate(60, "beta")];
        assert_eq!(packed(&candidates, 100), [1]);
        assert_eq!(packed(&candidates, 120), [1, 0], "it costs what is shown of it");
    }

    #[test]
    fn what_another_session_says_goes_before_more_of_the_same() {
        let turn = |worth, text, session: &str| {
            let session = Some(session.to_owned());
            let (candidate, text) = candidate(20, text);
            (Candidate { worth, session, ..candidate }, text)
        };
        let candidates = [turn(9.0, "alpha", "one"), turn(8.0, "beta", "one"), turn(7.5, "gamma", "two")];
        assert_eq!(packed(&candidates, 40), [0, 2]);
        assert_eq!(packed_with(&candidates, 40, &Weights { spread: 1.0, ..Weights::default() }), [0, 1]);
    }

    #[test]
    fn the_same_fact_is_told_once() {
        let first = "The staging database listens on port 5544 behind the proxy";
        let again = "Staging database listens on port 5544, behind the proxy!";
        let moved = "The staging database listens on port 5545 behind the proxy";
        let other = "The production database listens on a socket, behind nothing";
        let candidates = [first, again, moved, other].map(|text| candidate(20, text));
        let kept: BTreeSet<usize> = packed(&candidates, 100).into_iter().collect();
        assert!(kept.is_superset(&BTreeSet::from([2, 3])));
        assert_eq!(kept.len(), 3, "{kept:?}");
    }

    #[test]
    fn tokens_are_characters_by_four() {
        assert_eq!(tokens(""), 0);
        assert_eq!(tokens("abcde"), 2);
        assert_eq!(tokens("日本語"), 1);
    }
}
