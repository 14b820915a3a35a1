//! Putting a loser back: an ordinary change of this machine, which travels like any other.
//!
//! Values are put back where the row still holds what had won against them; a row that was set aside returns with the
//! parents it needs, under a free name when its own is taken; a delete that lost is done again. What has changed since is
//! said, and not overwritten unless asked. A sealed value is put back as it was sealed.

use std::collections::HashMap;

use merge::{Change, HybridTime, Row, RowId, Side, Value};
use migrations::{Direction, Entity, Kind};
use serde::{Deserialize, Serialize};

use super::conflicts::{Stored, stored, stored_row};
use super::record::Loser;
use super::upkeep::unknown;
use super::{Detail, shown};
use crate::local::collision::holder;
use crate::local::{StoreError, WriteTx, alias};

/// Names tried before a row whose name is taken is given up.
const MOST_NAMES: u32 = 1000;
/// Longest chain of parents that is brought back with a row.
const MOST_ANCESTORS: usize = 32;

/// What was put back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Restored {
    /// The conflict's number.
    pub id: i64,
    /// The table.
    pub table: String,
    /// The row's key.
    pub key: String,
    /// What was done, a sentence each: the loser first, then what else it took (parents, a name).
    pub done: Vec<String>,
}

/// Puts the loser of a conflict back. `images` are rows that central remembers, for parents that are gone here; `force`
/// overwrites what has changed since.
pub(crate) fn restore(tx: &mut WriteTx<'_>, id: i64, force: bool, images: &[Row]) -> Result<Restored, StoreError> {
    let stored = stored(tx.connection(), id)?.ok_or_else(|| unknown(id))?;
    if stored.restored_us.is_some() {
        return Err(declined(
            format!("conflict {id} has been restored before"),
            format!("see: claudetools sync conflicts show {id}"),
        ));
    }
    let Some(row) = stored.row_id() else {
        return Err(declined(format!("this version does not know the table {}", stored.table), "upgrade claudetools"));
    };
    if row.entity.sync.direction == Direction::Pull {
        let remedy = "write it there with SQL";
        return Err(declined(format!("{} is written at central only", row.entity.name), remedy));
    }
    let mut images: HashMap<RowId, Row> = images.iter().map(|image| (image.id(), image.clone())).collect();
    images.extend(stored.parents());
    let mut work = Work { tx, images, done: Vec::new() };
    match stored.loser() {
        Loser::Values => work.values(&stored, &row, force)?,
        Loser::Row => work.row(&stored, &row, force)?,
        Loser::Delete => work.delete(&stored, &row, force)?,
    }
    let Work { tx, done, .. } = work;
    tx.connection()
        .prepare_cached(
            "UPDATE ct_sync_conflicts SET restored_us = ?2, acknowledged_us = coalesce(acknowledged_us, ?2) WHERE id = ?1",
        )?
        .execute(rusqlite::params![id, tx.corrected_us()])?;
    Ok(Restored { id, table: row.entity.name.to_owned(), key: row.key.to_string(), done })
}

/// The parents that restoring would need and that are known neither here nor among `images`: central may remember them.
pub(crate) fn wanted(tx: &WriteTx<'_>, id: i64, images: &[Row]) -> Result<Vec<RowId>, StoreError> {
    let Some(stored) = stored(tx.connection(), id)? else { return Ok(Vec::new()) };
    let Some(entity) = migrations::entity(&stored.table) else { return Ok(Vec::new()) };
    if stored.loser() == Loser::Delete {
        return Ok(Vec::new());
    }
    let mut known: HashMap<RowId, Row> = images.iter().map(|image| (image.id(), image.clone())).collect();
    known.extend(stored.parents());
    let mut open: Vec<Row> = stored.row(entity).into_iter().collect();
    let mut wanted = Vec::new();
    for _ in 0..MOST_ANCESTORS {
        let Some(row) = open.pop() else { break };
        for (reference, parent) in merge::parents(&row) {
            let Some(parent) = migrations::entity(reference.references).map(|entity| RowId::new(entity, parent)) else {
                continue;
            };
            if tx.get(parent.entity, &parent.key)?.is_some() {
                continue;
            }
            match known
                .get(&parent)
                .cloned()
                .map_or_else(|| stored_row(tx.connection(), &parent), |row| Ok(Some(row)))?
            {
                Some(image) => open.push(image),
                None => wanted.push(parent),
            }
        }
    }
    Ok(wanted)
}

pub(super) struct Work<'w, 't> {
    pub(super) tx: &'w mut WriteTx<'t>,
    /// Of parents that are gone.
    pub(super) images: HashMap<RowId, Row>,
    /// What was done, a sentence each.
    pub(super) done: Vec<String>,
}

impl Work<'_, '_> {
    fn values(&mut self, stored: &Stored, id: &RowId, force: bool) -> Result<(), StoreError> {
        let Some(before) = self.tx.get(id.entity, &id.key)? else {
            return Err(declined(
                format!("the row {id} is not there any more, so its values have no place"),
                "restore the row first, if it is on record: claudetools sync conflicts --all",
            ));
        };
        let mut after = before.clone();
        let mut differ = Vec::new();
        for column in &stored.columns {
            let Some(position) = id.entity.position(column) else { continue };
            let value = stored.set_aside(id.entity, column).ok_or_else(|| inexact(stored.id, column))?;
            if *before.at(position) == value {
                continue;
            }
            let kept = stored.kept(id.entity, column);
            if kept.is_none_or(|kept| kept != *before.at(position)) {
                differ.push(format!("{column} is now {}", now(id.entity, column, before.at(position))));
            }
            after.set_at(position, value);
        }
        if !differ.is_empty() && !force {
            return Err(changed_since(id, &differ.join("; ")));
        }
        if after == before {
            self.done.push(format!("{id} holds these values already"));
            return Ok(());
        }
        self.with_parents(&mut after, MOST_ANCESTORS)?;
        self.refuse_if_taken(&after)?;
        self.tx.reinstate(after)?;
        self.done.push(format!("{id}: {} put back", stored.columns.join(", ")));
        Ok(())
    }

    fn row(&mut self, stored: &Stored, id: &RowId, force: bool) -> Result<(), StoreError> {
        let row = stored.row(id.entity).ok_or_else(|| inexact(stored.id, "a blob"))?;
        if let Some(before) = self.tx.get(id.entity, &id.key)?
            && before != row
            && !force
        {
            return Err(changed_since(id, "the row is there again, with other values"));
        }
        self.bring_back(row, MOST_ANCESTORS)
    }

    fn delete(&mut self, stored: &Stored, id: &RowId, force: bool) -> Result<(), StoreError> {
        let Some(before) = self.tx.get(id.entity, &id.key)? else {
            self.done.push(format!("{id} is deleted already"));
            return Ok(());
        };
        let kept = stored.row(id.entity);
        let side = Side::Present { row: &before, time: HybridTime::default() };
        let edited = kept.is_none_or(|kept| Change::of(Some(&kept), &side) == Change::Edited);
        if edited && !force {
            return Err(changed_since(id, "it was edited after the decision"));
        }
        self.tx.delete(id.entity, &id.key)?;
        self.done.push(format!("{id} deleted"));
        Ok(())
    }

    /// Writes a row that is gone, its parents first.
    pub(super) fn bring_back(&mut self, mut row: Row, depth: usize) -> Result<(), StoreError> {
        self.with_parents(&mut row, depth)?;
        self.under_a_free_name(&mut row)?;
        let id = row.id();
        self.tx.reinstate(row)?;
        alias::forget(self.tx.connection(), id.entity, &id.key)?;
        self.done.insert(0, format!("{id} put back"));
        Ok(())
    }

    /// Brings back the parents that are missing; where nobody remembers one, the reference is emptied if it may be.
    fn with_parents(&mut self, row: &mut Row, depth: usize) -> Result<(), StoreError> {
        let references: Vec<_> = merge::parents(row).collect();
        for (reference, key) in references {
            let Some(parent) = migrations::entity(reference.references).map(|entity| RowId::new(entity, key)) else {
                continue;
            };
            if self.tx.get(parent.entity, &parent.key)?.is_some() {
                continue;
            }
            let image = match self.images.remove(&parent) {
                Some(image) => Some(image),
                None => stored_row(self.tx.connection(), &parent)?,
            };
            match image {
                Some(image) if depth > 0 => self.bring_back(image, depth - 1)?,
                _ if row.entity().column(reference.column).is_some_and(|column| column.nullable) => {
                    row.set(reference.column, Value::Null);
                    self.done
                        .push(format!("{} left empty: {parent} is gone and nobody remembers it", reference.column));
                }
                _ => {
                    return Err(declined(
                        format!("{} needs {parent}, which is gone and which nobody remembers", row.id()),
                        "make that row again first",
                    ));
                }
            }
        }
        Ok(())
    }

    fn refuse_if_taken(&self, row: &Row) -> Result<(), StoreError> {
        match self.taken(row)? {
            Some((columns, other)) => Err(taken(row, columns, &other)),
            None => Ok(()),
        }
    }

    fn taken(&self, row: &Row) -> Result<Option<(&'static [&'static str], Row)>, StoreError> {
        for index in row.entity().unique {
            if let Some(other) = holder(self.tx, row, index.columns)? {
                return Ok(Some((index.columns, other)));
            }
        }
        Ok(None)
    }

    fn under_a_free_name(&mut self, row: &mut Row) -> Result<(), StoreError> {
        let Some((columns, other)) = self.taken(row)? else { return Ok(()) };
        let name = columns.iter().rev().find(|name| is_name(row.entity(), name));
        let Some(name) = name else { return Err(taken(row, columns, &other)) };
        for number in 2..MOST_NAMES {
            let renamed = merge::renamed(row, name, number);
            if self.taken(&renamed)?.is_none() {
                let said = now(row.entity(), name, renamed.get(name));
                self.done.push(format!("its {name} is {said}, as the former one is held by {}", other.id()));
                *row = renamed;
                return Ok(());
            }
        }
        Err(taken(row, columns, &other))
    }
}

/// A column whose value is for people: it may be given a suffix.
fn is_name(entity: &Entity, column: &str) -> bool {
    let refers = entity.foreign_keys.iter().any(|key| key.column == column);
    entity.column(column).is_some_and(|column| matches!(column.kind, Kind::String(_)) && column.values.is_empty())
        && !refers
}

/// A value as it may be shown.
fn now(entity: &'static Entity, column: &str, value: &Value) -> String {
    let row = Row::new(entity).with(column, value.clone());
    let image: serde_json::Value = serde_json::from_slice(&merge::encode(&row)).unwrap_or_default();
    match shown::value(Some(entity), column, image.get(column), None, Detail::Excerpt) {
        serde_json::Value::Null => "empty".into(),
        other => other.to_string(),
    }
}

fn declined(reason: impl Into<String>, remedy: impl Into<String>) -> StoreError {
    StoreError::Declined { reason: reason.into(), remedy: remedy.into() }
}

fn changed_since(id: &RowId, how: &str) -> StoreError {
    declined(format!("{id} has changed since: {how}"), "restore it all the same with --force")
}

fn taken(row: &Row, columns: &[&str], other: &Row) -> StoreError {
    declined(
        format!("{}: {} is held by the row {}", row.id(), columns.join(", "), other.key()),
        "change that row first, or restore its values one by one",
    )
}

fn inexact(id: i64, column: &str) -> StoreError {
    declined(
        format!("conflict {id} was recorded by an earlier version, which kept only the size of {column}"),
        "it cannot be restored; acknowledge it: claudetools sync conflicts ack",
    )
}
