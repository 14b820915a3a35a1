//! Every CHECK and every foreign key refuses what it must, on both engines.

use std::collections::BTreeSet;

use merge::{Row, Value};
use migrations::catalogue::{CLIENTS, NETWORKS, SITES};
use migrations::entity::Check;

use super::engine::{Engine, on_both};
use super::replica::Replica;
use super::rows::fill;
use super::{entities, sample};

#[test]
fn every_check_refuses() {
    on_both(|engine| {
        fill(engine);
        for entity in entities(engine.is_central()) {
            for check in entity.checks {
                let mut row = sample::full(entity, 3, 2);
                break_check(&mut row, check);
                let error = engine.insert(&row).expect_err(check.name);
                assert!(error.contains(check.name), "{}: {error}", check.name);
            }
        }
    });
}

/// Changes a good row so that it breaks one condition.
fn break_check(row: &mut Row, check: &Check) {
    if let Some((column, _)) = check.sql.split_once(" IN (") {
        row.set(column, "zz_bad");
        return;
    }
    let (column, bad): (_, Value) = match check.sql {
        "ended_at IS NULL OR ended_at >= started_at" => ("ended_at", "2026-03-29T01:30:00.000000Z".into()),
        "duration_minutes >= 0" => ("duration_minutes", Value::Int(-1)),
        "hourly_rate >= 0" => ("hourly_rate", Value::Int(-1)),
        "total_amount >= 0" => ("total_amount", Value::Int(-1)),
        "from_service_id <> to_service_id" => ("to_service_id", row.get("from_service_id").clone()),
        "relevance_score >= 0 AND relevance_score <= 10" => ("relevance_score", Value::Int(1001)),
        "priority BETWEEN 1 AND 10" => ("priority", Value::Int(11)),
        "progress_percentage >= 0 AND progress_percentage <= 100" => ("progress_percentage", Value::Int(101)),
        other => panic!("nothing here breaks CHECK ({other})"),
    };
    row.set(column, bad);
}

#[test]
fn every_foreign_key_refuses_a_missing_parent() {
    on_both(|engine| {
        fill(engine);
        add_parents_without_children(engine);
        for entity in entities(engine.is_central()) {
            for key in entity.foreign_keys {
                let row = sample::full(entity, 4, 3).with(key.column, sample::id("nowhere", 1));
                let error = engine.insert(&row).expect_err(key.column).to_lowercase();
                assert!(error.contains("foreign key"), "{}.{}: {error}", entity.name, key.column);
                if engine.is_central() {
                    assert!(error.contains(&entity.constraint_name(key)), "{}: {error}", key.column);
                }
            }
        }
    });
}

/// A third row in each table that is referred to: a unique reference needs a parent that is not taken yet.
fn add_parents_without_children(engine: &mut dyn Engine) {
    let parents: BTreeSet<_> = migrations::ENTITIES.iter().flat_map(|e| e.foreign_keys).map(|k| k.references).collect();
    for entity in entities(engine.is_central()).filter(|entity| parents.contains(entity.name)) {
        let row = sample::full(entity, 3, 3);
        engine.insert(&row).unwrap_or_else(|error| panic!("{}: {error}", row.id()));
    }
}

#[test]
fn no_parent_with_children_is_deleted() {
    on_both(|engine| {
        fill(engine);
        for entity in entities(engine.is_central()) {
            for key in entity.foreign_keys {
                let parent = sample::id(key.references, 1);
                let error = engine.execute(&format!("DELETE FROM {} WHERE id = '{parent}'", key.references));
                let error = error.expect_err(key.column).to_lowercase();
                assert!(error.contains("foreign key"), "{}.{}: {error}", entity.name, key.column);
            }
        }
    });
}

#[test]
fn a_replica_takes_children_before_parents_within_a_transaction() {
    let mut replica = Replica::new();
    let site = sample::minimal(SITES, 1, 1);
    let network = sample::full(NETWORKS, 1, 1);
    let client = sample::minimal(CLIENTS, 1, 1);
    replica.execute("BEGIN").unwrap();
    for row in [&network, &site, &client] {
        replica.insert(row).unwrap();
    }
    replica.execute("COMMIT").unwrap();
}

#[test]
fn a_replica_refuses_a_commit_without_the_parent() {
    let mut replica = Replica::new();
    replica.execute("BEGIN").unwrap();
    replica.insert(&sample::minimal(SITES, 1, 1)).unwrap();
    let error = replica.execute("COMMIT").expect_err("the client is missing");
    assert!(error.contains("FOREIGN KEY"), "{error}");
}
