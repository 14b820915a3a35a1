//! The replica, central, and what keeps them equal.
//!
//! - [`local`] is the store: a SQLite file with one writer thread, journal and bases.
//! - [`central`] is the MariaDB side: schema, triggers, sequencer, feed, push.
//! - [`engine`] is the loop: resolve, sequence, pull, push, acknowledge.
//!
//! Architecture invariants: no row of the replica changes without its journal entry in the same transaction; an
//! answer is given after the commit; what one row does to itself never stops the others.

pub mod central;
mod clock;
mod digest;
pub mod engine;
mod extent;
pub mod local;
#[doc(hidden)]
pub mod mechanism;

pub use clock::{Clock, SystemClock, datetime_text, parse_datetime};
pub use extent::Extent;
pub use local::{Store, StoreError};
