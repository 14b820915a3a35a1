//! Rules for single columns.

use std::collections::BTreeSet;

use super::every_entity;
use crate::catalogue::USERS;
use crate::entity::{Class, ColumnDefault, Direction, MergeRule};
use crate::{Column, Kind};

#[test]
fn every_table_has_a_purpose_and_distinct_columns() {
    every_entity(|entity, broken| {
        if entity.purpose.is_empty() {
            broken.push("has no purpose".to_owned());
        }
        let names: BTreeSet<_> = entity.columns.iter().map(|column| column.name).collect();
        if names.len() != entity.columns.len() {
            broken.push("names a column twice".to_owned());
        }
    });
}

#[test]
fn blobs_are_sealed_or_compressed_and_named_so() {
    every_entity(|entity, broken| {
        for column in entity.columns {
            let sealed = column.name.ends_with("_encrypted");
            let packed = column.name.ends_with("_zst");
            let is_blob = column.kind == Kind::Blob;
            if is_blob != (sealed || packed) || sealed != column.encrypted || packed != column.compressed {
                broken.push(format!("{} is named for another form", column.name));
            }
            if column.encrypted && !column.sensitive {
                broken.push(format!("{} is encrypted, but not sensitive", column.name));
            }
        }
    });
}

#[test]
fn no_replica_writes_what_is_kept_at_central_only() {
    every_entity(|entity, broken| {
        let is_written_here = entity.sync.direction != Direction::Pull;
        let kept = entity.columns.iter().filter(|column| column.central_only && is_written_here);
        broken.extend(kept.map(|column| format!("{} is kept at central only, and is written here", column.name)));
    });
    assert!(USERS.column("password_hash").is_some_and(|column| column.central_only));
}

#[test]
fn only_log_rows_are_filled_late() {
    every_entity(|entity, broken| {
        let late = entity.columns.iter().filter(|column| column.late && entity.sync.class != Class::Log);
        broken.extend(late.map(|column| format!("{} is late outside a log", column.name)));
    });
}

#[test]
fn defaults_are_of_their_columns_type() {
    every_entity(|entity, broken| {
        let wrong = entity.columns.iter().filter(|column| !default_fits(column));
        broken.extend(wrong.map(|column| format!("{}: {:?} for {:?}", column.name, column.default, column.kind)));
    });
}

fn default_fits(column: &Column) -> bool {
    match (column.default, column.kind) {
        (None, _)
        | (Some(ColumnDefault::Now), Kind::DateTime)
        | (Some(ColumnDefault::Bool(_)), Kind::Bool)
        | (Some(ColumnDefault::Int(_)), Kind::Int | Kind::BigInt) => true,
        (Some(ColumnDefault::Decimal(text)), Kind::Decimal(_, scale)) => {
            text.split_once('.').is_some_and(|(_, fraction)| fraction.len() == usize::from(scale))
        }
        (Some(ColumnDefault::Text(text)), Kind::String(length)) => text.chars().count() <= usize::from(length),
        _ => false,
    }
}

#[test]
fn decimals_fit_a_64_bit_integer() {
    every_entity(|entity, broken| {
        for column in entity.columns {
            if let Kind::Decimal(precision, scale) = column.kind
                && (precision > 18 || scale > precision)
            {
                broken.push(format!("{} has precision {precision} and scale {scale}", column.name));
            }
        }
    });
}

#[test]
fn known_values_fit_their_column_and_hold_its_default() {
    every_entity(|entity, broken| {
        for column in entity.columns.iter().filter(|column| !column.values.is_empty()) {
            let Kind::String(length) = column.kind else {
                broken.push(format!("{} has values, but is no string", column.name));
                continue;
            };
            if column.values.iter().any(|value| value.chars().count() > usize::from(length)) {
                broken.push(format!("{} has a value over {length} characters", column.name));
            }
            if let Some(ColumnDefault::Text(default)) = column.default
                && !column.values.contains(&default)
            {
                broken.push(format!("{} has a default that is not among its values", column.name));
            }
        }
    });
}

#[test]
fn a_closed_list_and_its_check_say_the_same() {
    every_entity(|entity, broken| {
        for column in entity.columns {
            let list: Vec<_> = column.values.iter().map(|value| format!("'{value}'")).collect();
            let condition = format!("{} IN ({})", column.name, list.join(", "));
            let has_check = entity.checks.iter().any(|check| check.sql == condition);
            let has_other = entity.checks.iter().any(|check| check.sql.starts_with(&format!("{} IN", column.name)));
            if has_check != column.checked || has_other != column.checked {
                broken.push(format!("{}: values and CHECK differ", column.name));
            }
        }
    });
}

#[test]
fn merge_rules_fit_their_columns_type() {
    every_entity(|entity, broken| {
        for column in entity.columns {
            let fits = match column.merge {
                MergeRule::Lww => true,
                MergeRule::Set => column.kind == Kind::Json,
                MergeRule::Counter => matches!(column.kind, Kind::Int | Kind::BigInt),
                MergeRule::Min | MergeRule::Max => {
                    matches!(column.kind, Kind::Int | Kind::BigInt | Kind::Bool | Kind::DateTime | Kind::Date)
                }
            };
            if !fits {
                broken.push(format!("{}: {:?} on {:?}", column.name, column.merge, column.kind));
            }
        }
    });
}
