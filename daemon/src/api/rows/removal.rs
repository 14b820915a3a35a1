//! What goes with a row that is deleted, as data: rows that go too, references that are emptied, and what forbids it.

use std::collections::{BTreeMap, HashSet};

use merge::{Row, RowId, Value};
use migrations::entity::OnDelete;
use migrations::{ENTITIES, Entity, ForeignKey};
use schemars::JsonSchema;
use serde::Serialize;
use sync::local::{ReadTx, WriteTx};

use crate::api::problem::Problem;

/// What a delete would do, or is refused for: rows by table.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(crate) struct DeletePlan {
    /// Rows that are deleted too.
    pub(super) cascade: BTreeMap<&'static str, u64>,
    /// Rows that stay, with an emptied reference.
    pub(super) set_null: BTreeMap<&'static str, u64>,
    /// Rows that forbid the delete.
    pub(super) restrict: BTreeMap<&'static str, u64>,
}

/// What a delete does.
#[derive(Debug)]
pub(super) struct Removal {
    /// The rows to delete, parents before children; the first is the one that was asked for.
    rows: Vec<RowId>,
    /// The references to empty.
    emptied: Vec<(RowId, &'static str)>,
    /// Rows that forbid it, by table.
    restrict: BTreeMap<&'static str, u64>,
}

impl Removal {
    /// What deleting this row would do.
    pub(super) fn plan(tx: &ReadTx<'_>, row: &Row) -> Result<Self, Problem> {
        let mut removal = Self { rows: vec![row.id()], emptied: Vec::new(), restrict: BTreeMap::new() };
        let mut known: HashSet<RowId> = removal.rows.iter().cloned().collect();
        let mut next = 0;
        while let Some(parent) = removal.rows.get(next).cloned() {
            for (child, reference) in references(parent.entity) {
                for row in tx.find_all(child, reference.column, &Value::from(parent.key.as_str()))? {
                    match reference.on_delete {
                        OnDelete::Restrict => *removal.restrict.entry(child.name).or_default() += 1,
                        OnDelete::SetNull => removal.emptied.push((row.id(), reference.column)),
                        OnDelete::Cascade if known.insert(row.id()) => removal.rows.push(row.id()),
                        OnDelete::Cascade => {}
                    }
                }
            }
            next += 1;
        }
        removal.emptied.retain(|(row, _)| !known.contains(row));
        Ok(removal)
    }

    /// True when rows forbid it.
    pub(super) fn is_refused(&self) -> bool {
        !self.restrict.is_empty()
    }

    /// The counts by table.
    pub(super) fn counts(&self) -> DeletePlan {
        DeletePlan {
            cascade: count(self.rows.iter().skip(1)),
            set_null: count(self.emptied.iter().map(|(row, _)| row)),
            restrict: self.restrict.clone(),
        }
    }

    /// Does it.
    pub(super) fn carry_out(&self, tx: &mut WriteTx<'_>) -> Result<(), Problem> {
        for (id, column) in &self.emptied {
            if let Some(mut row) = tx.get(id.entity, &id.key)? {
                row.set(column, Value::Null);
                tx.put(row)?;
            }
        }
        for id in self.rows.iter().rev() {
            tx.delete(id.entity, &id.key)?;
        }
        Ok(())
    }
}

fn count<'r>(rows: impl Iterator<Item = &'r RowId>) -> BTreeMap<&'static str, u64> {
    rows.fold(BTreeMap::new(), |mut counts, row| {
        *counts.entry(row.entity.name).or_default() += 1;
        counts
    })
}

/// The references of other tables to this one.
fn references(parent: &'static Entity) -> impl Iterator<Item = (&'static Entity, &'static ForeignKey)> {
    ENTITIES.iter().flat_map(move |child| {
        child.foreign_keys.iter().filter(|key| key.references == parent.name).map(|key| (*child, key))
    })
}
