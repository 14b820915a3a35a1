//! Rules that keep a merge from making a row that neither machine would have written.

use std::collections::BTreeSet;

use super::{columns_in, every_entity};
use crate::entity::{Entity, OnCollision};
use crate::{Kind, MergeRule};

#[test]
fn atomic_groups_are_disjoint_and_merge_by_time() {
    every_entity(|entity, broken| {
        let mut seen = BTreeSet::new();
        for name in entity.atomic.iter().copied().flatten() {
            if !seen.insert(name) {
                broken.push(format!("{name} is in two groups"));
            }
            if !entity.column(name).is_some_and(|column| column.merge == MergeRule::Lww) {
                broken.push(format!("{name} is in a group, but has a rule of its own"));
            }
        }
    });
}

#[test]
fn columns_that_a_check_ties_together_merge_together() {
    every_entity(|entity, broken| {
        for check in entity.checks {
            let used = columns_in(entity, check.sql);
            let is_tied = |group: &&[&str]| used.iter().all(|column| group.contains(column));
            if used.is_empty() || (used.len() > 1 && !entity.atomic.iter().any(is_tied)) {
                broken.push(format!("{} names {used:?}, which is not one group", check.name));
            }
        }
    });
}

#[test]
fn checks_mean_the_same_on_both_engines() {
    every_entity(|entity, broken| {
        for check in entity.checks {
            for column in columns_in(entity, check.sql).iter().filter_map(|name| entity.column(name)) {
                if matches!(column.kind, Kind::String(_)) && !column.exact {
                    broken.push(format!("{}: {} is not compared byte for byte", check.name, column.name));
                }
                let has_literal = check.sql.contains(|c: char| ('1'..='9').contains(&c));
                if matches!(column.kind, Kind::Decimal(..)) && has_literal && check.sqlite.is_none() {
                    broken.push(format!("{}: {} is a scaled integer on SQLite", check.name, column.name));
                }
            }
        }
    });
}

#[test]
fn natural_keys_and_unique_keys_are_the_same() {
    every_entity(|entity, broken| {
        let unique = key_sets(entity.unique.iter().map(|index| index.columns));
        let natural = key_sets(entity.natural_keys.iter().map(|key| key.columns));
        let primary = key_sets([entity.primary_key]);
        for missing in unique.difference(&natural) {
            broken.push(format!("{missing:?} is unique, but nothing says what two equal rows become"));
        }
        for extra in natural.iter().filter(|columns| !columns.is_empty() && !unique.contains(*columns)) {
            if !primary.contains(extra) {
                broken.push(format!("{extra:?} is a natural key, but not unique"));
            }
        }
    });
}

#[test]
fn a_table_without_a_natural_key_keeps_both_rows() {
    every_entity(|entity: &Entity, broken| {
        for key in entity.natural_keys {
            if key.columns.is_empty() != (key.on_collision == OnCollision::KeepBoth) {
                broken.push(format!("{:?} with {:?}", key.columns, key.on_collision));
            }
        }
        if entity.natural_keys.is_empty() && entity.is_replicated() {
            broken.push("says nothing of two rows that mean the same".to_owned());
        }
    });
}

fn key_sets<'a>(keys: impl IntoIterator<Item = &'a [&'a str]>) -> BTreeSet<BTreeSet<&'a str>> {
    keys.into_iter().map(|columns| columns.iter().copied().collect()).collect()
}
