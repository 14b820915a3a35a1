//! Search: candidates from the index, read, scored in full and ordered.

use std::collections::{HashMap, HashSet};

use recall::beginnings::Beginnings;
use recall::index::Ask;
use recall::score::{self, Lexical, Placed, Signals, Weighted, Weights, lexical, score};
use recall::terms::{self, stems_like};
use rusqlite::OptionalExtension;
use sync::StoreError;
use sync::local::ReadTx;

use super::hit::{Hit, Names};
use super::index::{Index, seconds};
use super::meant;
use super::postings;
use super::visibility::Scopes;

/// Candidates that are read and scored in full.
const SCORED: usize = 64;
/// Candidates of the impact index beside those that are wanted: scoring in full may put them before others. The index
/// knows all but use, so that it is seldom far off.
const SPARE: usize = 4;
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
    /// Only those that carry all of them.
    pub all_tags: bool,
    /// The most hits to return.
    pub limit: usize,
    /// Now, in microseconds since the Unix epoch.
    pub now_us: u64,
    /// A session (`sessions.id`) whose own memories stay out.
    pub except_session: Option<&'a str>,
    /// Only memories made before, 27 characters, UTC.
    pub before: Option<&'a str>,
    /// What counts beside the text.
    pub weights: Weights,
    /// The impact index; without it the replica's text index answers, more slowly.
    pub(crate) index: Option<&'a Index>,
    /// What the text means, as a vector; without it, words alone count.
    pub(crate) meaning: Option<&'a [f32]>,
}

impl Query<'_> {
    /// [`Query::before`] for an index, which knows seconds only; of what was made within this one, the row decides.
    pub(super) fn before_second(&self) -> Option<u32> {
        self.before.map(|before| seconds(before).saturating_add(1))
    }
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
    let mut except: HashSet<u64> = except.iter().map(|id| id.cast_unsigned()).collect();
    except.extend(own_memories(tx, query.except_session)?.into_iter().map(i64::cast_unsigned));
    let found = candidates(tx, query, &scopes, &except)?;
    let mut hits = Vec::with_capacity(found.candidates.len());
    let (mut placed, mut near, mut names) = (Vec::new(), Vec::new(), Names::default());
    for candidate in &found.candidates {
        let hit = Hit::load_indexed(tx, candidate.memory, &mut names)?;
        if let Some(mut hit) = hit.filter(|hit| carries(hit, query) && is_before(hit, query.before)) {
            hit.same_project = scopes.owns(candidate.memory);
            hits.push(hit);
            placed.push(candidate.placed);
            near.push(candidate.near);
        }
    }
    rate(&mut hits, &placed, &found.query, query);
    meant::fuse(&mut hits, &near, &query.weights);
    hits.sort_by(|a, b| b.score.total.total_cmp(&a.score.total).then_with(|| b.created_at.cmp(&a.created_at)));
    hits.truncate(query.limit);
    Ok((hits, found.query))
}

/// What is read and scored in full.
struct Candidates {
    query: Vec<Weighted>,
    candidates: Vec<Candidate>,
}

pub(super) struct Candidate {
    pub(super) memory: i64,
    /// What other turns say for it; the replica's text index does not know.
    pub(super) placed: Option<Placed>,
    /// How near it is by meaning, when that is known.
    pub(super) near: Option<f32>,
}

fn candidates(
    tx: &ReadTx<'_>,
    query: &Query<'_>,
    scopes: &Scopes,
    except: &HashSet<u64>,
) -> Result<Candidates, StoreError> {
    let terms = terms::query(query.text);
    let plain = |memory| Candidate { memory, placed: None, near: None };
    let only = if query.tags.is_empty() { None } else { Some(tagged(tx, query)?) };
    let wanted = |id: i64| {
        let id = id.cast_unsigned();
        !except.contains(&id) && only.as_ref().is_none_or(|only| only.contains(&id))
    };
    if terms.is_empty() {
        let most = SCORED.max(query.limit);
        let newest = match &only {
            None => postings::newest(tx, scopes, most)?,
            Some(only) => newest_of(tx, only, scopes, most)?,
        };
        let candidates = newest.into_iter().filter(|&id| wanted(id)).map(plain).collect();
        return Ok(Candidates { query: Vec::new(), candidates });
    }
    let mut found = if let Some(found) = in_index(query, scopes, except, only.as_ref(), &terms)? {
        found
    } else {
        let found = postings::look_up(tx, terms, scopes, wanted, SCORED.max(query.limit))?;
        Candidates { query: found.query, candidates: found.candidates.into_iter().map(plain).collect() }
    };
    meant::widen(&mut found.candidates, query, scopes, &wanted, best(query));
    Ok(found)
}

/// Candidates that are taken by words, and as many by meaning.
fn best(query: &Query<'_>) -> usize {
    query.limit + query.limit / 8 + SPARE
}

/// None when the impact index cannot answer.
fn in_index(
    query: &Query<'_>,
    scopes: &Scopes,
    except: &HashSet<u64>,
    only: Option<&HashSet<u64>>,
    terms: &[terms::Term],
) -> Result<Option<Candidates>, StoreError> {
    let Some(index) = query.index else { return Ok(None) };
    let stems: Vec<terms::Stem> = terms.iter().map(terms::Term::hash).collect();
    let ask = Ask {
        terms: &stems,
        scope: &|scope| scopes.factor(scope),
        except,
        only,
        before: query.before_second(),
        now: u32::try_from(query.now_us / 1_000_000).unwrap_or(u32::MAX),
        best: best(query),
        weights: &query.weights,
    };
    let Some(found) = index.search(&ask)? else { return Ok(None) };
    let weighted = terms.iter().zip(&found.holding).map(|(term, &holding)| {
        let weight = score::weight(found.memories, holding);
        Weighted { term: term.clone(), weight }
    });
    let candidate = |found: &recall::index::Match| Candidate {
        memory: found.key.cast_signed(),
        placed: Some(found.placed),
        near: None,
    };
    Ok(Some(Candidates { query: weighted.collect(), candidates: found.matches.iter().map(candidate).collect() }))
}

/// The entries of the index that carry one of the tags, or all of them.
fn tagged(tx: &ReadTx<'_>, query: &Query<'_>) -> Result<HashSet<u64>, StoreError> {
    let mut statement = tx.connection().prepare_cached(
        "SELECT memory.id FROM context_tags AS tag
           CROSS JOIN ct_memory AS memory ON memory.source_table = tag.source_table AND memory.source_id = tag.source_id
          WHERE tag.tag = ?1",
    )?;
    let mut ids: Option<HashSet<u64>> = None;
    for tag in query.tags {
        let mut with = HashSet::new();
        for id in statement.query_map([tag], |row| row.get::<_, i64>(0))? {
            with.insert(id?.cast_unsigned());
        }
        ids = Some(match ids {
            None => with,
            Some(ids) if query.all_tags => ids.intersection(&with).copied().collect(),
            Some(ids) => &ids | &with,
        });
    }
    Ok(ids.unwrap_or_default())
}

/// The newest of these entries that the caller may see.
fn newest_of(tx: &ReadTx<'_>, only: &HashSet<u64>, scopes: &Scopes, most: usize) -> Result<Vec<i64>, StoreError> {
    let visible: Vec<i64> = only.iter().map(|id| id.cast_signed()).filter(|id| scopes.sees(*id)).collect();
    let mut made = tx.connection().prepare_cached(
        "SELECT created_at FROM ct_memory AS memory JOIN ct_memory_source AS source
             ON source.source_table = memory.source_table AND source.source_id = memory.source_id WHERE memory.id = ?1",
    )?;
    let mut dated = Vec::with_capacity(visible.len());
    for id in visible {
        let created: Option<String> = made.query_row([id], |row| row.get(0)).optional()?;
        dated.extend(created.map(|created| (created, id)));
    }
    dated.sort_unstable_by(|one, other| other.cmp(one));
    Ok(dated.into_iter().take(most).map(|(_, id)| id).collect())
}

fn is_before(hit: &Hit, before: Option<&str>) -> bool {
    before.is_none_or(|before| hit.created_at.as_str() < before)
}

/// Scores all hits by their words and what else is known of them.
fn rate(hits: &mut [Hit], placed: &[Option<Placed>], terms: &[Weighted], query: &Query<'_>) {
    let beginnings = Beginnings::of(terms);
    let evidence: Vec<Lexical> = hits.iter().map(|hit| compare(hit, terms, &beginnings)).collect();
    let best = best_turns(hits, &evidence);
    for (at, (hit, lexical)) in hits.iter_mut().zip(&evidence).enumerate() {
        let beside = || {
            let session = hit.session_id.as_ref().and_then(|id| best.get(id)).map_or(0.0, |best| best.beside(at));
            if hit.is_turn() { f64::from(query.weights.session) * session } else { 0.0 }
        };
        let structure = placed[at].map_or_else(beside, |placed| score::structure(terms, placed, &query.weights));
        let signals = Signals {
            importance: hit.importance,
            usage: hit.usage_count,
            age_days: age_days(&hit.created_at, query.now_us),
            same_project: hit.same_project,
            structure,
        };
        hit.score = score(lexical, &signals, &query.weights);
        hit.found = lexical.found.iter().map(|&position| terms[position].term.text()).collect();
    }
}

fn compare(hit: &Hit, query: &[Weighted], beginnings: &Beginnings) -> Lexical {
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

fn best_turns(hits: &[Hit], evidence: &[Lexical]) -> HashMap<String, Best> {
    let mut best: HashMap<String, Best> = HashMap::new();
    for (at, (hit, lexical)) in hits.iter().zip(evidence).enumerate() {
        if let (true, Some(session)) = (hit.is_turn(), &hit.session_id) {
            best.entry(session.clone()).or_default().add(at, lexical.score);
        }
    }
    best
}

/// The row decides; the index of tags may be behind it for a moment.
fn carries(hit: &Hit, query: &Query<'_>) -> bool {
    if query.tags.is_empty() {
        return true;
    }
    let own: Vec<String> = hit.tags.as_deref().and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
    let carried = |tag: &String| own.contains(tag);
    if query.all_tags { query.tags.iter().all(carried) } else { query.tags.iter().any(carried) }
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
          WHERE decision.session_id = ?1
         UNION ALL
         SELECT memory.id FROM problem_solutions AS solution
           CROSS JOIN ct_memory AS memory ON memory.source_table = 'problem_solutions' AND memory.source_id = solution.id
          WHERE solution.session_id = ?1 OR solution.work_item_id IN (SELECT id FROM work_items WHERE session_id = ?1)",
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
