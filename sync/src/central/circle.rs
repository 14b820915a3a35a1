//! Rows that want each other's places: two names exchanged, or passed on in a circle.
//!
//! Each of them alone is refused, as the other still holds what it wants, and the server checks a unique key at each
//! statement. One of the circle is put under a name that nobody has, the others move on one after another, and the first
//! takes the place that has become free: all within the push's transaction, so that nobody ever sees the name between.
//! When one of them is refused for another reason, all go back to where they were: by a savepoint, as another program's
//! rule may refuse even the way back.

use std::collections::{HashMap, HashSet};

use merge::{HybridTime, Row, RowId};
use migrations::Kind;

use super::transaction::Transaction;
use super::write::{Job, Written};
use super::{CentralError, Refusal, RefusalKind};

/// The suffix of a name between: nobody counts that far.
const BETWEEN: u32 = 999_999_937;

/// Writes the circles among jobs that were refused; what is in none is refused as before.
pub(super) async fn turn<T: Transaction>(
    transaction: &mut T,
    refused: Vec<(Job, Refusal)>,
) -> Result<Written, CentralError> {
    let circles = circles(&refused);
    let mut by_id: HashMap<RowId, (Job, Refusal)> = refused.into_iter().map(|pair| (pair.0.id.clone(), pair)).collect();
    let mut written = Written::default();
    for circle in circles {
        let members: Vec<(Job, Refusal)> = circle.iter().filter_map(|id| by_id.remove(id)).collect();
        if move_on(transaction, &members).await? {
            written.outcomes.extend(members.into_iter().map(|(job, _)| (job.id.clone(), job.into_outcome())));
        } else {
            written.refused.extend(members);
        }
    }
    written.refused.extend(by_id.into_values());
    Ok(written)
}

/// Each circle: a row, the one that wants its place, the one that wants that one's, and so on.
fn circles(refused: &[(Job, Refusal)]) -> Vec<Vec<RowId>> {
    // Who holds what a row wants, for rows that are there and stay.
    let holders: HashMap<&RowId, &RowId> = refused
        .iter()
        .filter(|(job, _)| job.before.is_some() && job.after.is_some())
        .filter_map(|(job, why)| match &why.kind {
            RefusalKind::Unique { existing: Some(existing), .. } => Some((&job.id, existing)),
            _ => None,
        })
        .collect();
    let mut done: HashSet<&RowId> = HashSet::new();
    let mut circles = Vec::new();
    for (job, _) in refused {
        let mut path: Vec<&RowId> = Vec::new();
        let mut next = holders.get_key_value(&job.id).map(|(id, _)| *id);
        while let Some(id) = next.filter(|id| done.insert(id)) {
            path.push(id);
            next = holders.get(id).and_then(|holder| holders.get_key_value(*holder)).map(|(id, _)| *id);
        }
        if let Some(start) = next.and_then(|id| path.iter().position(|known| *known == id)) {
            circles.push(path[start..].iter().rev().map(|id| (*id).clone()).collect());
        }
    }
    circles
}

/// Moves all members of a circle, or none: the first one steps aside, each of the others takes the place that the one
/// before it has left, and the first one the last place.
async fn move_on<T: Transaction>(transaction: &mut T, members: &[(Job, Refusal)]) -> Result<bool, CentralError> {
    let Some(((first, _), others)) = members.split_first() else { return Ok(false) };
    let wanted = others.first().map(|(_, why)| why);
    let Some((before, aside)) = first.before.as_ref().zip(wanted.and_then(|why| aside(first, why))) else {
        return Ok(false);
    };
    let mut steps: Vec<(&Row, &Row, HybridTime)> = vec![(before, &aside, first.time)];
    for (job, _) in others {
        let (Some(before), Some(after)) = (&job.before, &job.after) else { return Ok(false) };
        steps.push((before, after, job.time));
    }
    let Some(after) = &first.after else { return Ok(false) };
    steps.push((&aside, after, first.time));
    transaction.mark().await?;
    for (before, after, time) in steps {
        if transaction.update(before, after, time).await?.is_err() {
            transaction.back_to_mark().await?;
            return Ok(false);
        }
    }
    Ok(true)
}

/// The row under a name between, so that the key that another one wants of it is free; None where the key has no column
/// of free text.
fn aside(job: &Job, wanted: &Refusal) -> Option<Row> {
    let RefusalKind::Unique { columns, .. } = &wanted.kind else { return None };
    let row = job.before.as_ref()?;
    let is_text = |name: &&&str| {
        let column = row.entity().column(name);
        let refers = row.entity().foreign_keys.iter().any(|key| key.column == **name);
        !refers && column.is_some_and(|column| matches!(column.kind, Kind::String(_)) && column.values.is_empty())
    };
    let column = columns.iter().rev().find(is_text)?;
    let name = merge::renamed(row, column, BETWEEN).get(column).clone();
    Some(row.clone().with(column, name))
}
