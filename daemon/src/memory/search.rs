//! Search: what is asked for, and the candidates for it from the index.

use std::collections::HashSet;

use recall::index::apart::phrases;
use recall::index::{Ask, Match};
use recall::score::{self, Weighted, Weights};
use recall::terms;
use rusqlite::OptionalExtension;
use sync::StoreError;
use sync::local::ReadTx;

use super::hit::Hit;
use super::index::{Index, seconds};
use super::meant;
use super::postings;
use super::prospects::Prospects;
use super::visibility::Scopes;

/// Candidates that are read and scored in full.
const SCORED: usize = 64;
/// Candidates of the impact index beside those that are wanted: scoring in full may put them before others. The index
/// knows all but use, so that it is seldom far off.
const SPARE: usize = 4;

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

    /// [`Query::now_us`] in seconds.
    pub(super) fn now_s(&self) -> u32 {
        u32::try_from(self.now_us / 1_000_000).unwrap_or(u32::MAX)
    }
}

/// The best memories for a query, best first.
pub fn search(tx: &ReadTx<'_>, query: &Query<'_>) -> Result<Vec<Hit>, StoreError> {
    Prospects::find(tx, query, &HashSet::new())?.into_hits()
}

/// What a query came to.
pub(super) struct Sought {
    /// Its terms, with what they weigh.
    pub(super) terms: Vec<Weighted>,
    /// Best first, as far as the index can tell.
    pub(super) candidates: Vec<Candidate>,
}

/// What may be read and scored in full.
pub(super) struct Candidate {
    pub(super) memory: i64,
    /// What the impact index knows of it; the replica's text index does not.
    pub(super) found: Option<Match>,
    /// How near it is by meaning, when that is known.
    pub(super) near: Option<f32>,
    /// The row behind it, when that was looked up.
    pub(super) source: Option<(String, String)>,
}

impl Candidate {
    pub(super) fn plain(memory: i64) -> Self {
        Self { memory, found: None, near: None, source: None }
    }
}

/// Looks up the candidates for a query, without some entries of the index.
pub(super) fn seek(
    tx: &ReadTx<'_>,
    query: &Query<'_>,
    scopes: &Scopes,
    except: &HashSet<i64>,
) -> Result<Sought, StoreError> {
    let mut except: HashSet<u64> = except.iter().map(|id| id.cast_unsigned()).collect();
    except.extend(own_memories(tx, query.except_session)?.into_iter().map(i64::cast_unsigned));
    let terms = terms::query(query.text);
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
        let candidates = newest.into_iter().filter(|&id| wanted(id)).map(Candidate::plain).collect();
        return Ok(Sought { terms: Vec::new(), candidates });
    }
    let found = in_index(query, scopes, &except, only.as_ref(), &terms)?;
    let mut sought = if let Some(found) = found {
        found
    } else {
        let found = postings::look_up(tx, terms, scopes, wanted, SCORED.max(query.limit))?;
        Sought { terms: found.query, candidates: found.candidates.into_iter().map(Candidate::plain).collect() }
    };
    meant::widen(&mut sought.candidates, query, scopes, &wanted, best(query));
    Ok(sought)
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
) -> Result<Option<Sought>, StoreError> {
    let Some(index) = query.index else { return Ok(None) };
    let stems: Vec<terms::Stem> = terms.iter().map(terms::Term::hash).collect();
    let ask = Ask {
        terms: &stems,
        phrases: &phrases(terms),
        scope: &|scope| scopes.factor(scope),
        except,
        only,
        before: query.before_second(),
        now: query.now_s(),
        best: best(query),
        weights: &query.weights,
    };
    let Some(found) = index.search(&ask)? else { return Ok(None) };
    let weighted = terms.iter().zip(&found.holding).map(|(term, &holding)| {
        let weight = score::weight(found.memories, holding);
        Weighted { term: term.clone(), weight }
    });
    let candidate = |found: Match| Candidate { found: Some(found), ..Candidate::plain(found.doc.key.cast_signed()) };
    let candidates = found.matches.into_iter().map(candidate).collect();
    Ok(Some(Sought { terms: weighted.collect(), candidates }))
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

pub(super) fn is_before(hit: &Hit, before: Option<&str>) -> bool {
    before.is_none_or(|before| hit.created_at.as_str() < before)
}

/// The row decides; the index of tags may be behind it for a moment.
pub(super) fn carries(hit: &Hit, query: &Query<'_>) -> bool {
    if query.tags.is_empty() {
        return true;
    }
    let own: Vec<String> = hit.tags.as_deref().and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
    let carried = |tag: &String| own.contains(tag);
    if query.all_tags { query.tags.iter().all(carried) } else { query.tags.iter().any(carried) }
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
