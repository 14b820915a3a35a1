//! Search: candidates from the index, read, scored in full and ordered.

use std::collections::{HashMap, HashSet};

use recall::score::{Lexical, Signals, Weighted, lexical, score};
use recall::terms::{self, stems};
use rusqlite::OptionalExtension;
use sync::StoreError;
use sync::local::ReadTx;

use super::hit::Hit;
use super::postings::{self, Found};
use super::visibility::Scopes;

/// Candidates that are read and scored in full.
const SCORED: usize = 64;
/// Characters of a memory that are compared; our own summaries are shorter.
const COMPARED_CHARS: usize = 16_000;
const US_PER_DAY: f64 = 86_400.0 * 1e6;

/// What to search for, and for whom.
#[derive(Debug, Clone, Default)]
pub struct Query<'a> {
    /// Words, a question, a whole prompt. Without terms in it the newest memories are found.
    pub text: &'a str,
    /// The caller's project, by slug; decides what it may see.
    pub project: Option<&'a str>,
    /// Only memories that carry one of these tags; empty for all.
    pub tags: &'a [String],
    /// The most hits to return.
    pub limit: usize,
    /// Now, in microseconds since the Unix epoch.
    pub now_us: u64,
    /// A session (`sessions.id`) whose own memories stay out.
    pub except_session: Option<&'a str>,
}

/// The best memories for a query, best first.
pub fn search(tx: &ReadTx<'_>, query: &Query<'_>) -> Result<Vec<Hit>, StoreError> {
    Ok(search_weighted(tx, query)?.0)
}

/// [`search`], with what the query's terms weigh.
pub(super) fn search_weighted(tx: &ReadTx<'_>, query: &Query<'_>) -> Result<(Vec<Hit>, Vec<Weighted>), StoreError> {
    search_except(tx, query, &HashSet::new())
}

/// [`search_weighted`] without some entries of the index.
pub(super) fn search_except(
    tx: &ReadTx<'_>,
    query: &Query<'_>,
    except: &HashSet<i64>,
) -> Result<(Vec<Hit>, Vec<Weighted>), StoreError> {
    let scopes = Scopes::of(tx, query.project)?;
    let own = own_memories(tx, query.except_session)?;
    let wanted = |id| !except.contains(&id) && !own.contains(&id);
    let terms = terms::query(query.text);
    let best = SCORED.max(query.limit);
    let found = if terms.is_empty() {
        let candidates = postings::newest(tx, &scopes, best)?.into_iter().filter(|&id| wanted(id)).collect();
        Found { query: Vec::new(), candidates }
    } else {
        postings::look_up(tx, terms, &scopes, wanted, best)?
    };
    let mut hits = Vec::with_capacity(found.candidates.len());
    for &memory in &found.candidates {
        if let Some(mut hit) = Hit::load_indexed(tx, memory)?
            && carries(&hit, query.tags)
        {
            hit.same_project = scopes.owns(memory);
            hits.push(hit);
        }
    }
    rank(&mut hits, &found.query, query.now_us);
    hits.truncate(query.limit);
    Ok((hits, found.query))
}

/// Scores all hits and puts the best first; equal ones by time.
fn rank(hits: &mut [Hit], query: &[Weighted], now_us: u64) {
    let evidence: Vec<Lexical> = hits.iter().map(|hit| compare(hit, query)).collect();
    let best = best_turns(hits, &evidence);
    for (at, (hit, lexical)) in hits.iter_mut().zip(&evidence).enumerate() {
        let session_best = hit.session_id.as_ref().and_then(|id| best.get(id)).map_or(0.0, |best| best.beside(at));
        let signals = Signals {
            importance: hit.importance,
            usage: hit.usage_count,
            age_days: age_days(&hit.created_at, now_us),
            same_project: hit.same_project,
            session_best: if hit.is_turn() { session_best } else { 0.0 },
        };
        hit.score = score(lexical, &signals);
        hit.found = lexical.found.iter().map(|&position| query[position].term.text()).collect();
    }
    hits.sort_by(|a, b| b.score.total.total_cmp(&a.score.total).then_with(|| b.created_at.cmp(&a.created_at)));
}

fn compare(hit: &Hit, query: &[Weighted]) -> Lexical {
    let end = hit.text.char_indices().nth(COMPARED_CHARS).map_or(hit.text.len(), |(at, _)| at);
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

fn best_turns(hits: &[Hit], evidence: &[Lexical]) -> HashMap<String, Best> {
    let mut best: HashMap<String, Best> = HashMap::new();
    for (at, (hit, lexical)) in hits.iter().zip(evidence).enumerate() {
        if let (true, Some(session)) = (hit.is_turn(), &hit.session_id) {
            best.entry(session.clone()).or_default().add(at, lexical.score);
        }
    }
    best
}

fn carries(hit: &Hit, tags: &[String]) -> bool {
    if tags.is_empty() {
        return true;
    }
    let own: Vec<String> = hit.tags.as_deref().and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
    tags.iter().any(|tag| own.contains(tag))
}

#[expect(clippy::cast_precision_loss, reason = "days need no microseconds")]
fn age_days(created_at: &str, now_us: u64) -> f64 {
    sync::parse_datetime(created_at).map_or(0.0, |made| now_us.saturating_sub(made) as f64 / US_PER_DAY)
}

/// The entries of the index that a session made.
fn own_memories(tx: &ReadTx<'_>, session: Option<&str>) -> Result<HashSet<i64>, StoreError> {
    let Some(session) = session else { return Ok(HashSet::new()) };
    let mut statement = tx.connection().prepare_cached(
        // CROSS JOIN keeps the order of the tables: SQLite would rather begin with the whole index.
        "SELECT memory.id FROM conversation_contexts AS context
           CROSS JOIN ct_memory AS memory ON memory.source_table = 'conversation_contexts' AND memory.source_id = context.id
          WHERE context.session_id = ?1
         UNION ALL
         SELECT memory.id FROM decision_logs AS decision
           CROSS JOIN ct_memory AS memory ON memory.source_table = 'decision_logs' AND memory.source_id = decision.id
          WHERE decision.session_id = ?1",
    )?;
    let ids = statement.query_map([session], |row| row.get(0))?;
    Ok(ids.collect::<Result<_, _>>()?)
}

/// The index entry of a source row.
pub(super) fn entry(tx: &ReadTx<'_>, table: &str, id: &str) -> Result<Option<i64>, StoreError> {
    let mut statement =
        tx.connection().prepare_cached("SELECT id FROM ct_memory WHERE source_table = ?1 AND source_id = ?2")?;
    Ok(statement.query_row((table, id), |row| row.get(0)).optional()?)
}

/// `sessions.id` of a conversation, when it is known here.
pub(super) fn session_of(tx: &ReadTx<'_>, conversation: &str) -> Result<Option<String>, StoreError> {
    let mut statement = tx.connection().prepare_cached("SELECT id FROM sessions WHERE claude_session_id = ?1")?;
    Ok(statement.query_row([conversation], |row| row.get(0)).optional()?)
}
