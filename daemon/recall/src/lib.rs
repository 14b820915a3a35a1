//! Recall without I/O: from text to terms, from terms to scores, from scores to what fits a token budget.
//!
//! [`terms`] turns a prompt into query terms and a memory into stems, [`score`] weighs the evidence, [`excerpt`] cuts a
//! memory to the lines that matter, [`budget`] packs the best without near-duplicates, [`render`] writes what the model
//! reads. [`failure`] tells commands that fail apart, [`stance`] what a prompt or an answer settles, [`fact`] which facts are one.
//! [`redact`] and [`noise`] guard the way in: no secret and no machine text becomes a memory.
//!
//! Architecture invariant: nothing here reads a clock, a file or a database; ages and counts are passed in.

pub mod beginnings;
pub mod bound;
pub mod budget;
pub mod excerpt;
pub mod fact;
pub mod failure;
pub mod index;
pub mod labels;
pub mod noise;
pub mod redact;
pub mod render;
pub mod score;
pub mod stance;
mod stem;
mod stopwords;
pub mod terms;
pub mod used;
