//! The schema as data, without I/O: [`entity`] is the vocabulary, [`catalogue`] the tables (one file each), [`ladder`]
//! the SQL steps of both engines in the order in which they are applied.
//!
//! Architecture invariant: nothing here opens a file or a connection. The SQL in `sqlite/` and `mariadb/` is written
//! by hand, so that reviewers read SQL; the tests bind it to the catalogue column by column.

pub mod catalogue;
pub mod entity;
pub mod ladder;

pub use catalogue::{ENTITIES, entity};
pub use entity::{Class, Column, Direction, Entity, ForeignKey, Kind, MergeRule};

#[cfg(test)]
mod tests;
