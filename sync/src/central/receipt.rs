//! What became of each row of a batch, stored with the batch's own transaction.
use merge::{FieldConflict, Row, RowId};

use super::Refusal;

/// The answer to a batch.
#[derive(Clone, Debug)]
pub struct Receipt {
    /// The batch that it answers.
    pub batch_no: u64,
    /// One outcome for each item of the batch, in its order.
    pub outcomes: Vec<(RowId, ItemOutcome)>,
}

/// What became of one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ItemOutcome {
    /// Both sides agree from now on.
    Agreed {
        /// What central holds now; None when the row is gone.
        row: Option<Row>,
        /// What lost against it.
        conflicts: Vec<FieldConflict>,
    },
    /// Central did not take it and is as it was.
    Refused(Refusal),
}
