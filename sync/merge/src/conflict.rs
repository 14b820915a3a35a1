//! What is kept of a loser.

use std::fmt;

use crate::{Row, Value, Winner};

/// Values that lost, or a delete that did.
///
/// Holds the real values, so that a loser can be restored; `Debug` shows their kinds and sizes only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldConflict {
    /// The columns that it is about, in the order of `loser` and `kept`.
    pub columns: Vec<&'static str>,
    /// Why it was decided so.
    pub rule: Rule,
    /// The side whose values, or whose delete, stand.
    pub winner: Winner,
    /// What was given up; empty when it was a delete.
    pub loser: Vec<Value>,
    /// What stands instead; empty when a delete stands.
    pub kept: Vec<Value>,
}

impl FieldConflict {
    /// A row that was given up for a delete: all of it is kept here.
    pub(crate) fn buried(rule: Rule, winner: Winner, row: &Row) -> Self {
        Self { columns: all_columns(row), rule, winner, loser: row.values().to_vec(), kept: Vec::new() }
    }

    /// A delete that was given up for a row.
    pub(crate) fn revived(rule: Rule, winner: Winner, row: &Row) -> Self {
        Self { columns: all_columns(row), rule, winner, loser: Vec::new(), kept: row.values().to_vec() }
    }
}

fn all_columns(row: &Row) -> Vec<&'static str> {
    row.entity().columns.iter().map(|column| column.name).collect()
}

/// Why a value lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rule {
    /// Both sides changed the column; the later change stands.
    LastWriter,
    /// Both sides changed a group of columns that belong together; the later group stands as a whole.
    AtomicGroup,
    /// One side edited the row, the other deleted it.
    DeleteVsEdit,
    /// The table is written at central only.
    CentralOnly,
    /// A row that is written once was changed afterwards.
    WrittenOnce,
    /// Two rows of one natural key granted different rights; the lesser stands.
    LesserRight,
    /// Two rows of one natural key became one, which keeps its own keys.
    KeptKey,
    /// Two moves in a hierarchy closed a circle; the later one was undone.
    Cycle,
    /// What both sides changed fails a condition of the table together; central's part of it stands.
    Check,
    /// A rule of a newer build, which decided it.
    Unknown,
}

impl Rule {
    /// All rules of this build.
    pub const ALL: [Self; 9] = [
        Self::LastWriter,
        Self::AtomicGroup,
        Self::DeleteVsEdit,
        Self::CentralOnly,
        Self::WrittenOnce,
        Self::LesserRight,
        Self::KeptKey,
        Self::Cycle,
        Self::Check,
    ];
}

/// The name under which it is recorded.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Rule::LastWriter => "last writer",
            Rule::AtomicGroup => "atomic group",
            Rule::DeleteVsEdit => "delete against edit",
            Rule::CentralOnly => "central only",
            Rule::WrittenOnce => "written once",
            Rule::LesserRight => "lesser right",
            Rule::KeptKey => "kept key",
            Rule::Cycle => "cycle",
            Rule::Check => "check",
            Rule::Unknown => "unknown",
        })
    }
}
