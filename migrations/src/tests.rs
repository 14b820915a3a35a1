//! The catalogue against its own rules and against the counts of its origin; no database needed.

mod columns;
mod counts;
mod keys;
mod merging;
mod relationships;

use crate::{ENTITIES, Entity};

/// Runs a rule on every table and shows all that break it, not only the first.
fn every_entity(rule: impl Fn(&Entity, &mut Vec<String>)) {
    let mut broken = Vec::new();
    for entity in ENTITIES {
        let mut found = Vec::new();
        rule(entity, &mut found);
        broken.extend(found.into_iter().map(|what| format!("{}: {what}", entity.name)));
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

/// The columns that a condition names outside its quoted strings.
fn columns_in<'a>(entity: &'a Entity, condition: &str) -> Vec<&'a str> {
    let unquoted: String = condition.split('\'').step_by(2).collect();
    let words: Vec<_> = unquoted.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    entity.columns.iter().map(|column| column.name).filter(|name| words.contains(name)).collect()
}
