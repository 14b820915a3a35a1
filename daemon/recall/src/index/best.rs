//! The best of very many cells.
//!
//! Cells are looked at in runs. Of each run the greatest cell is found first, many cells at a time; how many runs have a cell
//! above a bar says how many cells at least are worth more, so that the bar is high before single cells are compared with it.

use std::ops::Range;

use pulp::{Arch, NullaryFnOnce};

use super::search::Place;

/// Cells of a run.
const RUN: usize = 32;
/// Of these, the ones that are compared at a time.
const LANES: usize = 8;

/// The best so far: about twice as many as wanted are kept, and cut when they are full.
pub(super) struct Best {
    size: usize,
    /// What a memory must be worth more than to be among them.
    bar: f32,
    found: Vec<(f32, Place)>,
    /// What the greatest cell of each run is worth.
    runs: Vec<f32>,
    /// Those that are above the bar, as bits: those of numbers that are not negative are in the order of the numbers.
    above: Vec<u32>,
}

impl Best {
    /// The best so many.
    pub(super) fn new(size: usize) -> Best {
        Best { size, bar: 0.0, found: Vec::with_capacity(2 * size), runs: Vec::new(), above: Vec::new() }
    }

    /// How many are wanted.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Looks at cells of a part, none of them negative; `first` is the place of the first of them, `visible` are the places
    /// that may be seen, each with the factor for what stands there.
    pub(super) fn scan(&mut self, part: usize, cells: &[f32], first: u32, visible: &[(Range<u32>, f32)]) {
        // As far as they are cells of these.
        let cell = |place: u32| (place.saturating_sub(first) as usize).min(cells.len());
        let visible = visible.iter().map(|(range, factor)| (cell(range.start)..cell(range.end), *factor));
        let visible: Vec<(Range<usize>, f32)> = visible.filter(|(range, _)| !range.is_empty()).collect();
        self.runs.clear();
        for (range, factor) in &visible {
            let start = self.runs.len();
            self.runs.resize(start + range.len().div_ceil(RUN), 0.0);
            Arch::new().dispatch(Greatest {
                cells: &cells[range.clone()],
                factor: *factor,
                found: &mut self.runs[start..],
            });
        }
        self.raise();
        let mut runs = std::mem::take(&mut self.runs);
        let mut left = runs.as_slice();
        for (range, factor) in visible {
            for cells_at in range.clone().step_by(RUN) {
                let Some((&greatest, after)) = left.split_first() else { break };
                left = after;
                if greatest > self.bar {
                    let mut bar = self.bar;
                    for (at, &cell) in (cells_at..).zip(&cells[cells_at..range.end.min(cells_at + RUN)]) {
                        let worth = cell * factor;
                        if worth > bar {
                            #[expect(
                                clippy::cast_possible_truncation,
                                reason = "cells of one part, which are numbered so"
                            )]
                            self.add(worth, (part, first + at as u32));
                            bar = self.bar;
                        }
                    }
                }
            }
        }
        runs.clear();
        self.runs = runs;
    }

    /// As many runs as memories are wanted have a cell that is worth so much: no less is among the best.
    fn raise(&mut self) {
        let Best { size, bar, runs, above, .. } = self;
        above.clear();
        above.extend(runs.iter().filter(|worth| **worth > *bar).map(|worth| worth.to_bits()));
        if above.len() > *size {
            let at = above.len() - *size;
            *bar = bar.max(f32::from_bits(*above.select_nth_unstable(at).1).next_down());
        }
    }

    /// Takes a memory if it is among the best.
    pub(super) fn add(&mut self, worth: f32, place: Place) {
        if worth <= self.bar {
            return;
        }
        self.found.push((worth, place));
        if self.found.len() == 2 * self.size {
            self.cut();
        }
    }

    fn cut(&mut self) {
        if self.found.len() > self.size {
            self.found.select_nth_unstable_by(self.size - 1, |a, b| b.0.total_cmp(&a.0));
            self.found.truncate(self.size);
            self.bar = self.found.last().map_or(self.bar, |&(worth, _)| worth);
        }
    }

    /// All of them, best first.
    pub(super) fn into_sorted(mut self) -> Vec<(f32, Place)> {
        self.cut();
        self.found.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(b.1.cmp(&a.1)));
        self.found
    }
}

/// Finds what the greatest cell of each run is worth.
struct Greatest<'a> {
    cells: &'a [f32],
    factor: f32,
    found: &'a mut [f32],
}

impl NullaryFnOnce for Greatest<'_> {
    type Output = ();

    #[expect(clippy::inline_always, reason = "else it is not compiled for the processor that is found")]
    #[inline(always)]
    fn call(self) {
        let (whole, rest) = self.cells.as_chunks::<RUN>();
        let (found, last) = self.found.split_at_mut(whole.len());
        for (found, run) in found.iter_mut().zip(whole) {
            let mut lanes = [0; LANES];
            for cells in run.as_chunks::<LANES>().0 {
                for (lane, cell) in lanes.iter_mut().zip(cells) {
                    *lane = cell.to_bits().max(*lane);
                }
            }
            *found = f32::from_bits(lanes.into_iter().fold(0, u32::max)) * self.factor;
        }
        if let Some(last) = last.first_mut() {
            *last = f32::from_bits(rest.iter().fold(0, |most, cell| cell.to_bits().max(most))) * self.factor;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_best_of_all_cells(
            cells in prop::collection::vec((0_u8..40).prop_map(f32::from), 0..3_000),
            (size, cut, stretch) in (1_usize..40, 0_u32..3_000, 1_usize..2_000),
        ) {
            let end = u32::try_from(cells.len()).unwrap();
            let cut = cut.min(end);
            let visible = [(0..cut, 1.0), (cut..end, 0.7)];
            let mut best = Best::new(size);
            for (first, cells) in (0..).step_by(stretch).zip(cells.chunks(stretch)) {
                best.scan(0, cells, first, &visible);
            }
            let found: Vec<f32> = best.into_sorted().into_iter().map(|(worth, _)| worth).collect();
            let worth = |(place, cell): (u32, &f32)| if place < cut { *cell } else { cell * 0.7 };
            let mut all: Vec<f32> = (0..).zip(&cells).map(worth).filter(|&worth| worth > 0.0).collect();
            all.sort_unstable_by(|a, b| b.total_cmp(a));
            all.truncate(size);
            prop_assert_eq!(found, all);
        }
    }
}
