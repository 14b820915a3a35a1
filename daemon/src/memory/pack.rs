//! From hits to the text that is injected: cut to the lines that matter, packed into a token budget, rendered.

use recall::budget::{self, Candidate, tokens};
use recall::excerpt::excerpt;
use recall::render::{Note, Section, block, render};
use recall::score::Weighted;
use recall::terms::subject;
use serde::Serialize;
use sync::StoreError;
use sync::local::ReadTx;

use super::hit::Hit;
use super::search::{Query, search_weighted};

/// Share of the budget that one memory's text may take; what is longer comes as an excerpt. Whole memories serve better than
/// more of them in parts (measured in the README, "What recall finds").
const SHARE: usize = 2;
/// Tokens that one memory's text may take however small the budget is, and however large.
const EXCERPT_TOKENS: std::ops::RangeInclusive<usize> = 150..=1_000;
/// Tokens that the marker line costs, with a little to spare.
const MARKER_TOKENS: usize = 30;

/// What fits a budget.
#[derive(Debug, Default, Serialize, schemars::JsonSchema)]
pub struct Packed {
    /// What a hook would inject; empty when there is nothing.
    pub text: String,
    /// What that costs.
    pub tokens: usize,
    /// The memories in it, best first.
    pub memories: Vec<Hit>,
    /// What each of them costs, and how it is shown.
    #[serde(skip)]
    pub(super) shown: Vec<(usize, String)>,
}

/// The best memories for a query that fit the budget, as a hook would show them; for whoever asks by hand, so without
/// the bar that unasked recall must pass.
pub fn recall(tx: &ReadTx<'_>, query: &Query<'_>, budget: usize) -> Result<Packed, StoreError> {
    let (hits, weighted) = search_weighted(tx, query)?;
    Ok(pack(hits, &weighted, budget))
}

/// Packs hits, best first, without near-duplicates.
pub(super) fn pack(hits: Vec<Hit>, query: &[Weighted], budget: usize) -> Packed {
    let most = (budget / SHARE).clamp(*EXCERPT_TOKENS.start(), *EXCERPT_TOKENS.end());
    let notes: Vec<Note> = hits.iter().map(|hit| hit.note(excerpt(&hit.text, query, most))).collect();
    let candidates: Vec<Candidate> = notes
        .iter()
        .map(|note| Candidate { tokens: tokens(&render(note)) + 1, subject: subject(&note.text) })
        .collect();
    let taken = budget::pack(&candidates, budget.saturating_sub(MARKER_TOKENS));
    let text = block(&[Section { heading: String::new(), notes: taken.iter().map(|&at| notes[at].clone()).collect() }]);
    let memories = hits.into_iter().enumerate().filter(|(at, _)| taken.contains(at)).map(|(_, hit)| hit).collect();
    let shown = taken.iter().map(|&at| (candidates[at].tokens, render(&notes[at]))).collect();
    Packed { tokens: tokens(&text), text, memories, shown }
}
