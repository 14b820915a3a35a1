//! The first stage of a search: which memories hold which terms, at a bounded cost.
//!
//! FTS5's own ranking reads every matching row (0.7 to 0.9 µs each, 38 ms at 100,000 memories). Here each term gives at
//! most [`PER_TERM`] ids, which cost about a tenth of that; a term that more memories hold says little, and counts only
//! within the caller's project, newest first. What is found is ranked by the weight of its terms; the best are then
//! read and scored in full.

use std::collections::{HashMap, HashSet};

use recall::score::{Weighted, weight};
use recall::terms::Term;
use sync::StoreError;
use sync::local::ReadTx;

use super::visibility::Scopes;

/// Ids read for one term; 32 terms of this many are about 5 ms.
const PER_TERM: i64 = 2_000;
/// A memory elsewhere must be this much better to come before one of the caller's project.
const ELSEWHERE: f64 = 0.7;

/// What the index says about a query.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The query's terms with their weights.
    pub(super) query: Vec<Weighted>,
    /// Memories by the weight of the terms they hold, best first.
    pub(super) candidates: Vec<i64>,
}

/// Looks every term up. `wanted` keeps memories out before the best are chosen.
pub(super) fn look_up(
    tx: &ReadTx<'_>,
    terms: Vec<Term>,
    scopes: &Scopes,
    wanted: impl Fn(i64) -> bool,
    best: usize,
) -> Result<Found, StoreError> {
    let memories = count(tx)?;
    let mut sums: HashMap<i64, f64> = HashMap::new();
    let mut query = Vec::with_capacity(terms.len());
    for term in terms {
        let postings = Postings::of(tx, &term, scopes, memories)?;
        let weight = weight(memories, postings.holding);
        for id in postings.ids {
            *sums.entry(id).or_default() += weight;
        }
        query.push(Weighted { term, weight });
    }
    let mut ranked: Vec<(i64, f64)> = sums
        .into_iter()
        .filter(|&(id, _)| scopes.sees(id) && wanted(id))
        .map(|(id, sum)| (id, if scopes.owns(id) { sum } else { sum * ELSEWHERE }))
        .collect();
    ranked.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(b.0.cmp(&a.0)));
    ranked.truncate(best);
    Ok(Found { query, candidates: ranked.into_iter().map(|(id, _)| id).collect() })
}

/// The newest memories of the caller's project, or of all it may see when it has none; for a search without terms.
pub(super) fn newest(tx: &ReadTx<'_>, scopes: &Scopes, best: usize) -> Result<Vec<i64>, StoreError> {
    let mut ids = Vec::new();
    for &scope in if scopes.own.is_empty() { scopes.all() } else { &scopes.own } {
        let (from, to) = Scopes::range(scope);
        let mut statement = tx
            .connection()
            .prepare_cached("SELECT id FROM ct_memory WHERE id BETWEEN ?1 AND ?2 ORDER BY id DESC LIMIT ?3")?;
        let limit = i64::try_from(best).unwrap_or(i64::MAX);
        for id in statement.query_map((from, to, limit), |row| row.get::<_, i64>(0))? {
            ids.push(id?);
        }
    }
    Ok(ids)
}

/// The ids that hold a term, and how many memories hold it in all, as far as that is known.
struct Postings {
    ids: HashSet<i64>,
    holding: u64,
}

impl Postings {
    fn of(tx: &ReadTx<'_>, term: &Term, scopes: &Scopes, memories: u64) -> Result<Self, StoreError> {
        let expression = term.match_expression();
        let everywhere = matches(tx, &expression, (i64::MIN, i64::MAX))?;
        if !is_full(&everywhere) {
            return Ok(Self { holding: everywhere.len() as u64, ids: everywhere.into_iter().collect() });
        }
        let mut ids = HashSet::new();
        let mut share: f64 = 0.0;
        for &scope in &scopes.own {
            let (first, last) = Scopes::range(scope);
            let found = matches(tx, &expression, (first, last))?;
            share = share.max(density(&found, newest_in(tx, first, last)?, first));
            ids.extend(found);
        }
        let holding = estimate(share, memories).max(u64::try_from(PER_TERM).unwrap_or(u64::MAX));
        Ok(Self { ids, holding })
    }
}

/// The newest ids of a range that match, at most [`PER_TERM`].
fn matches(tx: &ReadTx<'_>, expression: &str, (first, last): (i64, i64)) -> Result<Vec<i64>, StoreError> {
    let mut statement = tx.connection().prepare_cached(
        "SELECT rowid FROM ct_memory_fts WHERE ct_memory_fts MATCH ?1 AND rowid BETWEEN ?2 AND ?3 \
         ORDER BY rowid DESC LIMIT ?4",
    )?;
    let ids = statement.query_map((expression, first, last, PER_TERM), |row| row.get(0))?;
    Ok(ids.collect::<Result<_, _>>()?)
}

fn is_full(ids: &[i64]) -> bool {
    i64::try_from(ids.len()).is_ok_and(|len| len >= PER_TERM)
}

/// The share of a range's memories that hold a term, from the span that the newest matches take.
#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn density(found: &[i64], newest: i64, first: i64) -> f64 {
    let oldest = if is_full(found) { found.last().copied().unwrap_or(first) } else { first };
    let span = (newest - oldest).max(1);
    (found.len() as f64 / span as f64).min(1.0)
}

#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an estimate")]
fn estimate(share: f64, memories: u64) -> u64 {
    (share * memories as f64) as u64
}

fn newest_in(tx: &ReadTx<'_>, first: i64, last: i64) -> Result<i64, StoreError> {
    let mut statement =
        tx.connection().prepare_cached("SELECT coalesce(max(id), ?1) FROM ct_memory WHERE id BETWEEN ?1 AND ?2")?;
    Ok(statement.query_row((first, last), |row| row.get(0))?)
}

/// About how many memories there are: the numbers given out in each scope, since counting would read them all.
fn count(tx: &ReadTx<'_>) -> Result<u64, StoreError> {
    let mut statement = tx.connection().prepare_cached(
        "SELECT coalesce(sum((SELECT coalesce(max(id) - (scope << 32), 0) FROM ct_memory \
                              WHERE id BETWEEN (scope << 32) AND (scope << 32) + 4294967295)), 0) FROM ct_memory_scope",
    )?;
    let memories: i64 = statement.query_row([], |row| row.get(0))?;
    Ok(u64::try_from(memories).unwrap_or(0))
}
