//! What two statements are to each other: the same fact in other words, or one that takes the other's place.
//!
//! Careful rather than clever: a fact that is hidden by mistake is worse than two that say about the same.

use std::sync::LazyLock;

use regex::Regex;

use crate::terms::{Stem, Subject, subject};

/// Share of common words (Jaccard) from which two statements are the same, but for numbers and negations.
const SAME: f64 = 0.75;
/// Smaller sets of words are compared by equality.
const COMPARABLE_WORDS: usize = 4;
/// Words of what a statement does away with.
const GIVEN_UP_WORDS: usize = 4;
/// What stands before the thing that a statement chooses.
const CHOOSING: &[&str] = &[
    "use", "uses", "using", "used", "choose", "chose", "chosen", "prefer", "with", "on", "via", "through", "keep",
    "run", "runs", "to", "is", "in", "by", "from",
];

#[expect(clippy::expect_used, reason = "constant patterns, compiled by the tests")]
fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a valid pattern")
}

static NEGATION: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i)\b(?:no|not|never|cannot|avoid|stop|without|neither|nor)\b|n['’]t\b"));
/// A number that names a thing instead of measuring it.
static TICKET: LazyLock<Regex> = LazyLock::new(|| pattern(r"#\d|(?-u:\b)[A-Z]{2,}-\d"));
static GIVEN_UP: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)\b(?:instead of|rather than|no longer(?: use| on| with)?|in place of|replaces|replacing|away from|(?:do not|don['’]t|never|stop) us(?:e|ing))\s+(?P<what>[^,.;:!?\n()]+)",
    )
});

/// True when two statements are one fact.
pub fn same(one: &str, other: &str) -> bool {
    let (mine, theirs) = (subject(one), subject(other));
    is_negated(one) == is_negated(other) && mine.numbers() == theirs.numbers() && is_alike(&mine, &theirs)
}

/// True when a newer statement takes the place of an older one: it names what it does away with and the older one chose
/// that, or it says the same with another number, or the opposite.
pub fn replaces(newer: &str, older: &str) -> bool {
    if given_up(newer).any(|what| chooses(older, &what)) {
        return true;
    }
    let (mine, theirs) = (subject(newer), subject(older));
    let (my_words, their_words) = (words(&mine), words(&theirs));
    let differs = is_negated(newer) != is_negated(older);
    if mine.numbers() == theirs.numbers() {
        return differs && is_alike(&mine, &theirs);
    }
    let measured = !mine.numbers().is_empty() && !theirs.numbers().is_empty();
    let names = TICKET.is_match(newer) || TICKET.is_match(older);
    measured && !names && !differs && !my_words.is_empty() && my_words == their_words
}

fn is_negated(text: &str) -> bool {
    NEGATION.is_match(text)
}

/// Without the numbers.
fn words(subject: &Subject) -> Vec<Stem> {
    let is_word = |stem: &&Stem| subject.numbers().binary_search(stem).is_err();
    subject.words().iter().filter(is_word).copied().collect()
}

#[expect(clippy::cast_precision_loss, reason = "words of one statement")]
fn is_alike(one: &Subject, other: &Subject) -> bool {
    let (mine, theirs) = (one.words().len(), other.words().len());
    if mine.min(theirs) < COMPARABLE_WORDS {
        return one == other && mine > 0;
    }
    let common = one.common(other);
    common as f64 / (mine + theirs - common) as f64 >= SAME
}

/// What a statement does away with, each as its first words.
fn given_up(text: &str) -> impl Iterator<Item = Vec<String>> {
    let ends = [
        "for", "because", "when", "where", "since", "as", "so", "in", "on", "to", "and", "but", "here", "any",
        "anymore",
    ];
    GIVEN_UP.captures_iter(text).filter_map(move |found| {
        let what = found["what"].to_lowercase();
        let said = what.split_whitespace().skip_while(|word| is_article(word));
        let said: Vec<String> = said
            .take_while(|word| !ends.contains(word))
            .take(GIVEN_UP_WORDS)
            .map(|word| bare(word).to_owned())
            .collect();
        (!said.is_empty()).then_some(said)
    })
}

/// True for a statement that chooses a thing, and does not do away with it itself.
fn chooses(text: &str, what: &[String]) -> bool {
    let lower = text.to_lowercase();
    let all: Vec<&str> = lower.split_whitespace().map(bare).collect();
    let is_chosen = |at: usize| {
        let before = all[..at].iter().rev().find(|word| !is_article(word));
        before.is_some_and(|word| CHOOSING.contains(word))
    };
    let said = all.windows(what.len()).enumerate().any(|(at, words)| words == what && is_chosen(at));
    said && !given_up(text).any(|given_up| given_up == what)
}

fn bare(word: &str) -> &str {
    word.trim_matches(|letter: char| !letter.is_alphanumeric())
}

fn is_article(word: &str) -> bool {
    matches!(word, "the" | "a" | "an" | "our" | "any")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_in_other_words() {
        let fact = "We deploy the api from the main branch on Tuesdays.";
        assert!(same(fact, "we deploy the API from main branch, on tuesdays"));
        assert!(same("Never restart the broker.", "never restart the broker!"));
        for other in [
            "We never deploy the api from the main branch on Tuesdays.",
            "We deploy the web site from the release branch on Fridays.",
            "We deploy the api from the main branch on Tuesdays at 9.",
        ] {
            assert!(!same(fact, other), "{other}");
        }
        assert!(!same("", "") && !same("the", "a"));
    }

    #[test]
    fn a_newer_statement_takes_an_olders_place() {
        for (newer, older) in [
            ("We use port 4318.", "We use port 4317."),
            ("Use pnpm instead of npm.", "We use npm for the frontend."),
            ("We moved away from the rabbit queue, to NATS.", "Jobs run on the rabbit queue."),
            ("Don't use moment, use dayjs", "Dates are made with moment."),
            ("We do not cache sessions in Redis.", "We cache sessions in Redis."),
        ] {
            assert!(replaces(newer, older), "{newer} / {older}");
            assert!(newer.contains("port") || newer.contains("cache") || !replaces(older, newer), "{older} / {newer}");
        }
    }

    #[test]
    fn what_is_only_alike_stays() {
        for (newer, older) in [
            ("We use port 9090 for the web site.", "We use port 8080 for the api."),
            ("OPS-413 comes first.", "OPS-412 comes first."),
            ("Use pnpm instead of npm.", "CI caches the npm folder."),
            ("Use pnpm instead of npm.", "Use yarn instead of npm."),
            ("We deploy on Tuesdays only.", "We deploy from main only."),
            ("The queue is NATS.", "The cache is Redis."),
        ] {
            assert!(!replaces(newer, older), "{newer} / {older}");
        }
    }
}
