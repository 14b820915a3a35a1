//! Every kind of value, there and back; and what other programs write that has no canonical form.

use merge::{Row, Value};
use migrations::{Entity, Kind};
use sync::central::FeedState;

use super::{Place, agreed, batch, client, created, told, uuid};

const NASTY: &str = "O'Brien \\ \"q\" é 日本 🙂 %_; -- \r\n\t\0 end ";

/// Values at the edges of a kind.
fn edges(kind: Kind) -> Vec<Value> {
    match kind {
        Kind::Uuid => vec![uuid(9).into()],
        Kind::String(length) => vec!["".into(), "🙂".repeat(usize::from(length)).into()],
        Kind::Text => vec!["".into(), NASTY.repeat(1000).into()],
        Kind::Int => vec![i64::from(i32::MIN).into(), i64::from(i32::MAX).into()],
        Kind::BigInt => vec![i64::MIN.into(), i64::MAX.into(), 9_007_199_254_740_993_i64.into()],
        Kind::Bool => vec![false.into(), true.into()],
        Kind::Decimal(precision, _) => {
            let most = 10_i64.pow(u32::from(precision)) - 1;
            vec![most.into(), 0_i64.into(), 5_i64.into()]
        }
        Kind::Date => vec!["1000-01-01".into(), "2024-02-29".into(), "9999-12-31".into()],
        Kind::DateTime => {
            vec![
                "1000-01-01T00:00:00.000000Z".into(),
                "2026-03-29T01:30:00.000001Z".into(),
                "9999-12-31T23:59:59.999999Z".into(),
            ]
        }
        Kind::Json => vec!["{\"a\":[1,\"é🙂'\\\\\"],\"b\":null}".into(), "[]".into()],
        Kind::Blob => vec![Value::Blob(Vec::new()), Value::Blob((0..=255).collect())],
    }
}

/// The free columns of a table: no key, no reference, no closed list, no condition.
fn free(entity: &'static Entity) -> impl Iterator<Item = (usize, Kind)> {
    let bound = |name: &str| {
        entity.primary_key.contains(&name)
            || entity.foreign_keys.iter().any(|key| key.column == name)
            || entity.checks.iter().any(|check| check.sql.contains(name))
            || entity.unique.iter().any(|index| index.columns.contains(&name))
    };
    entity.columns.iter().enumerate().filter(move |(_, c)| !bound(c.name)).map(|(at, c)| (at, c.kind))
}

#[tokio::test]
async fn every_column_of_every_table_comes_back_as_it_was_sent() {
    let place = Place::new().await;
    let mut items = Vec::new();
    for (number, entity) in (0..).zip(migrations::ENTITIES) {
        let root = entity.foreign_keys.iter().all(|key| entity.column(key.column).is_some_and(|c| c.nullable));
        if !entity.is_replicated() || entity.primary_key != ["id"] || !root || entity.name == "users" {
            continue;
        }
        for turn in 0..3_u8 {
            let mut row = Row::new(entity).with("id", uuid(number * 10 + u32::from(turn)));
            for (at, column) in entity.columns.iter().enumerate().filter(|(_, column)| column.name != "id") {
                let edges = edges(column.kind);
                let is_free = free(entity).any(|(free, _)| free == at);
                if is_free && (turn < 2 || !column.nullable) {
                    row.set_at(at, edges[usize::from(turn) % edges.len()].clone());
                } else if !column.nullable {
                    row.set_at(at, required(column, turn));
                }
            }
            items.push(created(row, 1));
        }
    }
    let receipt = place.push(&batch(1, items.clone())).await;
    let feed = place.pull(0).await;
    assert_eq!(feed.rows.len(), items.len());
    for (item, (id, outcome)) in items.iter().zip(&receipt.outcomes) {
        let sent = item.local.row().unwrap();
        assert_eq!(agreed(outcome), Some(sent));
        let row = feed.rows.iter().find(|row| row.id == *id).unwrap();
        let FeedState::Present(row) = &row.state else { panic!("{row:?}") };
        for (column, (got, sent)) in id.entity.columns.iter().zip(row.values().iter().zip(sent.values())) {
            assert!(got == sent, "{id} {}: {got:?} {sent:?}", column.name);
        }
    }
}

/// Something that a bound column takes.
fn required(column: &migrations::Column, turn: u8) -> Value {
    match (column.values, column.kind) {
        ([first, ..], _) => (*first).into(),
        (_, Kind::Bool) => false.into(),
        (_, Kind::Int | Kind::BigInt | Kind::Decimal(..)) => 1_i64.into(),
        (_, Kind::DateTime) => format!("2026-01-01T00:00:0{turn}.000000Z").into(),
        _ => format!("{} {turn}", column.name).into(),
    }
}

#[tokio::test]
async fn what_has_no_canonical_form_stops_only_its_row() {
    let place = Place::new().await;
    place.sql(&format!(
        "SET sql_mode = ''; INSERT INTO clients (id, name) VALUES ('{}', 'good'); \
         INSERT INTO clients (id, name, created_at) VALUES ('{}', 'zero', '0000-00-00'); \
         INSERT INTO tasks (id, title, due_on) VALUES ('{}', 'half', '2026-01-00'); \
         INSERT INTO projects (id, name, slug, technologies) VALUES ('{}', 'p', 'p', 'no json')",
        uuid(1),
        uuid(2),
        uuid(3),
        uuid(4)
    ));
    let feed = place.pull(0).await;
    let expected = ["clients 1 there", "clients 2 created_at", "tasks 3 due_on", "projects 4 technologies"];
    assert_eq!(told(&feed.rows), expected);
    place.sql("SET sql_mode = ''; UPDATE clients SET created_at = '2026-01-01' WHERE name = 'zero'");
    assert_eq!(told(&place.pull(feed.next).await.rows), ["clients 2 there"]);
}

#[tokio::test]
async fn what_has_one_is_read_in_it() {
    let place = Place::new().await;
    place.sql(&format!(
        "INSERT INTO projects (id, name, slug, technologies) VALUES ('{}', 'p', 'p', '[ \"b\",  \"a\" ]'); \
         INSERT INTO clients (id, name, is_active) VALUES ('{}', 'c', -1)",
        uuid(1),
        uuid(2)
    ));
    let feed = place.pull(0).await;
    let FeedState::Present(project) = &feed.rows[0].state else { panic!() };
    assert_eq!(project.text("technologies"), Some("[\"b\",\"a\"]"));
    let FeedState::Present(client) = &feed.rows[1].state else { panic!() };
    assert_eq!(client.int("is_active"), Some(1));
}

#[tokio::test]
async fn a_missing_value_is_left_to_its_default() {
    let place = Place::new().await;
    let mut row = client(1, "a");
    row.set("client_type", Value::Null);
    place.push(&batch(1, vec![created(row, 1)])).await;
    assert_eq!(place.sql("SELECT client_type FROM clients"), "msp_client");
}
