//! Which places of a segment no longer count: segments are never changed, and what is gone or was made anew is left out.

use super::segment::Segment;

/// A segment, and what is dead in it.
#[derive(Debug, Clone, Copy)]
pub struct Part<'a> {
    /// What it holds.
    pub segment: &'a Segment,
    /// What of that no longer counts.
    pub dead: &'a Dead,
}

impl Part<'_> {
    /// Memories that count.
    pub fn live(&self) -> u64 {
        u64::from(self.segment.len().saturating_sub(self.dead.len()))
    }
}

/// Places that no longer count, one bit each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dead {
    bits: Vec<u64>,
    count: u32,
}

impl Dead {
    /// True when a place is dead.
    pub fn contains(&self, place: u32) -> bool {
        self.bits.get(place as usize / 64).is_some_and(|bits| bits >> (place % 64) & 1 == 1)
    }

    /// False when it was dead already.
    pub fn insert(&mut self, place: u32) -> bool {
        let word = place as usize / 64;
        if self.bits.len() <= word {
            self.bits.resize(word + 1, 0);
        }
        let is_new = !self.contains(place);
        self.bits[word] |= 1 << (place % 64);
        self.count += u32::from(is_new);
        is_new
    }

    /// True when none is.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many are.
    pub fn len(&self) -> u32 {
        self.count
    }

    /// Empties the cells of dead places; `first` is the place of the first cell, a multiple of 64.
    pub(super) fn clear_cells(&self, first: u32, cells: &mut [f32]) {
        let words = self.bits.get(first as usize / 64..).unwrap_or_default();
        for (&bits, cells) in words.iter().zip(cells.chunks_mut(64)).filter(|(bits, _)| **bits != 0) {
            cells.iter_mut().enumerate().filter(|(at, _)| bits >> at & 1 == 1).for_each(|(_, cell)| *cell = 0.0);
        }
    }

    /// All of them, in order.
    pub fn places(&self) -> impl Iterator<Item = u32> {
        let of_word =
            |(word, &bits): (u32, &u64)| (0..64).filter(move |at| bits >> at & 1 == 1).map(move |at| word * 64 + at);
        (0..).zip(&self.bits).flat_map(of_word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_in_is_there_once() {
        let mut dead = Dead::default();
        let places = [0, 63, 64, 1_000];
        assert!(places.iter().all(|&place| dead.insert(place)));
        assert!(places.iter().all(|&place| dead.contains(place) && !dead.insert(place)));
        assert!(!dead.contains(1) && !dead.contains(1_000_000));
        assert_eq!((dead.len(), dead.places().collect::<Vec<_>>()), (4, places.to_vec()));
    }
}
