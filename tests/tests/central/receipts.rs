//! Exactly once: lost acknowledgements, late transactions, copies of a replica.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};
use sync::central::{Batch, CentralError};
use world::mariadb::shared;
use world::proxy::{At, Fault, Proxy, Rule};

use super::{Place, REPLICA, agreed, batch, client, created, edited, uuid};
use crate::reconcile::{self, Machine};

#[tokio::test]
async fn a_batch_that_was_done_gives_the_receipt_it_had() {
    let place = Place::new().await;
    let first = batch(1, vec![created(client(1, "a"), 1)]);
    let receipt = place.push(&first).await;
    place.sql("UPDATE clients SET name = 'changed since'");
    assert_eq!(place.push(&first).await, receipt);
    assert_eq!(place.central.resolve(&first).await.unwrap(), Some(receipt.clone()));
    let mut other_order = first.clone();
    other_order.items.reverse();
    assert_eq!(place.push(&other_order).await, receipt);
    assert_eq!(place.sql("SELECT name FROM clients"), "changed since");
}

#[tokio::test]
async fn a_batch_that_was_not_done_never_will_be() {
    let place = Place::new().await;
    let lost = batch(1, vec![created(client(1, "a"), 1)]);
    assert_eq!(place.central.resolve(&lost).await.unwrap(), None);
    assert_eq!(place.central.resolve(&lost).await.unwrap(), None, "and this may be asked again");
    let late = place.central.push(&lost).await;
    assert!(matches!(late, Err(CentralError::Rewound { known: 1, sent: 1 })), "{late:?}");
    assert_eq!(place.sql("SELECT COUNT(*) FROM clients"), "0");
    place.push(&batch(2, vec![created(client(1, "a"), 1)])).await;
}

#[tokio::test]
async fn a_transaction_that_is_still_alive_is_waited_for() {
    let place = Place::new().await;
    place.push(&batch(1, vec![created(client(1, "a"), 1)])).await;
    // As a push whose connection was cut here but not there: it holds the machine's row and commits in a while.
    let mut zombie = place.foreign().await;
    let mut transaction = zombie.begin().await.unwrap();
    let lock = format!("SELECT batch_no FROM ct_sync_machines WHERE replica_id = '{REPLICA}' FOR UPDATE");
    transaction.execute(AssertSqlSafe(lock)).await.unwrap();
    let next = batch(2, vec![edited(client(1, "a"), client(1, "b"), 2)]);
    let asked = place.central.resolve(&next);
    tokio::pin!(asked);
    assert!(tokio::time::timeout(Duration::from_millis(300), &mut asked).await.is_err(), "it waits");
    transaction.execute("UPDATE ct_sync_machines SET batch_no = 2").await.unwrap();
    let copy = "INSERT INTO ct_sync_receipts SELECT replica_id, 2, digest, outcomes, 0 FROM ct_sync_receipts";
    transaction.execute(copy).await.unwrap();
    transaction.commit().await.unwrap();
    let answer = asked.await;
    assert!(matches!(answer, Err(CentralError::Rewound { .. })), "what was committed was another batch: {answer:?}");
}

#[tokio::test]
async fn a_copy_of_a_replica_is_told_from_the_original() {
    let place = Place::new().await;
    place.push(&batch(1, vec![created(client(1, "a"), 1)])).await;
    place.push(&batch(2, vec![created(client(2, "b"), 1)])).await;
    for copy in [batch(2, vec![created(client(3, "c"), 1)]), batch(1, vec![created(client(3, "c"), 1)])] {
        let error = place.central.push(&copy).await.unwrap_err();
        assert!(matches!(error, CentralError::Rewound { known: 2, .. }), "{error}");
        assert!(error.hint().is_some());
        let error = place.central.resolve(&copy).await.unwrap_err();
        assert!(matches!(error, CentralError::Rewound { known: 2, .. }), "{error}");
    }
    assert_eq!(place.sql("SELECT COUNT(*) FROM clients"), "2");
}

#[tokio::test]
async fn receipts_do_not_pile_up() {
    let place = Place::new().await;
    for number in 1..=20 {
        place.push(&batch(number.into(), vec![created(client(number, &number.to_string()), 1)])).await;
    }
    assert_eq!(place.sql("SELECT COUNT(*), MAX(batch_no) FROM ct_sync_receipts"), "8\t20");
}

#[tokio::test]
async fn two_machines_that_make_the_same_row_at_once_both_get_it() {
    let place = Place::new().await;
    let batches: Vec<Batch> = (0..4)
        .map(|n| {
            let row = client(1, "same").with("notes", format!("from {n}"));
            Batch { replica_id: uuid(100 + n), ..batch(1, vec![created(row, u64::from(n) + 1)]) }
        })
        .collect();
    let pushes = batches.iter().map(|batch| {
        let (url, batch) = (place.url(), batch.clone());
        tokio::spawn(async move { sync::central::Central::connect(&url).await.unwrap().push(&batch).await })
    });
    let mut done = 0;
    for push in pushes.collect::<Vec<_>>() {
        match push.await.unwrap() {
            Ok(receipt) => {
                assert!(agreed(&receipt.outcomes[0].1).is_some());
                done += 1;
            }
            Err(error) => assert!(error.is_retryable(), "{error}"),
        }
    }
    assert!(done > 0);
    assert_eq!(place.sql("SELECT COUNT(*) FROM clients"), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_of_a_newer_build_keeps_no_machine_from_going_on() {
    let server = shared().unwrap();
    let central = reconcile::Central::on(server).await;
    let proxy = Proxy::start(server).unwrap();
    let machine = Arc::new(Machine::through("a", proxy.url(&central.database).parse().unwrap()).await);
    for name in ["plain", "refused", "of an unknown kind"] {
        machine.put(reconcile::client(name)).await;
    }
    // Central does it, and the answer is lost; then a daemon of another version asks for the receipt.
    proxy.arm(vec![Rule { at: At::Text("INSERT INTO ct_sync_receipts"), fault: Fault::Hold }]);
    let pushing = tokio::spawn({
        let machine = Arc::clone(&machine);
        async move { machine.engine.round().await }
    });
    tokio::task::block_in_place(|| proxy.wait_until_held(Duration::from_secs(30))).unwrap();
    proxy.arm(vec![Rule { at: At::Text("COMMIT"), fault: Fault::LoseAnswer }]);
    proxy.release();
    assert!(pushing.await.unwrap().is_err());
    assert_eq!(central.sql("SELECT COUNT(*) FROM clients; SELECT COUNT(*) FROM ct_sync_receipts"), "3\n1");
    rewrite(&central);
    let round = machine.engine.round().await;
    assert!(round.is_ok(), "the machine is stuck: {round:?}");
    let status = machine.engine.status();
    // What was refused in words of tomorrow was in quarantine for a moment: central's own change log settled it.
    assert_eq!((status.quarantined, status.pending, status.conflicts), (0, 0, 1), "{status:?}");
    let conflicts = machine.store.read(|tx| sync::local::conflicts(tx, 10, false, None)).unwrap();
    assert_eq!(conflicts.len(), 1, "{conflicts:?}");
    assert!(conflicts[0].explanation.contains("a newer claudetools"), "{conflicts:?}");
    // Everything is as it was meant, and goes on.
    for name in ["refused", "of an unknown kind"] {
        machine.edit(name, "notes", "edited since").await;
    }
    machine.round().await;
    assert_eq!((machine.engine.status().quarantined, machine.engine.status().pending), (0, 0));
    for column in ["name", "notes"] {
        assert_eq!(machine.column("clients", column), reconcile::central_column(&central, "clients", column));
    }
}

/// The receipt as a build of tomorrow could have written it.
fn rewrite(central: &reconcile::Central<'_>) {
    let of = |name: &str, outcome: Value| {
        let mut item = json!({ "table": "clients", "key": reconcile::id(name) });
        item.as_object_mut().unwrap().extend(outcome.as_object().unwrap().clone());
        item
    };
    let row = central.sql(&format!(
        "SELECT JSON_OBJECT('id', id, 'name', name, 'client_type', client_type, 'is_active', 1, 'colour', 'red', \
         'created_at', DATE_FORMAT(created_at, '%Y-%m-%dT%H:%i:%s.%fZ'), \
         'updated_at', DATE_FORMAT(updated_at, '%Y-%m-%dT%H:%i:%s.%fZ')) FROM clients WHERE id = '{}'",
        reconcile::id("plain")
    ));
    let row: Value = serde_json::from_str(&row).unwrap();
    let conflict = json!({ "columns": ["notes", "colour"], "rule": "of_tomorrow", "local_won": false,
                           "loser": { "notes": "mine", "colour": "red" }, "kept": {} });
    let receipt = json!([
        of("plain", json!({ "outcome": "row", "row": row, "conflicts": [conflict] })),
        of(
            "refused",
            json!({ "outcome": "refused", "code": 1, "message": "why", "refusal": { "kind": "of_tomorrow" } })
        ),
        of("of an unknown kind", json!({ "outcome": "of_tomorrow" })),
    ]);
    let hex = crate::replica::hex(receipt.to_string().as_bytes());
    central.sql(&format!("UPDATE ct_sync_receipts SET outcomes = UNHEX('{hex}')"));
}
