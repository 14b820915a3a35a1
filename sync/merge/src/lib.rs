//! Three-way merge of rows, without I/O.
//!
//! Architecture invariant: nothing here reads a clock, a database or a random source. The plan is a pure function of
//! (base, local, remote, rules), so that the same inputs give the same plan on every machine and in every test.

mod image;
mod row;
mod time;
mod value;

pub use image::{ImageError, decode, encode};
pub use row::{Key, Row, RowId};
pub use time::HybridTime;
pub use value::Value;
