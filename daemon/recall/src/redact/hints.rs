//! Which rules may find something in a text: one pass over it for the hints of all of them.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use super::rules::RULES;

/// Hints so short that they stand in most texts, in any case; their rules look for themselves.
const SHORTEST: usize = 3;
/// Letters outside of ASCII that patterns which ignore case take for `s` and `k`.
const TWINS: [&str; 2] = ["\u{17f}", "\u{212a}"];

/// The hints, and for each the rules that it stands for, as bits.
struct Hints {
    all: AhoCorasick,
    rules: Vec<u128>,
    /// Rules that look for themselves.
    always: u128,
    every: u128,
}

#[expect(clippy::expect_used, reason = "constant patterns, built by the tests")]
static HINTS: LazyLock<Hints> = LazyLock::new(|| {
    let (mut patterns, mut rules, mut always): (Vec<&str>, Vec<u128>, u128) = (Vec::new(), Vec::new(), 0);
    let mut add = |hint, bits: u128| {
        if let Some(at) = patterns.iter().position(|known| *known == hint) {
            rules[at] |= bits;
        } else {
            patterns.push(hint);
            rules.push(bits);
        }
    };
    let every = RULES.iter().enumerate().fold(0, |all, (at, _)| all | 1 << at);
    for (at, rule) in RULES.iter().enumerate() {
        if rule.hints.iter().any(|hint| hint.len() < SHORTEST) {
            always |= 1 << at;
        } else {
            for hint in rule.hints {
                add(hint, 1 << at);
            }
        }
    }
    for twin in TWINS {
        add(twin, every);
    }
    let all = AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .match_kind(MatchKind::Standard)
        .kind(Some(AhoCorasickKind::DFA))
        .build(&patterns)
        .expect("short patterns");
    Hints { all, rules, always, every }
});

/// Builds the automaton, which takes a moment.
pub(super) fn prepare() {
    LazyLock::force(&HINTS);
}

/// The rules that may find something, as bits by their places.
pub(super) fn rules_for(text: &str) -> u128 {
    let mut possible = HINTS.always;
    for found in HINTS.all.find_overlapping_iter(text) {
        possible |= HINTS.rules[found.pattern().as_usize()];
        if possible == HINTS.every {
            break;
        }
    }
    possible
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_a_bit_and_a_hint() {
        assert!(RULES.len() < 128 && RULES.iter().all(|rule| !rule.hints.is_empty()));
        let by_hints = HINTS.rules.iter().fold(HINTS.always, |all, bits| all | bits);
        assert_eq!(by_hints, HINTS.every);
    }

    #[test]
    fn plain_text_asks_for_few_rules_and_letters_like_others_for_all() {
        assert_eq!(rules_for("nothing of interest stands here"), HINTS.always);
        assert_eq!(rules_for("pa\u{17f}\u{17f}word=hunter2hunter2"), HINTS.every);
        assert_ne!(rules_for("PassWord: x"), HINTS.always);
    }
}
