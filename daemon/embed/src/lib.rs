//! Texts as vectors, on this machine: the tokenizer and the forward pass of a BERT-class sentence model such as MiniLM, and
//! vectors that are learnt from the texts themselves ([`latent::Latent`]).
//!
//! [`Model::open`] reads a folder as the model's authors publish it (`config.json`, `vocab.txt`, `model.safetensors`),
//! [`Model::embed`] gives a text's direction, of length 1, so that the inner product of two is their likeness.
//!
//! Architecture invariant: no network, no threads, nothing kept beside the model itself. The table of words, half of the
//! weights, stays in its file and is read where it is needed.

pub mod compact;
mod kernel;
pub mod latent;
mod layer;
mod model;
pub mod positioned;
mod weights;
mod wordpiece;

pub use model::{Model, ModelError};
pub use wordpiece::WordPiece;
