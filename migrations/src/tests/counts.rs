//! The totals that the origin document gives for its 38 models.

use std::collections::BTreeMap;

use crate::catalogue::{INFRASTRUCTURE, TASKS};
use crate::entity::{Entity, Group};
use crate::{ENTITIES, Kind, entity};

fn seed() -> impl Iterator<Item = &'static Entity> {
    ENTITIES.iter().copied().filter(|entity| entity.group == Group::Seed)
}

fn tables_and_total(of: impl Fn(&Entity) -> usize) -> (usize, usize) {
    (seed().filter(|entity| of(entity) > 0).count(), seed().map(of).sum())
}

#[test]
fn the_seed_has_38_tables() {
    assert_eq!(seed().count(), 38);
}

#[test]
fn with_context_tables_and_marker_there_are_43() {
    let groups = [Group::Seed, Group::Context, Group::Migration];
    assert_eq!(ENTITIES.iter().filter(|entity| groups.contains(&entity.group)).count(), 43);
}

#[test]
fn all_tables_are_49_and_all_but_one_are_on_both_engines() {
    assert_eq!(ENTITIES.len(), 49);
    let replica_only: Vec<_> = ENTITIES.iter().filter(|entity| !entity.on_mariadb).map(|entity| entity.name).collect();
    assert_eq!(replica_only, ["context_tags"]);
}

#[test]
fn thirty_four_seed_tables_have_a_uuid_key() {
    let is_uuid = |entity: &&Entity| {
        entity.primary_key == ["id"] && entity.column("id").is_some_and(|column| column.kind == Kind::Uuid)
    };
    assert_eq!(seed().filter(is_uuid).count(), 34);
}

#[test]
fn nineteen_seed_tables_have_both_timestamps() {
    let has_both = |entity: &&Entity| entity.column("created_at").is_some() && entity.column("updated_at").is_some();
    assert_eq!(seed().filter(has_both).count(), 19);
}

#[test]
fn there_are_67_foreign_keys_over_31_seed_tables() {
    assert_eq!(tables_and_total(|entity| entity.foreign_keys.len()), (31, 67));
}

#[test]
fn there_are_110_indexes_over_37_seed_tables() {
    assert_eq!(tables_and_total(|entity| entity.unique.len() + entity.indexes.len()), (37, 110));
}

#[test]
fn there_are_35_checks_over_21_seed_tables() {
    assert_eq!(tables_and_total(|entity| entity.checks.len()), (21, 35));
}

#[test]
fn seed_tables_refer_to_seed_tables_only() {
    for key in seed().flat_map(|entity| entity.foreign_keys) {
        let parent = entity(key.references).expect(key.references);
        assert_eq!(parent.group, Group::Seed, "{} refers to {}", key.column, parent.name);
    }
}

#[test]
fn clients_sessions_and_work_items_are_referred_to_most() {
    let mut uses = BTreeMap::<_, usize>::new();
    for key in seed().flat_map(|entity| entity.foreign_keys) {
        *uses.entry(key.column).or_default() += 1;
    }
    let mut columns: Vec<_> = uses.keys().copied().collect();
    columns.sort_by_key(|column| std::cmp::Reverse(uses[column]));
    columns.truncate(3);
    columns.sort_unstable();
    assert_eq!(columns, ["client_id", "session_id", "work_item_id"]);
}

#[test]
fn two_tables_refer_to_themselves() {
    let refers = |entity: &Entity, by: &str| {
        entity.foreign_keys.iter().any(|key| key.column == by && key.references == entity.name)
    };
    assert!(refers(INFRASTRUCTURE, "parent_host_id"));
    assert!(refers(TASKS, "parent_task_id"));
}
