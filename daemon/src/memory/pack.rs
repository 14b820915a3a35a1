//! From hits to the text that is injected: cut to the lines that matter, packed into a token budget, rendered.

use recall::budget::{self, Candidate, tokens};
use recall::excerpt::Excerpts;
use recall::render::{Note, Section, block, marker_tokens, render};
use recall::score::{Weighted, Weights};
use recall::terms::subject;
use serde::Serialize;
use sync::StoreError;
use sync::local::ReadTx;

use super::hit::Hit;
use super::search::{Query, search_weighted};

/// Share of the budget that the excerpt of a memory may take which is too long to come whole. Whole memories serve better
/// than more of them in parts (measured in the README, "What recall finds").
const SHARE: usize = 2;
/// Tokens that an excerpt may have however small the budget is.
const LEAST: usize = 150;
/// Tokens of one memory's text however large the budget is.
const MOST: usize = 1_000;
/// Tokens that the provenance of a memory takes, about.
const PROVENANCE_TOKENS: usize = 12;

/// What fits a budget.
#[derive(Debug, Default, Serialize, schemars::JsonSchema)]
pub struct Packed {
    /// What a hook would inject; empty when there is nothing.
    pub text: String,
    /// What that costs.
    pub tokens: usize,
    /// The memories in it, in its order.
    pub memories: Vec<Hit>,
    /// What each of them costs, and how it is shown.
    #[serde(skip)]
    pub(super) shown: Vec<(usize, String)>,
}

/// The best memories for a query that fit the budget, as a hook would show them; for whoever asks by hand, so without
/// the bar that unasked recall must pass.
pub fn recall(tx: &ReadTx<'_>, query: &Query<'_>, budget: usize) -> Result<Packed, StoreError> {
    let (hits, weighted) = search_weighted(tx, query)?;
    Ok(pack(hits, &weighted, &query.weights, budget))
}

/// Packs hits, best first, without near-duplicates.
pub(super) fn pack(hits: Vec<Hit>, query: &[Weighted], weights: &Weights, budget: usize) -> Packed {
    let room = budget.saturating_sub(marker_tokens());
    let limit = |hit: &Hit| {
        let is_whole = hit.tokens + PROVENANCE_TOKENS <= room;
        if is_whole { MOST } else { (budget / SHARE).clamp(LEAST, MOST) }
    };
    let excerpts = Excerpts::new(query);
    let notes: Vec<Note> = hits.iter().map(|hit| hit.note(excerpts.of(&hit.text, limit(hit)))).collect();
    let candidates: Vec<Candidate> = hits
        .iter()
        .zip(&notes)
        .map(|(hit, note)| {
            let tokens = tokens(&render(note)) + 1;
            Candidate {
                tokens,
                whole: tokens.max(hit.tokens),
                worth: hit.score.total,
                session: hit.session_id.clone().filter(|_| hit.is_turn()),
            }
        })
        .collect();
    let taken = budget::pack(&candidates, room, weights, |at| subject(&notes[at].text));
    let text = block(&[Section { heading: String::new(), notes: taken.iter().map(|&at| notes[at].clone()).collect() }]);
    let shown = taken.iter().map(|&at| (candidates[at].tokens, render(&notes[at]))).collect();
    let mut hits: Vec<Option<Hit>> = hits.into_iter().map(Some).collect();
    let memories = taken.iter().filter_map(|&at| hits[at].take()).collect();
    Packed { tokens: tokens(&text), text, memories, shown }
}
