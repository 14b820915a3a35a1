//! The sequencer and the feed under writers that commit when they please.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::{AssertSqlSafe, Connection as _, Executor as _};
use sync::central::FeedState;

use super::{Place, batch, client, created, deleted, id, told, uuid};

#[tokio::test]
async fn an_open_transaction_holds_nothing_up_and_is_not_skipped() {
    let place = Place::new().await;
    let mut open = place.foreign().await;
    let mut transaction = open.begin().await.unwrap();
    transaction.execute(AssertSqlSafe(insert(1))).await.unwrap();
    place.sql(&insert(2));
    let first = place.pull(0).await;
    assert_eq!(told(&first.rows), ["clients 2 there"], "the one that is not committed waits, the later one does not");
    transaction.commit().await.unwrap();
    let second = place.pull(first.next).await;
    assert_eq!(told(&second.rows), ["clients 1 there"]);
    assert!(place.pull(second.next).await.rows.is_empty());
}

/// The server reads the whole of a small table when many of its rows are asked for, and to lock what it reads it would
/// wait for the rows of others.
#[tokio::test]
async fn among_many_changes_an_open_transaction_is_not_waited_for() {
    let place = Place::new().await;
    for committed in [2, 9, 70] {
        let mut open = place.foreign().await;
        let mut transaction = open.begin().await.unwrap();
        let tag = format!("INSERT INTO tags (id, name) VALUES ('{}', 't')", uuid(1));
        transaction.execute(AssertSqlSafe(tag)).await.unwrap();
        let statements: Vec<String> = (1..=committed).map(|n| insert(committed * 1000 + n)).collect();
        place.sql(&statements.join("; "));
        assert_eq!(place.central.sequence().await.unwrap().numbered, u64::from(committed));
        let gone: Vec<String> = (1..=committed).map(|n| format!("'{}'", uuid(committed * 1000 + n))).collect();
        place.sql(&format!("DELETE FROM clients WHERE id IN ({})", gone.join(", ")));
        assert_eq!(place.central.sequence().await.unwrap().numbered, u64::from(committed));
        transaction.rollback().await.unwrap();
    }
}

fn insert(number: u32) -> String {
    format!("INSERT INTO clients (id, name) VALUES ('{}', 'n{number}')", uuid(number))
}

#[tokio::test]
async fn a_delete_that_commits_late_is_told_as_it_is() {
    let place = Place::new().await;
    place.sql(&insert(1));
    let head = place.pull(0).await.head;
    // The update's entry has the lower id, but the delete waits for it and commits after the first numbering.
    let mut open = place.foreign().await;
    let mut transaction = open.begin().await.unwrap();
    transaction.execute("UPDATE clients SET notes = 'x'").await.unwrap();
    assert!(place.pull(head).await.rows.is_empty());
    transaction.execute("DELETE FROM clients").await.unwrap();
    transaction.execute(AssertSqlSafe(insert(1))).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(told(&place.pull(head).await.rows), ["clients 1 there"]);
    assert_eq!(place.sql("SELECT deleted FROM ct_sync_rows"), "0");
}

#[tokio::test]
async fn many_writers_many_sequencers_nothing_is_missed() {
    let place = Arc::new(Place::new().await);
    let done = Arc::new(AtomicBool::new(false));
    let mut writers = Vec::new();
    for writer in 0..6_u32 {
        let mut connection = place.foreign().await;
        writers.push(tokio::spawn(async move {
            let mut committed = Vec::new();
            for turn in 0..40 {
                let number = writer * 1000 + turn + 1;
                let mut transaction = connection.begin().await.unwrap();
                transaction.execute(AssertSqlSafe(insert(number))).await.unwrap();
                tokio::task::yield_now().await;
                if number % 7 == 0 {
                    transaction.rollback().await.unwrap();
                } else {
                    transaction.commit().await.unwrap();
                    committed.push(uuid(number));
                }
            }
            committed
        }));
    }
    let mut sequencers = Vec::new();
    for _ in 0..2 {
        let (central, done) = (sync::central::Central::connect(&place.url()).await.unwrap(), Arc::clone(&done));
        sequencers.push(tokio::spawn(async move {
            while !done.load(Ordering::SeqCst) {
                central.sequence().await.unwrap();
            }
        }));
    }
    let puller = {
        let (place, done) = (Arc::clone(&place), Arc::clone(&done));
        tokio::spawn(async move {
            let (mut seen, mut cursor) = (BTreeSet::new(), 0);
            loop {
                let last = done.load(Ordering::SeqCst);
                place.central.sequence().await.unwrap();
                let numbered = !place.central.head().await.unwrap().outbox;
                let feed = place.central.feed(cursor, 50).await.unwrap();
                assert!(feed.rows.windows(2).all(|pair| pair[0].seq < pair[1].seq));
                seen.extend(feed.rows.iter().map(|row| row.id.key.as_str().to_owned()));
                cursor = feed.next;
                if last && numbered && feed.complete {
                    return seen;
                }
            }
        })
    };
    let mut committed = BTreeSet::new();
    for writer in writers {
        committed.extend(writer.await.unwrap());
    }
    for sequencer in sequencers {
        done.store(true, Ordering::SeqCst);
        sequencer.await.unwrap();
    }
    let seen = puller.await.unwrap();
    assert_eq!(seen.symmetric_difference(&committed).collect::<Vec<_>>(), Vec::<&String>::new());
    assert_eq!(place.sql("SELECT COUNT(*) FROM ct_sync_outbox"), "0");
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_overlap() {
    let place = Place::new().await;
    let rows: Vec<String> = (1..=1500).map(|n| format!("('{}', 't{n}')", uuid(n))).collect();
    place.sql(&format!("INSERT INTO tags (id, name) VALUES {}", rows.join(", ")));
    assert_eq!(place.central.sequence().await.unwrap().numbered, 1500);
    let (mut cursor, mut pages, mut seen) = (0, 0, BTreeSet::new());
    loop {
        let feed = place.central.feed(cursor, 400).await.unwrap();
        seen.extend(feed.rows.iter().map(|row| row.seq));
        (cursor, pages) = (feed.next, pages + 1);
        assert_eq!(feed.head, 1500);
        if feed.complete {
            break;
        }
    }
    assert_eq!((seen.len(), pages, cursor), (1500, 4, 1500));
    assert!(place.central.feed(cursor, 400).await.unwrap().rows.is_empty());
}

#[tokio::test]
async fn a_key_has_one_number_and_the_origin_only_of_a_single_writer() {
    let place = Place::new().await;
    place.push(&batch(1, vec![created(client(1, "a"), 7)])).await;
    let feed = place.pull(0).await;
    assert_eq!((feed.rows[0].origin.as_deref(), feed.rows[0].time.0), (Some(super::REPLICA), 7));
    place.push(&batch(2, vec![deleted(client(1, "a"), 9)])).await;
    place.sql(&insert(1));
    let again = place.pull(feed.next).await;
    assert_eq!(told(&again.rows), ["clients 1 there"]);
    assert_eq!(again.rows[0].origin, None, "another program wrote it as well");
    assert_eq!(place.sql("SELECT COUNT(*) FROM ct_sync_rows"), "1");
}

#[tokio::test]
async fn a_page_is_one_moment() {
    let place = Place::new().await;
    place.sql(&insert(1));
    place.central.sequence().await.unwrap();
    // Deleted, but not numbered: the row is told as it is, and the delete comes with a number of its own.
    place.sql("DELETE FROM clients");
    let feed = place.central.feed(0, 10).await.unwrap();
    assert_eq!(told(&feed.rows), ["clients 1 gone without image"]);
    let feed = place.pull(feed.next).await;
    assert_eq!(told(&feed.rows), ["clients 1 gone"]);
    assert!(matches!(
        place.central.rows(&[id("clients", 1)]).await.unwrap()[0].state,
        FeedState::Deleted { image: Some(_) }
    ));
}

#[tokio::test]
async fn the_head_tells_whether_there_is_something_to_do() {
    let place = Place::new().await;
    let before = place.central.head().await.unwrap();
    assert_eq!((before.seq, before.outbox), (0, false));
    place.sql(&insert(1));
    assert!(place.central.head().await.unwrap().outbox);
    place.central.sequence().await.unwrap();
    let after = place.central.head().await.unwrap();
    assert_eq!((after.seq, after.outbox, &after.epoch), (1, false, &before.epoch));
}

#[tokio::test]
async fn whoever_finds_the_counter_taken_leaves_it_to_the_other() {
    let place = Place::new().await;
    place.sql(&insert(1));
    let mut other = place.foreign().await;
    let mut transaction = other.begin().await.unwrap();
    transaction.execute("SELECT * FROM ct_sync_counter FOR UPDATE").await.unwrap();
    let left = place.central.sequence().await.unwrap();
    assert_eq!((left.numbered, left.elsewhere), (0, true));
    transaction.rollback().await.unwrap();
    assert_eq!(place.central.sequence().await.unwrap().numbered, 1);
}
