//! What a push leaves at central, and what it tells.

use merge::{HybridTime, Row, Rule, Winner};
use migrations::entity;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};
use sync::central::{Batch, ItemOutcome};
use world::mariadb::MariaDb;

use super::{Place, agreed, batch, client, created, deleted, edited, site, told, uuid};

fn task(number: u32, parent: Option<u32>) -> Row {
    Row::new(entity("tasks").unwrap())
        .with("id", uuid(number))
        .with("title", format!("task {number}"))
        .with("parent_task_id", parent.map(uuid))
        .with("status", "pending")
        .with("created_at", "2026-01-01T00:00:00.000000Z")
        .with("updated_at", "2026-01-01T00:00:00.000000Z")
        .with("task_order", 0_i64)
}

#[tokio::test]
async fn rows_go_in_whatever_their_order_and_come_out_as_they_were() {
    let place = Place::new().await;
    let mut rows = vec![task(3, Some(2)), task(2, Some(1)), site(5, 4, "HQ"), task(1, None), client(4, "a")];
    rows.extend((100..300).map(|n| client(n, &format!("client {n}"))));
    let items = rows.iter().cloned().zip(1..).map(|(row, time)| created(row, time)).collect();
    let receipt = place.push(&batch(1, items)).await;
    assert_eq!(receipt.outcomes.len(), rows.len());
    for ((of, outcome), row) in receipt.outcomes.iter().zip(&rows) {
        assert_eq!((of, agreed(outcome)), (&row.id(), Some(row)));
        assert_eq!(place.row(of).await.as_ref(), Some(row));
    }
    let feed = place.pull(0).await;
    for row in &feed.rows {
        let sent = rows.iter().position(|sent| sent.id() == row.id).unwrap();
        assert_eq!((row.time, row.origin.as_deref()), (HybridTime(sent as u64 + 1), Some(super::REPLICA)));
    }
    assert_eq!(feed.rows.len(), rows.len());
}

#[tokio::test]
async fn only_changed_columns_are_written() {
    let place = Place::new().await;
    let base = client(1, "a");
    place.push(&batch(1, vec![created(base.clone(), 1)])).await;
    // Somebody else changes another column, with a value that we would not write.
    place.sql("UPDATE clients SET is_active = 5, domain_name = 'them.example'");
    let mine = base.clone().with("notes", "mine");
    let receipt = place.push(&batch(2, vec![edited(base, mine.clone(), 2)])).await;
    let both = mine.with("domain_name", "them.example");
    assert_eq!(agreed(&receipt.outcomes[0].1), Some(&both));
    assert_eq!(place.sql("SELECT is_active, notes, domain_name FROM clients"), "5\tmine\tthem.example");
}

#[tokio::test]
async fn the_later_of_two_values_stands_and_the_other_is_told() {
    let place = Place::new().await;
    let base = client(1, "a");
    place.push(&batch(1, vec![created(base.clone(), 1)])).await;
    place.sql("UPDATE clients SET notes = 'theirs'");
    let earlier = edited(base.clone(), base.clone().with("notes", "mine"), 2);
    let receipt = place.push(&batch(2, vec![earlier])).await;
    let ItemOutcome::Agreed { row: Some(row), conflicts } = &receipt.outcomes[0].1 else { panic!() };
    assert_eq!(row.text("notes"), Some("theirs"));
    assert_eq!((conflicts[0].rule, conflicts[0].winner), (Rule::LastWriter, Winner::Remote));
    assert_eq!((conflicts[0].columns.as_slice(), conflicts[0].loser[0].as_text()), (&["notes"][..], Some("mine")));
}

#[tokio::test]
async fn a_stamp_from_the_future_counts_as_now() {
    let place = Place::new().await;
    let base = client(1, "a");
    place.push(&batch(1, vec![created(base.clone(), u64::MAX)])).await;
    let time = place.pull(0).await.rows[0].time;
    place.sql("UPDATE clients SET notes = 'later'");
    let later = place.pull(0).await.rows[0].time;
    assert!(time <= later, "{time} {later}");
    let future = edited(base.clone(), base.with("notes", "from the future"), u64::MAX - 1);
    let receipt = place.push(&batch(2, vec![future])).await;
    assert_eq!(agreed(&receipt.outcomes[0].1).unwrap().text("notes"), Some("from the future"));
    assert!(place.pull(0).await.rows[0].time < HybridTime(u64::MAX / 2));
}

#[tokio::test]
async fn deletes_go_children_first_and_leave_tombstones() {
    let place = Place::new().await;
    let (a, hq) = (client(1, "a"), site(2, 1, "HQ"));
    place.push(&batch(1, vec![created(a.clone(), 1), created(hq.clone(), 1)])).await;
    let head = place.pull(0).await.head;
    let receipt = place.push(&batch(2, vec![deleted(a, 2), deleted(hq, 2)])).await;
    assert!(receipt.outcomes.iter().all(|(_, outcome)| agreed(outcome).is_none()));
    let mut rows = told(&place.pull(head).await.rows);
    rows.sort();
    assert_eq!(rows, ["clients 1 gone", "sites 2 gone"]);
    // A row that is gone already is gone.
    let receipt = place.push(&batch(3, vec![deleted(client(1, "a"), 3)])).await;
    assert_eq!(agreed(&receipt.outcomes[0].1), None);
}

#[tokio::test]
async fn names_that_are_exchanged_or_passed_on_in_a_circle_all_arrive() {
    let place = Place::new().await;
    let names = ["a", "b", "c", "d", "e", "f"];
    let rows: Vec<Row> = names.iter().zip(1..).map(|(name, number)| client(number, name)).collect();
    place.push(&batch(1, rows.iter().map(|row| created(row.clone(), 1)).collect())).await;
    let to = |at: usize, name: &str| edited(rows[at].clone(), rows[at].clone().with("name", name), 2);
    // Two exchange theirs, three pass theirs on, and one goes where it was all along.
    let moves = [(0, "b"), (1, "a"), (2, "d"), (3, "e"), (4, "c")];
    let receipt = place.push(&batch(2, moves.map(|(at, name)| to(at, name)).to_vec())).await;
    for (at, name) in moves {
        assert_eq!(agreed(&receipt.outcomes[at].1).unwrap().text("name"), Some(name));
    }
    assert_eq!(place.sql("SELECT GROUP_CONCAT(name ORDER BY id) FROM clients"), "b,a,d,e,c,f");
}

#[tokio::test]
async fn a_circle_of_which_one_row_is_refused_stays_as_it_was() {
    let place = Place::new().await;
    let rows = [client(1, "a"), client(2, "b"), client(3, "c")];
    place.push(&batch(1, rows.iter().map(|row| created(row.clone(), 1)).collect())).await;
    let named = |at: usize, name: &str| edited(rows[at].clone(), rows[at].clone().with("name", name), 2);
    // Another program's rule, which is asked after the unique key.
    place.sql(
        "DELIMITER // \nCREATE TRIGGER theirs AFTER UPDATE ON clients FOR EACH ROW \
         IF NEW.name = 'b' THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no'; END IF //",
    );
    let receipt = place.push(&batch(2, vec![named(0, "b"), named(1, "a"), named(2, "z")])).await;
    let refused = |at: usize| matches!(&receipt.outcomes[at].1, ItemOutcome::Refused(_));
    assert_eq!([refused(0), refused(1), refused(2)], [true, true, false]);
    assert_eq!(place.sql("SELECT GROUP_CONCAT(name ORDER BY id) FROM clients"), "a,b,z");
}

#[tokio::test]
async fn a_row_that_refers_to_itself_can_be_deleted() {
    let place = Place::new().await;
    let task = task(1, None);
    place.push(&batch(1, vec![created(task.clone(), 1)])).await;
    place.sql("UPDATE tasks SET parent_task_id = id");
    let itself = task.with("parent_task_id", uuid(1));
    let receipt = place.push(&batch(2, vec![deleted(itself, 2)])).await;
    assert_eq!(agreed(&receipt.outcomes[0].1), None);
    assert_eq!(place.sql("SELECT COUNT(*) FROM tasks"), "0");
}

#[tokio::test]
async fn a_row_made_again_is_no_conflict_with_a_delete_that_was_known() {
    let place = Place::new().await;
    place.push(&batch(1, vec![created(client(1, "a"), 1)])).await;
    place.sql("DELETE FROM clients");
    let head = place.pull(0).await.head;
    let again = created(client(1, "again"), 2);
    let known = Batch { cursor: head, ..batch(2, vec![again.clone()]) };
    let receipt = place.push(&known).await;
    let ItemOutcome::Agreed { row, conflicts } = &receipt.outcomes[0].1 else { panic!() };
    assert_eq!((row.as_ref().and_then(|row| row.text("name")), conflicts.len()), (Some("again"), 0));
}

#[tokio::test]
async fn counters_add_up_and_a_batch_that_is_sent_again_does_not_count_twice() {
    let place = Place::new().await;
    let base = Row::new(entity("context_snippets").unwrap())
        .with("id", uuid(1))
        .with("snippet_type", "lesson")
        .with("title", "t")
        .with("dense_content", "c")
        .with("relevance_score", 500_i64)
        .with("usage_count", 10_i64)
        .with("created_at", "2026-01-01T00:00:00.000000Z")
        .with("updated_at", "2026-01-01T00:00:00.000000Z");
    place.push(&batch(1, vec![created(base.clone(), 1)])).await;
    place.sql("UPDATE context_snippets SET usage_count = usage_count + 5");
    let used = batch(2, vec![edited(base.clone(), base.with("usage_count", 13_i64), 2)]);
    for _ in 0..3 {
        let receipt = place.push(&used).await;
        assert_eq!(agreed(&receipt.outcomes[0].1).unwrap().int("usage_count"), Some(18));
    }
    assert_eq!(place.sql("SELECT usage_count FROM context_snippets"), "18");
}

#[tokio::test]
async fn rows_that_others_hold_are_waited_for_only_when_they_are_in_the_batch() {
    let place = Place::new().await;
    let link =
        |tag: u32| Row::new(entity("session_tags").unwrap()).with("session_id", uuid(1)).with("tag_id", uuid(tag));
    place.sql(&format!("INSERT INTO sessions (id) VALUES ('{}')", uuid(1)));
    let tags: Vec<String> = (1..=40).map(|n| format!("('{}', 't{n}')", uuid(n))).collect();
    place.sql(&format!("INSERT INTO tags (id, name) VALUES {}", tags.join(", ")));
    place.push(&batch(1, (1..=40).map(|n| created(link(n), 1)).collect())).await;
    let clients = (1..=40).map(|n| created(client(n, &n.to_string()), 1)).collect();
    place.push(&batch(2, clients)).await;
    let mut other = place.foreign().await;
    let mut held = other.begin().await.unwrap();
    for table in ["clients WHERE id", "session_tags WHERE tag_id"] {
        held.execute(AssertSqlSafe(format!("DELETE FROM {table} = '{}'", uuid(40)))).await.unwrap();
    }
    let edits = (1..40).map(|n| edited(client(n, &n.to_string()), client(n, &format!("new {n}")), 2));
    let receipt = place.push(&batch(3, edits.chain((1..40).map(|n| deleted(link(n), 2))).collect())).await;
    assert!(receipt.outcomes.iter().all(|(_, outcome)| matches!(outcome, ItemOutcome::Agreed { .. })));
    held.rollback().await.unwrap();
}

#[tokio::test]
async fn two_moves_cannot_close_a_circle() {
    let place = Place::new().await;
    let task = |number: u32| {
        Row::new(entity("tasks").unwrap())
            .with("id", uuid(number))
            .with("title", "t")
            .with("status", "pending")
            .with("created_at", "2026-01-01T00:00:00.000000Z")
            .with("updated_at", "2026-01-01T00:00:00.000000Z")
            .with("task_order", 0_i64)
    };
    place.push(&batch(1, vec![created(task(1), 1), created(task(2), 1), created(task(3), 1)])).await;
    let below = |number: u32, parent: u32| edited(task(number), task(number).with("parent_task_id", uuid(parent)), 2);
    place.push(&batch(2, vec![below(1, 2), below(2, 3)])).await;
    let receipt = place.push(&batch(3, vec![below(3, 1)])).await;
    let ItemOutcome::Agreed { row: Some(row), conflicts } = &receipt.outcomes[0].1 else { panic!() };
    assert_eq!((row.text("parent_task_id"), conflicts.last().unwrap().rule), (None, Rule::Cycle));
    assert_eq!(place.sql("SELECT COUNT(*) FROM tasks WHERE parent_task_id IS NULL"), "1");
}

#[tokio::test]
async fn a_merge_that_a_condition_refuses_gives_up_only_what_it_is_about() {
    let place = Place::new().await;
    // A condition that the catalogue does not know.
    place.sql("ALTER TABLE clients ADD CONSTRAINT own_rate CHECK (is_active = 1 OR default_hourly_rate IS NULL)");
    let base = client(1, "a");
    place.push(&batch(1, vec![created(base.clone(), 1)])).await;
    place.sql("UPDATE clients SET is_active = 0");
    let mine = base.clone().with("default_hourly_rate", 5000_i64).with("notes", "mine");
    let receipt = place.push(&batch(2, vec![edited(base, mine, 2)])).await;
    let (id, ItemOutcome::Agreed { row: Some(row), conflicts }) = &receipt.outcomes[0] else { panic!("{receipt:?}") };
    assert_eq!(
        (row.int("is_active"), row.int("default_hourly_rate"), row.text("notes")),
        (Some(0), None, Some("mine"))
    );
    assert_eq!(place.row(id).await.as_ref(), Some(row));
    assert_eq!((conflicts.len(), conflicts[0].rule, conflicts[0].winner), (1, Rule::Check, Winner::Remote));
    assert_eq!(conflicts[0].columns, ["default_hourly_rate"]);
    // What is all of one's own making is refused, so that its writer hears of it.
    let wrong = row.clone().with("is_active", false).with("default_hourly_rate", 1_i64);
    let both = client(2, "b").with("is_active", false).with("default_hourly_rate", 1_i64);
    let receipt = place.push(&batch(3, vec![created(both, 3), edited(row.clone(), wrong, 3)])).await;
    assert!(matches!(receipt.outcomes[0].1, ItemOutcome::Refused(_)), "{receipt:?}");
}

/// Each statement is a way to central and back, which over a distance takes longer than all that is done there.
#[tokio::test]
async fn a_batch_that_is_twice_as_large_takes_hardly_more_statements() {
    let server = MariaDb::start().unwrap();
    let place = Place::on(&server).await;
    let executed = || {
        let told = place.sql("SHOW GLOBAL STATUS LIKE 'Com_stmt_execute'");
        told.split_whitespace().last().unwrap().parse::<u64>().unwrap()
    };
    let mut statements = Vec::new();
    for (number, rows) in [(1, 200), (2, 400)] {
        let before = executed();
        let first = 1000 * number;
        let items = (first..first + rows).map(|n| created(client(n, &n.to_string()), 1)).collect();
        place.push(&batch(u64::from(number), items)).await;
        statements.push(executed() - before);
    }
    // A list of keys is asked for in pieces: one more of each of the three.
    assert!(statements[1] <= statements[0] + 3, "{statements:?}");
}
