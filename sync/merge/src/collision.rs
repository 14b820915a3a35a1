//! Two rows with one natural key, made on two machines that did not know of each other.
//!
//! Which of two ids survives is for the caller to say, since only it knows which one others may hold already. Here the
//! survivor stands for central's side, and the row that becomes its alias for the replica's.

use migrations::entity::{NaturalKey, OnCollision};
use migrations::{Column, Entity, Kind};

use crate::columns::{Counts, Merge};
use crate::{FieldConflict, Row, Rule, Value, Winner};

/// Rights that a collision must not widen: of two, the one that the catalogue lists first stands.
const RIGHTS: &[(&str, &str)] = &[("credential_permissions", "permission_level")];

/// The natural keys that a row has, each with its values in the order of its columns. A key with a NULL in it is none:
/// neither engine enforces it, and both rows stay.
pub fn natural_keys(row: &Row) -> impl Iterator<Item = (&'static NaturalKey, Vec<&Value>)> {
    row.entity().natural_keys.iter().filter_map(move |key| {
        let values: Vec<&Value> = key.columns.iter().map(|column| row.get(column)).collect();
        let complete = !values.is_empty() && values.iter().all(|value| !value.is_null());
        complete.then_some((key, values))
    })
}

/// One row from two of the same natural key. The survivor keeps its id and its keys; the other columns are merged as if
/// both sides had made the row, but counts add up, for two ids were counted separately.
///
/// The rows' own `updated_at` (else `created_at`) tells which is later, so that every machine finds the same.
pub fn merge_collision(survivor: &Row, loser: &Row) -> (Row, Vec<FieldConflict>) {
    let mut conflicts = Vec::new();
    let (mut kept, mut given) = (survivor.clone(), loser.clone());
    let keys = unique_columns(survivor.entity());
    for (position, column) in survivor.entity().columns.iter().enumerate() {
        if survivor.entity().primary_key.contains(&column.name) {
            given.set_at(position, survivor.at(position).clone());
        } else if keys.contains(&column.name) {
            conflicts.extend(agree(position, Winner::Remote, Rule::KeptKey, &mut kept, &mut given));
        } else if RIGHTS.contains(&(survivor.entity().name, column.name)) {
            let lesser = lesser(column, given.at(position), kept.at(position));
            conflicts.extend(agree(position, lesser, Rule::LesserRight, &mut kept, &mut given));
        }
    }
    let (row, contested) = Merge::new(None, &given, &kept, later(loser, survivor)).counting(Counts::Sum).rows();
    conflicts.extend(contested);
    (row, conflicts)
}

/// Whose value comes first in the catalogue's list; one that is not in it may stand for anything, and so for the most.
fn lesser(column: &Column, local: &Value, remote: &Value) -> Winner {
    let rank = |value: &Value| {
        let listed = column.values.iter().position(|level| value.as_text() == Some(level));
        listed.unwrap_or(usize::MAX)
    };
    if rank(local) < rank(remote) { Winner::Local } else { Winner::Remote }
}

/// The columns of keys that two rows must not share.
fn unique_columns(entity: &Entity) -> Vec<&'static str> {
    let enforced = entity.natural_keys.iter().filter(|key| key.on_collision != OnCollision::KeepBoth);
    enforced.flat_map(|key| key.columns).copied().collect()
}

/// Gives both rows the value of one side, and records the other's unless it is NULL or the same.
fn agree(position: usize, winner: Winner, rule: Rule, survivor: &mut Row, loser: &mut Row) -> Option<FieldConflict> {
    let (from, to) = match winner {
        Winner::Local => (loser, survivor),
        Winner::Remote => (survivor, loser),
    };
    let (kept, lost) = (from.at(position).clone(), to.at(position).clone());
    to.set_at(position, kept.clone());
    let columns = vec![to.entity().columns[position].name];
    (lost != kept && !lost.is_null()).then(|| FieldConflict {
        columns,
        rule,
        winner,
        loser: vec![lost],
        kept: vec![kept],
    })
}

fn later(local: &Row, remote: &Row) -> Option<Winner> {
    let written = |row: &Row| {
        let columns = ["updated_at", "created_at"];
        columns.iter().find_map(|name| Some(row.at(row.entity().position(name)?).clone()))
    };
    Winner::of(written(local).cmp(&written(remote)))
}

/// The row under another name, for a key that only one of two may have: `NAME~2`, cut to fit the column.
///
/// A row with sealed values is switched off at the same time: two integrations of one name are most likely one, and only
/// one of them must act until somebody has looked.
///
/// # Panics
/// When the entity has no such column: names come from the catalogue.
pub fn renamed(row: &Row, column: &str, number: u32) -> Row {
    let entity = row.entity();
    let suffix = format!("~{number}");
    let limit = match entity.column(column).map(|column| column.kind) {
        Some(Kind::String(limit)) => usize::from(limit),
        _ => usize::MAX,
    };
    let name = row.text(column).unwrap_or_default().chars();
    let cut: String = name.take(limit.saturating_sub(suffix.len())).collect();
    let mut other = row.clone().with(column, cut + &suffix);
    if entity.columns.iter().any(|column| column.encrypted) && entity.column("is_active").is_some() {
        other.set("is_active", false);
    }
    other
}
