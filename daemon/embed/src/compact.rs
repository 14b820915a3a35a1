//! Vectors in a quarter of their room, and which of very many are near: the signs of a vector's numbers, a bit each, say
//! roughly how near it is and cost next to nothing to compare; of the best by them, a byte for each number decides.

use pulp::Arch;

/// The largest value of a byte.
const FULL: f32 = 127.0;

/// A vector of length 1, a byte for each number.
#[derive(Debug, Clone, PartialEq)]
pub struct Compact {
    /// What a step of a byte stands for.
    pub scale: f32,
    /// The numbers, in steps.
    pub steps: Vec<i8>,
}

impl Compact {
    /// Rounds a vector.
    #[expect(clippy::cast_possible_truncation, reason = "rounded to -127 to 127")]
    pub fn of(vector: &[f32]) -> Compact {
        let most = vector.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
        let scale = most.max(f32::MIN_POSITIVE) / FULL;
        Compact { scale, steps: vector.iter().map(|value| (value / scale).round() as i8).collect() }
    }
}

/// How near a rounded vector is to another: their inner product, 1 for the same direction.
pub fn likeness(query: &[f32], steps: &[i8], scale: f32) -> f32 {
    Arch::new().dispatch(|| {
        let mut sums = [0.0_f32; 16];
        let (whole, rest) = query.as_chunks::<16>();
        let (whole_steps, rest_steps) = steps.as_chunks::<16>();
        for (values, steps) in whole.iter().zip(whole_steps) {
            for ((sum, value), step) in sums.iter_mut().zip(values).zip(steps) {
                *sum += value * f32::from(*step);
            }
        }
        let rest: f32 = rest.iter().zip(rest_steps).map(|(value, step)| value * f32::from(*step)).sum();
        scale * (sums.iter().sum::<f32>() + rest)
    })
}

/// The signs of a vector's numbers, a bit each, in whole words.
pub fn signs(vector: &[f32]) -> Vec<u64> {
    vector
        .chunks(64)
        .map(|values| values.iter().enumerate().fold(0, |word, (at, &value)| word | u64::from(value > 0.0) << at))
        .collect()
}

/// In how many signs each record of a block differs from a query's; a record is some words of which the first `skip` are
/// something else.
pub fn differences(query: &[u64], block: &[u64], skip: usize, out: &mut Vec<u32>) {
    out.clear();
    Arch::new().dispatch(|| {
        let records = block.chunks_exact(skip + query.len());
        out.extend(records.map(|record| {
            record[skip..].iter().zip(query).map(|(word, query)| (word ^ query).count_ones()).sum::<u32>()
        }));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Directions that look random, and are the same each time.
    fn direction(seed: u32, length: usize) -> Vec<f32> {
        let mut at = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
        let mut next = || {
            at = at.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f32::from(u16::try_from(at >> 16).unwrap()) / 32_768.0 - 1.0
        };
        let raw: Vec<f32> = (0..length).map(|_| next()).collect();
        let size = raw.iter().map(|value| value * value).sum::<f32>().sqrt();
        raw.into_iter().map(|value| value / size).collect()
    }

    #[test]
    fn a_rounded_vector_is_about_as_near_as_the_vector() {
        for length in [384, 70] {
            let query = direction(1, length);
            for seed in 2..30 {
                let other = direction(seed, length);
                let exact: f32 = query.iter().zip(&other).map(|(a, b)| a * b).sum();
                let compact = Compact::of(&other);
                assert!((likeness(&query, &compact.steps, compact.scale) - exact).abs() < 0.01);
            }
            let own = Compact::of(&query);
            assert!((likeness(&query, &own.steps, own.scale) - 1.0).abs() < 0.01);
        }
        assert!(likeness(&[0.0; 4], &Compact::of(&[0.0; 4]).steps, 1.0).abs() < f32::EPSILON);
    }

    #[test]
    fn signs_tell_the_same_from_the_opposite() {
        let (one, other) = (direction(7, 384), direction(8, 384));
        let opposite: Vec<f32> = one.iter().map(|value| -value).collect();
        let block: Vec<u64> =
            [&one, &opposite, &other].iter().flat_map(|it| [vec![99, 98], signs(it)].concat()).collect();
        let mut out = vec![5; 9];
        differences(&signs(&one), &block, 2, &mut out);
        assert_eq!((out.len(), out[0], out[1]), (3, 0, 384));
        assert!((100..284).contains(&out[2]), "{}", out[2]);
    }
}
