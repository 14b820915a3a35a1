//! The decision for one row: how each [`Case`] is carried out.

use crate::columns::{Merge, given_up};
use crate::{Case, Change, FieldConflict, Input, Row, RowId, Rule, Side, Winner};

/// What both sides must hold afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// This row.
    Row(Row),
    /// Nothing.
    Gone,
}

impl Outcome {
    /// The row, if there is to be one.
    pub fn row(&self) -> Option<&Row> {
        match self {
            Outcome::Row(row) => Some(row),
            Outcome::Gone => None,
        }
    }
}

impl From<Option<&Row>> for Outcome {
    fn from(row: Option<&Row>) -> Self {
        row.map_or(Outcome::Gone, |row| Outcome::Row(row.clone()))
    }
}

/// What is to be done with one row.
#[derive(Clone, Debug)]
pub struct Decision {
    /// Which row.
    pub id: RowId,
    /// The policy that applied.
    pub case: Case,
    /// What both sides must hold afterwards; see [`Case::Left`] for the one exception.
    pub outcome: Outcome,
    /// True when the replica holds something else.
    pub write_local: bool,
    /// True when central holds something else.
    pub write_remote: bool,
    /// What lost: an entry for each column, group of columns, or delete.
    pub conflicts: Vec<FieldConflict>,
}

/// Decides on one row.
pub fn decide(input: &Input<'_>) -> Decision {
    let case = Case::of(input);
    let (outcome, conflicts) = carry_out(case, input);
    let must_write = |side: &Side<'_>| case != Case::Left && side.row() != outcome.row();
    Decision {
        id: input.id.clone(),
        case,
        write_local: must_write(&input.local),
        write_remote: must_write(&input.remote),
        outcome,
        conflicts,
    }
}

fn carry_out(case: Case, input: &Input<'_>) -> (Outcome, Vec<FieldConflict>) {
    match case {
        Case::Settled | Case::Upload => (input.local.row().into(), Vec::new()),
        Case::Download | Case::Left => (input.remote.row().into(), Vec::new()),
        Case::Gone | Case::Delete => (Outcome::Gone, Vec::new()),
        Case::Merge => merge(input),
        Case::Revive => revive(input),
        Case::Bury => bury(input),
        Case::Overrule => (input.remote.row().into(), overruled(input)),
        Case::WrittenOnce => written_once(input),
    }
}

fn merge(input: &Input<'_>) -> (Outcome, Vec<FieldConflict>) {
    match (input.local.row(), input.remote.row()) {
        (Some(local), Some(remote)) => {
            let (row, conflicts) = Merge::new(input.base, local, remote, later(input)).rows();
            (Outcome::Row(row), conflicts)
        }
        (only, None) | (None, only) => (only.into(), Vec::new()),
    }
}

fn later(input: &Input<'_>) -> Option<Winner> {
    Winner::of(input.local.time().cmp(&input.remote.time()))
}

/// True for two rows of one id that were made in the same moment.
fn is_same_creation(one: &Row, other: &Row) -> bool {
    let made = one.entity().position("created_at");
    made.is_some_and(|at| !one.at(at).is_null() && one.at(at) == other.at(at))
}

/// The side that holds the row while the other deleted it.
fn survivor<'a>(input: &Input<'a>) -> Option<(Winner, &'a Row)> {
    let local = input.local.row().map(|row| (Winner::Local, row));
    local.or_else(|| input.remote.row().map(|row| (Winner::Remote, row)))
}

/// The edit is laid over the last state of the deleted row, which may know more than the editor did. So is a row without a
/// base that was made in the same moment as the deleted one: it is that row, and comes once more from a machine that was
/// copied before it was sent. Any other row that was made anew has nothing to be laid over: what was deleted stays deleted.
fn revive(input: &Input<'_>) -> (Outcome, Vec<FieldConflict>) {
    let Some((editor, edited)) = survivor(input) else { return (Outcome::Gone, Vec::new()) };
    let (row, mut conflicts) = match (editor, input.base, input.local.image(), input.remote.image()) {
        (Winner::Local, Some(base), _, Some(image)) => Merge::new(Some(base), edited, image, Some(editor)).rows(),
        (Winner::Remote, Some(base), Some(image), _) => Merge::new(Some(base), image, edited, Some(editor)).rows(),
        (Winner::Local, None, _, Some(image)) if is_same_creation(edited, image) => {
            Merge::new(None, edited, image, later(input)).rows()
        }
        (Winner::Remote, None, Some(image), _) if is_same_creation(edited, image) => {
            Merge::new(None, image, edited, later(input)).rows()
        }
        _ => (edited.clone(), Vec::new()),
    };
    conflicts.push(FieldConflict::revived(Rule::DeleteVsEdit, editor, &row));
    (Outcome::Row(row), conflicts)
}

fn bury(input: &Input<'_>) -> (Outcome, Vec<FieldConflict>) {
    let lost = survivor(input).map(|(editor, row)| FieldConflict::buried(Rule::DeleteVsEdit, editor.other(), row));
    (Outcome::Gone, lost.into_iter().collect())
}

fn overruled(input: &Input<'_>) -> Vec<FieldConflict> {
    let rule = Rule::CentralOnly;
    match (input.local.row(), input.remote.row()) {
        (Some(local), Some(remote)) => given_up(input.base, local, remote, rule),
        (Some(_), None) if Change::of(input.base, &input.local) == Change::Touched => Vec::new(),
        (Some(local), None) => vec![FieldConflict::buried(rule, Winner::Remote, local)],
        (None, Some(remote)) => vec![FieldConflict::revived(rule, Winner::Remote, remote)],
        (None, None) => Vec::new(),
    }
}

fn written_once(input: &Input<'_>) -> (Outcome, Vec<FieldConflict>) {
    let (Some(local), Some(remote)) = (input.local.row(), input.remote.row()) else { return merge(input) };
    let mut row = remote.clone();
    for (position, column) in row.entity().columns.iter().enumerate() {
        if column.late && remote.at(position).is_null() {
            row.set_at(position, local.at(position).clone());
        }
    }
    let conflicts = given_up(input.base, local, &row, Rule::WrittenOnce);
    (Outcome::Row(row), conflicts)
}
