//! What a memory is worth for a query: lexical evidence, then importance, use, age and place as bounded factors.
//!
//! The evidence is BM25 over the terms found, divided by what a memory holding every term often would get: 0 to 10,
//! comparable between queries, so that one bar serves all. Every factor stays close to 1: evidence decides, the rest
//! orders what is about equal. All weights are here and nowhere else.

use serde::Serialize;

use crate::terms::{Stem, Term};

/// BM25's saturation of repeated terms.
const K1: f64 = 1.2;
/// BM25's correction for length.
const B: f64 = 0.75;
/// Length at which the correction is neutral, in words: that of a turn with prompt and answer.
const AVERAGE_WORDS: f64 = 150.0;
/// A title's words count as often as this.
const TITLE_WEIGHT: f64 = 2.0;
/// Memories that a store is taken to hold at least: in a store of ten, every word looks rare.
const MIN_CORPUS: u64 = 1_000;
/// Importance 0 to 10 spans this factor around 1; 5 is neutral.
const IMPORTANCE_SPAN: f64 = 0.15;
/// Growth with the logarithm of uses, and its limit.
const USAGE_STEP: f64 = 0.03;
const USAGE_LIMIT: f64 = 0.10;
/// Age never takes more than a fifth away: an unbounded decay dropped the evidence found from 70 to 22 in measurements.
const AGE_FLOOR: f64 = 0.8;
const AGE_HALF_LIFE_DAYS: f64 = 30.0;
/// A memory of another project needs this much more evidence.
const OTHER_PROJECT: f64 = 0.7;
/// Share of its worth that each further memory of a session keeps: what another session says is more likely to be new.
/// On the conversations of the README ("What recall finds") 0.85 brings 2 points at 1,000 tokens over 1, and as much at 5 %.
const SPREAD: f64 = 0.85;
/// Exponent by which a memory's length lowers its place: of two that say as much, the shorter leaves room for others, and
/// says it with more of its words. In the same measurement 0.12 brings 1 to 3 points where tokens are few, and nothing from
/// 2,000 on. It goes by the whole memory where a part is shown: by the part's length, excerpts of very long texts kept out
/// what would have come whole (4 points less on one set at 500 tokens, no cell more).
const BREVITY: f64 = 0.12;
/// Tokens that are added to a length, so that a memory of three words is not taken for its length alone.
const BREVITY_OFFSET: f64 = 20.0;
/// What a memory's meaning counts, where the words count 1, both measured by their spread among the candidates.
/// On the three sets of the README ("Recall by meaning") 1 brings up to 6 points at 500 tokens and 2 to 4 at 2,000 and 5 or 10 %,
/// and costs 1 or less at 1,000 and 2 on one set at 5 %; other weights were not measured.
const MEANING: f64 = 1.0;
/// A full score, so that figures read like the stored importance.
const SCALE: f64 = 10.0;

/// What other turns of a conversation say for a turn, in the scores that they have by their own terms.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Placed {
    /// The better one of the turns before and after it.
    pub neighbour: f32,
    /// The best other turn of its session.
    pub session: f32,
}

impl Placed {
    /// What is added for it.
    pub fn worth(self, weights: &Weights) -> f32 {
        weights.neighbour * self.neighbour + weights.session * self.session
    }
}

/// Factor for the age in days, see [`AGE_FLOOR`].
pub fn age(days: f64) -> f64 {
    AGE_FLOOR + (1.0 - AGE_FLOOR) * (-days.max(0.0) / AGE_HALF_LIFE_DAYS).exp2()
}

/// Factor for the stored importance, 0 to 10.
pub fn importance(stored: f64) -> f64 {
    1.0 + IMPORTANCE_SPAN * (stored.clamp(0.0, 10.0) - 5.0) / 5.0
}

/// The signals beside the text, each of which can be taken away to see what it is worth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weights {
    /// Share of its better neighbour that counts for a turn.
    pub neighbour: f32,
    /// Share of the best other turn of its session that counts for a turn.
    pub session: f32,
    /// Whether age counts.
    pub age: bool,
    /// Whether the stored importance counts.
    pub importance: bool,
    /// Whether use counts.
    pub usage: bool,
    /// Share of its worth that each further memory of a session keeps, see [`SPREAD`]; 1 for all of it.
    pub spread: f64,
    /// Exponent by which its length lowers a memory's place, see [`BREVITY`]; 0 for none.
    pub brevity: f64,
    /// What meaning counts beside words, see [`MEANING`]; 0 for nothing.
    pub meaning: f64,
}

impl Weights {
    /// Factor for the place in a budget of a memory that is so many tokens long.
    #[expect(clippy::cast_precision_loss, reason = "tokens of one answer")]
    pub fn of_length(&self, tokens: usize) -> f64 {
        (tokens as f64 + BREVITY_OFFSET).powf(-self.brevity)
    }

    /// The same when so many memories of its session are there already.
    pub fn of_session(&self, told: usize) -> f64 {
        self.spread.powi(i32::try_from(told).unwrap_or(i32::MAX))
    }
}

impl Default for Weights {
    fn default() -> Self {
        Self {
            neighbour: 0.35,
            session: 0.2,
            age: true,
            importance: true,
            usage: true,
            spread: SPREAD,
            brevity: BREVITY,
            meaning: MEANING,
        }
    }
}

/// What a query term weighs.
#[derive(Debug, Clone)]
pub struct Weighted {
    /// The term.
    pub term: Term,
    /// Its inverse document frequency, see [`weight`].
    pub weight: f64,
}

/// Inverse document frequency of a term that `holding` of `memories` memories hold; about 7 for one in a thousand.
#[expect(clippy::cast_precision_loss, reason = "counts of memories are far below 2^52")]
pub fn weight(memories: u64, holding: u64) -> f64 {
    let all = memories.max(MIN_CORPUS).max(holding) as f64;
    let holding = holding as f64;
    (1.0 + (all - holding + 0.5) / (holding + 0.5)).ln()
}

/// What the text of a memory says about a query.
#[derive(Debug, Clone, Default)]
pub struct Lexical {
    /// 0 to 10.
    pub score: f64,
    /// Weight of the terms found as a share of the weight of all, 0 to 1.
    pub coverage: f64,
    /// The terms found, as positions in the query.
    pub found: Vec<usize>,
}

/// Compares a memory's text with a query; `title` and `body` as [`crate::terms::stems`] cuts them.
#[expect(clippy::cast_precision_loss, reason = "words of one memory")]
pub fn lexical(query: &[Weighted], title: &[Stem], body: &[Stem]) -> Lexical {
    let length = (title.len() + body.len()) as f64;
    let norm = K1 * (1.0 - B + B * length / AVERAGE_WORDS);
    let (mut score, mut covered, mut total) = (0.0, 0.0, 0.0);
    let mut found = Vec::new();
    for (position, weighted) in query.iter().enumerate() {
        total += weighted.weight;
        let title_count = weighted.term.occurrences(title) as f64;
        let count = TITLE_WEIGHT * title_count + weighted.term.occurrences(body) as f64;
        if count > 0.0 {
            score += weighted.weight * count * (K1 + 1.0) / (count + norm);
            covered += weighted.weight;
            found.push(position);
        }
    }
    if total <= 0.0 {
        return Lexical::default();
    }
    Lexical { score: SCALE * score / (total * (K1 + 1.0)), coverage: covered / total, found }
}

/// What else is known of a memory.
#[derive(Debug, Clone, Copy)]
pub struct Signals {
    /// Stored importance, 0 to 10.
    pub importance: f64,
    /// How often it was of use.
    pub usage: u32,
    /// Days since it was made.
    pub age_days: f64,
    /// True when it belongs to the caller's project.
    pub same_project: bool,
    /// What other turns of its conversation add, 0 to 10, see [`structure`].
    pub structure: f64,
}

/// A score and what it is made of; `total` is the lexical part plus structure, times all factors.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, schemars::JsonSchema)]
pub struct Parts {
    /// Evidence in the text, 0 to 10.
    pub lexical: f64,
    /// Added for other turns of the same session.
    pub structure: f64,
    /// Share of the query's weight that was found, 0 to 1.
    pub coverage: f64,
    /// Factor for importance, 0.85 to 1.15.
    pub importance: f64,
    /// Factor for use, 1 to 1.1.
    pub usage: f64,
    /// Factor for age, 0.8 to 1.
    pub age: f64,
    /// Factor for the project, 0.7 or 1.
    pub project: f64,
    /// Likeness of the meaning, -1 to 1; none without a sentence model.
    pub near: Option<f64>,
    /// Added for it, or taken away.
    pub meaning: f64,
    /// The relevance, 0 upwards.
    pub total: f64,
}

/// What other turns add to a turn's evidence, on its scale, from sums of weights times contributions.
pub fn structure(query: &[Weighted], placed: Placed, weights: &Weights) -> f64 {
    of_sum(query, f64::from(placed.worth(weights)))
}

/// A sum of weights times contributions on the scale of scores, 0 to 10.
pub fn of_sum(query: &[Weighted], sum: f64) -> f64 {
    let total: f64 = query.iter().map(|term| term.weight).sum();
    if total <= 0.0 { 0.0 } else { SCALE * sum / (total * (K1 + 1.0)) }
}

/// Fuses the evidence with the signals.
pub fn score(lexical: &Lexical, signals: &Signals, weights: &Weights) -> Parts {
    let structure = signals.structure.max(0.0);
    let importance = if weights.importance { importance(signals.importance) } else { 1.0 };
    let usage = 1.0 + (USAGE_STEP * f64::from(signals.usage).ln_1p()).min(USAGE_LIMIT);
    let usage = if weights.usage { usage } else { 1.0 };
    let age = if weights.age { age(signals.age_days) } else { 1.0 };
    let project = if signals.same_project { 1.0 } else { OTHER_PROJECT };
    let total = (lexical.score + structure) * importance * usage * age * project;
    Parts {
        lexical: lexical.score,
        structure,
        coverage: lexical.coverage,
        importance,
        usage,
        age,
        project,
        total,
        ..Parts::default()
    }
}

/// The bar for unasked recall: what is injected into a prompt must have something to do with it.
pub mod bar {
    use super::Parts;

    /// Share of the query's weight that a memory must hold, in the caller's project and in another.
    const COVERAGE: f64 = 0.2;
    const COVERAGE_ELSEWHERE: f64 = 0.4;
    /// Likeness of the meaning with which a memory passes whatever words stand in it, likewise.
    const NEAR: f64 = 0.55;
    const NEAR_ELSEWHERE: f64 = 0.65;
    /// Terms that must be found, if the query has as many.
    const TERMS: usize = 2;
    /// Relevance below which nothing is injected.
    const SCORE: f64 = 0.6;

    /// True when a memory passes: `found` of the query's `asked` terms stand in it.
    pub fn passes(parts: &Parts, found: usize, asked: usize) -> bool {
        let (coverage, near) =
            if parts.project < 1.0 { (COVERAGE_ELSEWHERE, NEAR_ELSEWHERE) } else { (COVERAGE, NEAR) };
        let by_words = parts.coverage >= coverage && found >= TERMS.min(asked);
        let by_meaning = parts.near.is_some_and(|likeness| likeness >= near);
        (by_words || by_meaning) && parts.total >= SCORE
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terms::{query, stems};

    const PLAIN: Signals = Signals { importance: 5.0, usage: 0, age_days: 0.0, same_project: true, structure: 0.0 };

    fn weighted(text: &str, holding: u64) -> Vec<Weighted> {
        query(text).into_iter().map(|term| Weighted { term, weight: weight(10_000, holding) }).collect()
    }

    fn relevance(prompt: &str, memory: &str, signals: &Signals) -> Parts {
        score(&lexical(&weighted(prompt, 10), &[], &stems(memory)), signals, &Weights::default())
    }

    #[test]
    fn more_evidence_scores_higher() {
        let prompt = "which port does the staging database use";
        let all = relevance(prompt, "the staging database listens on port 5544", &PLAIN);
        let some = relevance(prompt, "the production database was slow", &PLAIN);
        let none = relevance(prompt, "colours of the new logo", &PLAIN);
        assert!(all.total > some.total && some.total > none.total);
        assert!((none.total).abs() < f64::EPSILON);
        assert!((all.coverage - 1.0).abs() < 1e-9);
    }

    #[test]
    fn rare_terms_weigh_more() {
        assert!(weight(100_000, 3) > 2.0 * weight(100_000, 3_000));
        assert!(weight(5, 5) > 0.0, "a small store knows no common terms");
    }

    #[test]
    fn a_title_counts_more_than_the_body() {
        let query = weighted("vault rotation", 10);
        let filler = stems(&"other words here ".repeat(30));
        let in_title = lexical(&query, &stems("vault rotation"), &filler);
        let mut body = filler.clone();
        body.extend(stems("vault rotation"));
        assert!(in_title.score > lexical(&query, &[], &body).score);
    }

    #[test]
    fn age_is_bounded() {
        let fresh = relevance("staging port", "staging port", &PLAIN);
        let month = relevance("staging port", "staging port", &Signals { age_days: 30.0, ..PLAIN });
        let decade = relevance("staging port", "staging port", &Signals { age_days: 3_650.0, ..PLAIN });
        assert!((month.age - 0.9).abs() < 1e-9);
        assert!(decade.total >= 0.8 * fresh.total && decade.total < month.total);
    }

    #[test]
    fn factors_order_but_do_not_decide() {
        let weak = Signals { importance: 10.0, usage: 10_000, structure: 0.0, ..PLAIN };
        let strong = Signals { importance: 0.0, age_days: 3_650.0, ..PLAIN };
        let prompt = "staging database port timeout";
        assert!(
            relevance(prompt, "staging database port timeout", &strong).total
                > relevance(prompt, "staging only", &weak).total
        );
    }

    #[test]
    fn the_bar_wants_two_terms_when_there_are_two() {
        let prompt = "deploy codeword for the staging server";
        let good = relevance(prompt, "the deploy codeword is heron", &PLAIN);
        let chance = relevance(prompt, "we painted the server room", &PLAIN);
        assert!(bar::passes(&good, 2, 4));
        assert!(!bar::passes(&chance, 1, 4));
        let single = relevance("codeword", "the codeword is heron", &PLAIN);
        assert!(bar::passes(&single, 1, 1));
        let meant = |near| Parts { near: Some(near), total: 2.0, project: 1.0, ..Parts::default() };
        assert!(bar::passes(&meant(0.7), 0, 4) && !bar::passes(&meant(0.3), 0, 4));
    }
}
