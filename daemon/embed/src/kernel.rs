//! The one product that all of the forward pass is made of, with the widest vectors that the processor has.
//!
//! Weights lie as their files have them, a row for each output, so that an output is the inner product of two rows; nothing
//! is copied or packed first, which for the few words of a question would cost as much as the product.

use pulp::{Arch, Simd, WithSimd};

/// Rows of the left side that go together.
const LEFT: usize = 4;
/// Rows of the right side that go together; with [`LEFT`] twelve sums, which fit sixteen registers beside what they read.
const RIGHT: usize = 3;

/// Rows of equal length, one after another.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows<'a> {
    values: &'a [f32],
    length: usize,
}

impl<'a> Rows<'a> {
    /// Values of rows that are so long.
    pub(crate) fn new(values: &'a [f32], length: usize) -> Rows<'a> {
        debug_assert!(length > 0 && values.len().is_multiple_of(length));
        Rows { values, length }
    }

    fn count(&self) -> usize {
        self.values.len() / self.length
    }

    fn row(&self, at: usize) -> &'a [f32] {
        &self.values[at * self.length..(at + 1) * self.length]
    }
}

/// Every row of the left with every row of the right: `out[l * rights + r]`.
pub(crate) fn products(left: Rows<'_>, right: Rows<'_>, out: &mut [f32]) {
    debug_assert_eq!(left.length, right.length);
    debug_assert_eq!(out.len(), left.count() * right.count());
    Arch::new().dispatch(Product { left, right, out });
}

struct Product<'a, 'o> {
    left: Rows<'a>,
    right: Rows<'a>,
    out: &'o mut [f32],
}

impl WithSimd for Product<'_, '_> {
    type Output = ();

    #[expect(clippy::inline_always, reason = "vector instructions hold within one function only")]
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Product { left, right, out } = self;
        let (lefts, rights) = (left.count(), right.count());
        // The right side are the weights: each block of them is read once, and stays near while the left passes by.
        let mut r = 0;
        while r + RIGHT <= rights {
            let weights = [right.row(r), right.row(r + 1), right.row(r + 2)];
            let mut l = 0;
            while l + LEFT <= lefts {
                let sums = block(simd, [left.row(l), left.row(l + 1), left.row(l + 2), left.row(l + 3)], weights);
                for (i, row) in sums.iter().enumerate() {
                    out[(l + i) * rights + r..][..RIGHT].copy_from_slice(row);
                }
                l += LEFT;
            }
            while l < lefts {
                let [sums] = block(simd, [left.row(l)], weights);
                out[l * rights + r..][..RIGHT].copy_from_slice(&sums);
                l += 1;
            }
            r += RIGHT;
        }
        while r < rights {
            for l in 0..lefts {
                let [[sum]] = block(simd, [left.row(l)], [right.row(r)]);
                out[l * rights + r] = sum;
            }
            r += 1;
        }
    }
}

#[expect(clippy::inline_always, reason = "as above")]
#[inline(always)]
fn block<S: Simd, const L: usize, const R: usize>(simd: S, left: [&[f32]; L], right: [&[f32]; R]) -> [[f32; R]; L] {
    let cut_left = left.map(|row| S::as_simd_f32s(row));
    let cut_right = right.map(|row| S::as_simd_f32s(row));
    let whole = cut_left[0].0.len();
    let left = cut_left.map(|(values, _)| &values[..whole]);
    let right = cut_right.map(|(values, _)| &values[..whole]);
    let mut sums = [[simd.splat_f32s(0.0); R]; L];
    for at in 0..whole {
        for l in 0..L {
            for r in 0..R {
                sums[l][r] = simd.mul_add_e_f32s(left[l][at], right[r][at], sums[l][r]);
            }
        }
    }
    let mut out = [[0.0; R]; L];
    for l in 0..L {
        for r in 0..R {
            let rest: f32 = cut_left[l].1.iter().zip(cut_right[r].1).map(|(a, b)| a * b).sum();
            out[l][r] = simd.reduce_sum_f32s(sums[l][r]) + rest;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_meets_every_row_whatever_their_number_and_length() {
        for (lefts, rights, length) in [(1, 1, 1), (4, 3, 8), (5, 7, 33), (9, 4, 384), (2, 2, 5)] {
            let value = |at: usize| f32::from(u8::try_from(at * 37 % 19).unwrap()) - 9.0;
            let left: Vec<f32> = (0..lefts * length).map(value).collect();
            let right: Vec<f32> = (0..rights * length).map(|at| value(at + 5)).collect();
            let mut out = vec![f32::NAN; lefts * rights];
            products(Rows::new(&left, length), Rows::new(&right, length), &mut out);
            for l in 0..lefts {
                for r in 0..rights {
                    let (a, b) = (&left[l * length..(l + 1) * length], &right[r * length..(r + 1) * length]);
                    let expected: f32 = a.iter().zip(b).map(|(a, b)| a * b).sum();
                    assert!((out[l * rights + r] - expected).abs() < 1e-3, "{l} {r} of {lefts} {rights} {length}");
                }
            }
        }
    }
}
