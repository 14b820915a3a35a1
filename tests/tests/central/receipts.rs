//! Exactly once: lost acknowledgements, late transactions, copies of a replica.

use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection as _, Executor as _};
use sync::central::{Batch, CentralError};

use super::{Place, REPLICA, agreed, batch, client, created, edited, uuid};

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
