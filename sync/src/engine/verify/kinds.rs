//! What a comparison can be asked and can find, in the form that programs read.

use std::collections::BTreeMap;

use migrations::Entity;
use serde::{Deserialize, Serialize};

/// How a row differs from central's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Both sides have it, with other values: it was changed at central and nothing captured that.
    Differs,
    /// Central has it, this replica does not: it was inserted there and nothing captured that.
    MissingHere,
    /// It was deleted at central, which was captured, and is still here.
    DeletedThere,
    /// Central had it and does not have it any more, and no delete was captured.
    Vanished,
    /// It is here, and central has never heard of it.
    NeverUploaded,
    /// It refers to a row that neither side has.
    Orphaned,
}

impl Kind {
    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Differs => "differs",
            Self::MissingHere => "missing_here",
            Self::DeletedThere => "deleted_there",
            Self::Vanished => "vanished",
            Self::NeverUploaded => "never_uploaded",
            Self::Orphaned => "orphaned",
        }
    }
}

/// A row that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Difference {
    /// The table.
    pub table: String,
    /// The row's key.
    pub key: String,
    /// How.
    pub kind: Kind,
    /// The columns that differ, or that refer to nothing.
    pub columns: Vec<String>,
}

/// What was found in one table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct TableFindings {
    /// The table.
    pub table: String,
    /// Rows here that were compared.
    pub rows: u64,
    /// Rows that differed, by kind.
    pub found: BTreeMap<Kind, u64>,
    /// Rows healed, or on their way.
    pub healed: u64,
    /// Rows left as they are, by kind.
    pub left: BTreeMap<Kind, u64>,
    /// True when so many rows vanished at central that only a person can say which side is right.
    pub mass: bool,
    /// Rows that were being changed whenever they were looked at.
    pub busy: u64,
    /// Some of the rows that differed.
    pub examples: Vec<Difference>,
}

impl TableFindings {
    /// How many rows differed.
    pub fn differences(&self) -> u64 {
        self.found.values().sum()
    }
}

/// What a comparison found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct VerifyReport {
    /// The tables that were compared; those that are empty on both sides are left out.
    pub tables: Vec<TableFindings>,
    /// Rows here that were compared.
    pub rows: u64,
    /// Rows that differed.
    pub differences: u64,
    /// Rows healed.
    pub healed: u64,
    /// Rows left as they are.
    pub left: u64,
    /// Bytes that the comparison sent to central.
    pub sent_bytes: u64,
    /// Bytes that it received.
    pub received_bytes: u64,
    /// How long it took.
    pub millis: u64,
}

/// What is done about differences.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Heal {
    /// Nothing.
    #[default]
    Nothing,
    /// All that needs no decision: rows that vanished in masses are left.
    Careful,
    /// All; rows that vanished at central are deleted everywhere.
    AcceptDeletes,
    /// All; rows that vanished at central are put back there.
    Restore,
}

/// A comparison that is asked for.
#[derive(Debug, Clone, Default)]
pub struct VerifyRequest {
    /// The tables; empty: all that travel.
    pub tables: Vec<&'static Entity>,
    /// What is done about differences.
    pub heal: Heal,
}

/// How far a comparison is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct VerifyProgress {
    /// The table that is being compared.
    pub table: String,
    /// Rows compared so far.
    pub rows_done: u64,
    /// Rows of all tables that are to be compared.
    pub rows: u64,
}

/// Tables of which changes by other programs are not captured.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Blind {
    /// The tables.
    pub tables: Vec<String>,
    /// Why the triggers could not be put back.
    pub reason: String,
    /// What to do.
    pub remedy: String,
}

/// The comparison that runs, or the latest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct VerifyState {
    /// Its number; 0: there was none.
    pub number: u64,
    /// True while it runs.
    pub running: bool,
    /// How far it is.
    pub progress: VerifyProgress,
    /// What it found, once it is through.
    pub report: Option<VerifyReport>,
    /// Why it did not get through.
    pub error: Option<String>,
    /// What to do about that.
    pub hint: Option<String>,
    /// What is not captured at the moment.
    pub blind: Option<Blind>,
    /// Why the latest comparison by itself did not get through.
    pub trouble: Option<String>,
}
