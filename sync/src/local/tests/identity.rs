//! When what was agreed on does not hold any more: another central, or another self.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use merge::{HybridTime, Row};
use migrations::catalogue::{CLIENTS, CONVERSATION_CONTEXTS};

use super::{START_US, TestClock, at_central, client, deleted, id, key, present, replica};
use crate::Store;
use crate::local::{self, FeedState, Incoming};

fn context(uses: i64) -> Row {
    at_central(
        Row::new(CONVERSATION_CONTEXTS)
            .with("id", id("c"))
            .with("context_type", "checkpoint")
            .with("title", "t")
            .with("dense_summary", "s")
            .with("usage_count", uses),
    )
}

/// A time of the row's own, in its text form.
const LATER: &str = "2027-02-01T00:00:00.000000Z";
const EARLIER: &str = "2025-02-01T00:00:00.000000Z";

#[test]
fn of_two_versions_the_later_one_stands_when_central_was_restored() {
    let replica = replica();
    let (new, old) =
        (at_central(client("new here").with("notes", "latest")), at_central(client("old here").with("notes", "stale")));
    replica.apply(vec![
        present(new.clone().with("updated_at", LATER), 7),
        present(old.clone().with("updated_at", EARLIER), 8),
    ]);
    replica.store.write(|tx| local::start_over(tx, "same")).unwrap();
    let at = |row: Row| Incoming { time: HybridTime(START_US - 1_000_000_000), ..present(row, 1) };
    replica.apply(vec![at(new.clone().with("notes", "from the backup")), at(old.with("notes", "newer there"))]);
    assert_eq!(replica.get(CLIENTS, "new here").unwrap().text("notes"), Some("latest"));
    assert_eq!(replica.get(CLIENTS, "old here").unwrap().text("notes"), Some("newer there"));
    assert_eq!(replica.store.read(local::counts).unwrap().conflicts, 0, "on record, but nobody has to look");
}

#[test]
fn a_delete_that_central_remembers_takes_a_row_that_nobody_wrote_here_since() {
    let replica = replica();
    let (clean, edited) = (at_central(client("clean")), at_central(client("edited")));
    replica.apply(vec![present(clean.clone(), 7), present(edited.clone(), 8)]);
    replica.store.write(|tx| local::start_over(tx, "same")).unwrap();
    replica.put(edited.clone().with("notes", "needed"));
    replica.apply(vec![deleted(&clean, 1), deleted(&edited, 2)]);
    assert_eq!(replica.get(CLIENTS, "clean"), None);
    assert_eq!(replica.get(CLIENTS, "edited").unwrap().text("notes"), Some("needed"));
}

#[test]
fn a_delete_that_was_not_sent_is_not_forgotten_when_central_was_restored() {
    let replica = replica();
    let row = at_central(client("gone here"));
    replica.apply(vec![present(row.clone(), 7)]);
    replica.store.write(|tx| tx.delete(CLIENTS, &key("gone here"))).unwrap();
    replica.store.write(|tx| local::start_over(tx, "same")).unwrap();
    replica.apply(vec![present(row.clone(), 1)]);
    assert_eq!(replica.get(CLIENTS, "gone here"), None);
    assert_eq!(replica.journal(), [(row.id(), Some(row))]);
}

#[test]
fn another_self_keeps_its_cursor_and_its_edits_but_counts_nothing_twice() {
    let replica = replica();
    replica.apply(vec![present(context(10), 5), present(at_central(client("Acme")), 6)]);
    replica.put(context(13));
    replica.put(replica.get(CLIENTS, "Acme").unwrap().with("notes", "mine"));
    replica.store.write(|tx| local::become_another(tx, "another", "for the test")).unwrap();
    assert_eq!(replica.store.write(|tx| local::cursor(tx)).unwrap().1, 6);
    assert_eq!(replica.store.write(|tx| local::batch_numbers(tx)).unwrap(), (0, 0));
    // The former self had sent its three, and others two more.
    replica.apply(vec![present(context(15), 7)]);
    assert_eq!(replica.get(CONVERSATION_CONTEXTS, "c").unwrap().int("usage_count"), Some(15));
    let journal = replica.journal();
    let acme = journal.iter().find(|(row, _)| row.entity == CLIENTS).unwrap();
    assert!(acme.1.is_some(), "what was agreed on still holds");
    let identity = replica.store.read(local::identity).unwrap();
    assert_eq!((identity.replica_id.as_str(), identity.reason.as_deref()), ("another", Some("for the test")));
}

#[test]
fn what_the_former_self_edited_and_then_deleted_is_not_resurrected() {
    let replica = replica();
    let agreed = at_central(client("Acme"));
    replica.apply(vec![present(agreed.clone(), 5)]);
    replica.put(agreed.with("notes", "edited"));
    let sent = replica.get(CLIENTS, "Acme").unwrap();
    replica.store.write(|tx| local::become_another(tx, "another", "for the test")).unwrap();
    let state = FeedState::Deleted(Some(sent.clone()));
    replica.apply(vec![Incoming { id: sent.id(), seq: 9, time: HybridTime(START_US + 9_000_000), state }]);
    assert_eq!(replica.get(CLIENTS, "Acme"), None);
    assert!(replica.journal().is_empty());
}

#[test]
fn a_copy_knows_itself_when_it_is_opened_elsewhere() {
    let clock = || Arc::new(TestClock(AtomicU64::new(START_US)));
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = |folder: &tempfile::TempDir| folder.path().join("replica.db");
    let open = |folder: &tempfile::TempDir, host: &str| {
        let store = Store::open_on(&path(folder), clock(), host).unwrap();
        let id = store.replica_id();
        let reason = store.read(local::identity).unwrap().reason;
        store.close().unwrap();
        (id, reason)
    };
    let (first, reason) = open(&here, "a");
    assert_eq!(reason, None);
    assert_eq!(open(&here, "a"), (first.clone(), None), "the same place, the same self");
    std::fs::copy(path(&here), path(&there)).unwrap();
    let (copy, reason) = open(&there, "a");
    assert!(copy != first && reason.unwrap().contains("copied"));
    let (elsewhere, _) = open(&here, "b");
    assert_ne!(elsewhere, first, "the same path on another host");
    assert_eq!(open(&here, "b").0, elsewhere);
}

#[test]
fn a_link_that_was_made_again_after_the_delete_stands() {
    use migrations::catalogue::{SESSION_TAGS, SESSIONS, TAGS};
    let replica = replica();
    let link = at_central(Row::new(SESSION_TAGS).with("session_id", id("s")).with("tag_id", id("t")));
    let parents = [Row::new(SESSIONS).with("id", id("s")), Row::new(TAGS).with("id", id("t")).with("name", "dns")];
    replica.apply(parents.into_iter().map(at_central).map(|row| present(row, 1)).collect());
    replica.put(link.clone());
    let earlier = Incoming { time: HybridTime(START_US - 60_000_000), ..deleted(&link, 2) };
    replica.apply(vec![earlier]);
    assert_eq!(replica.count("SELECT count(*) FROM session_tags"), 1);
}
