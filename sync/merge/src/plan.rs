//! The decisions for a batch, with the proof that none is missing and none is double.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::{Decision, Input, Row, RowId, decide};

/// One decision for each row of a batch, ordered by id, so that it does not depend on the order of the inputs.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The decisions.
    pub decisions: Vec<Decision>,
}

/// A batch that cannot be planned. It was put together wrongly: no row in it is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A row was given twice, so that two decisions could contradict each other.
    #[error("plan the batch: {0} is in it twice")]
    Twice(RowId),
    /// A row was given under the id of another.
    #[error("plan the batch: under {id} it holds {found}")]
    WrongRow {
        /// The id that was given.
        id: RowId,
        /// The id of the row.
        found: RowId,
    },
}

/// Decides on each row of a batch.
pub fn plan<'a>(inputs: impl IntoIterator<Item = Input<'a>>) -> Result<Plan, PlanError> {
    let mut decisions = BTreeMap::new();
    for input in inputs {
        check_rows(&input)?;
        match decisions.entry(input.id.clone()) {
            Entry::Vacant(place) => place.insert(decide(&input)),
            Entry::Occupied(_) => return Err(PlanError::Twice(input.id)),
        };
    }
    Ok(Plan { decisions: decisions.into_values().collect() })
}

fn check_rows(input: &Input<'_>) -> Result<(), PlanError> {
    let of_sides = [input.local, input.remote].into_iter().flat_map(|side| [side.row(), side.image()]);
    let rows = of_sides.chain([input.base]).flatten();
    match rows.map(Row::id).find(|found| *found != input.id) {
        Some(found) => Err(PlanError::WrongRow { id: input.id.clone(), found }),
        None => Ok(()),
    }
}
