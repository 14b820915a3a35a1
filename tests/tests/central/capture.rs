//! What the triggers catch of other programs' SQL.

use merge::{HybridTime, Row, Value};
use migrations::{Column, ENTITIES, Entity, Kind};
use sync::central::FeedState;
use world::mariadb::{MariaDb, Options};

use super::{Place, told, uuid};

#[tokio::test]
async fn every_kind_of_statement_is_captured() {
    let place = Place::new().await;
    let (one, two, three) = (uuid(1), uuid(2), uuid(3));
    place.sql(&format!("INSERT INTO clients (id, name) VALUES ('{one}', 'a'), ('{two}', 'b'), ('{three}', 'c')"));
    let feed = place.pull(0).await;
    assert_eq!(told(&feed.rows), ["clients 1 there", "clients 2 there", "clients 3 there"]);

    for (statement, seen) in [
        ("UPDATE clients SET notes = 'x' WHERE name < 'c'", vec!["clients 1 there", "clients 2 there"]),
        ("UPDATE clients SET notes = 'x' WHERE name = 'a'", vec!["clients 1 there"]),
        ("REPLACE INTO clients (id, name) VALUES ('{2}', 'B')", vec!["clients 2 there"]),
        (
            "INSERT INTO clients (id, name) VALUES ('{9}', 'B') ON DUPLICATE KEY UPDATE notes = 'y'",
            vec!["clients 2 there"],
        ),
        ("UPDATE clients SET id = '{4}' WHERE id = '{3}'", vec!["clients 3 gone without image", "clients 4 there"]),
        ("DELETE FROM clients WHERE name IN ('a', 'B')", vec!["clients 1 gone", "clients 2 gone"]),
        ("START TRANSACTION; UPDATE clients SET notes = 'z'; ROLLBACK", vec![]),
        ("INSERT INTO tags (id, name) VALUES ('{7}', 't'); DELETE FROM tags", vec!["tags 7 gone"]),
        ("DELETE FROM clients; INSERT INTO clients (id, name) VALUES ('{4}', 'again')", vec!["clients 4 there"]),
    ] {
        let before = place.pull(0).await.head;
        let statement = (0..10).fold(statement.to_owned(), |text, n| text.replace(&format!("{{{n}}}"), &uuid(n)));
        place.sql(&statement);
        let mut rows = told(&place.pull(before).await.rows);
        rows.sort();
        assert_eq!(rows, seen, "{statement}");
    }
}

#[tokio::test]
async fn a_tombstone_has_the_whole_row() {
    let place = Place::new().await;
    place.sql(&format!(
        "SET NAMES utf8mb4; INSERT INTO clients (id, name, default_hourly_rate, is_active, notes, created_at) VALUES \
         ('{}', 'O\\'Brien 🙂 \\\\', -12.5, 5, 'line\\nline\\0\"', '2026-03-29 01:30:00.000001'); \
         INSERT INTO credentials (id, service_name, credential_type, password_encrypted) VALUES \
         ('{}', 's', 'password', x'00FF10')",
        uuid(1),
        uuid(2)
    ));
    let before = place.pull(0).await;
    place.sql("DELETE FROM clients; DELETE FROM credentials");
    let after = place.pull(before.head).await;
    assert_eq!(after.rows.len(), 2);
    for (was, is) in before.rows.iter().zip(&after.rows) {
        let FeedState::Present(row) = &was.state else { panic!("{was:?}") };
        let FeedState::Deleted { image: Some(image) } = &is.state else { panic!("{is:?}") };
        assert_eq!(image, row, "{}", is.id);
    }
}

/// The row as machines get it: without what is kept at central only.
fn travelling(row: &Row) -> Row {
    let kept = row.entity().columns.iter().filter(|column| column.central_only);
    kept.fold(row.clone(), |row, column| row.with(column.name, Value::Null))
}

#[tokio::test]
async fn every_table_captures_insert_update_and_delete() {
    let place = Place::new().await;
    let rows: Vec<Row> = ENTITIES.iter().filter(|entity| entity.is_replicated()).map(|entity| sample(entity)).collect();
    for row in &rows {
        let columns: Vec<&str> = row.entity().columns.iter().map(|column| column.name).collect();
        let values: Vec<String> = row.values().iter().zip(row.entity().columns).map(|(v, c)| literal(c, v)).collect();
        place.sql(&format!(
            "SET foreign_key_checks = 0, check_constraint_checks = 0; INSERT INTO {} (`{}`) VALUES ({})",
            row.entity().name,
            columns.join("`, `"),
            values.join(", ")
        ));
    }
    let inserted = place.pull(0).await;
    assert_eq!(inserted.rows.len(), rows.len());
    for (row, seen) in rows.iter().zip(&inserted.rows) {
        let FeedState::Present(there) = &seen.state else { panic!("{seen:?}") };
        assert!(*there == travelling(row), "{}", row.id());
    }
    let on_each = |statement: &str| {
        let lines = rows.iter().rev().map(|row| {
            let key = row.entity().primary_key[0];
            statement.replace("{table}", row.entity().name).replace("{key}", key)
        });
        place.sql(&format!("SET foreign_key_checks = 0; {}", lines.collect::<Vec<_>>().join("; ")));
    };
    on_each("UPDATE {table} SET {key} = {key}");
    let updated = place.pull(inserted.head).await;
    assert_eq!(updated.rows.len(), rows.len());
    on_each("DELETE FROM {table}");
    let deleted = place.pull(updated.head).await;
    assert_eq!(deleted.rows.len(), rows.len());
    for (row, seen) in rows.iter().rev().zip(&deleted.rows) {
        let FeedState::Deleted { image: Some(image) } = &seen.state else { panic!("{seen:?}") };
        assert!(*image == travelling(row), "{}", row.id());
    }
}

/// A row with a value in every column.
fn sample(entity: &'static Entity) -> Row {
    let values = entity.columns.iter().map(|column| match column.kind {
        Kind::Uuid => uuid(1).into(),
        Kind::String(length) => "é🙂 \\'\"x".chars().take(length.into()).collect::<String>().into(),
        Kind::Text => "line\n\ttab \u{1}".into(),
        Kind::Int | Kind::Bool => Value::Int(1),
        Kind::BigInt => Value::Int(9_007_199_254_740_993),
        Kind::Decimal(..) => Value::Int(-705),
        Kind::Date => "2024-02-29".into(),
        Kind::DateTime => "2026-03-29T01:30:00.000001Z".into(),
        Kind::Json => "{\"a\":[1,\"é\"]}".into(),
        Kind::Blob => Value::Blob(vec![0, 255, 39]),
    });
    Row::from_values(entity, values.collect()).unwrap()
}

/// As another program would write it.
fn literal(column: &Column, value: &Value) -> String {
    match (column.kind, value) {
        (Kind::Decimal(_, scale), Value::Int(number)) => format!("{number} / POW(10, {scale})"),
        (Kind::DateTime, _) => "'2026-03-29 01:30:00.000001'".into(),
        (_, Value::Int(number)) => number.to_string(),
        (_, Value::Text(text)) => format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'")),
        (_, Value::Blob(_)) => "x'00FF27'".into(),
        (_, Value::Null) => "NULL".into(),
    }
}

#[tokio::test]
async fn a_composite_key_is_found_again() {
    let place = Place::new().await;
    place.sql("INSERT INTO coord_component_states (project_key, component, updated_by) VALUES ('prö', 'a b ', 'me')");
    let feed = place.pull(0).await;
    assert_eq!(feed.rows[0].id.key.parts().collect::<Vec<_>>(), ["prö", "a b "]);
    let FeedState::Present(row) = &feed.rows[0].state else { panic!() };
    assert_eq!(row.key(), feed.rows[0].id.key);
    place.sql("UPDATE coord_component_states SET component = 'a b'");
    let mut rows: Vec<bool> = Vec::new();
    for row in place.pull(feed.head).await.rows {
        rows.push(matches!(row.state, FeedState::Present(_)));
    }
    assert_eq!(rows, [false, true], "a trailing blank makes another key");
}

#[tokio::test]
async fn other_programs_have_no_origin_and_the_servers_time() {
    let place = Place::new().await;
    let server = || place.sql("SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))").parse().unwrap();
    let from: u64 = server();
    place.sql(&format!("SET time_zone = '+05:00'; INSERT INTO clients (id, name) VALUES ('{}', 'a')", uuid(1)));
    let row = place.pull(0).await.rows.remove(0);
    assert_eq!(row.origin, None);
    assert!((HybridTime(from)..=HybridTime(server())).contains(&row.time), "{:?}", row.time);
}

#[tokio::test]
async fn a_delete_is_never_refused_for_the_sake_of_its_image() {
    let arguments = vec!["--max-allowed-packet=1M".to_owned()];
    let server = MariaDb::start_with(Options { arguments, ..Options::default() }).unwrap();
    let place = Place::on(&server).await;
    // 600,000 quotes are twice as many bytes in JSON, more than the server takes in one piece.
    place.sql(&format!(
        "INSERT INTO conversation_contexts (id, context_type, title, dense_summary) \
         VALUES ('{}', 'x', 't', REPEAT('\"', 600000))",
        uuid(1)
    ));
    place.sql("SET sql_mode = 'STRICT_ALL_TABLES'; DELETE FROM conversation_contexts");
    assert_eq!(told(&place.pull(0).await.rows), ["conversation_contexts 1 gone without image"]);
}

#[tokio::test]
async fn text_that_is_not_utf8_can_still_be_deleted() {
    let place = Place::new().await;
    place.sql(&format!(
        "INSERT INTO clients (id, name, notes) VALUES ('{}', 'a', CONVERT(x'61EDA08062' USING utf8mb4))",
        uuid(1)
    ));
    let feed = place.pull(0).await;
    assert_eq!(told(&feed.rows), ["clients 1 notes"]);
    place.sql("DELETE FROM clients");
    assert_eq!(told(&place.pull(feed.head).await.rows), ["clients 1 gone without image"]);
}
