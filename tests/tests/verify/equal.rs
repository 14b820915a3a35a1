//! What is equal is found equal, for little, and stays so.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use migrations::catalogue::{CLIENTS, CONVERSATION_CONTEXTS, TAGS};
use migrations::{Direction, ENTITIES};

use super::{compare, two_with_clients};
use crate::reconcile::{Machine, central, client, id};
use crate::schema::sample;

#[tokio::test(flavor = "multi_thread")]
async fn both_engines_hash_every_table_and_type_alike() {
    let central = central().await;
    let a = Machine::new("a", &central).await;
    let tables = || ENTITIES.iter().copied().filter(|entity| entity.is_replicated());
    for n in [1, 2] {
        for entity in tables().filter(|entity| entity.sync.direction != Direction::Pull) {
            // A relationship takes two services.
            if n == 2 || entity.name != "service_relationships" {
                let row = sample::full(entity, n, n);
                let what = row.id();
                a.store.write_async(move |tx| tx.put(row)).await.unwrap_or_else(|error| panic!("{what}: {error}"));
            }
        }
    }
    central.sql(&format!(
        "INSERT INTO users (id, email, password_hash, full_name) VALUES ('{}', 'a@b.c', 'x', 'A')",
        id("user")
    ));
    let pushed = a.round().await.pushed;
    assert!(pushed > 60, "{pushed}");
    let report = compare(&a).await;
    let compared: Vec<&str> = report.tables.iter().map(|table| table.table.as_str()).collect();
    assert_eq!(compared, tables().map(|entity| entity.name).collect::<Vec<_>>());
    assert_eq!(
        report.differences,
        0,
        "{:#?}",
        report.tables.iter().filter(|t| t.differences() > 0).collect::<Vec<_>>()
    );
    let b = Machine::new("b", &central).await;
    assert_eq!(compare(&b).await.differences, 0);
    // A change of any single column is seen.
    for (column, value) in
        [("notes", "'x'"), ("is_active", "0"), ("default_hourly_rate", "1.01"), ("updated_at", "NOW(6)")]
    {
        central.sql(&format!("DROP TRIGGER IF EXISTS ct_sync_clients_update; UPDATE clients SET {column} = {value}"));
        let found = compare(&a).await;
        let columns = &super::of(&found, "clients").examples[0].columns;
        assert!(columns.contains(&column.to_owned()), "{columns:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn local_changes_and_rows_in_quarantine_are_no_differences() {
    let central = central().await;
    let (a, b) = two_with_clients(&central, 20).await;
    a.edit("client 1", "notes", "changed here only").await;
    a.delete(CLIENTS, "client 2").await;
    a.put(client("new here")).await;
    assert_eq!(compare(&a).await.differences, 0);
    // A value that this side cannot hold is in quarantine, and no news each time.
    central.sql(&format!(
        "SET sql_mode = ''; INSERT INTO tags (id, name, updated_at) VALUES ('{}', 'x', '0000-00-00')",
        id("tag")
    ));
    b.round().await;
    assert_eq!(b.engine.status().quarantined, 1);
    let first = compare(&b).await;
    let second = compare(&b).await;
    assert_eq!((first.differences, second.differences), (0, 0));
    assert!(second.received_bytes < first.received_bytes, "{} then {}", first.received_bytes, second.received_bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn json_that_another_program_wrote_in_its_own_way_is_equal_and_costs_once() {
    let central = central().await;
    let a = Machine::new("a", &central).await;
    let values = |number: usize| {
        let key = id(&format!("context {number}"));
        format!("('{key}', 'checkpoint', 't', 's', '{{ \"b\": [1, 2], \"a\": \"\\\\u00e9\" }}')")
    };
    let list: Vec<String> = (0..600).map(values).collect();
    central.sql(&format!(
        "INSERT INTO conversation_contexts (id, context_type, title, dense_summary, tags) VALUES {}",
        list.join(", ")
    ));
    a.round().await;
    assert_eq!(
        a.get(CONVERSATION_CONTEXTS, "context 1").await.unwrap().text("tags"),
        Some("{\"a\":\"é\",\"b\":[1,2]}")
    );
    let first = compare(&a).await;
    let second = compare(&a).await;
    assert_eq!((first.differences, second.differences, second.rows), (0, 0, 600));
    assert!(first.received_bytes > 100_000, "{}", first.received_bytes);
    assert!(second.received_bytes < 5_000, "{}", second.received_bytes);
    // What is remembered does not hide a real difference.
    central.sql(&format!(
        "DROP TRIGGER ct_sync_conversation_contexts_update; \
         UPDATE conversation_contexts SET tags = '[ \"other\" ]' WHERE id = '{}'",
        id("context 7")
    ));
    let third = compare(&a).await;
    assert_eq!(third.differences, 1);
    assert_eq!(super::of(&third, "conversation_contexts").examples[0].columns, ["tags"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_write_meanwhile_is_no_difference() {
    let central = Arc::new(central().await);
    let (a, _b) = two_with_clients(&central, 200).await;
    let writing = Arc::new(AtomicBool::new(true));
    let writer = {
        let (central, writing) = (Arc::clone(&central), Arc::clone(&writing));
        tokio::task::spawn_blocking(move || {
            let mut written = 0;
            while writing.load(Ordering::Relaxed) {
                let tag = id(&format!("tag {written}"));
                central.sql(&format!(
                    "UPDATE clients SET notes = CONCAT('n', {written}) WHERE RAND() < 0.3; \
                     INSERT INTO tags (id, name) VALUES ('{tag}', 'tag {written}'); \
                     DELETE FROM tags WHERE RAND() < 0.1"
                ));
                written += 1;
            }
            written
        })
    };
    let mut compared = 0;
    for _ in 0..12 {
        let report = compare(&a).await;
        assert_eq!(report.differences, 0, "{report:?}");
        compared += report.rows;
    }
    writing.store(false, Ordering::Relaxed);
    let written = writer.await.unwrap();
    assert!(written > 10 && compared > 2000, "{written} writes, {compared} rows");
    a.round().await;
    assert_eq!(compare(&a).await.differences, 0);
    assert!(a.get(TAGS, "tag 0").await.is_some() || written > 0);
}
