//! Bringing a deleted row back from its last image, wherever that is: in the journal, in the record of conflicts, or at
//! central.

use std::collections::HashMap;

use merge::{Row, RowId};

use super::conflicts::stored_row;
use super::restore::Work;
use crate::local::{ReadTx, StoreError, WriteTx, journal, unheard};

/// Longest chain of parents that is looked for with a row.
const MOST_ANCESTORS: usize = 32;

/// The last image of a row that is not here, as far as this machine remembers it.
pub(crate) fn last_image(tx: &ReadTx<'_>, id: &RowId) -> Result<Option<Row>, StoreError> {
    let db = tx.connection();
    if let Some(base) = journal::entry(db, id)?.and_then(|entry| entry.base) {
        return Ok(Some(base));
    }
    match unheard::image(db, id)? {
        Some(image) => Ok(Some(image)),
        None => stored_row(db, id),
    }
}

/// The parents that these rows need and that are neither here nor among them.
pub(crate) fn unremembered(tx: &ReadTx<'_>, images: &[Row]) -> Result<Vec<RowId>, StoreError> {
    let mut wanted = Vec::new();
    for row in images.iter().take(MOST_ANCESTORS) {
        for (reference, key) in merge::parents(row) {
            let Some(parent) = migrations::entity(reference.references).map(|entity| RowId::new(entity, key)) else {
                continue;
            };
            let is_known = images.iter().any(|image| image.id() == parent) || wanted.contains(&parent);
            if !is_known && tx.get(parent.entity, &parent.key)?.is_none() {
                wanted.push(parent);
            }
        }
    }
    Ok(wanted)
}

/// Writes the first of these rows again; the others are images of parents that it may need. What was done, a sentence each.
pub(crate) fn revive(tx: &mut WriteTx<'_>, images: &[Row]) -> Result<Vec<String>, StoreError> {
    let Some((row, parents)) = images.split_first() else { return Ok(Vec::new()) };
    if tx.get(row.entity(), &row.key())?.is_some() {
        return Err(StoreError::Declined {
            reason: format!("the row {} is there", row.id()),
            remedy: "nothing to bring back".into(),
        });
    }
    let images: HashMap<RowId, Row> = parents.iter().map(|image| (image.id(), image.clone())).collect();
    let mut work = Work { tx, images, done: Vec::new() };
    work.bring_back(row.clone(), MOST_ANCESTORS)?;
    Ok(work.done)
}
