//! Values at central that a replica cannot hold, or holds although it would not let anybody enter them: the row stops
//! itself, the others of its page go on, and it comes by itself once it is corrected.

use migrations::catalogue::{CLIENTS, CONVERSATION_CONTEXTS, PROJECTS, TASKS};
use sync::StoreError;

use super::{Pair, quarantine, refused};
use crate::reconcile::{Machine, client, id};

impl Pair {
    /// Runs SQL as a careless program would, then a round of both machines.
    async fn foreign(&self, sql: &str) {
        self.central.sql(&format!("SET sql_mode = ''; {sql}"));
        self.rounds().await;
    }
}

/// The row is in quarantine on both machines, for this reason, beside a good one that has come.
async fn assert_refused(pair: &Pair, table: &str, reason: &str) {
    for machine in [&pair.a, &pair.b] {
        let row = refused(machine);
        assert_eq!((row.table.as_str(), row.refused_by.as_str()), (table, "replica"), "{row:?}");
        assert!(row.reason.contains(reason), "{row:?}");
        assert!(machine.get(CLIENTS, "good").await.is_some());
    }
}

fn good() -> String {
    format!("INSERT INTO clients (id, name) VALUES ('{}', 'good');", id("good"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_zero_date() {
    let pair = Pair::new().await;
    pair.foreign(&format!(
        "{} INSERT INTO clients (id, name, created_at) VALUES ('{}', 'z', '0000-00-00')",
        good(),
        id("z")
    ))
    .await;
    assert_refused(&pair, "clients", "created_at is not a time").await;
    pair.foreign("UPDATE clients SET created_at = '2026-01-01' WHERE name = 'z'").await;
    assert_eq!(pair.b.get(CLIENTS, "z").await.unwrap().text("created_at"), Some("2026-01-01T00:00:00.000000Z"));
    pair.assert_settled("clients", "created_at");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_zero_in_a_row_that_was_here_before() {
    let pair = Pair::new().await;
    let insert = "INSERT INTO tasks (id, title, due_on) VALUES";
    pair.foreign(&format!("{} {insert} ('{}', 't', '2026-01-31')", good(), id("t"))).await;
    pair.foreign("UPDATE tasks SET due_on = '2026-01-00', title = 'changed'").await;
    assert_refused(&pair, "tasks", "due_on is not a date").await;
    assert_eq!(pair.a.get(TASKS, "t").await.unwrap().text("due_on"), Some("2026-01-31"), "what was here stays");
    pair.foreign("UPDATE tasks SET due_on = '2026-02-01'").await;
    assert_eq!(pair.b.get(TASKS, "t").await.unwrap().text("title"), Some("changed"));
    pair.assert_settled("tasks", "due_on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_is_not_utf_8_and_an_edit_of_it_here() {
    let pair = Pair::new().await;
    pair.foreign(&format!("{} INSERT INTO clients (id, name) VALUES ('{}', 's')", good(), id("s"))).await;
    // A lone surrogate: the server takes it, no other program should.
    pair.foreign("UPDATE clients SET notes = CONVERT(x'61EDA08062' USING utf8mb4) WHERE name = 's'").await;
    assert_refused(&pair, "clients", "notes is not UTF-8").await;
    pair.a.edit("s", "domain_name", "s.example").await;
    pair.a.round().await;
    let by_both: Vec<String> = quarantine(&pair.a).into_iter().map(|row| row.refused_by).collect();
    assert_eq!(by_both.len(), 2, "neither side's version can go to the other: {by_both:?}");
    pair.foreign("UPDATE clients SET notes = 'ab' WHERE name = 's'").await;
    let row = pair.b.get(CLIENTS, "s").await.unwrap();
    assert_eq!((row.text("notes"), row.text("domain_name")), (Some("ab"), Some("s.example")));
    pair.assert_settled("clients", "notes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decimal_with_more_digits() {
    let pair = Pair::new().await;
    pair.central.sql("ALTER TABLE clients MODIFY default_hourly_rate DECIMAL(14,5)");
    pair.foreign(&format!(
        "{} INSERT INTO clients (id, name, default_hourly_rate) VALUES ('{}', 'd', 1.00005)",
        good(),
        id("d")
    ))
    .await;
    assert_refused(&pair, "clients", "default_hourly_rate has too many digits").await;
    pair.foreign("UPDATE clients SET default_hourly_rate = 1.05000 WHERE name = 'd'").await;
    assert_eq!(pair.b.get(CLIENTS, "d").await.unwrap().int("default_hourly_rate"), Some(105));
    pair.assert_settled("clients", "default_hourly_rate");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_beyond_64_bits() {
    let pair = Pair::new().await;
    pair.central.sql("ALTER TABLE conversation_contexts MODIFY usage_count BIGINT UNSIGNED NOT NULL DEFAULT 0");
    let insert = |name: &str, count: &str| {
        format!(
            "INSERT INTO conversation_contexts (id, context_type, title, dense_summary, usage_count) \
             VALUES ('{}', 'checkpoint', 't', 's', {count});",
            id(name)
        )
    };
    pair.foreign(&(good() + &insert("n", "18446744073709551615") + &insert("wide", "4294967296"))).await;
    assert_refused(&pair, "conversation_contexts", "usage_count is not a whole number of 64 bits").await;
    assert_eq!(pair.b.get(CONVERSATION_CONTEXTS, "wide").await.unwrap().int("usage_count"), Some(1 << 32));
    // What is more than may be entered here does not forbid an edit of another column.
    let wide = pair.b.get(CONVERSATION_CONTEXTS, "wide").await.unwrap();
    pair.b.put(wide.with("title", "edited")).await;
    pair.foreign("UPDATE conversation_contexts SET usage_count = 7 WHERE usage_count > 4294967296").await;
    assert_eq!(pair.b.get(CONVERSATION_CONTEXTS, "n").await.unwrap().int("usage_count"), Some(7));
    assert_eq!(pair.a.get(CONVERSATION_CONTEXTS, "wide").await.unwrap().text("title"), Some("edited"));
    pair.assert_settled("conversation_contexts", "usage_count");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_is_not_json() {
    let pair = Pair::new().await;
    let insert = "INSERT INTO projects (id, name, slug, technologies) VALUES";
    pair.foreign(&format!("{} {insert} ('{}', 'p', 'p', '[rust')", good(), id("p"))).await;
    assert_refused(&pair, "projects", "technologies is not JSON").await;
    pair.foreign("UPDATE projects SET technologies = '[ \"rust\" ]'").await;
    assert_eq!(pair.b.get(PROJECTS, "p").await.unwrap().text("technologies"), Some("[\"rust\"]"));
    pair.assert_settled("projects", "technologies");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_value_where_the_replica_wants_one() {
    let pair = Pair::new().await;
    pair.central
        .sql("ALTER TABLE clients MODIFY name VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NULL");
    pair.foreign(&format!("{} INSERT INTO clients (id, name, notes) VALUES ('{}', NULL, 'kept')", good(), id("e")))
        .await;
    assert_refused(&pair, "clients", "name has no value at central").await;
    pair.foreign("UPDATE clients SET name = 'e' WHERE name IS NULL").await;
    assert_eq!(pair.b.get(CLIENTS, "e").await.unwrap().text("notes"), Some("kept"));
    pair.assert_settled("clients", "name");
}

/// The row has come to both machines although nobody could enter it there, and an edit of another column travels.
async fn assert_tolerated(pair: &Pair, name: &str) {
    for machine in [&pair.a, &pair.b] {
        assert!(quarantine(machine).is_empty() && machine.get(CLIENTS, name).await.is_some());
    }
    pair.a.edit(name, "contact_phone", "0170").await;
    pair.rounds().await;
    assert_eq!(pair.b.get(CLIENTS, name).await.unwrap().text("contact_phone"), Some("0170"));
    pair.assert_settled("clients", "contact_phone");
}

async fn enter(machine: &Machine, name: &str, column: &str, value: impl Into<merge::Value>) -> StoreError {
    let row = machine.get(CLIENTS, name).await.unwrap().with(column, value);
    machine.store.write_async(move |tx| tx.put(row)).await.unwrap_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_outside_a_list_that_central_does_not_check() {
    let pair = Pair::new().await;
    pair.central.sql("ALTER TABLE clients DROP CONSTRAINT ck_clients_client_type");
    pair.foreign(&format!("INSERT INTO clients (id, name, client_type) VALUES ('{}', 'c', 'partner')", id("c"))).await;
    assert_eq!(pair.b.get(CLIENTS, "c").await.unwrap().text("client_type"), Some("partner"));
    assert_tolerated(&pair, "c").await;
    let error = enter(&pair.a, "c", "client_type", "friend").await;
    assert!(error.to_string().contains("must be one of"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_is_longer_than_may_be_entered_here() {
    let pair = Pair::new().await;
    pair.central.sql("ALTER TABLE clients MODIFY domain_name TEXT");
    let sql = format!("INSERT INTO clients (id, name, domain_name) VALUES ('{}', 'l', REPEAT('ä', 900))", id("l"));
    pair.foreign(&sql).await;
    assert_eq!(pair.b.get(CLIENTS, "l").await.unwrap().text("domain_name"), Some("ä".repeat(900).as_str()));
    assert_tolerated(&pair, "l").await;
    let error = enter(&pair.a, "l", "domain_name", "b".repeat(900)).await;
    assert!(error.to_string().contains("longer than 255"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_with_a_nul() {
    let pair = Pair::new().await;
    let sql = format!("INSERT INTO clients (id, name, notes) VALUES ('{}', 'n', CONCAT('a', CHAR(0), 'b'))", id("n"));
    pair.foreign(&sql).await;
    assert_eq!(pair.b.get(CLIENTS, "n").await.unwrap().text("notes"), Some("a\0b"));
    assert_tolerated(&pair, "n").await;
    assert_eq!(pair.central.sql("SELECT HEX(notes) FROM clients"), "610062");
    let error = enter(&pair.a, "n", "notes", "c\0d").await;
    assert!(error.to_string().contains("U+0000"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truth_that_is_five_or_minus_one() {
    let pair = Pair::new().await;
    let insert = "INSERT INTO clients (id, name, is_active) VALUES";
    pair.foreign(&format!("{insert} ('{}', 'five', 5), ('{}', 'minus', -1)", id("five"), id("minus"))).await;
    for name in ["five", "minus"] {
        assert_eq!(pair.b.get(CLIENTS, name).await.unwrap().int("is_active"), Some(1), "{name}");
        assert_tolerated(&pair, name).await;
    }
    let truths = || pair.central.sql("SELECT is_active FROM clients ORDER BY name");
    assert_eq!(truths(), "5\n-1", "what nobody changed is left as it was");
    pair.a.put(pair.a.get(CLIENTS, "five").await.unwrap().with("is_active", false)).await;
    pair.a.put(client("other")).await;
    pair.rounds().await;
    assert_eq!(truths(), "0\n-1\n1");
}
