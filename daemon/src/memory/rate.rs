//! What a memory that was read is worth: its words compared with the query's, and all else that is known of it.

use std::collections::HashMap;

use recall::beginnings::Beginnings;
use recall::score::{self, Lexical, Placed, Signals, Weighted, lexical, score};
use recall::terms::stems_like;

use super::hit::Hit;
use super::search::Query;

/// Characters of a memory that are compared; our own summaries are shorter.
const COMPARED_CHARS: usize = 16_000;
const US_PER_DAY: f64 = 86_400.0 * 1e6;

/// What is known of a memory beside its row.
pub(super) struct Compared {
    pub(super) lexical: Lexical,
    /// What other turns say for it; the replica's text index does not know.
    pub(super) placed: Option<Placed>,
}

/// Scores all of them; what other turns say for a turn is taken from these where it is not known.
pub(super) fn rate_all(hits: &mut [Hit], compared: &[Compared], terms: &[Weighted], query: &Query<'_>) {
    let best = best_turns(hits, compared);
    for (at, (hit, compared)) in hits.iter_mut().zip(compared).enumerate() {
        let session = hit.session_id.as_ref().and_then(|id| best.get(id)).map_or(0.0, |best| best.beside(at));
        let beside = if hit.is_turn() { f64::from(query.weights.session) * session } else { 0.0 };
        rate(hit, compared, beside, terms, query);
    }
}

/// Scores one of them; `beside` is what other turns say for it where the index did not tell.
pub(super) fn rate(hit: &mut Hit, compared: &Compared, beside: f64, terms: &[Weighted], query: &Query<'_>) {
    let Compared { lexical, placed } = compared;
    let signals = Signals {
        importance: hit.importance,
        usage: hit.usage_count,
        age_days: age_days(&hit.created_at, query.now_us),
        same_project: hit.same_project,
        structure: placed.map_or(beside, |placed| score::structure(terms, placed, &query.weights)),
    };
    hit.score = score(lexical, &signals, &query.weights);
    hit.found = lexical.found.iter().map(|&position| terms[position].term.text()).collect();
}

/// What a memory's words say about a query.
pub(super) fn compare(hit: &Hit, query: &[Weighted], beginnings: &Beginnings) -> Lexical {
    let end = hit.text.char_indices().nth(COMPARED_CHARS).map_or(hit.text.len(), |(at, _)| at);
    let stems = |text: &str| stems_like(text, beginnings);
    let mut body = stems(&hit.text[..end]);
    body.extend(hit.tags.as_deref().map(stems).unwrap_or_default());
    lexical(query, &stems(&hit.title), &body)
}

/// The two best turns of one session, by their place among the hits.
#[derive(Default)]
struct Best {
    first: Option<(usize, f64)>,
    second: Option<f64>,
}

impl Best {
    fn add(&mut self, at: usize, score: f64) {
        match self.first {
            Some((_, first)) if score <= first => self.second = Some(self.second.unwrap_or(0.0).max(score)),
            _ => {
                self.second = self.first.map(|(_, first)| first);
                self.first = Some((at, score));
            }
        }
    }

    /// The best score of another turn than the one at that place.
    fn beside(&self, at: usize) -> f64 {
        match self.first {
            Some((first, _)) if first == at => self.second.unwrap_or(0.0),
            Some((_, score)) => score,
            None => 0.0,
        }
    }
}

fn best_turns(hits: &[Hit], compared: &[Compared]) -> HashMap<String, Best> {
    let mut best: HashMap<String, Best> = HashMap::new();
    for (at, (hit, compared)) in hits.iter().zip(compared).enumerate() {
        if let (true, Some(session)) = (hit.is_turn(), &hit.session_id) {
            best.entry(session.clone()).or_default().add(at, compared.lexical.score);
        }
    }
    best
}

#[expect(clippy::cast_precision_loss, reason = "days need no microseconds")]
fn age_days(created_at: &str, now_us: u64) -> f64 {
    sync::parse_datetime(created_at).map_or(0.0, |made| now_us.saturating_sub(made) as f64 / US_PER_DAY)
}
