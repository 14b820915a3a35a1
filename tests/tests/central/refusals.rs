//! Rows that central does not take: each by itself, with the reason.

use merge::{Key, RowId, Value};
use migrations::entity;
use sync::central::{Central, ItemOutcome, PushItem, Receipt, Refusal, RefusalKind};
use world::mariadb::{MariaDb, Options};

use super::{Place, agreed, batch, client, created, deleted, edited, id, site, uuid};

fn refusal(receipt: &Receipt, of: &RowId) -> Refusal {
    let (_, outcome) = receipt.outcomes.iter().find(|(id, _)| id == of).unwrap();
    match outcome {
        ItemOutcome::Refused(refusal) => refusal.clone(),
        ItemOutcome::Agreed { .. } => panic!("{of} was taken"),
    }
}

#[tokio::test]
async fn a_bad_row_stops_itself_and_says_why() {
    let place = Place::new().await;
    place.push(&batch(1, vec![created(client(1, "taken"), 1), created(site(2, 1, "HQ"), 1)])).await;
    let bad: Vec<(PushItem, RefusalKind)> = vec![
        (
            created(client(10, "taken"), 2),
            RefusalKind::Unique { columns: vec!["name"], existing: Some(id("clients", 1)) },
        ),
        (
            created(site(11, 99, "orphan"), 2),
            RefusalKind::MissingParent { column: "client_id", parent: id("clients", 99) },
        ),
        (deleted(client(1, "taken"), 2), RefusalKind::HasChildren { child: "sites".into() }),
        (
            created(client(12, "b").with("client_type", "PROSPECT"), 2),
            RefusalKind::Check { name: "ck_clients_client_type".into() },
        ),
        (created(client(13, &"x".repeat(256)), 2), RefusalKind::TooLong { column: "name".into() }),
        (
            created(client(14, "c").with("default_hourly_rate", i64::MAX), 2),
            RefusalKind::BadValue { column: "default_hourly_rate".into() },
        ),
        (
            created(client(15, "d").with("created_at", "2026-02-30T00:00:00.000000Z"), 2),
            RefusalKind::BadValue { column: "created_at".into() },
        ),
        (created(client(16, "e").with("name", Value::Null), 2), RefusalKind::BadValue { column: "name".into() }),
    ];
    let mut items: Vec<PushItem> = (20..40).map(|n| created(client(n, &format!("good {n}")), 3)).collect();
    for (place, (item, _)) in bad.iter().enumerate() {
        items.insert(place * 2, item.clone());
    }
    let head = place.pull(0).await.head;
    let receipt = place.push(&batch(2, items.clone())).await;
    for (item, kind) in &bad {
        let why = refusal(&receipt, &item.id);
        assert_eq!(&why.kind, kind, "{}", why.message);
        for secret in ["taken", "PROSPECT", "2026-02-30", "xxx"] {
            assert!(!why.message.contains(secret), "{}", why.message);
        }
    }
    assert_eq!(place.sql("SELECT COUNT(*) FROM clients WHERE name LIKE 'good %'"), "20");
    assert_eq!(place.pull(head).await.rows.len(), 20, "what was refused leaves no trace in the feed");
    assert_eq!(place.push(&batch(2, items)).await, receipt, "and the receipt remembers each reason");
}

#[tokio::test]
async fn bad_rows_among_hundreds_stop_only_themselves() {
    let place = Place::new().await;
    place.push(&batch(1, vec![created(client(1, "taken"), 1)])).await;
    let bad = [120, 390];
    let name = |n: u32| if bad.contains(&n) { "taken".to_owned() } else { format!("good {n}") };
    let items: Vec<PushItem> = (10..410).map(|n| created(client(n, &name(n)), 2)).collect();
    let receipt = place.push(&batch(2, items)).await;
    assert_eq!(receipt.outcomes.len(), 400);
    for (row, outcome) in &receipt.outcomes {
        let is_bad = bad.iter().any(|n| *row == id("clients", *n));
        assert_eq!(matches!(outcome, ItemOutcome::Refused(_)), is_bad, "{row}: {outcome:?}");
    }
    assert_eq!(place.sql("SELECT COUNT(*) FROM clients WHERE name LIKE 'good %'"), "398");
}

#[tokio::test]
async fn names_that_move_on_within_a_batch_are_no_obstacle() {
    let place = Place::new().await;
    let rows = [client(1, "one"), client(2, "two"), client(3, "three")];
    place.push(&batch(1, rows.iter().cloned().map(|row| created(row, 1)).collect())).await;
    let moved = |row: &merge::Row, name: &str| edited(row.clone(), row.clone().with("name", name), 2);
    let items = vec![moved(&rows[0], "two"), moved(&rows[1], "three"), moved(&rows[2], "four")];
    let receipt = place.push(&batch(2, items)).await;
    assert!(receipt.outcomes.iter().all(|(_, outcome)| agreed(outcome).is_some()));
    assert_eq!(place.sql("SELECT name FROM clients ORDER BY id"), "two\nthree\nfour");
    // The name of a row that goes is free for one that comes.
    let items = vec![created(client(4, "four"), 3), deleted(client(3, "three").with("name", "four"), 3)];
    let receipt = place.push(&batch(3, items)).await;
    assert_eq!(agreed(&receipt.outcomes[0].1).unwrap().text("name"), Some("four"));
    assert_eq!(agreed(&receipt.outcomes[1].1), None);
}

#[tokio::test]
async fn what_other_programs_triggers_say_is_passed_on() {
    let place = Place::new().await;
    place.sql(
        "DELIMITER //\nCREATE TRIGGER guard BEFORE INSERT ON tags FOR EACH ROW \
         IF NEW.name = 'bad' THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not this one'; END IF//\n",
    );
    let tag = |n: u32, name: &str| {
        let row = merge::Row::new(entity("tags").unwrap()).with("id", uuid(n)).with("name", name);
        created(
            row.with("created_at", "2026-01-01T00:00:00.000000Z").with("updated_at", "2026-01-01T00:00:00.000000Z"),
            1,
        )
    };
    let receipt = place.push(&batch(1, vec![tag(1, "good"), tag(2, "bad")])).await;
    let why = refusal(&receipt, &id("tags", 2));
    assert_eq!((why.kind, why.code, why.message.as_str()), (RefusalKind::Other, 1644, "not this one"));
    assert!(agreed(&receipt.outcomes[0].1).is_some());
}

#[tokio::test]
async fn keys_of_another_form_and_unreadable_rows_stop_only_themselves() {
    let place = Place::new().await;
    place.sql(&format!(
        "INSERT INTO clients (id, name, notes) VALUES ('{}', 'a', CONVERT(x'61EDA08062' USING utf8mb4))",
        uuid(1)
    ));
    let mut odd = created(client(2, "odd"), 1);
    odd.id = RowId::new(entity("clients").unwrap(), Key::new("ключ"));
    let unreadable = edited(client(1, "a"), client(1, "b"), 2);
    let items = vec![odd.clone(), unreadable.clone(), created(client(3, "good"), 1)];
    let receipt = place.push(&batch(1, items)).await;
    assert_eq!(refusal(&receipt, &odd.id).kind, RefusalKind::Other);
    assert_eq!(refusal(&receipt, &unreadable.id).kind, RefusalKind::Unreadable { column: "notes" });
    assert!(agreed(&receipt.outcomes[2].1).is_some());
}

#[tokio::test]
async fn a_row_over_the_packet_is_refused_before_it_is_sent() {
    let arguments = vec!["--max-allowed-packet=1M".to_owned()];
    let server = MariaDb::start_with(Options { arguments, ..Options::default() }).unwrap();
    let place = Place::on(&server).await;
    let limits = place.central.limits();
    assert_eq!(limits.bytes, 256 << 10);
    let large = |n: u32, bytes: usize| created(client(n, &n.to_string()).with("notes", "x".repeat(bytes)), 1);
    let items = vec![large(1, limits.row_bytes + 1), large(2, limits.row_bytes - 1000), large(3, 10)];
    let receipt = place.push(&batch(1, items)).await;
    assert_eq!(refusal(&receipt, &id("clients", 1)).kind, RefusalKind::TooBig);
    assert_eq!(place.sql("SELECT COUNT(*) FROM clients"), "2");
}

#[tokio::test]
async fn a_trigger_without_its_definer_is_no_rows_fault() {
    let place = Place::new().await;
    let user = format!("gone_{}", place.database);
    place.sql(&format!(
        "CREATE USER {user}@localhost; GRANT ALL ON `{}`.* TO {user}@localhost; \
         CREATE DEFINER = {user}@localhost TRIGGER other AFTER INSERT ON clients FOR EACH ROW SET @x = 1; \
         DROP USER {user}@localhost",
        place.database
    ));
    let central = Central::connect(&place.url()).await.unwrap();
    let error = central.push(&batch(1, vec![created(client(1, "a"), 1)])).await.unwrap_err();
    assert!(error.to_string().contains("1449"), "{error}");
    assert!(error.hint().is_some());
}
