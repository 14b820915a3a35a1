//! What rows refer to, and the order in which rows that refer to each other may be written.

use std::collections::HashMap;

use migrations::{ENTITIES, Entity, ForeignKey};

use crate::{FieldConflict, Key, Row, Rule, Value, Winner};

/// The rows that a row refers to.
pub fn parents(row: &Row) -> impl Iterator<Item = (&'static ForeignKey, Key)> {
    row.entity().foreign_keys.iter().filter_map(|reference| Some((reference, target(row, reference)?)))
}

fn target(row: &Row, reference: &ForeignKey) -> Option<Key> {
    row.text(reference.column).map(Key::new)
}

/// The reference by which a table is a hierarchy; there is at most one.
fn hierarchy(entity: &Entity) -> Option<&'static ForeignKey> {
    entity.foreign_keys.iter().find(|reference| reference.references == entity.name)
}

/// A change to be written at central.
#[derive(Clone, Copy, Debug)]
pub enum Write<'a> {
    /// Insert or update it.
    Put(&'a Row),
    /// Delete it; the row is what is there now.
    Delete(&'a Row),
}

impl<'a> Write<'a> {
    /// The row in question.
    pub fn row(self) -> &'a Row {
        match self {
            Write::Put(row) | Write::Delete(row) => row,
        }
    }
}

/// The order in which an engine that checks references at once takes these changes: rows to be put first, parents before
/// their children, then deletes, children before their parents (a child may have been moved away from a parent that
/// goes). Rows of a cycle come in some order: one of them will be refused, which is for the caller to see.
pub fn push_order<'a>(writes: impl IntoIterator<Item = Write<'a>>) -> Vec<Write<'a>> {
    let (mut puts, mut deletes) = (Vec::new(), Vec::new());
    for write in writes {
        match write {
            Write::Put(row) => puts.push(row),
            Write::Delete(row) => deletes.push(row),
        }
    }
    let puts = parents_first(puts).into_iter().map(Write::Put);
    let deletes = parents_first(deletes).into_iter().rev().map(Write::Delete);
    puts.chain(deletes).collect()
}

fn parents_first(mut rows: Vec<&Row>) -> Vec<&Row> {
    let ranks: HashMap<&str, usize> = ENTITIES.iter().enumerate().map(|(rank, entity)| (entity.name, rank)).collect();
    rows.sort_by_key(|row| ranks.get(row.entity().name).copied());
    let tables = rows.chunk_by(|one, next| one.entity() == next.entity());
    tables
        .flat_map(|table| if hierarchy(table[0].entity()).is_some() { climb(table) } else { table.to_vec() })
        .collect()
}

/// Rows of one hierarchy, parents first: from each row up to the first that has its place already, then back down.
fn climb<'a>(rows: &[&'a Row]) -> Vec<&'a Row> {
    let places: HashMap<Key, usize> = rows.iter().enumerate().map(|(place, row)| (row.key(), place)).collect();
    let parent_of = |row: &Row| places.get(&target(row, hierarchy(row.entity())?)?).copied();
    let mut done = vec![false; rows.len()];
    let mut ordered = Vec::with_capacity(rows.len());
    for start in 0..rows.len() {
        let mut path = Vec::new();
        let mut next = Some(start);
        while let Some(place) = next.filter(|&place| !done[place]) {
            done[place] = true;
            path.push(rows[place]);
            next = parent_of(rows[place]);
        }
        ordered.extend(path.into_iter().rev());
    }
    ordered
}

/// The row without its place in the hierarchy, when that would make it its own ancestor; None when all is well.
///
/// Two moves that are fine by themselves (this below that here, that below this there) close a circle together, and no
/// CHECK can see it. The move that comes to central second is the later one, and is undone. `parent_of` gives the parent
/// that a row of the table has at central.
pub fn break_cycle(row: &Row, parent_of: impl Fn(&Key) -> Option<Key>) -> Option<(Row, FieldConflict)> {
    let reference = hierarchy(row.entity())?;
    let place = target(row, reference)?;
    if !is_ancestor(&row.key(), &place, parent_of) {
        return None;
    }
    let conflict = FieldConflict {
        columns: vec![reference.column],
        rule: Rule::Cycle,
        winner: Winner::Remote,
        loser: vec![Value::from(place.as_str())],
        kept: vec![Value::Null],
    };
    Some((row.clone().with(reference.column, Value::Null), conflict))
}

fn is_ancestor(key: &Key, start: &Key, parent_of: impl Fn(&Key) -> Option<Key>) -> bool {
    let mut seen = Vec::new();
    let mut next = Some(start.clone());
    while let Some(ancestor) = next {
        if ancestor == *key {
            return true;
        }
        // A circle further up, that others made, is not of this row's making.
        if seen.contains(&ancestor) {
            return false;
        }
        next = parent_of(&ancestor);
        seen.push(ancestor);
    }
    false
}
