//! From hits to the text that is injected: cut to the lines that matter, packed into a token budget, rendered.

use std::collections::HashSet;

use recall::budget::{self, Candidate, Prospect, Stock, tokens};
use recall::render::{Note, Section, block, marker_tokens, render};
use recall::score::Weights;
use serde::Serialize;
use sync::StoreError;
use sync::local::ReadTx;

use super::hit::Hit;
use super::prospects::Prospects;
use super::search::Query;

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
    pack(Prospects::find(tx, query, &HashSet::new())?, &query.weights, budget, |prospects, at| {
        Ok(prospects.hit(at)?.is_some())
    })
}

/// Packs the best that are admitted, without near-duplicates.
pub(super) fn pack<'a>(
    prospects: Prospects<'a>,
    weights: &Weights,
    budget: usize,
    admits: impl FnMut(&mut Prospects<'a>, usize) -> Result<bool, StoreError>,
) -> Result<Packed, StoreError> {
    let room = budget.saturating_sub(marker_tokens());
    let excerpt = (budget / SHARE).clamp(LEAST, MOST);
    let expected: Vec<Prospect> = (0..prospects.len()).map(|at| prospects.prospect(at, excerpt)).collect();
    let shown = expected.iter().map(|_| None).collect();
    let most = prospects.limit();
    let mut shelf = Shelf { prospects, admits, room, excerpt, shown };
    let taken = budget::pack(&expected, room, most, weights, &mut shelf)?;
    let mut packed = Packed::default();
    let mut notes = Vec::new();
    for at in taken {
        if let (Some((tokens, note)), Some(hit)) = (shelf.shown[at].take(), shelf.prospects.take(at)) {
            packed.shown.push((tokens, render(&note)));
            packed.memories.push(hit);
            notes.push(note);
        }
    }
    packed.text = block(&[Section { heading: String::new(), notes }]);
    packed.tokens = tokens(&packed.text);
    Ok(packed)
}

/// Where memories are packed from.
struct Shelf<'a, A> {
    prospects: Prospects<'a>,
    admits: A,
    /// Tokens for all of them.
    room: usize,
    /// Tokens for one that is too long to come whole.
    excerpt: usize,
    /// What each that was read costs, and how it would be shown.
    shown: Vec<Option<(usize, Note)>>,
}

impl<'a, A> Stock for Shelf<'a, A>
where
    A: FnMut(&mut Prospects<'a>, usize) -> Result<bool, StoreError>,
{
    type Error = StoreError;

    fn narrow(&mut self, at: usize) -> Result<Option<f64>, StoreError> {
        self.prospects.narrow(at)
    }

    fn read(&mut self, at: usize) -> Result<Option<Candidate>, StoreError> {
        if !(self.admits)(&mut self.prospects, at)? {
            return Ok(None);
        }
        let Some(hit) = self.prospects.read(at) else { return Ok(None) };
        let is_whole = hit.tokens + PROVENANCE_TOKENS <= self.room;
        let limit = if is_whole { MOST } else { self.excerpt };
        let note = hit.note(self.prospects.excerpts().of(&hit.text, limit));
        let cost = tokens(&render(&note)) + 1;
        let candidate = Candidate {
            tokens: cost,
            whole: cost.max(hit.tokens),
            worth: hit.score.total,
            session: hit.session_id.clone().filter(|_| hit.is_turn()),
        };
        self.shown[at] = Some((candidate.tokens, note));
        Ok(Some(candidate))
    }

    fn text(&self, at: usize) -> &str {
        self.shown[at].as_ref().map_or("", |(_, note)| &note.text)
    }
}
