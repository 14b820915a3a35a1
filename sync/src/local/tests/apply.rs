//! What comes from central.

use merge::{Key, Row, Value};
use migrations::catalogue::{CLIENTS, MACHINES, PROJECT_STATES, PROJECTS, SESSION_TAGS, SESSIONS, SITES, TAGS};

use super::{at_central, client, deleted, id, key, present, project, replica, site};
use crate::local::{FeedState, Incoming, settle_all};

#[test]
fn rows_come_change_and_go_without_a_journal_entry() {
    let replica = replica();
    let row = at_central(client("Acme"));
    assert_eq!(replica.apply(vec![present(row.clone(), 1)]).changed, 1);
    assert_eq!(replica.apply(vec![present(row.clone(), 2)]).changed, 0);
    let row = row.with("notes", "new");
    replica.apply(vec![present(row.clone(), 3)]);
    assert_eq!(replica.get(CLIENTS, "Acme"), Some(row.clone()));
    replica.apply(vec![deleted(&row, 4)]);
    assert_eq!(replica.get(CLIENTS, "Acme"), None);
    assert!(replica.journal().is_empty());
    assert_eq!(replica.count("SELECT value FROM ct_sync_state WHERE name = 'cursor'"), 4);
}

#[test]
fn different_columns_of_one_row_are_merged() {
    let replica = replica();
    let agreed = at_central(client("Acme"));
    replica.apply(vec![present(agreed.clone(), 1)]);
    replica.put(agreed.clone().with("notes", "from here"));
    let remote = agreed.with("domain_name", "acme.example");
    let applied = replica.apply(vec![present(remote.clone(), 2)]);
    assert_eq!((applied.merged, applied.conflicts), (1, 0));
    let row = replica.get(CLIENTS, "Acme").unwrap();
    assert_eq!((row.text("notes"), row.text("domain_name")), (Some("from here"), Some("acme.example")));
    assert_eq!(replica.journal(), [(remote.id(), Some(remote))]);
}

#[test]
fn one_column_changed_twice_is_a_conflict_on_record() {
    let replica = replica();
    let agreed = at_central(client("Acme"));
    replica.apply(vec![present(agreed.clone(), 1)]);
    replica.put(agreed.clone().with("notes", "from here, later"));
    let applied = replica.apply(vec![present(agreed.with("notes", "from there"), 2)]);
    assert_eq!(applied.conflicts, 1);
    assert_eq!(replica.get(CLIENTS, "Acme").unwrap().text("notes"), Some("from here, later"));
    let list = replica.store.read(|tx| crate::local::conflicts(tx, 10, false, None)).unwrap();
    assert_eq!((list[0].table.as_str(), list[0].winner.as_str()), ("clients", "local"));
    assert_eq!(list[0].set_aside["notes"], "from there");
}

#[test]
fn unique_values_may_be_swapped_within_a_page() {
    let replica = replica();
    let (a, b) = (at_central(client("A")), at_central(client("B")));
    replica.apply(vec![present(a.clone(), 1), present(b.clone(), 2)]);
    let (a, b) = (a.with("name", "B"), b.with("name", "A"));
    let applied = replica.apply(vec![present(a.clone(), 3), present(b.clone(), 4)]);
    assert!(applied.needs.is_empty());
    assert_eq!((replica.get(CLIENTS, "A"), replica.get(CLIENTS, "B")), (Some(a), Some(b)));
}

#[test]
fn half_of_a_swap_waits_for_the_other_half() {
    let replica = replica();
    let (a, b) = (at_central(client("A")), at_central(client("B")));
    replica.apply(vec![present(a.clone(), 1), present(b.clone(), 2)]);
    let (a2, b2) = (a.clone().with("name", "B"), b.clone().with("name", "A"));
    let applied = replica.apply(vec![present(a2.clone(), 3)]);
    assert_eq!(applied.needs, [a.id(), b.id()]);
    assert_eq!(replica.get(CLIENTS, "A"), Some(a));
    assert_eq!(replica.count("SELECT count(*) FROM ct_sync_quarantine"), 1);
    replica.apply(vec![present(a2.clone(), 3), present(b2.clone(), 4)]);
    assert_eq!((replica.get(CLIENTS, "A"), replica.get(CLIENTS, "B")), (Some(a2), Some(b2)));
    assert_eq!(replica.count("SELECT count(*) FROM ct_sync_quarantine"), 0);
}

#[test]
fn a_row_made_here_becomes_an_alias_of_the_one_that_central_has() {
    let replica = replica();
    let tag = Row::new(TAGS).with("id", id("tag")).with("name", "dns");
    let session = Row::new(SESSIONS).with("id", id("s")).with("project_id", id("mine"));
    let state = Row::new(PROJECT_STATES)
        .with("id", id("my state"))
        .with("project_id", id("mine"))
        .with("next_actions", "[\"here\"]");
    let link = Row::new(SESSION_TAGS).with("session_id", id("s")).with("tag_id", id("tag"));
    for row in [project("mine", "github.com/a/b").with("notes", "mine"), session, state, tag, link] {
        replica.put(row);
    }
    let theirs = at_central(project("theirs", "github.com/a/b").with("description", "theirs"));
    let their_state = at_central(
        Row::new(PROJECT_STATES)
            .with("id", id("their state"))
            .with("project_id", id("theirs"))
            .with("next_actions", "[\"there\"]"),
    );
    replica.apply(vec![present(their_state, 1), present(theirs.clone(), 2)]);

    assert_eq!(replica.get(PROJECTS, "mine"), None);
    let survivor = replica.get(PROJECTS, "theirs").unwrap();
    assert_eq!((survivor.text("description"), survivor.text("notes")), (Some("theirs"), Some("mine")));
    assert_eq!(replica.get(SESSIONS, "s").unwrap().text("project_id"), Some(id("theirs").as_str()));
    assert_eq!(replica.get(PROJECT_STATES, "my state"), None);
    let state = replica.get(PROJECT_STATES, "their state").unwrap();
    assert_eq!(state.text("next_actions"), Some("[\"here\",\"there\"]"));
    assert_eq!(replica.count("SELECT count(*) FROM ct_sync_aliases"), 2);
    let journal = replica.journal();
    assert!(journal.iter().any(|(row, base)| *row == theirs.id() && base.as_ref() == Some(&theirs)));
    assert!(journal.iter().all(|(row, _)| row.key != key("mine") && row.key != key("my state")));
    assert!(replica.remote(settle_all).is_empty());
    assert_eq!(replica.count("SELECT count(*) FROM ct_sync_parked"), 0);
}

#[test]
fn two_tags_of_one_name_leave_one_link() {
    let replica = replica();
    for row in [
        Row::new(SESSIONS).with("id", id("s")),
        Row::new(TAGS).with("id", id("mine")).with("name", "dns"),
        Row::new(SESSION_TAGS).with("session_id", id("s")).with("tag_id", id("mine")),
    ] {
        replica.put(row);
    }
    replica.apply(vec![present(at_central(Row::new(TAGS).with("id", id("theirs")).with("name", "dns")), 1)]);
    let link = Key::new(format!("{}\u{1f}{}", id("s"), id("theirs")));
    assert!(replica.store.read(move |tx| tx.get(SESSION_TAGS, &link)).unwrap().is_some());
    assert_eq!(replica.count("SELECT count(*) FROM session_tags"), 1);
    // The old link was never agreed on, so nobody has to hear that it went.
    let links = replica.journal().into_iter().filter(|(row, _)| row.entity == SESSION_TAGS);
    assert_eq!(links.count(), 1);
}

#[test]
fn the_same_host_name_is_kept_twice_with_a_suffix() {
    let replica = replica();
    let machine = |name: &str| Row::new(MACHINES).with("id", id(name)).with("hostname", "BENCH");
    replica.put(machine("here").with("machine_fingerprint", "f1"));
    replica.apply(vec![present(at_central(machine("there").with("machine_fingerprint", "f2")), 1)]);
    assert_eq!(replica.get(MACHINES, "there").unwrap().text("hostname"), Some("BENCH"));
    assert_eq!(replica.get(MACHINES, "here").unwrap().text("hostname"), Some("BENCH~2"));
}

#[test]
fn an_edit_that_runs_into_a_taken_name_goes_back() {
    let replica = replica();
    let agreed = at_central(client("Acme"));
    replica.apply(vec![present(agreed.clone(), 1)]);
    replica.put(agreed.clone().with("name", "Zenith").with("notes", "kept"));
    let theirs = at_central(client("other").with("name", "Zenith"));
    replica.apply(vec![present(theirs.clone(), 2)]);
    let row = replica.get(CLIENTS, "Acme").unwrap();
    assert_eq!((row.text("name"), row.text("notes")), (Some("Acme"), Some("kept")));
    assert_eq!(replica.get(CLIENTS, "other"), Some(theirs));
    assert_eq!(replica.count("SELECT count(*) FROM ct_sync_conflicts WHERE rule = 'unique key'"), 1);
}

#[test]
fn children_may_come_before_their_parents() {
    let replica = replica();
    replica.apply(vec![present(at_central(site("HQ", "Acme")), 1)]);
    assert_eq!(replica.count("SELECT count(*) FROM ct_sync_parked"), 1);
    replica.apply(vec![present(at_central(client("Acme")), 2)]);
    assert_eq!(replica.count("SELECT count(*) FROM ct_sync_parked"), 0);
    // A writing job on the child finds its parent again.
    replica.put(replica.get(SITES, "HQ").unwrap().with("notes", "x"));
}

#[test]
fn a_child_that_lost_its_parent_revives_it() {
    let replica = replica();
    let acme = at_central(client("Acme"));
    replica.apply(vec![present(acme.clone(), 1)]);
    replica.put(site("HQ", "Acme"));
    replica.apply(vec![deleted(&acme, 2)]);
    assert_eq!(replica.get(CLIENTS, "Acme"), None);
    assert!(replica.remote(settle_all).is_empty());
    assert_eq!(replica.get(CLIENTS, "Acme"), Some(acme.clone()));
    assert!(replica.journal().contains(&(acme.id(), None)));
    assert_eq!(replica.count("SELECT count(*) FROM ct_sync_conflicts WHERE rule = 'revived'"), 1);
}

#[test]
fn a_reference_that_may_be_empty_is_emptied() {
    let replica = replica();
    let gone = at_central(project("gone", "github.com/a/gone"));
    replica.apply(vec![present(gone.clone(), 1)]);
    replica.put(Row::new(SESSIONS).with("id", id("s")).with("project_id", id("gone")));
    replica.apply(vec![deleted(&gone, 2)]);
    assert!(replica.remote(settle_all).is_empty());
    assert_eq!(replica.get(SESSIONS, "s").unwrap().get("project_id"), &Value::Null);
}

#[test]
fn a_clean_child_without_its_parent_is_read_again() {
    let replica = replica();
    let hq = at_central(site("HQ", "Acme"));
    replica.apply(vec![present(hq.clone(), 1)]);
    assert_eq!(replica.remote(settle_all), [client("Acme").id(), hq.id()]);
    assert_eq!(replica.count("SELECT count(*) FROM ct_sync_parked"), 1);
}

#[test]
fn values_that_cannot_be_read_stop_only_their_row() {
    let replica = replica();
    let (bad, good) = (client("bad"), at_central(client("good")));
    let unreadable = FeedState::Unreadable { column: "created_at".into(), reason: "is no date".into() };
    let bad = Incoming { id: bad.id(), seq: 1, time: merge::HybridTime(1), state: unreadable };
    replica.apply(vec![bad, present(good.clone(), 2)]);
    assert_eq!(replica.get(CLIENTS, "good"), Some(good));
    let list = replica.store.read(crate::local::quarantine).unwrap();
    assert_eq!((list[0].refused_by.as_str(), list[0].kind.as_str()), ("replica", "unreadable"));
    assert_eq!(list[0].reason, "column created_at is no date");
    replica.apply(vec![present(at_central(client("bad")), 3)]);
    assert_eq!(replica.count("SELECT count(*) FROM ct_sync_quarantine"), 0);
}
