//! Links: rows that hold no text of their own, and whose names change when one of their ends is folded into another row.

use std::collections::BTreeMap;

use merge::{Row, RowId};

use super::tokens::Aliases;
use super::verdict::Books;
use super::world::World;

/// Rows that hold no text of their own (links): each is there, under its name of today, or its end is known.
pub(super) fn links_kept(world: &World, central: &BTreeMap<RowId, Row>, books: &[Books]) -> Result<(), String> {
    for (id, fate) in &world.tokens.fates {
        if id.entity.primary_key.len() < 2
            || fate.made.is_empty()
            || !fate.deleted.is_empty()
            || fate.maybe_deleted
            || world.has_restored_central
        {
            continue;
        }
        let names = names_of(id, &world.tokens.aliases);
        let is_recorded = |id: &RowId| {
            let row = (id.entity.name.to_owned(), id.key.as_str().to_owned());
            world.tokens.recorded_rows.contains(&row)
        };
        let recorded = names.iter().any(is_recorded);
        let set_apart = names.iter().any(|id| books.iter().any(|books| books.quarantined.contains_key(id)));
        let parent_gone = |id: &RowId| {
            merge::parents(&sample(id)).any(|(reference, key)| {
                migrations::entity(reference.references)
                    .is_some_and(|parent| !central.contains_key(&RowId::new(parent, key)))
            })
        };
        let is_deleted =
            |id: &RowId| world.tokens.fates.get(id).is_some_and(|fate| !fate.deleted.is_empty() || fate.maybe_deleted);
        let is_there = names.iter().any(|id| central.contains_key(id));
        let ended = names.iter().any(is_deleted) || names.iter().all(parent_gone);
        if !is_there && !ended && !recorded && !set_apart {
            return Err(format!("the link {id} is lost"));
        }
    }
    Ok(())
}

/// All names that a link may have by now: machines fold its ends into other rows, each as it finds them.
pub(super) fn names_of(id: &RowId, aliases: &Aliases) -> Vec<RowId> {
    let mut names = vec![id.clone()];
    let mut next = 0;
    while let Some(name) = names.get(next) {
        let more: Vec<RowId> = next_names(name, aliases).filter(|more| !names.contains(more)).collect();
        names.extend(more);
        next += 1;
    }
    names
}

/// The link after one of its ends was folded into another row.
fn next_names<'a>(id: &RowId, aliases: &'a Aliases) -> impl Iterator<Item = RowId> + use<'a> {
    let parts: Vec<String> = id.key.parts().map(str::to_owned).collect();
    let entity = id.entity;
    entity.primary_key.iter().enumerate().flat_map(move |(at, column)| {
        let reference = entity.foreign_keys.iter().find(|key| key.column == *column);
        let alias = reference.map(|key| (key.references.to_owned(), parts[at].clone()));
        let parts = parts.clone();
        let targets = alias.and_then(|alias| aliases.get(&alias)).into_iter().flatten();
        targets.map(move |target| {
            let mut moved: Vec<&str> = parts.iter().map(String::as_str).collect();
            moved[at] = target;
            RowId::new(entity, super::draft::key(&moved))
        })
    })
}

fn sample(id: &RowId) -> Row {
    let columns = id.entity.primary_key.iter().zip(id.key.parts());
    columns.fold(Row::new(id.entity), |row, (column, part)| row.with(column, part))
}
