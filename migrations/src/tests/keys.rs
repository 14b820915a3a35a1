//! Rules for primary keys, foreign keys and indexes.

use std::collections::BTreeSet;

use super::every_entity;
use crate::entity::{Entity, Index, OnDelete, OnOrphan};
use crate::{Class, ENTITIES, Kind, entity};

/// Limit of both engines' dialects for a name, in characters.
const NAME_LIMIT: usize = 64;
/// Limit of InnoDB (DYNAMIC rows) for the columns of one index, in bytes.
const KEY_LIMIT: usize = 3072;

#[test]
fn every_table_is_found_by_its_name() {
    every_entity(|table, broken| {
        if entity(table.name) != Some(table) {
            broken.push("not found".to_owned());
        }
    });
    assert!(entity("").is_none());
    assert!(entity("session").is_none());
    assert!(entity("zzz").is_none());
}

#[test]
fn primary_keys_are_mandatory_columns() {
    every_entity(|entity, broken| {
        let is_mandatory = |name: &&str| entity.column(name).is_some_and(|column| !column.nullable);
        if entity.primary_key.is_empty() || !entity.primary_key.iter().all(is_mandatory) {
            broken.push(format!("{:?}", entity.primary_key));
        }
        if entity.sync.class == Class::Junction && entity.primary_key.len() != 2 {
            broken.push("a junction has two key columns".to_owned());
        }
    });
}

#[test]
fn parents_come_before_children() {
    let mut seen = BTreeSet::new();
    for entity in ENTITIES {
        seen.insert(entity.name);
        for key in entity.foreign_keys {
            assert!(seen.contains(key.references), "{}.{} refers to a later table", entity.name, key.column);
        }
    }
}

#[test]
fn foreign_keys_lead_to_the_id_of_an_entity() {
    every_entity(|child, broken| {
        for key in child.foreign_keys {
            let parent = entity(key.references).expect(key.references);
            let column = child.column(key.column).expect(key.column);
            if parent.primary_key != ["id"] || parent.sync.class != Class::Entity {
                broken.push(format!("{}: {} cannot be referred to", key.column, parent.name));
            }
            if parent.column("id").map(|id| id.kind) != Some(column.kind) {
                broken.push(format!("{}: of another type than {}.id", key.column, parent.name));
            }
            if key.meaning.is_empty() {
                broken.push(format!("{}: has no meaning", key.column));
            }
        }
    });
}

#[test]
fn emptied_references_are_nullable() {
    every_entity(|entity, broken| {
        for key in entity.foreign_keys {
            let emptied = key.on_delete == OnDelete::SetNull || key.on_orphan == OnOrphan::Null;
            if emptied && !entity.column(key.column).is_some_and(|column| column.nullable) {
                broken.push(format!("{} cannot be emptied", key.column));
            }
        }
    });
}

#[test]
fn an_index_leads_with_every_foreign_key() {
    every_entity(|entity, broken| {
        for key in entity.foreign_keys {
            let leads = |columns: &[&str]| columns.first() == Some(&key.column);
            if !leads(entity.primary_key) && !ordinary_indexes(entity).any(|index| leads(index.columns)) {
                broken.push(format!("no index leads with {}", key.column));
            }
        }
    });
}

#[test]
fn names_are_short_and_used_once() {
    let mut seen = BTreeSet::new();
    for entity in ENTITIES {
        let indexes = ordinary_indexes(entity).chain(entity.fulltext).map(|index| index.name.to_owned());
        let checks = entity.checks.iter().map(|check| check.name.to_owned());
        let references = entity.foreign_keys.iter().map(|key| entity.constraint_name(key));
        for name in indexes.chain(checks).chain(references) {
            assert!(name.len() <= NAME_LIMIT, "{name} is over {NAME_LIMIT} characters");
            assert!(seen.insert(name.clone()), "{name} is used twice");
        }
    }
}

#[test]
fn index_columns_exist_and_fit_a_key() {
    every_entity(|entity, broken| {
        let primary = Index::new("the primary key", entity.primary_key);
        for index in ordinary_indexes(entity).chain([&primary]) {
            match key_bytes(entity, index) {
                Ok(bytes) if bytes <= KEY_LIMIT => {}
                Ok(bytes) => broken.push(format!("{}: {bytes} bytes", index.name)),
                Err(column) => broken.push(format!("{}: {column} cannot be indexed", index.name)),
            }
        }
        for column in entity.fulltext.iter().flat_map(|index| index.columns) {
            if !entity.column(column).is_some_and(|c| matches!(c.kind, Kind::String(_) | Kind::Text)) {
                broken.push(format!("{column} cannot be searched as text"));
            }
        }
    });
}

/// What InnoDB counts for a key of these columns; the column that cannot be in one.
fn key_bytes(entity: &Entity, index: &Index) -> Result<usize, &'static str> {
    index.columns.iter().copied().try_fold(0, |sum, name| {
        let bytes = match entity.column(name).ok_or(name)?.kind {
            Kind::String(length) => usize::from(length) * 4,
            Kind::Uuid => 36,
            Kind::Int | Kind::BigInt | Kind::Bool | Kind::Decimal(..) | Kind::Date | Kind::DateTime => 8,
            Kind::Text | Kind::Json | Kind::Blob => return Err(name),
        };
        Ok(sum + bytes)
    })
}

#[test]
fn strings_in_keys_are_compared_byte_for_byte() {
    every_entity(|entity, broken| {
        for name in entity.unique.iter().map(|index| index.columns).chain([entity.primary_key]).flatten() {
            let inexact = |column: &crate::Column| matches!(column.kind, Kind::String(_) | Kind::Text) && !column.exact;
            if entity.column(name).is_some_and(inexact) {
                broken.push(format!("{name} is in a key, but not exact"));
            }
        }
    });
}

#[test]
fn no_two_indexes_have_the_same_columns() {
    every_entity(|entity, broken| {
        let mut seen = BTreeSet::new();
        let twice = ordinary_indexes(entity).filter(|index| !seen.insert(index.columns));
        broken.extend(twice.map(|index| format!("{} has the columns of another", index.name)));
    });
}

fn ordinary_indexes(entity: &Entity) -> impl Iterator<Item = &Index> {
    entity.unique.iter().chain(entity.indexes)
}
