//! What a person settles in passing: corrections ("no, use X instead of Y"), decisions ("we decided"), conventions
//! ("never", "from now on"), and what turned out a dead end; and what an answer says was chosen ([`choices`]). By their
//! words alone, and only where they are plain.

mod choice;

use std::sync::LazyLock;

use regex::Regex;

pub use choice::choices;

use crate::excerpt::cut;

/// Characters of a prompt that are looked at: what is pasted behind them is no one's stance.
const LOOKED_AT: usize = 4_000;
/// Characters of a sentence; longer ones are texts.
const SENTENCE: std::ops::RangeInclusive<usize> = 12..=300;
/// Sentences of one prompt that are kept.
const MOST: usize = 3;
const DEAD_END_CHARS: usize = 200;

/// How a person settled something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// What the assistant did was not what was wanted.
    Correction,
    /// One of several ways was taken.
    Decision,
    /// How things are done from now on.
    Convention,
}

/// Something settled, in the person's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stance {
    /// How.
    pub kind: Kind,
    /// The sentence.
    pub text: String,
}

#[expect(clippy::expect_used, reason = "constant patterns, compiled by the tests")]
fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a valid pattern")
}

/// In the order in which they are tried.
static KINDS: LazyLock<[(Kind, Regex); 3]> = LazyLock::new(|| {
    [
        (
            Kind::Correction,
            pattern(
                r"(?ix)^(?:no|nope|wrong|stop|not\ like\ that|that(?:'|’)?s\ (?:not\ (?:right|what)|wrong))\b[,.!:\s—-].*\b(?:use|using|should|must|don['’]t|do\ not|instead|always|never|want|put|call|keep)\b
                  | \b(?:don['’]t|do\ not|never|stop)\ us(?:e|ing)\b.*,\s*(?:but\ )?use\b
                  | \bI\ (?:told|said|asked)\b.*\b(?:not\ to|to\ use|use|don['’]t|never|always)\b",
            ),
        ),
        (
            Kind::Decision,
            pattern(
                r"(?ix)^decision:\s
                  | \b(?:use|prefer|take|write|put|call|run|make\ it|keep)\b.*\b(?:instead\ of|rather\ than)\b
                  | \bwe(?:['’]ve|\ have)?\ (?:decided|agreed|settled\ on|chose|chosen|opted\ for)\b
                  | \bwe(?:['’]ll|\ will|['’]re|\ are)?\ (?:go|going|sticking|stick)\ with\b
                  | \blet['’]?s\ (?:go|stick)\ with\b",
            ),
        ),
        (
            Kind::Convention,
            pattern(
                r"(?ix)^(?:please\s+)?(?:always|never)\ \w
                  | \bfrom\ now\ on\b
                  | \b(?:you\ must|we|please|must)\ (?:always|never)\b
                  | ^(?:our\ |the\ )?(?:convention|rule)(?:\ here)?\ ?(?:is\b|:)",
            ),
        ),
    ]
});

static DEAD_END: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)\b(?:did(?: not|n['’]t) (?:work|help)|made no difference|(?:I|we|was|were|and|then|been|it) reverted|reverted (?:it|that|this|the)|rolled (?:it|that|this) back|(?:a|is|was) dead end|gave up on|turned out (?:to be )?wrong)\b",
    )
});

static DISMISSED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)^(?:no[,.!]?\s+|sorry,?\s+|hm+,?\s+)?(?:(?:that|it|this)(?: still)? (?:did(?: not|n['’]t)|does(?: not|n['’]t)) (?:work|help)|(?:please )?(?:revert|undo|roll back) (?:that|it|this)\b)",
    )
});

/// What a prompt settles, in its order.
pub fn stances(prompt: &str) -> Vec<Stance> {
    let head: String = prompt.chars().take(LOOKED_AT).collect();
    let of = |sentence: &str| {
        let (kind, _) = KINDS.iter().find(|(_, pattern)| pattern.is_match(sentence))?;
        Some(Stance { kind: *kind, text: sentence.to_owned() })
    };
    sentences(&head).filter(|sentence| !sentence.ends_with('?')).filter_map(of).take(MOST).collect()
}

/// The sentence of an answer that says what did not work; None when it does not say so.
pub fn dead_end(answer: &str) -> Option<String> {
    sentences(answer).find(|sentence| DEAD_END.is_match(sentence)).map(|sentence| cut(sentence, DEAD_END_CHARS))
}

/// The words with which a prompt takes back what was done before it; None when it does not.
pub fn dismissal(prompt: &str) -> Option<String> {
    let first = sentences(prompt).next()?;
    DISMISSED.is_match(first).then(|| cut(first, DEAD_END_CHARS))
}

/// The sentences that somebody wrote: no code, no quotations, no lists of output.
fn sentences(text: &str) -> impl Iterator<Item = &str> {
    let mut in_code = false;
    let lines = text.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        in_code ^= is_fence;
        !in_code && !is_fence && !line.starts_with(['>', '|', '$', '+', '\t']) && !line.starts_with("    ")
    });
    lines.flat_map(split).filter(|sentence| SENTENCE.contains(&sentence.chars().count()))
}

/// At the ends of sentences; a dot within a name or number is none.
fn split(line: &str) -> impl Iterator<Item = &str> {
    let mut rest = line.trim().trim_start_matches(['-', '*', ' ']);
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut ends = rest.match_indices(['.', '!', '?', ';']).map(|(at, _)| at + 1);
        // `No. Use X` is one stance.
        let end = ends.find(|&end| end > 6 && rest[end..].starts_with(' ')).unwrap_or(rest.len());
        let (sentence, after) = rest.split_at(end);
        rest = after.trim_start();
        Some(sentence.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(prompt: &str) -> Vec<Kind> {
        stances(prompt).into_iter().map(|stance| stance.kind).collect()
    }

    #[test]
    fn corrections_decisions_and_conventions_are_heard() {
        for (prompt, kind) in [
            ("No, use pnpm instead of npm.", Kind::Correction),
            ("no. use tabs here, I want no spaces", Kind::Correction),
            ("Please use the staging host rather than production", Kind::Decision),
            ("Don't use moment, use dayjs.", Kind::Correction),
            ("I told you to use the old API!", Kind::Correction),
            ("We decided to keep MariaDB because the hosters have it.", Kind::Decision),
            ("let's go with port 4318", Kind::Decision),
            ("Never commit to main directly.", Kind::Convention),
            ("From now on write tests first", Kind::Convention),
            ("In this repo we always squash.", Kind::Convention),
        ] {
            assert_eq!(kinds(prompt), [kind], "{prompt}");
        }
        let both = stances("The build is red.\nNo, use X11 instead of Wayland. We decided on that. Thanks");
        assert_eq!(both.len(), 2, "{both:?}");
        assert_eq!(both[0].text, "No, use X11 instead of Wayland.");
    }

    #[test]
    fn questions_code_and_talk_are_no_stance() {
        for prompt in [
            "No.",
            "Should we use pnpm instead of npm?",
            "Did we decide on a port?",
            "I have never seen this error before",
            "```\n# never edit this file by hand\n```",
            "> we decided to stay",
            "No idea what happens there",
            "Add an option that always prints the path",
        ] {
            assert_eq!(kinds(prompt), [], "{prompt}");
        }
        assert_eq!(kinds(&"Never touch that file.\n".repeat(9)).len(), MOST);
    }

    #[test]
    fn dead_ends_are_named() {
        let told =
            dead_end("I raised the timeout to 60 s. That did not work, so I reverted it. Now the pool is larger.");
        assert_eq!(told.as_deref(), Some("That did not work, so I reverted it."));
        assert_eq!(dead_end("The login works. Tests that fail are reverted commits' own."), None);
        for prompt in
            ["that didn't work", "It still does not work, same error", "Please revert that", "no, undo it please"]
        {
            assert!(dismissal(prompt).is_some(), "{prompt}");
        }
        for prompt in ["The login does not work", "How do I revert this commit?", "revert the last commit of main"] {
            assert_eq!(dismissal(prompt), None, "{prompt}");
        }
    }
}
