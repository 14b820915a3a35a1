//! Three-way merge of rows, without I/O.
//!
//! [`decide`] takes one row as both sides last agreed on it, as it is here and as it is at central, and says what both
//! must hold afterwards and what is kept of a value that lost. The policy is one match, in `case`; how two changes of
//! one column combine is in `columns`; [`plan`] proves that each row of a batch has exactly one decision. Beside them is
//! what else can be said of rows without asking a database: two rows of one natural key (`collision`), and the order in
//! which rows that refer to each other may be written (`references`).
//!
//! Architecture invariant: nothing here reads a clock, a database or a random source. The plan is a pure function of
//! (base, local, remote, rules), so that the same inputs give the same plan on every machine and in every test.

mod case;
mod collision;
mod columns;
mod conflict;
mod decide;
mod image;
mod plan;
mod references;
mod row;
mod set;
mod side;
mod time;
mod value;

pub use case::{Case, Change};
pub use collision::{merge_collision, natural_keys, renamed};
pub use columns::give_way;
pub use conflict::{FieldConflict, Rule};
pub use decide::{Decision, Outcome, decide};
pub use image::{ImageError, decode, encode};
pub use plan::{Plan, PlanError, plan};
pub use references::{Write, break_cycle, parents, push_order};
pub use row::{Key, Row, RowId};
pub use side::{Input, Side, Winner};
pub use time::HybridTime;
pub use value::Value;
