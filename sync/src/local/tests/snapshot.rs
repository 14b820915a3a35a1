//! A snapshot that is being taken: where it goes on, and what it finds to be gone.

use merge::{HybridTime, Key};
use migrations::catalogue::{CLIENTS, SITES};

use super::{at_central, client, id, key, open, present, replica};
use crate::local::{self, FeedState, SnapshotProgress};

#[test]
fn it_goes_on_where_it_was_after_a_restart() {
    let replica = replica();
    let row = at_central(client("Acme"));
    let page = vec![(row.id(), FeedState::Present(row.clone()))];
    replica.remote(move |tx| {
        local::begin(tx, (77, HybridTime(0)), false, &[(CLIENTS, 10), (SITES, 5)])?;
        local::take_page(tx, CLIENTS, page, Some(&row.id().key), false)
    });
    replica.store.close().unwrap();
    let store = open(&replica.folder);
    let snapshot = store.write(|tx| local::under_way(tx)).unwrap().unwrap();
    assert_eq!((snapshot.head, snapshot.again), (77, false));
    assert_eq!(snapshot.next, Some((CLIENTS, Some(key("Acme")))));
    let progress = store.read(local::snapshot_progress).unwrap().unwrap();
    let expected = SnapshotProgress { table: "clients".into(), rows: 1, total: 15, tables_done: 0, tables: 2 };
    assert_eq!(progress, expected);
    store.write(|tx| local::table_done(tx, CLIENTS)).unwrap();
    let snapshot = store.write(|tx| local::under_way(tx)).unwrap().unwrap();
    assert_eq!(snapshot.next, Some((SITES, None)));
    store.write(|tx| local::table_done(tx, SITES)).unwrap();
    assert_eq!(store.write(|tx| local::under_way(tx)).unwrap().unwrap().next, None);
    store.write(|tx| local::finish(tx, 77)).unwrap();
    assert!(store.write(|tx| local::under_way(tx)).unwrap().is_none());
    assert_eq!(store.read(local::snapshot_progress).unwrap(), None);
    assert_eq!(store.write(|tx| local::cursor(tx)).unwrap().1, 77);
}

#[test]
fn a_row_with_local_changes_is_not_decided_without_its_time() {
    let replica = replica();
    let row = at_central(client("Acme"));
    replica.apply(vec![present(row.clone(), 1)]);
    replica.put(row.clone().with("notes", "from here"));
    let theirs = row.with("notes", "from there");
    let page = vec![(theirs.id(), FeedState::Present(theirs.clone()))];
    let applied = replica.remote(move |tx| {
        local::begin(tx, (9, HybridTime(0)), true, &[(CLIENTS, 1)])?;
        local::take_page(tx, CLIENTS, page, None, true)
    });
    assert_eq!(applied.needs, [theirs.id()]);
    assert_eq!(replica.get(CLIENTS, "Acme").unwrap().text("notes"), Some("from here"));
}

#[test]
fn what_central_was_not_found_to_have_is_named_unless_it_was_made_here() {
    let replica = replica();
    let (there, gone, edited) = (at_central(client("there")), at_central(client("gone")), at_central(client("edited")));
    replica.apply(vec![present(there.clone(), 1), present(gone, 2), present(edited.clone(), 3)]);
    replica.put(edited.with("notes", "from here"));
    replica.put(client("made here"));
    let page = vec![(there.id(), FeedState::Present(there))];
    let unseen = replica.remote(move |tx| {
        local::begin(tx, (9, HybridTime(0)), true, &[(CLIENTS, 3)])?;
        local::take_page(tx, CLIENTS, page, None, true)?;
        let first = local::unseen(tx, CLIENTS, None, 1)?;
        let rest = local::unseen(tx, CLIENTS, first.last().map(|id| &id.key), 9)?;
        Ok([first, rest].concat())
    });
    let mut expected = [id("gone"), id("edited")].map(Key::new);
    expected.sort();
    assert_eq!(unseen.into_iter().map(|id| id.key).collect::<Vec<_>>(), expected);
}

/// Whoever is told that something is written may lose power afterwards; a page of a snapshot is only read again.
#[test]
fn only_pages_of_a_snapshot_do_not_wait_for_the_disk() {
    fn synchronous(tx: &mut crate::local::WriteTx<'_>) -> Result<i64, crate::local::StoreError> {
        Ok(tx.connection().pragma_query_value(None, "synchronous", |row| row.get(0))?)
    }
    const NORMAL: i64 = 1;
    const FULL: i64 = 2;
    let replica = replica();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert_eq!(replica.store.write(synchronous).unwrap(), FULL);
    assert_eq!(runtime.block_on(replica.store.apply_page_async(synchronous)).unwrap(), NORMAL);
    assert_eq!(replica.store.write(synchronous).unwrap(), FULL);
    assert_eq!(runtime.block_on(replica.store.apply_page_async(synchronous)).unwrap(), NORMAL);
    assert_eq!(replica.remote(synchronous), FULL);
}
