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
use std::collections::BTreeMap;
use std::sync::LazyLock;

use rules::RULES;

/// What every placeholder of a secret begins with.
pub const OPENING: &str = "[redacted:";

/// What stands in a text where a secret of that kind was.
pub fn placeholder(kind: &str) -> String {
    format!("{OPENING}{kind}]")
}

/// A text without secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redacted<'a> {
    /// The text, borrowed when nothing was found.
    pub text: Cow<'a, str>,
    /// How many secrets were replaced, of each kind.
    pub kinds: Kinds,
}

/// Secrets that were taken out, counted by kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kinds(BTreeMap<&'static str, u64>);

impl Kinds {
    /// Adds some of a kind.
    pub fn add(&mut self, kind: &'static str, count: u64) {
        if count > 0 {
            *self.0.entry(kind).or_default() += count;
        }
    }

    /// Adds those of another text.
    pub fn join(&mut self, other: &Kinds) {
        other.0.iter().for_each(|(kind, count)| self.add(kind, *count));
    }

    /// How many there are of all kinds.
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// Each kind with its number.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.0.iter().map(|(kind, count)| (*kind, *count))
    }
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
    let mut kinds = Kinds::default();
    let possible = hints::rules_for(text);
    for (_, rule) in RULES.iter().enumerate().filter(|(at, _)| possible & (1 << at) != 0) {
        if let Some((replaced, found)) = rule.apply(&clean) {
            clean = Cow::Owned(replaced);
            kinds.add(rule.kind, found as u64);
        }
    }
    if let Some((replaced, found)) = entropy::apply(&clean) {
        clean = Cow::Owned(replaced);
        kinds.add(entropy::KIND, found as u64);
    }
    Redacted { text: clean, kinds }
}

#[cfg(test)]
mod tests;
