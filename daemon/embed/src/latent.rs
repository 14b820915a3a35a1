//! Vectors without a model: what texts of one collection have in common, learnt from them. Terms that stand in like company
//! come to lie in like directions, so that a text is near to one that shares no word with it.
//!
//! Latent semantic analysis (Deerwester, Dumais, Furnas, Landauer and Harshman, "Indexing by latent semantic analysis",
//! 1990): the subspace of the largest singular values of the matrix of texts and weighted terms, found by subspace iteration
//! from random directions (Halko, Martinsson and Tropp, "Finding structure with randomness", 2011). Likeness within a
//! subspace does not depend on its axes, so they are not sought; they are turned at random instead, which spreads what counts
//! over all numbers of a vector, as [`crate::compact`] wants it.

use std::collections::HashMap;

use pulp::Arch;

use crate::compact::Compact;

/// Terms at most; the most frequent are kept.
const MOST_TERMS: usize = 20_000;
/// Texts that a term must stand in: what stands in one has no company to learn from.
const LEAST_TEXTS: u32 = 2;
/// Terms for each dimension at least: with as many dimensions as terms, none would come to lie near another.
const TERMS_EACH: usize = 4;
/// Passes over the texts. More change hardly anything: the largest values are far above the rest.
const PASSES: usize = 4;
/// Says what bytes are, and in which form.
const MAGIC: [u8; 8] = *b"ctlatent";
/// Added to the diagonal, as a share of its mean: directions may be as good as dependent.
const RIDGE: f64 = 1e-6;

/// Terms with their directions.
#[derive(Debug, Clone, PartialEq)]
pub struct Latent {
    dimensions: usize,
    /// In rising order.
    terms: Vec<u64>,
    /// What each weighs, see [`weight`].
    weights: Vec<f32>,
    vectors: Vec<Compact>,
}

/// A text: its terms by their numbers, each once, with what it counts there.
type Row = Vec<(u32, f32)>;

impl Latent {
    /// Learns from texts, each the terms that stand in it, as often as they stand there, in at most so many dimensions. None
    /// where they have too little in common, or where it is not to go on.
    pub fn learn(texts: &[Vec<u64>], dimensions: usize, seed: u64, goes_on: &dyn Fn() -> bool) -> Option<Latent> {
        let (terms, weights) = vocabulary(texts);
        let dimensions = dimensions.min(texts.len()).min(terms.len() / TERMS_EACH);
        if dimensions == 0 {
            return None;
        }
        let rows: Vec<Row> = texts.iter().map(|text| row(&terms, &weights, text)).collect();
        let mut random = Random(seed);
        let mut basis = Basis::random(terms.len(), dimensions, &mut random);
        basis.straighten();
        for _ in 0..PASSES {
            basis = basis.pass(&rows);
            basis.straighten();
            if !goes_on() {
                return None;
            }
        }
        let mut turn = Basis::random(dimensions, dimensions, &mut random);
        turn.straighten();
        let vectors = basis.rows().map(|row| Compact::of(&turn.combine(row))).collect();
        Some(Latent { dimensions, terms, weights, vectors })
    }

    /// A text's direction, of length 1; all zeros where it has no term that is known.
    pub fn embed(&self, text: &[u64]) -> Vec<f32> {
        let mut sum = vec![0.0; self.dimensions];
        for (term, count) in row(&self.terms, &self.weights, text) {
            let Compact { scale, steps } = &self.vectors[term as usize];
            let factor = count * scale;
            for (sum, step) in sum.iter_mut().zip(steps) {
                *sum += factor * f32::from(*step);
            }
        }
        shorten(sum.iter_mut());
        sum
    }

    /// As bytes, which [`Latent::from_bytes`] reads.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&(self.dimensions as u64).to_le_bytes());
        for ((term, weight), vector) in self.terms.iter().zip(&self.weights).zip(&self.vectors) {
            bytes.extend_from_slice(&term.to_le_bytes());
            bytes.extend_from_slice(&weight.to_le_bytes());
            bytes.extend_from_slice(&vector.scale.to_le_bytes());
            bytes.extend(vector.steps.iter().map(|step| step.cast_unsigned()));
        }
        bytes
    }

    /// None for bytes that were not written so.
    pub fn from_bytes(bytes: &[u8]) -> Option<Latent> {
        let (dimensions, rest) = bytes.strip_prefix(&MAGIC)?.split_first_chunk()?;
        let dimensions = usize::try_from(u64::from_le_bytes(*dimensions)).ok().filter(|it| *it > 0)?;
        let entry = dimensions.checked_add(16)?;
        let mut latent = Latent { dimensions, terms: Vec::new(), weights: Vec::new(), vectors: Vec::new() };
        let entries = rest.chunks_exact(entry);
        if !entries.remainder().is_empty() {
            return None;
        }
        for bytes in entries {
            let (term, bytes) = bytes.split_first_chunk()?;
            let (weight, bytes) = bytes.split_first_chunk()?;
            let (scale, bytes) = bytes.split_first_chunk()?;
            latent.terms.push(u64::from_le_bytes(*term));
            latent.weights.push(f32::from_le_bytes(*weight));
            let steps = bytes.iter().map(|byte| byte.cast_signed()).collect();
            latent.vectors.push(Compact { scale: f32::from_le_bytes(*scale), steps });
        }
        latent.terms.is_sorted().then_some(latent)
    }
}

/// The terms that are learnt, in rising order, with what each weighs.
#[expect(clippy::cast_precision_loss, reason = "numbers of texts")]
fn vocabulary(texts: &[Vec<u64>]) -> (Vec<u64>, Vec<f32>) {
    let mut holding: HashMap<u64, u32> = HashMap::new();
    let mut once = Vec::new();
    for text in texts {
        once.clone_from(text);
        once.sort_unstable();
        once.dedup();
        for term in &once {
            *holding.entry(*term).or_default() += 1;
        }
    }
    let mut found: Vec<(u64, u32)> = holding.into_iter().filter(|(_, held)| *held >= LEAST_TEXTS).collect();
    found.sort_unstable_by_key(|&(term, held)| (std::cmp::Reverse(held), term));
    found.truncate(MOST_TERMS);
    found.sort_unstable();
    let all = texts.len() as f32;
    found.into_iter().map(|(term, held)| (term, ((all + 1.0) / (held as f32 + 0.5)).ln())).unzip()
}

/// What a text holds of the terms: `1 + ln` of how often, times the term's weight; of length 1.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "terms of one text, fewer than 2^32")]
fn row(terms: &[u64], weights: &[f32], text: &[u64]) -> Row {
    let mut places: Vec<u32> = text.iter().filter_map(|term| Some(terms.binary_search(term).ok()? as u32)).collect();
    places.sort_unstable();
    let counted = places.chunk_by(|a, b| a == b);
    let mut row: Row =
        counted.map(|run| (run[0], (1.0 + (run.len() as f32).ln()) * weights[run[0] as usize])).collect();
    shorten(row.iter_mut().map(|(_, value)| value));
    row
}

/// Brings a vector to length 1, unless it is all zeros.
fn shorten<'v>(vector: impl Iterator<Item = &'v mut f32>) {
    let values: Vec<&mut f32> = vector.collect();
    let length = values.iter().map(|value| **value * **value).sum::<f32>().sqrt();
    if length > 0.0 {
        for value in values {
            *value /= length;
        }
    }
}

/// A matrix with a row for each term.
struct Basis {
    width: usize,
    values: Vec<f32>,
}

impl Basis {
    fn random(rows: usize, width: usize, random: &mut Random) -> Basis {
        Basis { width, values: (0..rows * width).map(|_| random.normal()).collect() }
    }

    fn rows(&self) -> impl Iterator<Item = &[f32]> {
        self.values.chunks_exact(self.width)
    }

    fn row(&self, at: usize) -> &[f32] {
        &self.values[at * self.width..(at + 1) * self.width]
    }

    /// The rows, each as often as said, added up.
    fn combine(&self, factors: &[f32]) -> Vec<f32> {
        let mut sum = vec![0.0; self.width];
        for (row, &factor) in self.rows().zip(factors) {
            add(&mut sum, row, factor);
        }
        sum
    }

    /// The matrix of texts, transposed, times itself, times this.
    fn pass(&self, texts: &[Row]) -> Basis {
        let mut next = Basis { width: self.width, values: vec![0.0; self.values.len()] };
        let mut seen = vec![0.0; self.width];
        for text in texts {
            seen.fill(0.0);
            for &(term, value) in text {
                add(&mut seen, self.row(term as usize), value);
            }
            for &(term, value) in text {
                let start = term as usize * self.width;
                add(&mut next.values[start..start + self.width], &seen, value);
            }
        }
        next
    }

    /// Makes the columns orthogonal and of length 1, by the Cholesky factor of their inner products; twice, since the first
    /// time leaves what rounding leaves where they are nearly dependent (Yamamoto, Nakatsukasa, Yanagisawa and Fukaya,
    /// "Roundoff error analysis of the CholeskyQR2 algorithm", 2015).
    fn straighten(&mut self) {
        for _ in 0..2 {
            let upper = transposed(&cholesky(self.products(), self.width), self.width);
            for row in self.values.chunks_exact_mut(self.width) {
                divide(row, &upper);
            }
        }
    }

    /// Inner products of the columns; the lower half.
    fn products(&self) -> Vec<f64> {
        let width = self.width;
        let mut sums = vec![0.0_f64; width * width];
        let mut block = vec![0.0_f32; width * width];
        // Single precision within a block of rows, double precision over all of them.
        for rows in self.values.chunks(width * 256) {
            block.fill(0.0);
            for row in rows.chunks_exact(width) {
                for (at, &value) in row.iter().enumerate() {
                    add(&mut block[at * width..][..=at], &row[..=at], value);
                }
            }
            for (sum, value) in sums.iter_mut().zip(&block) {
                *sum += f64::from(*value);
            }
        }
        sums
    }
}

/// Adds a vector, so many times.
fn add(sum: &mut [f32], vector: &[f32], factor: f32) {
    Arch::new().dispatch(|| {
        for (sum, value) in sum.iter_mut().zip(vector) {
            *sum += factor * value;
        }
    });
}

/// The lower triangular factor of a symmetric matrix, row by row.
#[expect(clippy::cast_precision_loss, reason = "a few hundred columns")]
fn cholesky(mut matrix: Vec<f64>, width: usize) -> Vec<f64> {
    let mean = (0..width).map(|at| matrix[at * width + at]).sum::<f64>() / width as f64;
    let least = (mean * RIDGE).max(f64::MIN_POSITIVE);
    for at in 0..width {
        for column in 0..=at {
            let products = (0..column).map(|k| matrix[at * width + k] * matrix[column * width + k]);
            let value = matrix[at * width + column] - products.sum::<f64>();
            matrix[at * width + column] =
                if column == at { value.max(least).sqrt() } else { value / matrix[column * width + column] };
        }
    }
    matrix
}

/// In single precision.
#[expect(clippy::cast_possible_truncation, reason = "numbers around 1")]
fn transposed(matrix: &[f64], width: usize) -> Vec<f32> {
    (0..width * width).map(|at| matrix[at % width * width + at / width] as f32).collect()
}

/// Solves `row = result × upper` in place.
fn divide(row: &mut [f32], upper: &[f32]) {
    let width = row.len();
    for at in 0..width {
        let factors = &upper[at * width + at..(at + 1) * width];
        let value = row[at] / factors[0];
        row[at] = value;
        add(&mut row[at + 1..], &factors[1..], -value);
    }
}

/// `SplitMix64` (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014): the same seed gives the
/// same vectors.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// About normally distributed: the sum of four even ones.
    #[expect(clippy::cast_precision_loss, reason = "16 bits each")]
    fn normal(&mut self) -> f32 {
        let bits = self.next();
        let parts = (0..4).map(|part| ((bits >> (16 * part)) & 0xffff) as f32 / 65_536.0 - 0.5);
        parts.sum::<f32>() * 3.0_f32.sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts of two subjects, with words of their own and words of both: 100 + n and 200 + n, and below 20.
    fn texts(count: u64) -> Vec<Vec<u64>> {
        let mut random = Random(7);
        let mut pick = |from: u64, of: u64| from + random.next() % of;
        (0..count)
            .map(|number| {
                let subject = if number % 2 == 0 { 100 } else { 200 };
                let own: Vec<u64> = (0..8).map(|_| pick(subject, 40)).collect();
                own.into_iter().chain((0..6).map(|_| pick(0, 20)).collect::<Vec<_>>()).collect()
            })
            .collect()
    }

    fn likeness(latent: &Latent, one: &[u64], other: &[u64]) -> f32 {
        latent.embed(one).iter().zip(latent.embed(other)).map(|(a, b)| a * b).sum()
    }

    #[test]
    fn texts_of_one_subject_are_near_without_a_word_in_common() {
        let latent = Latent::learn(&texts(400), 6, 1, &|| true).unwrap();
        let (of_one, same, other) = ([100, 101, 102], [110, 111, 112], [210, 211, 212]);
        let (near, far) = (likeness(&latent, &of_one, &same), likeness(&latent, &of_one, &other));
        assert!(near > far + 0.3, "{near} and {far}");
        assert!((likeness(&latent, &of_one, &of_one) - 1.0).abs() < 1e-4);
        assert_eq!(latent.embed(&[999]), [0.0; 6]);
    }

    #[test]
    fn the_columns_come_out_orthogonal_though_they_are_nearly_dependent() {
        let mut random = Random(3);
        let mut basis = Basis::random(300, 12, &mut random);
        for row in basis.values.chunks_exact_mut(12) {
            row[7] = row[2] + row[7] * 1e-3;
        }
        basis.straighten();
        let products = basis.products();
        for at in 0..12 {
            for column in 0..=at {
                let wanted = if at == column { 1.0 } else { 0.0 };
                assert!(
                    (products[at * 12 + column] - wanted).abs() < 1e-3,
                    "{at} {column}: {}",
                    products[at * 12 + column]
                );
            }
        }
    }

    #[test]
    fn what_is_written_is_read_and_nothing_else() {
        let latent = Latent::learn(&texts(100), 4, 1, &|| true).unwrap();
        let bytes = latent.to_bytes();
        assert_eq!(Latent::from_bytes(&bytes), Some(latent.clone()));
        assert_eq!(Latent::learn(&texts(100), 4, 1, &|| true), Some(latent));
        assert_eq!((Latent::from_bytes(&bytes[..bytes.len() - 1]), Latent::from_bytes(b"")), (None, None));
    }

    #[test]
    fn too_little_gives_nothing() {
        assert_eq!(Latent::learn(&[], 4, 1, &|| true), None);
        assert_eq!(Latent::learn(&vec![vec![1, 2, 3]; 50], 4, 1, &|| true), None);
        assert_eq!(Latent::learn(&texts(100), 4, 1, &|| false), None);
    }
}
