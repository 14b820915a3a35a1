//! Rows come back as they went in, and defaults are the same on both engines.

use merge::{Row, Value};
use migrations::entity::ColumnDefault;
use sync::{Clock, SystemClock, datetime_text};

use super::central::Central;
use super::engine::{Engine, on_both};
use super::replica::Replica;
use super::{entities, sample};

/// Fills all tables with two rows each; the second rows refer to the first of their own table, the first to none.
pub(super) fn fill(engine: &mut dyn Engine) {
    for n in [1, 2] {
        for entity in entities(engine.is_central()) {
            let mut row = sample::full(entity, n, n);
            if n == 1 && entity.name == "service_relationships" {
                continue; // It takes two services.
            }
            for key in entity.foreign_keys.iter().filter(|key| n == 2 && key.references == entity.name) {
                row.set(key.column, sample::id(entity.name, 1));
            }
            engine.insert(&row).unwrap_or_else(|error| panic!("{}: {error}", row.id()));
            assert_same(&engine.same_row(&row).expect("a row by its key"), &row);
        }
    }
}

#[test]
fn full_rows_come_back_as_they_went_in() {
    on_both(fill);
}

#[test]
fn rows_of_what_is_mandatory_get_the_catalogues_defaults() {
    on_both(|engine| {
        for (written, found) in minimal_rows(engine) {
            for (column, value) in written.entity().columns.iter().zip(found.values()) {
                let expected = match column.default {
                    _ if !column.nullable && column.default.is_none() => written.get(column.name).clone(),
                    None => Value::Null,
                    Some(ColumnDefault::Now) => continue,
                    Some(ColumnDefault::Bool(flag)) => flag.into(),
                    Some(ColumnDefault::Int(number)) => number.into(),
                    Some(ColumnDefault::Decimal(text)) => text.replace('.', "").parse::<i64>().unwrap().into(),
                    Some(ColumnDefault::Text(text)) => text.into(),
                };
                assert!(*value == expected, "{}.{} is {}", found.entity().name, column.name, shown(value));
            }
        }
    });
}

#[test]
fn the_default_time_is_now_in_utc_and_in_canonical_form() {
    let margin_us = 60_000_000;
    on_both(|engine| {
        let earliest = datetime_text(SystemClock.now_us() - margin_us);
        let rows = minimal_rows(engine);
        let latest = datetime_text(SystemClock.now_us() + margin_us);
        for (_, row) in rows {
            for column in row.entity().columns.iter().filter(|column| column.default == Some(ColumnDefault::Now)) {
                let time = row.text(column.name).unwrap();
                assert_eq!(time.len(), 27, "{}.{}: {time}", row.entity().name, column.name);
                assert!(*time > *earliest && *time < *latest, "{}.{}: {time}", row.entity().name, column.name);
            }
        }
    });
}

#[test]
fn both_engines_hold_the_same_rows() {
    let (mut replica, mut central) = (Replica::new(), Central::new());
    fill(&mut replica);
    fill(&mut central);
    for entity in entities(true) {
        let (mut here, mut there) = (replica.rows(entity), central.rows(entity));
        here.sort_by_key(Row::key);
        there.sort_by_key(Row::key);
        assert!(!here.is_empty() && here.len() == there.len(), "{}: {} and {}", entity.name, here.len(), there.len());
        for (here, there) in here.iter().zip(&there) {
            assert_same(here, there);
        }
    }
}

/// Two rows of the mandatory columns for each table, as written and as found.
fn minimal_rows(engine: &mut dyn Engine) -> Vec<(Row, Row)> {
    let mut rows = Vec::new();
    for n in [1, 2] {
        for entity in entities(engine.is_central()) {
            if n == 1 && entity.name == "service_relationships" {
                continue; // It takes two services.
            }
            let row = sample::minimal(entity, n, n);
            engine.insert(&row).unwrap_or_else(|error| panic!("{}: {error}", row.id()));
            let found = engine.same_row(&row).expect("a row by its key");
            rows.push((row, found));
        }
    }
    rows
}

/// Compares two rows of a table; `Row` does not show its values.
fn assert_same(found: &Row, expected: &Row) {
    for (at, column) in found.entity().columns.iter().enumerate() {
        let (found, expected) = (found.at(at), expected.at(at));
        assert!(found == expected, "{}: {} instead of {}", column.name, shown(found), shown(expected));
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Int(number) => number.to_string(),
        Value::Text(text) => format!("{text:?}"),
        Value::Blob(bytes) => format!("{bytes:x?}"),
    }
}
