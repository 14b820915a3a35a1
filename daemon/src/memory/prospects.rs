//! What may be recalled, best first, each read when it is needed.
//!
//! The index tells of each candidate what it can be worth at most; a row is read, and scored in full, when no other may
//! come before it. Where that is not known (the text index of the replica answers, or meaning counts, which compares all
//! of them) everything is read at once.

use std::cmp::Ordering;
use std::collections::HashSet;

use recall::beginnings::Beginnings;
use recall::bound;
use recall::budget::Prospect;
use recall::excerpt::Excerpts;
use recall::index::Match;
use recall::score::Weighted;
use sync::StoreError;
use sync::local::ReadTx;

use super::hit::{Hit, Names};
use super::index::{Used, used};
use super::meant;
use super::rate::{Compared, compare, rate, rate_all};
use super::search::{Candidate, Query, Sought, carries, is_before, seek};
use super::visibility::Scopes;

/// The candidates for a query.
pub(super) struct Prospects<'a> {
    tx: &'a ReadTx<'a>,
    query: &'a Query<'a>,
    scopes: Scopes,
    terms: Vec<Weighted>,
    beginnings: Beginnings,
    names: Names,
    candidates: Vec<Candidate>,
    /// None where the row was not read yet.
    hits: Vec<Option<Row>>,
}

/// A row as it was found: None when it is gone, or is none of what was asked for.
type Row = Option<Box<Hit>>;

impl<'a> Prospects<'a> {
    /// The candidates for a query, without some entries of the index.
    pub(super) fn find(
        tx: &'a ReadTx<'a>,
        query: &'a Query<'a>,
        except: &HashSet<i64>,
    ) -> Result<Prospects<'a>, StoreError> {
        let scopes = Scopes::of(tx, query.project)?;
        let Sought { terms, candidates } = seek(tx, query, &scopes, except)?;
        let beginnings = Beginnings::of(&terms);
        let hits = candidates.iter().map(|_| None).collect();
        let mut found = Self { tx, query, scopes, terms, beginnings, names: Names::default(), candidates, hits };
        if query.meaning.is_some() || found.candidates.iter().any(|candidate| candidate.found.is_none()) {
            found.read_all()?;
        }
        Ok(found)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.candidates.len()
    }

    /// How many are wanted.
    pub(super) fn limit(&self) -> usize {
        self.query.limit
    }

    /// Cuts what is too long to the parts that tell something for the query.
    pub(super) fn excerpts(&self) -> Excerpts<'_> {
        Excerpts::new(&self.terms, &self.beginnings)
    }

    /// What is known of a candidate before its row is read. A text of so many tokens is shown whole.
    pub(super) fn prospect(&self, at: usize, shown_whole: usize) -> Prospect {
        let Candidate { memory, found, .. } = &self.candidates[at];
        match (&self.hits[at], found) {
            (Some(row), _) => {
                let worth = row.as_ref().map_or(0.0, |hit| hit.score.total);
                Prospect { tokens: 0, whole: 0, worth, session: 0 }
            }
            (None, None) => Prospect { tokens: 0, whole: 0, worth: f64::MAX, session: 0 },
            (None, Some(found)) => {
                let (tokens, shown) = (usize::from(found.doc.tokens), usize::from(found.doc.shown));
                let least = if tokens <= shown_whole { shown } else { 0 };
                let session = if found.doc.is_turn { found.doc.session } else { 0 };
                Prospect { tokens: least, whole: tokens, worth: self.most(*memory, found, u32::MAX), session }
            }
        }
    }

    /// What a candidate is worth at most, when it was of use as often as it was: that is looked up without its row. None
    /// where it is not needed.
    pub(super) fn narrow(&mut self, at: usize) -> Result<Option<f64>, StoreError> {
        let Candidate { memory, found: Some(found), .. } = self.candidates[at] else { return Ok(None) };
        if self.hits[at].is_some() {
            return Ok(None);
        }
        let Some(Used { source, uses }) = used(self.tx, memory)? else { return Ok(Some(0.0)) };
        self.candidates[at].source = Some(source);
        Ok(Some(self.most(memory, &found, uses)))
    }

    fn most(&self, memory: i64, found: &Match, uses: u32) -> f64 {
        let now = self.query.now_s();
        bound::most(&self.terms, found, uses, self.scopes.owns(memory), now, &self.query.weights).total
    }

    /// The memory at a place, read and scored; None when it is gone, or is none of what was asked for.
    pub(super) fn hit(&mut self, at: usize) -> Result<Option<&Hit>, StoreError> {
        if self.hits[at].is_none() {
            let row = self.load(at)?.map(|(mut hit, compared)| {
                rate(&mut hit, &compared, 0.0, &self.terms, self.query);
                Box::new(hit)
            });
            self.hits[at] = Some(row);
        }
        Ok(self.read(at))
    }

    /// The memory at a place, if it was read.
    pub(super) fn read(&self, at: usize) -> Option<&Hit> {
        self.hits[at].as_ref()?.as_deref()
    }

    /// The places of other memories that may be turns of the same session.
    pub(super) fn of_session(&self, at: usize) -> Vec<usize> {
        let session = |at: usize| self.candidates[at].found.as_ref().map(|found| found.doc.session);
        let own = session(at);
        (0..self.len()).filter(|&other| other != at && session(other) == own).collect()
    }

    /// Takes a memory that was read.
    pub(super) fn take(&mut self, at: usize) -> Option<Hit> {
        self.hits[at].take().flatten().map(|hit| *hit)
    }

    /// All of them, best first.
    pub(super) fn into_hits(mut self) -> Result<Vec<Hit>, StoreError> {
        for at in 0..self.len() {
            self.hit(at)?;
        }
        let mut hits: Vec<Hit> = self.hits.into_iter().flatten().flatten().map(|hit| *hit).collect();
        hits.sort_by(best_first);
        hits.truncate(self.query.limit);
        Ok(hits)
    }

    fn load(&mut self, at: usize) -> Result<Option<(Hit, Compared)>, StoreError> {
        let Candidate { memory, found, source, .. } = &self.candidates[at];
        let hit = match source {
            Some((table, id)) => Hit::load_named(self.tx, table, id, &mut self.names)?,
            None => Hit::load_indexed(self.tx, *memory, &mut self.names)?,
        };
        let wanted = |hit: &Hit| carries(hit, self.query) && is_before(hit, self.query.before);
        let Some(mut hit) = hit.filter(wanted) else { return Ok(None) };
        hit.same_project = self.scopes.owns(*memory);
        let lexical = compare(&hit, &self.terms, &self.beginnings);
        Ok(Some((hit, Compared { lexical, placed: found.as_ref().map(|found| found.placed) })))
    }

    /// Reads and scores all of them, and keeps as many as are asked for, best first.
    fn read_all(&mut self) -> Result<(), StoreError> {
        let (mut hits, mut compared, mut near) = (Vec::new(), Vec::new(), Vec::new());
        for at in 0..self.candidates.len() {
            if let Some((hit, one)) = self.load(at)? {
                hits.push(hit);
                compared.push(one);
                near.push(self.candidates[at].near);
            }
        }
        rate_all(&mut hits, &compared, &self.terms, self.query);
        meant::fuse(&mut hits, &near, self.query);
        hits.sort_by(best_first);
        hits.truncate(self.query.limit);
        self.candidates = hits.iter().map(|_| Candidate::plain(0)).collect();
        self.hits = hits.into_iter().map(|hit| Some(Some(Box::new(hit)))).collect();
        Ok(())
    }
}

fn best_first(one: &Hit, other: &Hit) -> Ordering {
    other.score.total.total_cmp(&one.score.total).then_with(|| other.created_at.cmp(&one.created_at))
}
