//! The search: impacts added up, the best taken, structure added to them.
//!
//! Every memory has a cell in one array; for each term the cells of the memories that hold it grow by the term's weight
//! times its impact. The best cells make the pool; a turn of a conversation then gets a share of its better neighbour and
//! of its session's best turn, which finds the answer to what was asked a turn before (measured in the README, "What
//! recall finds"). Weights are those of [`crate::score`].

use std::collections::{HashMap, HashSet};
use std::io;
use std::ops::Range;

use foldhash::fast::RandomState;
use pulp::Arch;

use super::apart::{Phrase, apart};
use super::best::Best;
use super::codec::{Impact, SCALE};
use super::dead::Part;
use super::doc::{Doc, NO_LINK};
use super::list::List;
use super::segment::{Postings, Segment};
use super::tail::Tail;
use crate::score::{self, Placed, Weights};
use crate::terms::Stem;

/// Memories of which more than the sum of their terms is looked at.
const POOL: usize = 128;
/// The same where many of them may fall by a condition.
const NARROW_POOL: usize = 8_192;
/// Cells that are added to before the next ones are: 256 KiB.
const STRETCH: usize = 1 << 16;
/// Turns whose neighbours are looked at though no term stands in them.
const WITH_NEIGHBOURS: usize = 48;

/// What is searched for.
pub struct Ask<'a> {
    /// Each term once.
    pub terms: &'a [Stem],
    /// Those of them that are identifiers.
    pub phrases: &'a [Phrase],
    /// What a memory of that scope counts, 1 for one of the caller's project; 0 when he may not see it.
    pub scope: &'a dyn Fn(u32) -> f32,
    /// Memories that are not wanted.
    pub except: &'a HashSet<u64>,
    /// Only these, if it is said.
    pub only: Option<&'a HashSet<u64>>,
    /// Only what was made before, in seconds since the Unix epoch.
    pub before: Option<u32>,
    /// Now, in the same.
    pub now: u32,
    /// How many are wanted.
    pub best: usize,
    /// What counts beside the text.
    pub weights: &'a Weights,
}

impl std::fmt::Debug for Ask<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ask").field("terms", &self.terms.len()).field("best", &self.best).finish_non_exhaustive()
    }
}

/// A memory that was found, best first.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Match {
    /// What the index keeps of it.
    pub doc: Doc,
    /// Sum of its terms' weights times their contributions.
    pub lexical: f32,
    /// What other turns of its conversation say for it, see [`Placed`].
    pub placed: Placed,
    /// The most that identifiers add to `lexical` which may stand in it in words apart.
    pub apart: f32,
}

/// What a search found.
#[derive(Debug, Default)]
pub struct Found {
    /// For each term, in how many memories it stands.
    pub holding: Vec<u64>,
    /// Memories in the index.
    pub memories: u64,
    /// Best first.
    pub matches: Vec<Match>,
}

/// Where a memory is: the segment's number (the number of segments for the tail), and its place there.
pub(super) type Place = (usize, u32);

/// Memory that a search works in, kept for the next one.
#[derive(Debug, Default)]
pub struct Scratch {
    /// For each memory what its terms add up to.
    cells: Vec<f32>,
}

/// Searches the segments and the tail. Errors: of reading a segment.
pub fn search(parts: &[Part<'_>], tail: &Tail, ask: &Ask<'_>, scratch: &mut Scratch) -> io::Result<Found> {
    let mut all = Cells::new(parts, tail, scratch);
    let memories = parts.iter().map(Part::live).sum::<u64>() + tail.live() as u64;
    let is_narrow = ask.before.is_some() || ask.only.is_some();
    let size = ask.except.len() + if is_narrow { NARROW_POOL } else { POOL.max(2 * ask.best) };
    let mut best = Best::new(size);
    let holding = all.add_up(ask, memories, &mut best)?;
    let pool = all.pool(best, ask)?;
    let (places, mut matches): (Vec<Place>, Vec<Match>) = all.rank(pool, ask)?.into_iter().unzip();
    if !ask.phrases.is_empty() {
        #[expect(clippy::cast_possible_truncation, reason = "a weight needs no more")]
        let weights: Vec<f32> = holding.iter().map(|&count| score::weight(memories, count) as f32).collect();
        let most = apart(parts, tail, ask.terms, ask.phrases, &weights, &places)?;
        for (found, most) in matches.iter_mut().zip(most) {
            found.apart = most;
        }
    }
    Ok(Found { holding, memories, matches })
}

struct Cells<'a, 'c> {
    parts: &'a [Part<'a>],
    tail: &'a Tail,
    sums: &'c mut [f32],
    /// The first cell of each segment, then that of the tail.
    starts: Vec<usize>,
}

impl<'a, 'c> Cells<'a, 'c> {
    fn new(parts: &'a [Part<'a>], tail: &'a Tail, scratch: &'c mut Scratch) -> Self {
        let mut starts = vec![0];
        for part in parts {
            starts.push(starts[starts.len() - 1] + part.segment.len() as usize);
        }
        // What the search before left in them is cleared as they are added to.
        scratch.cells.resize(starts[parts.len()] + tail.len(), 0.0);
        Self { parts, tail, sums: &mut scratch.cells, starts }
    }

    /// Adds every term's impacts, and takes the best by their terms alone; returns how many memories hold each term.
    fn add_up(&mut self, ask: &Ask<'_>, memories: u64, best: &mut Best) -> io::Result<Vec<u64>> {
        let terms = ask.terms;
        let mut holding: Vec<u64> = terms.iter().map(|&term| self.tail.postings(term).len() as u64).collect();
        let mut found: Vec<Vec<Option<Postings>>> = Vec::with_capacity(self.parts.len());
        for part in self.parts {
            let of_part: Vec<Option<Postings>> =
                terms.iter().map(|&term| part.segment.postings(term)).collect::<Result<_, _>>()?;
            for (count, postings) in holding.iter_mut().zip(&of_part) {
                *count += postings.as_ref().map_or(0, Postings::count) as u64;
            }
            found.push(of_part);
        }
        #[expect(clippy::cast_possible_truncation, reason = "a weight needs no more")]
        let steps: Vec<f32> = holding.iter().map(|&count| score::weight(memories, count) as f32 / SCALE).collect();
        for ((at, part), found) in self.parts.iter().enumerate().zip(found) {
            let cells = &mut self.sums[self.starts[at]..][..part.segment.len() as usize];
            let visible: Vec<(Range<u32>, f32)> = part
                .segment
                .scopes()
                .iter()
                .map(|(scope, range)| (range.clone(), (ask.scope)(*scope)))
                .filter(|(_, factor)| *factor > 0.0)
                .collect();
            add_segment(part.segment, found, &steps, cells, |first, cells| {
                part.dead.clear_cells(first, cells);
                best.scan(at, cells, first, &visible);
            })?;
        }
        let newest = &mut self.sums[self.starts[self.parts.len()]..];
        newest.fill(0.0);
        for (&term, step) in terms.iter().zip(steps) {
            for &(place, impact) in self.tail.postings(term) {
                newest[place as usize] += step * f32::from(impact);
            }
        }
        for (place, &cell) in (0..).zip(&*newest).filter(|&(_, &cell)| cell > 0.0) {
            if let Some(doc) = self.tail.doc(place) {
                best.add(cell * (ask.scope)(doc.scope()), (self.parts.len(), place));
            }
        }
        Ok(holding)
    }

    /// The best by their terms alone, best first.
    fn pool(&self, best: Best, ask: &Ask<'_>) -> io::Result<Vec<(f32, Place, Doc)>> {
        let mut pool = Vec::with_capacity(best.size());
        for (worth, place) in best.into_sorted() {
            if let Some(doc) = self.doc(place)?.filter(|doc| is_wanted(doc, ask)) {
                pool.push((worth, place, doc));
            }
        }
        Ok(pool)
    }

    fn cell(&self, (part, place): Place) -> f32 {
        self.sums.get(self.starts[part] + place as usize).copied().unwrap_or(0.0)
    }

    /// None for a memory that is dead.
    fn doc(&self, (part, place): Place) -> io::Result<Option<Doc>> {
        match self.parts.get(part) {
            Some(part) if place >= part.segment.len() || part.dead.contains(place) => Ok(None),
            Some(part) => Ok(Some(part.segment.doc(place)?)),
            None => Ok(self.tail.doc(place)),
        }
    }

    /// Adds structure and orders the pool by all that is known here.
    fn rank(&self, mut pool: Vec<(f32, Place, Doc)>, ask: &Ask<'_>) -> io::Result<Vec<(Place, Match)>> {
        let mut known: HashSet<Place, RandomState> = pool.iter().map(|&(_, place, _)| place).collect();
        for at in 0..pool.len().min(WITH_NEIGHBOURS) {
            let (_, place, doc) = pool[at];
            for place in beside(place, &doc) {
                if known.insert(place)
                    && let Some(doc) = self.doc(place)?.filter(|doc| is_wanted(doc, ask))
                {
                    pool.push((self.cell(place) * (ask.scope)(doc.scope()), place, doc));
                }
            }
        }
        let mut sessions: HashMap<u32, TopTwo, RandomState> = HashMap::default();
        for &(_, place, doc) in pool.iter().filter(|(_, _, doc)| doc.is_turn && doc.session != 0) {
            sessions.entry(doc.session).or_default().add(self.cell(place));
        }
        let placed = |place: Place, doc: &Doc, lexical: f32| {
            if !doc.is_turn {
                return Placed::default();
            }
            let neighbour = beside(place, doc).map(|place| self.cell(place)).fold(0.0, f32::max);
            let session = sessions.get(&doc.session).map_or(0.0, |top| top.beside(lexical));
            Placed { neighbour, session }
        };
        let rated = pool.iter().enumerate().map(|(at, (_, place, doc))| {
            let (lexical, scope) = (self.cell(*place), (ask.scope)(doc.scope()));
            let placed = placed(*place, doc, lexical);
            ((lexical + placed.worth(ask.weights)) * scope * factors(doc, ask), at, placed)
        });
        let mut ranked: Vec<(f32, usize, Placed)> = rated.collect();
        let best_first = |a: &(f32, usize, Placed), b: &(f32, usize, Placed)| {
            b.0.total_cmp(&a.0).then_with(|| pool[b.1].2.key.cmp(&pool[a.1].2.key))
        };
        if ranked.len() > ask.best {
            ranked.select_nth_unstable_by(ask.best, best_first);
            ranked.truncate(ask.best);
        }
        ranked.sort_unstable_by(best_first);
        let found = ranked.into_iter().map(|(_, at, placed)| {
            let (_, place, doc) = pool[at];
            (place, Match { doc, lexical: self.cell(place), placed, apart: 0.0 })
        });
        Ok(found.collect())
    }
}

/// Adds the impacts of all terms in a segment, some cells after the other, and hands those on with the place of the first:
/// they stay in the processor's cache while the terms pass over them and the best are taken.
fn add_segment(
    segment: &Segment,
    found: Vec<Option<Postings>>,
    steps: &[f32],
    cells: &mut [f32],
    mut done: impl FnMut(u32, &mut [f32]),
) -> io::Result<()> {
    let (mut singles, mut dense, mut packed) = (Vec::new(), Vec::new(), Vec::new());
    for (postings, &step) in found.into_iter().zip(steps) {
        let Some(postings) = postings else { continue };
        match List::new(segment, postings)? {
            List::One(place, impact) => singles.push((step, place, impact)),
            List::Dense(list) => dense.push((step, list)),
            List::Packed(list) => packed.push((told(step), list)),
        }
    }
    for (first, cells) in (0_u32..).step_by(STRETCH).zip(cells.chunks_mut(STRETCH)) {
        let end = u64::from(first) + cells.len() as u64;
        if dense.is_empty() {
            cells.fill(0.0);
        }
        for (at, pair) in dense.chunks_mut(2).enumerate() {
            let mut lists = Vec::with_capacity(2);
            for (step, list) in pair {
                lists.push((*step, list.read(first, cells.len())?));
            }
            let other = lists.get(1).copied().unwrap_or((0.0, lists[0].1));
            add_dense(cells, lists[0], other, at == 0);
        }
        for (told, runs) in &mut packed {
            runs.below(end, |places, impacts| add(cells, first, told, places, impacts))?;
        }
        for &(step, place, impact) in &singles {
            if let Some(cell) = cells.get_mut(place.wrapping_sub(first) as usize) {
                *cell += step * f32::from(impact);
            }
        }
        done(first, cells);
    }
    // What is left over lies behind the last memory, or does not come to its end.
    for (_, mut runs) in packed {
        runs.below(u64::MAX, |_, _| {})?;
    }
    Ok(())
}

/// What each impact adds, looked up in less time than it takes to compute.
fn told(step: f32) -> [f32; 1 << Impact::BITS] {
    let mut told = [0.0; 1 << Impact::BITS];
    for (told, impact) in told.iter_mut().zip(0..=Impact::MAX) {
        *told = step * f32::from(impact);
    }
    told
}

/// Adds impacts to the cells of their places; `first` is the place of the first cell, `told` is [`told`]'s.
fn add(cells: &mut [f32], first: u32, told: &[f32; 1 << Impact::BITS], places: &[u32], impacts: &[Impact]) {
    for (&place, &impact) in places.iter().zip(impacts) {
        if let Some(cell) = cells.get_mut(place.wrapping_sub(first) as usize) {
            *cell += told[usize::from(impact)];
        }
    }
}

/// Adds the impacts of two terms, one memory after the other: as most of it goes into reaching the cells, that takes as long
/// as for one. The first two overwrite what a search before has left.
fn add_dense(cells: &mut [f32], (step, one): (f32, &[Impact]), (other_step, other): (f32, &[Impact]), is_first: bool) {
    let both = one.len().min(other.len());
    let (cells, rest) = cells.split_at_mut(both);
    Arch::new().dispatch(|| {
        let told = one.iter().zip(other).map(|(&one, &other)| step * f32::from(one) + other_step * f32::from(other));
        if is_first {
            cells.iter_mut().zip(told).for_each(|(cell, told)| *cell = told);
        } else {
            cells.iter_mut().zip(told).for_each(|(cell, told)| *cell += told);
        }
    });
    // One of them does not come as far.
    if is_first {
        rest.fill(0.0);
    }
    let (step, longer) = if one.len() > other.len() { (step, one) } else { (other_step, other) };
    for (cell, &impact) in rest.iter_mut().zip(&longer[both..]) {
        *cell += step * f32::from(impact);
    }
}

fn is_wanted(doc: &Doc, ask: &Ask<'_>) -> bool {
    ask.before.is_none_or(|before| doc.made < before)
        && !ask.except.contains(&doc.key)
        && ask.only.is_none_or(|only| only.contains(&doc.key))
        && (ask.scope)(doc.scope()) > 0.0
}

#[expect(clippy::cast_possible_truncation, reason = "factors around 1")]
fn factors(doc: &Doc, ask: &Ask<'_>) -> f32 {
    let days = f64::from(ask.now.saturating_sub(doc.made)) / 86_400.0;
    let age = if ask.weights.age { score::age(days) } else { 1.0 };
    let importance = if ask.weights.importance { score::importance(f64::from(doc.importance) / 10.0) } else { 1.0 };
    (age * importance) as f32
}

/// The turns before and after one.
fn beside((part, _): Place, doc: &Doc) -> impl Iterator<Item = Place> {
    let links = if doc.is_turn { [doc.before, doc.after] } else { [NO_LINK; 2] };
    links.into_iter().filter(|&place| place != NO_LINK).map(move |place| (part, place))
}

/// The two best turns of a session.
#[derive(Debug, Clone, Copy, Default)]
struct TopTwo {
    first: f32,
    second: f32,
}

impl TopTwo {
    fn add(&mut self, cell: f32) {
        if cell > self.first {
            (self.first, self.second) = (cell, self.first);
        } else {
            self.second = self.second.max(cell);
        }
    }

    /// The best of the others.
    fn beside(self, cell: f32) -> f32 {
        if cell >= self.first { self.second } else { self.first }
    }
}
