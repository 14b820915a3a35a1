//! Where words and meaning come together: the candidates by words get those beside them that say the same in other words,
//! and each score grows or falls with how near its memory is to the question, compared with the others.
//!
//! Both are brought to the same measure by their spread among the candidates (z-scores; fusing ranks instead falls below
//! words alone on most sets), and the sum is put on the scale of the words' scores, so that bars and packing go on as they are.

use std::collections::HashSet;

use super::hit::Hit;
use super::search::{Candidate, Query};
use super::visibility::Scopes;

/// Adds the memories that are nearest by meaning to those found by words, and says of all how near they are.
pub(super) fn widen(
    candidates: &mut Vec<Candidate>,
    query: &Query<'_>,
    scopes: &Scopes,
    wanted: &dyn Fn(i64) -> bool,
    most: usize,
) {
    let Some((meaning, question)) = query.index.and_then(|index| index.meaning()).zip(query.meaning) else { return };
    let before = query.before_second();
    let counts = |key: u64, made: u32| {
        let scope = u32::try_from(key >> 32).unwrap_or(u32::MAX);
        let is_wanted = wanted(key.cast_signed()) && before.is_none_or(|before| made < before);
        if is_wanted { scopes.factor(scope) } else { 0.0 }
    };
    let keys: Vec<u64> = candidates.iter().map(|candidate| candidate.memory.cast_unsigned()).collect();
    for (candidate, near) in candidates.iter_mut().zip(meaning.likeness(question, &keys)) {
        candidate.near = near;
    }
    let known: HashSet<u64> = keys.into_iter().collect();
    let more = meaning.nearest(question, &counts, most).into_iter().filter(|(key, _)| !known.contains(key));
    candidates.extend(more.map(|(key, near)| Candidate { near: Some(near), ..Candidate::plain(key.cast_signed()) }));
}

/// Adds to each hit's score what its meaning is worth, see above. One without a vector is taken for an average one.
pub(super) fn fuse(hits: &mut [Hit], near: &[Option<f32>], query: &Query<'_>) {
    let Some(meaning) = query.index.and_then(|index| index.meaning()) else { return };
    let weight = query.weights.meaning * meaning.trust();
    let factor = |hit: &Hit| hit.score.importance * hit.score.usage * hit.score.age * hit.score.project;
    let worth: Vec<Option<f64>> =
        hits.iter().zip(near).map(|(hit, near)| near.map(|near| f64::from(near) * factor(hit))).collect();
    let Some((mean, spread)) = spread(worth.iter().flatten().copied()) else { return };
    let by_words = self::spread(hits.iter().map(|hit| hit.score.total)).map_or(1.0, |(_, spread)| spread);
    for ((hit, worth), near) in hits.iter_mut().zip(worth).zip(near) {
        let above = worth.map_or(0.0, |worth| (worth - mean) / spread);
        hit.score.near = near.filter(|_| !meaning.is_learnt()).map(f64::from);
        hit.score.meaning = weight * by_words * above;
        hit.score.total = (hit.score.total + hit.score.meaning).max(0.0);
    }
}

/// Mean and standard deviation; None when all are the same.
#[expect(clippy::cast_precision_loss, reason = "a few hundred values")]
fn spread(values: impl Iterator<Item = f64> + Clone) -> Option<(f64, f64)> {
    let count = values.clone().count() as f64;
    let mean = values.clone().sum::<f64>() / count;
    let spread = (values.map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt();
    (spread > 1e-6).then_some((mean, spread))
}
