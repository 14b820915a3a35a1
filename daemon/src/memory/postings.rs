//! The first stage of a search: which memories hold which terms, at a bounded cost.
//!
//! FTS5's own ranking reads every matching row (0.7 to 0.9 µs each, 38 ms at 100,000 memories). Here each term gives at
//! most [`PER_TERM`] ids, which cost about a tenth of that; a term that more memories hold says little, and counts only
//! within the caller's project, newest first. What is found is ranked by the weight of its terms; the best are then
//! read and scored in full.

use recall::score::{Weighted, weight};
use recall::terms::Term;
use sync::StoreError;
use sync::local::ReadTx;

use super::tally::Tally;
use super::visibility::{ELSEWHERE, Scopes};

/// Ids read for one term; 32 terms of this many are about 5 ms.
const PER_TERM: i64 = 2_000;

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
    let own = scopes.own.iter().map(|&scope| Own::of(tx, scope)).collect::<Result<Vec<_>, _>>()?;
    let mut tally = Tally::default();
    let mut query = Vec::with_capacity(terms.len());
    for term in terms {
        let postings = Postings::of(tx, &term, &own, memories)?;
        let weight = weight(memories, postings.holding);
        tally.add(&postings.ids, weight);
        query.push(Weighted { term, weight });
    }
    let factor = |id| (scopes.sees(id) && wanted(id)).then(|| if scopes.owns(id) { 1.0 } else { f64::from(ELSEWHERE) });
    Ok(Found { query, candidates: tally.best(best, factor) })
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

/// The ids that one of the caller's own scopes spans.
struct Own {
    first: i64,
    last: i64,
    /// The newest in use.
    newest: i64,
}

impl Own {
    fn of(tx: &ReadTx<'_>, scope: i64) -> Result<Self, StoreError> {
        let (first, last) = Scopes::range(scope);
        let mut statement =
            tx.connection().prepare_cached("SELECT coalesce(max(id), ?1) FROM ct_memory WHERE id BETWEEN ?1 AND ?2")?;
        Ok(Self { first, last, newest: statement.query_row((first, last), |row| row.get(0))? })
    }

    /// True when a term may be in more of its memories than are read.
    fn is_large(&self) -> bool {
        self.newest - self.first >= PER_TERM
    }
}

/// The ids that hold a term, each once, and how many memories hold it in all, as far as that is known.
struct Postings {
    ids: Vec<i64>,
    holding: u64,
}

impl Postings {
    fn of(tx: &ReadTx<'_>, term: &Term, own: &[Own], memories: u64) -> Result<Self, StoreError> {
        let expression = term.match_expression();
        // A term that fills the list of one scope fills that of all. Phrases seldom do, and are slow to read backwards.
        let mut mine = None;
        if !term.is_phrase() && own.iter().any(Own::is_large) {
            mine = Some(Mine::of(tx, &expression, own)?);
        }
        if !mine.as_ref().is_some_and(|mine| mine.is_cut) {
            let everywhere = all(tx, &expression)?;
            if !is_full(&everywhere) {
                return Ok(Self { holding: everywhere.len() as u64, ids: everywhere });
            }
        }
        let mine = mine.map_or_else(|| Mine::of(tx, &expression, own), Ok)?;
        let holding = estimate(mine.share, memories).max(u64::try_from(PER_TERM).unwrap_or(u64::MAX));
        Ok(Self { ids: mine.ids, holding })
    }
}

/// Where a term stands within the caller's project.
#[derive(Default)]
struct Mine {
    /// The newest.
    ids: Vec<i64>,
    /// True when there may be more.
    is_cut: bool,
    /// The share of a scope's memories that hold it; the highest, when there are several.
    share: f64,
}

impl Mine {
    fn of(tx: &ReadTx<'_>, expression: &str, own: &[Own]) -> Result<Self, StoreError> {
        let mut mine = Self::default();
        for scope in own {
            let found = newest_matches(tx, expression, scope)?;
            mine.is_cut |= is_full(&found);
            mine.share = mine.share.max(density(&found, scope.newest, scope.first));
            mine.ids.extend(found);
        }
        Ok(mine)
    }
}

/// At most [`PER_TERM`] ids that match, in no order that means something. Forwards the index skips what it need not
/// read: phrases with a common word are found in half of the time.
fn all(tx: &ReadTx<'_>, expression: &str) -> Result<Vec<i64>, StoreError> {
    let sql = "SELECT rowid FROM ct_memory_fts WHERE ct_memory_fts MATCH ?1 LIMIT ?2";
    let mut statement = tx.connection().prepare_cached(sql)?;
    let ids = statement.query_map((expression, PER_TERM), |row| row.get(0))?;
    Ok(ids.collect::<Result<_, _>>()?)
}

/// The newest ids of a scope that match, at most [`PER_TERM`].
fn newest_matches(tx: &ReadTx<'_>, expression: &str, scope: &Own) -> Result<Vec<i64>, StoreError> {
    let mut statement = tx.connection().prepare_cached(
        "SELECT rowid FROM ct_memory_fts WHERE ct_memory_fts MATCH ?1 AND rowid BETWEEN ?2 AND ?3 \
         ORDER BY rowid DESC LIMIT ?4",
    )?;
    let ids = statement.query_map((expression, scope.first, scope.last, PER_TERM), |row| row.get(0))?;
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

/// About how many memories there are: the numbers given out in each scope, since counting would read them all.
fn count(tx: &ReadTx<'_>) -> Result<u64, StoreError> {
    let mut statement = tx.connection().prepare_cached(
        "SELECT coalesce(sum((SELECT coalesce(max(id) - (scope << 32), 0) FROM ct_memory \
                              WHERE id BETWEEN (scope << 32) AND (scope << 32) + 4294967295)), 0) FROM ct_memory_scope",
    )?;
    let memories: i64 = statement.query_row([], |row| row.get(0))?;
    Ok(u64::try_from(memories).unwrap_or(0))
}
