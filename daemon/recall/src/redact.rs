//! Secrets out, before anything is written: known token formats, keys, passwords in addresses and assignments, and what is
//! assigned and looks like nothing that a person would write.
//!
//! A secret becomes `[redacted:kind]`. What only looks like one (a commit hash, a UUID, `password: String` in code, a
//! variable that holds the secret) stays, or memory would be worth nothing to a developer.

mod entropy;
mod formats;
mod hints;
mod plausible;
mod rules;

use std::borrow::Cow;
use std::sync::LazyLock;

use rules::RULES;

/// A text without secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redacted<'a> {
    /// The text, borrowed when nothing was found.
    pub text: Cow<'a, str>,
    /// How many secrets were replaced.
    pub count: usize,
}

impl Redacted<'_> {
    /// The text, owned.
    pub fn into_text(self) -> String {
        self.text.into_owned()
    }
}

/// Compiles the rules, which takes some milliseconds, so that the first event need not wait for it.
pub fn prepare() {
    LazyLock::force(&RULES);
    hints::prepare();
}

/// Replaces every secret that the rules know.
pub fn redact(text: &str) -> Redacted<'_> {
    let mut clean = Cow::Borrowed(text);
    let mut count = 0;
    let possible = hints::rules_for(text);
    for (_, rule) in RULES.iter().enumerate().filter(|(at, _)| possible & (1 << at) != 0) {
        if let Some((replaced, found)) = rule.apply(&clean) {
            clean = Cow::Owned(replaced);
            count += found;
        }
    }
    if let Some((replaced, found)) = entropy::apply(&clean) {
        clean = Cow::Owned(replaced);
        count += found;
    }
    Redacted { text: clean, count }
}

#[cfg(test)]
mod tests;
