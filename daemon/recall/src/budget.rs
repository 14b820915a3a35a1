//! Packing: the best memories that fit a token budget, without saying the same thing twice.

use std::cell::OnceCell;
use std::collections::HashMap;

use crate::score::Weights;
use crate::terms::{Stem, Subject, numbers, subject};

/// Characters that a token stands for. Real tokenisers give 3.5 to 4.5 on English prose and code; this errs on the
/// side of a smaller injection for prose.
pub(crate) const CHARS_PER_TOKEN: usize = 4;
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

/// What is known of a candidate before it is read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prospect {
    /// What it costs at least.
    pub tokens: usize,
    /// What it would cost as a whole, at least.
    pub whole: usize,
    /// What it is worth at most.
    pub worth: f64,
    /// For a turn of a conversation, the session's number in the index; 0 for none.
    pub session: u32,
}

/// Where candidates come from. Each is read once, and only when it may be the next to be taken: that costs more than all
/// else here.
pub trait Stock {
    /// Why a candidate cannot be read.
    type Error;

    /// What a candidate is worth at most, as far as that can be told more closely at little cost; asked once for each that
    /// may be read.
    fn narrow(&mut self, at: usize) -> Result<Option<f64>, Self::Error>;

    /// Reads the candidate at a position; None when it is not wanted after all.
    fn read(&mut self, at: usize) -> Result<Option<Candidate>, Self::Error>;

    /// What would be told of a candidate that was read.
    fn text(&self, at: usize) -> &str;
}

/// A candidate as far as it is known.
enum Known {
    Expected(Prospect),
    Narrowed(Prospect),
    Read(Candidate),
    Gone,
}

impl Known {
    /// What it costs, and what it is worth for its length, or may be, when nothing is told yet.
    fn measure(&self, weights: &Weights) -> (usize, f64) {
        match self {
            Known::Expected(Prospect { tokens, whole, worth, .. })
            | Known::Narrowed(Prospect { tokens, whole, worth, .. })
            | Known::Read(Candidate { tokens, whole, worth, .. }) => (*tokens, worth * weights.of_length(*whole)),
            Known::Gone => (usize::MAX, 0.0),
        }
    }

    /// How many memories of its session are told.
    fn of_its_session(&self, told: &Told) -> usize {
        let told = match self {
            Known::Expected(prospect) | Known::Narrowed(prospect) => told.numbers.get(&prospect.session),
            Known::Read(Candidate { session: Some(session), .. }) => told.sessions.get(session),
            Known::Read(_) | Known::Gone => None,
        };
        told.copied().unwrap_or(0)
    }
}

fn measured(known: Known, weights: &Weights) -> (Known, (usize, f64)) {
    let measure = known.measure(weights);
    (known, measure)
}

/// All candidates, each with what [`Known::measure`] says of it.
struct Shelf<'a> {
    known: Vec<(Known, (usize, f64))>,
    weights: &'a Weights,
}

impl<'a> Shelf<'a> {
    fn new(prospects: &[Prospect], weights: &'a Weights) -> Shelf<'a> {
        let known = prospects.iter().map(|prospect| measured(Known::Expected(*prospect), weights));
        Shelf { known: known.collect(), weights }
    }

    /// Leaves none at the position.
    fn take(&mut self, at: usize) -> Known {
        std::mem::replace(&mut self.known[at], measured(Known::Gone, self.weights)).0
    }

    fn put(&mut self, at: usize, known: Known) {
        self.known[at] = measured(known, self.weights);
    }

    /// The one that is worth most, or may be, beside those told, of those that fit.
    fn best(&self, left: usize, told: &Told) -> Option<usize> {
        let fit = self.known.iter().enumerate().filter(|(_, (_, (tokens, _)))| *tokens <= left);
        let places = fit.map(|(at, (known, (_, worth)))| {
            let of_its_session = if told.sessions.is_empty() { 0 } else { known.of_its_session(told) };
            (worth * self.weights.of_session(of_its_session), at)
        });
        places.max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1))).map(|(_, at)| at)
    }
}

/// How many memories of each session were taken.
#[derive(Default)]
struct Told {
    sessions: HashMap<String, usize>,
    /// The same by the numbers that the index has for them.
    numbers: HashMap<u32, usize>,
}

/// Positions of the candidates to take, at most `most`, in the order in which they are to be read: always the one that is
/// worth most for its length ([`Weights::of_length`]) beside those taken ([`Weights::of_session`]). A candidate that no longer
/// fits is passed over for a smaller one. A candidate is read when none that is known may be worth more (as in the threshold
/// algorithm of Fagin, Lotem and Naor, "Optimal aggregation algorithms for middleware", 2003), so that what is taken is what
/// would be taken if all were read. Errors: the stock's.
pub fn pack<S: Stock>(
    prospects: &[Prospect],
    budget: usize,
    most: usize,
    weights: &Weights,
    stock: &mut S,
) -> Result<Vec<usize>, S::Error> {
    let mut left = budget;
    let mut taken: Vec<usize> = Vec::new();
    let mut texts: Vec<Text> = Vec::new();
    let mut told = Told::default();
    let mut shelf = Shelf::new(prospects, weights);
    while taken.len() < most {
        let Some(best) = shelf.best(left, &told) else { break };
        let candidate = match shelf.take(best) {
            Known::Expected(prospect) => {
                let worth = stock.narrow(best)?.map_or(prospect.worth, |worth| worth.min(prospect.worth));
                shelf.put(best, Known::Narrowed(Prospect { worth, ..prospect }));
                continue;
            }
            Known::Narrowed(_) => {
                shelf.put(best, stock.read(best)?.map_or(Known::Gone, Known::Read));
                continue;
            }
            Known::Read(candidate) => candidate,
            Known::Gone => continue,
        };
        let text = Text::new(stock.text(best));
        if !texts.iter().any(|other| text.says_the_same(other)) {
            left -= candidate.tokens;
            taken.push(best);
            texts.push(text);
            if let Some(session) = candidate.session {
                *told.sessions.entry(session).or_default() += 1;
                if prospects[best].session != 0 {
                    *told.numbers.entry(prospects[best].session).or_default() += 1;
                }
            }
        }
    }
    Ok(taken)
}

/// A text that may be told, to be compared with others. What it is about is found out when its numbers do not tell it apart.
struct Text {
    whole: String,
    numbers: Vec<Stem>,
    subject: OnceCell<Subject>,
}

impl Text {
    fn new(text: &str) -> Self {
        Self { whole: text.to_owned(), numbers: numbers(text), subject: OnceCell::new() }
    }

    fn says_the_same(&self, other: &Text) -> bool {
        self.numbers == other.numbers && near_duplicates(self.subject(), other.subject())
    }

    fn subject(&self) -> &Subject {
        self.subject.get_or_init(|| subject(&self.whole))
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

    use proptest::prelude::*;

    use super::*;

    const TEXTS: [&str; 5] = [
        "the staging database listens on port 5544 behind the proxy",
        "staging database listens on port 5544, behind the proxy!",
        "the production database listens on port 1 behind nothing",
        "alpha",
        "printers in the corner office hum quietly while people work",
    ];

    /// A candidate and its text.
    type Told = (Candidate, &'static str);

    fn candidate(tokens: usize, text: &'static str) -> Told {
        (Candidate { tokens, whole: tokens, worth: 5.0, session: None }, text)
    }

    /// What is told, and which of it was read.
    struct Texts<'a> {
        told: &'a [Told],
        /// Too much that is still expected of each when it was narrowed.
        excess: f64,
        read: Vec<usize>,
    }

    impl Stock for Texts<'_> {
        type Error = std::convert::Infallible;

        fn narrow(&mut self, at: usize) -> Result<Option<f64>, Self::Error> {
            Ok((self.excess < 2.0).then(|| self.told[at].0.worth * self.excess))
        }

        fn read(&mut self, at: usize) -> Result<Option<Candidate>, Self::Error> {
            self.read.push(at);
            Ok(Some(self.told[at].0.clone()))
        }

        fn text(&self, at: usize) -> &str {
            self.told[at].1
        }
    }

    /// What is taken, and what was read for it, when so much too much is expected of each.
    fn expecting(told: &[Told], budget: usize, weights: &Weights, excess: f64) -> (Vec<usize>, Vec<usize>) {
        let of = |(Candidate { tokens, whole, worth, session }, _): &Told| Prospect {
            tokens: *tokens,
            whole: *whole,
            worth: worth * excess,
            session: session.as_ref().map_or(0, |session| session.bytes().map(u32::from).sum()),
        };
        let prospects: Vec<Prospect> = told.iter().map(of).collect();
        let mut shelf = Texts { told, excess: excess.sqrt(), read: Vec::new() };
        let Ok(taken) = pack(&prospects, budget, usize::MAX, weights, &mut shelf);
        (taken, shelf.read)
    }

    fn packed_with(told: &[Told], budget: usize, weights: &Weights) -> Vec<usize> {
        expecting(told, budget, weights, 1.0).0
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
    fn what_cannot_be_taken_is_not_read() {
        let worth = |worth, text| (Candidate { tokens: 50, whole: 50, worth, session: None }, text);
        let told = [worth(9.0, "alpha"), worth(8.0, "beta"), worth(7.0, "gamma"), worth(1.0, "delta")];
        let read = |excess| expecting(&told, 100, &Weights::default(), excess);
        // The third could be worth more than the second, also when more is known of it.
        assert_eq!(read(1.44), (vec![0, 1], vec![0, 1, 2]));
        // It could be at first, and then not.
        assert_eq!(read(1.2), (vec![0, 1], vec![0, 1]));
    }

    proptest! {
        #[test]
        fn the_same_is_taken_however_much_is_expected(
            worths in prop::collection::vec((1_usize..90, 1_u32..1_000, 0_usize..3), 0..24),
            budget in 0_usize..300,
            excess in 1.0..6.0,
        ) {
            let told: Vec<Told> = worths.iter().map(|&(tokens, worth, session)| {
                let session = (session > 0).then(|| session.to_string());
                (Candidate { tokens, whole: tokens, worth: f64::from(worth), session }, TEXTS[worth as usize % TEXTS.len()])
            }).collect();
            let (weights, all) = (Weights::default(), f64::from(f32::MAX));
            let (expected, read) = expecting(&told, budget, &weights, all);
            prop_assert!(read.len() == told.iter().filter(|(candidate, _)| candidate.tokens <= budget).count());
            prop_assert_eq!(expecting(&told, budget, &weights, excess).0, expected);
        }
    }

    #[test]
    fn no_more_than_asked_for_are_taken() {
        let told = [candidate(10, "alpha"), candidate(10, "beta")];
        let prospects = [Prospect { tokens: 10, whole: 10, worth: 9.0, session: 0 }; 2];
        let mut shelf = Texts { told: &told, excess: 1.0, read: Vec::new() };
        assert_eq!(pack(&prospects, 100, 1, &Weights::default(), &mut shelf), Ok(vec![0]));
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
