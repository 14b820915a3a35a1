//! The impact index: which memories hold which terms, and how much each term says about each of them.
//!
//! For every term the index keeps the memories that hold it, each with its BM25 contribution (without the term's weight)
//! in eight bits: the *impact* (Anh and Moffat, "Simplified similarity scoring using term ranks", SIGIR 2005). A search adds
//! the impacts of all its terms into one array, a cell for each memory, and takes the best ([`search`]): no row is read and
//! no statistic computed while it goes on. What is compared and how is decided where the text is cut ([`bag`]) and where
//! scores are fused ([`search`]); the rest is bookkeeping.
//!
//! New memories are searched in memory ([`tail`]) and written out as immutable segments ([`segment`], whose postings are
//! read through `list` and kept a while in `kept`), which are merged as they become many ([`merge`]). A segment's memories
//! are in the order of their keys, so that those of one scope stand together, and who may not see a scope never reads on.
//!
//! Architecture invariant: the index is derived and never the truth. A segment that does not hold what was written is an
//! error when it is opened, and is built anew. Nothing here opens a file: bytes come through [`Source`].

pub mod apart;
pub mod bag;
mod best;
pub mod codec;
mod dead;
pub mod doc;
mod kept;
mod list;
pub mod merge;
pub mod search;
pub mod segment;
pub mod tail;
#[cfg(test)]
mod tests;

pub use dead::{Dead, Part};
pub use doc::{Doc, NO_LINK};
pub use search::{Ask, Match, Scratch, search};
pub use segment::{Segment, SegmentError, Source};
pub use tail::Tail;
