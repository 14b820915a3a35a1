//! The rule as views against the rule as a walk over the rows: they say the same of every row of a world in which each
//! reference is tried with what is one's own, another's, general, and with nothing.

use std::sync::Arc;

use merge::{Key, Row};
use migrations::catalogue as tables;
use migrations::{Entity, Kind};
use sync::local::WriteTx;
use sync::{Store, StoreError, SystemClock};

use super::Limit;
use super::owners::Rows;

/// Tables by which clients are reached, parents first, and some that hang on several.
const ALL: &[&Entity] = &[
    tables::CLIENTS,
    tables::SITES,
    tables::PROJECTS,
    tables::INFRASTRUCTURE,
    tables::SERVICES,
    tables::SESSIONS,
    tables::WORK_ITEMS,
    tables::CREDENTIALS,
    tables::TASKS,
    tables::BILLABLE_TIME,
    tables::DEPLOYMENTS,
];

/// Rows of each table that others may refer to.
const KEPT: usize = 4;

fn id(number: usize) -> String {
    format!("00000000-0000-7000-8000-{number:012}")
}

/// A row with the least that its table takes, and these references.
fn row(entity: &'static Entity, number: usize, references: &[(&'static str, Option<String>)]) -> Row {
    let mut row = Row::new(entity).with("id", id(number));
    for column in entity.columns.iter().filter(|column| !column.nullable && column.name != "id") {
        if !sync::local::default_value(column).is_null() {
            continue;
        }
        let text = column.values.first().map_or_else(|| format!("x{number}"), |value| (*value).to_owned());
        match column.kind {
            Kind::String(_) | Kind::Text => drop(row.set(column.name, text)),
            Kind::DateTime => drop(row.set(column.name, "2026-01-01T00:00:00.000000Z")),
            Kind::Date => drop(row.set(column.name, "2026-01-01")),
            Kind::Int | Kind::Decimal(..) => drop(row.set(column.name, 1)),
            _ => {}
        }
    }
    for (column, to) in references {
        if let Some(to) = to {
            row.set(column, to.as_str());
        }
    }
    row
}

/// Every choice of one for each reference.
fn choices(entity: &'static Entity, kept: &[(&'static str, Vec<String>)]) -> Vec<Vec<(&'static str, Option<String>)>> {
    let mut all = vec![Vec::new()];
    for key in entity.foreign_keys.iter().filter(|key| key.references != entity.name) {
        let parents = kept.iter().find(|(table, _)| *table == key.references).map_or(&[][..], |(_, ids)| ids);
        let is_needed = entity.column(key.column).is_some_and(|column| !column.nullable);
        let nothing = (!is_needed).then_some(None);
        let to: Vec<Option<String>> = nothing.into_iter().chain(parents.iter().cloned().map(Some)).collect();
        all = all
            .iter()
            .flat_map(|chosen: &Vec<_>| to.iter().map(|to| [chosen.clone(), vec![(key.column, to.clone())]].concat()))
            .collect();
    }
    // What was chosen is spread over all choices.
    let step = all.len().div_ceil(60).max(1);
    all.into_iter().step_by(step).collect()
}

fn fill(tx: &mut WriteTx<'_>) -> Result<usize, StoreError> {
    let (mut number, mut kept) = (0, Vec::new());
    for &entity in ALL {
        let all = if entity == tables::CLIENTS { vec![Vec::new(); 2] } else { choices(entity, &kept) };
        let mut ids = Vec::new();
        for references in all {
            number += 1;
            tx.put(row(entity, number, &references))?;
            ids.push(id(number));
        }
        let step = ids.len().div_ceil(KEPT).max(1);
        kept.push((entity.name, ids.into_iter().step_by(step).collect()));
    }
    Ok(number)
}

#[tokio::test]
async fn the_views_and_the_walk_say_the_same_of_every_row() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("replica.db"), Arc::new(SystemClock)).unwrap();
    let made = store.write_async(fill).await.unwrap();
    assert!(made > 200, "{made}");
    for clients in [vec![], vec![id(1)], vec![id(2)], vec![id(1), id(2)]] {
        let limit = Limit::new("ann@example.com", clients);
        let (shade, judged) = (limit.shade(), limit.clone());
        let seen = store.read_shaded_async(shade, |tx| {
            let ids = |entity: &&'static Entity| tx.select(entity, "", &[]);
            ALL.iter().map(ids).collect::<Result<Vec<_>, _>>()
        });
        let seen: Vec<Row> = seen.await.unwrap().into_iter().flatten().collect();
        let (mut wrong, mut hidden) = (Vec::new(), 0);
        let check = |tx: &sync::local::ReadTx<'_>| {
            for &entity in ALL {
                for row in tx.select(entity, "", &[])? {
                    let owners = Rows::now(tx).owners(&row)?;
                    let expected =
                        if entity == tables::CREDENTIALS { owners.are_within(&judged) } else { owners.spare(&judged) };
                    hidden += usize::from(!expected);
                    if seen.contains(&row) != expected {
                        wrong.push(format!(
                            "{} {}: {owners:?}",
                            entity.name,
                            Key::new(row.text("id").unwrap()).as_str()
                        ));
                    }
                }
            }
            Ok(())
        };
        store.read(check).unwrap();
        assert!(wrong.is_empty(), "{:?}: {} wrong, as {}", limit.clients, wrong.len(), wrong[0]);
        assert!(hidden > 0 && hidden < made, "{hidden} of {made} hidden");
    }
}

/// A list of a hundred goes by its index, as it does for callers who see everything.
#[tokio::test]
async fn a_list_stays_on_its_index() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("replica.db"), Arc::new(SystemClock)).unwrap();
    let limit = Limit::new("ann@example.com", vec![id(1)]);
    let plans = store.read_shaded_async(limit.shade(), |tx| {
        let plan = |sql: &str| -> Result<String, StoreError> {
            let mut statement = tx.connection().prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
            let steps = statement.query_map([], |row| row.get::<_, String>(3))?.collect::<Result<Vec<_>, _>>()?;
            Ok(steps.join("\n"))
        };
        Ok([
            plan("SELECT * FROM \"sessions\" WHERE \"id\" = 'x'")?,
            plan("SELECT * FROM \"work_items\" WHERE \"session_id\" = 'x' LIMIT 100")?,
            plan("SELECT * FROM \"tasks\" WHERE \"client_id\" = 'x' LIMIT 100")?,
        ])
    });
    for plan in plans.await.unwrap() {
        assert!(!plan.contains("SCAN") && plan.contains("SEARCH r USING"), "{plan}");
    }
}
