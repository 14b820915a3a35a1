//! One layer of the model: every word looks at every other (attention), then each for itself.

use crate::ModelError;
use crate::kernel::{Rows, products};
use crate::weights::Weights;

/// Sizes of a model.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    /// Numbers for a word.
    pub(crate) width: usize,
    pub(crate) heads: usize,
    /// Numbers for a word inside the second half of a layer.
    pub(crate) inner: usize,
    /// Added to a variance, so that nothing is divided by zero.
    pub(crate) epsilon: f32,
}

/// Weights and a constant for each output.
#[derive(Debug)]
struct Linear {
    weights: Vec<f32>,
    constants: Vec<f32>,
    inputs: usize,
}

impl Linear {
    fn load(from: &Weights, name: &str, outputs: usize, inputs: usize) -> Result<Linear, ModelError> {
        Ok(Linear {
            weights: from.load(&format!("{name}.weight"), &[outputs, inputs])?,
            constants: from.load(&format!("{name}.bias"), &[outputs])?,
            inputs,
        })
    }

    fn apply(&self, words: &[f32]) -> Vec<f32> {
        let count = words.len() / self.inputs;
        let mut out = vec![0.0; count * self.constants.len()];
        products(Rows::new(words, self.inputs), Rows::new(&self.weights, self.inputs), &mut out);
        for row in out.chunks_exact_mut(self.constants.len()) {
            add(row, &self.constants);
        }
        out
    }
}

/// Brings each word's numbers to the same mean and spread.
#[derive(Debug)]
pub(crate) struct Norm {
    factors: Vec<f32>,
    constants: Vec<f32>,
    epsilon: f32,
}

impl Norm {
    pub(crate) fn load(from: &Weights, name: &str, shape: Shape) -> Result<Norm, ModelError> {
        Ok(Norm {
            factors: from.load(&format!("{name}.weight"), &[shape.width])?,
            constants: from.load(&format!("{name}.bias"), &[shape.width])?,
            epsilon: shape.epsilon,
        })
    }

    #[expect(clippy::cast_precision_loss, reason = "a few hundred numbers")]
    pub(crate) fn apply(&self, words: &mut [f32]) {
        for row in words.chunks_exact_mut(self.factors.len()) {
            let count = row.len() as f32;
            let mean = row.iter().sum::<f32>() / count;
            let variance = row.iter().map(|value| (value - mean) * (value - mean)).sum::<f32>() / count;
            let scale = 1.0 / (variance + self.epsilon).sqrt();
            for ((value, factor), constant) in row.iter_mut().zip(&self.factors).zip(&self.constants) {
                *value = (*value - mean) * scale * factor + constant;
            }
        }
    }
}

/// A layer.
#[derive(Debug)]
pub(crate) struct Layer {
    shape: Shape,
    query: Linear,
    key: Linear,
    value: Linear,
    together: Linear,
    after_attention: Norm,
    out: Linear,
    back: Linear,
    at_end: Norm,
}

impl Layer {
    pub(crate) fn load(from: &Weights, number: usize, shape: Shape) -> Result<Layer, ModelError> {
        let Shape { width, inner, .. } = shape;
        let name = |part: &str| format!("encoder.layer.{number}.{part}");
        let square = |part: &str| Linear::load(from, &name(part), width, width);
        Ok(Layer {
            shape,
            query: square("attention.self.query")?,
            key: square("attention.self.key")?,
            value: square("attention.self.value")?,
            together: square("attention.output.dense")?,
            after_attention: Norm::load(from, &name("attention.output.LayerNorm"), shape)?,
            out: Linear::load(from, &name("intermediate.dense"), inner, width)?,
            back: Linear::load(from, &name("output.dense"), width, inner)?,
            at_end: Norm::load(from, &name("output.LayerNorm"), shape)?,
        })
    }

    /// Words in, words out.
    pub(crate) fn apply(&self, words: &mut [f32]) {
        add(words, &self.together.apply(&self.attention(words)));
        self.after_attention.apply(words);
        let mut inner = self.out.apply(words);
        for value in &mut inner {
            *value = gelu(*value);
        }
        add(words, &self.back.apply(&inner));
        self.at_end.apply(words);
    }

    #[expect(clippy::cast_precision_loss, reason = "a few dozen numbers")]
    fn attention(&self, words: &[f32]) -> Vec<f32> {
        let width = self.shape.width;
        let (count, size) = (words.len() / width, width / self.shape.heads);
        let scale = 1.0 / (size as f32).sqrt();
        let (query, key, value) = (self.query.apply(words), self.key.apply(words), self.value.apply(words));
        let mut out = vec![0.0; words.len()];
        let mut looks = vec![0.0; count * count];
        let mut seen = vec![0.0; count * size];
        for head in 0..self.shape.heads {
            let part = |values: &[f32]| -> Vec<f32> {
                values.chunks_exact(width).flat_map(|row| &row[head * size..(head + 1) * size]).copied().collect()
            };
            products(Rows::new(&part(&query), size), Rows::new(&part(&key), size), &mut looks);
            for row in looks.chunks_exact_mut(count) {
                softmax(row, scale);
            }
            let turned: Vec<f32> =
                (0..size).flat_map(|at| value.chunks_exact(width).map(move |row| row[head * size + at])).collect();
            products(Rows::new(&looks, count), Rows::new(&turned, count), &mut seen);
            for (row, seen) in out.chunks_exact_mut(width).zip(seen.chunks_exact(size)) {
                row[head * size..(head + 1) * size].copy_from_slice(seen);
            }
        }
        out
    }
}

fn add(to: &mut [f32], what: &[f32]) {
    for (to, what) in to.iter_mut().zip(what) {
        *to += what;
    }
}

fn softmax(row: &mut [f32], scale: f32) {
    let most = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for value in &mut *row {
        *value = ((*value - most) * scale).exp();
        sum += *value;
    }
    for value in row {
        *value /= sum;
    }
}

/// The exact form, with the error function.
fn gelu(value: f32) -> f32 {
    0.5 * value * (1.0 + libm::erff(value * std::f32::consts::FRAC_1_SQRT_2))
}
