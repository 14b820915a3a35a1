//! What a memory can be worth at most, by what the index knows of it: so that a row is read only when it may matter.

use crate::index::Match;
use crate::index::codec::SCALE;
use crate::score::{self, Lexical, Parts, Signals, Weighted, Weights};

/// An impact is rounded to a whole step.
const ROUNDED: f64 = 0.5;
/// What is lost where contributions are added up in single precision.
const SINGLE: f64 = 1e-4;
/// The index keeps a day's fraction of a second less than the row.
const SECOND_IN_DAYS: f64 = 1.0 / 86_400.0;

/// The score of a memory that the index found, if it was of use so often, all that the index rounds was rounded
/// down, and every identifier stands there that may. `now` in seconds since the Unix epoch.
pub fn most(query: &[Weighted], found: &Match, usage: u32, same_project: bool, now: u32, weights: &Weights) -> Parts {
    let steps: f64 = query.iter().map(|term| term.weight).sum();
    let sum = f64::from(found.lexical + found.apart) * (1.0 + SINGLE) + steps * ROUNDED / f64::from(SCALE);
    let lexical = Lexical { score: score::of_sum(query, sum), coverage: 1.0, found: Vec::new() };
    let signals = Signals {
        importance: (f64::from(found.doc.importance) + 1.0) / 10.0,
        usage,
        age_days: f64::from(now.saturating_sub(found.doc.made)) / 86_400.0 - SECOND_IN_DAYS,
        same_project,
        structure: score::structure(query, found.placed, weights),
    };
    score::score(&lexical, &signals, weights)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::index::apart::phrases;
    use crate::index::bag::Bag;
    use crate::index::{Ask, Doc, NO_LINK, Scratch, Tail, search};
    use crate::terms::{self, Term};

    const NOW: u32 = 1_700_000_000;

    proptest! {
        #[test]
        fn no_memory_is_worth_more(
            asked in prop::collection::vec("[a-e]{2}([-_][a-e]{2}){0,2}", 1..8),
            title in prop::collection::vec("[a-e]{2,4}", 0..4),
            told in prop::collection::vec("[a-e]{2}(-[a-e]{2})?", 1..200),
            (hundredths, usage, made) in (0_u16..=1_000, 0_u32..10_000, 1_000_000_000..NOW),
            same_project: bool,
        ) {
            let (title, body) = (title.join(" "), told.join(" "));
            let importance = u8::try_from(hundredths / 10).unwrap();
            let (before, after) = (NO_LINK, NO_LINK);
            let doc =
                Doc { key: 1, session: 0, made, before, after, importance, is_turn: false, tokens: 1, shown: 1 };
            let mut tail = Tail::default();
            tail.insert(doc, &Bag::of(&title, &body, ""));
            let terms = terms::query(&asked.join(" "));
            let stems: Vec<_> = terms.iter().map(Term::hash).collect();
            let weights = Weights::default();
            let phrases = phrases(&terms);
            let ask = Ask {
                terms: &stems,
                phrases: &phrases,
                scope: &|_| 1.0,
                except: &std::collections::HashSet::new(),
                only: None,
                before: None,
                now: NOW,
                best: 1,
                weights: &weights,
            };
            let found = search(&[], &tail, &ask, &mut Scratch::default()).unwrap();
            let weighted = |(term, holding): (Term, &u64)| Weighted { term, weight: score::weight(1, *holding) };
            let query: Vec<Weighted> = terms.into_iter().zip(&found.holding).map(weighted).collect();
            let lexical = score::lexical(&query, &terms::stems(&title), &terms::stems(&body));
            let signals = Signals {
                importance: f64::from(hundredths) / 100.0,
                usage,
                age_days: f64::from(NOW - made) / 86_400.0,
                same_project,
                structure: 0.0,
            };
            let exact = score::score(&lexical, &signals, &weights).total;
            let most = |usage| {
                let most = |found| most(&query, found, usage, same_project, NOW, &weights).total;
                found.matches.first().map_or(0.0, most)
            };
            let (most, at_any) = (most(usage), most(u32::MAX));
            prop_assert!(exact <= most && most <= at_any, "{exact} of at most {most}, {at_any}");
            // Not far above where no identifier was asked for, or nothing would be gained.
            prop_assert!(!phrases.is_empty() || most <= exact.mul_add(1.02, 0.1), "{exact} of at most {most}");
        }
    }
}
