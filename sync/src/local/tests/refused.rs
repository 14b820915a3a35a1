//! Rows that one side refused: what they wait for, and what lets them go.

use merge::{HybridTime, Row, Value};
use migrations::catalogue::{CLIENTS, SITES, TAGS};

use super::{Replica, START_US, at_central, client, id, key, present, replica, site};
use crate::local::{self, FeedState, Flight, Incoming, Quarantined, Refusal, Settled};

fn depart(replica: &Replica) -> Option<Flight> {
    replica.store.write(move |tx| local::depart(tx, 500, 1 << 20)).unwrap()
}

/// What is in the next batch.
fn sent(flight: Option<&Flight>) -> Vec<String> {
    let items = flight.iter().flat_map(|flight| &flight.items);
    items.map(|item| item.entry.id.key.as_str().to_owned()).collect()
}

fn answer(replica: &Replica, flight: Flight, settle: impl Fn(&Row) -> Settled) {
    let receipt: Vec<_> =
        flight.items.iter().map(|item| (item.entry.id.clone(), settle(item.image.as_ref().unwrap()))).collect();
    replica.remote(move |tx| local::acknowledge(tx, &flight, receipt).map(|_| ()));
}

fn taken(row: &Row) -> Settled {
    Settled::Agreed { row: Some(row.clone()), conflicts: Vec::new() }
}

fn refused_because_of(row: Option<merge::RowId>, table: Option<&'static str>) -> Settled {
    let (reason, hint) = ("no".to_owned(), "help".to_owned());
    Settled::Refused(Refusal { kind: "unique key", reason, hint, because_of: row, because_table: table })
}

impl Replica {
    fn quarantine(&self) -> Vec<Quarantined> {
        self.store.read(local::quarantine).unwrap()
    }

    fn due(&self) -> Vec<String> {
        let due = self.store.write(|tx| local::due(tx)).unwrap();
        due.iter().map(|id| id.key.as_str().to_owned()).collect()
    }
}

#[test]
fn a_change_of_the_row_in_the_way_lets_it_go() {
    let replica = replica();
    let holder = at_central(Row::new(TAGS).with("id", id("holder")).with("name", "Rust"));
    replica.apply(vec![present(holder.clone(), 1)]);
    replica.put(Row::new(TAGS).with("id", id("mine")).with("name", "rust"));
    let in_the_way = holder.id();
    answer(&replica, depart(&replica).unwrap(), |_| refused_because_of(Some(in_the_way.clone()), None));
    assert_eq!(replica.quarantine()[0].waits_for.as_deref(), Some(format!("tags {}", id("holder")).as_str()));
    assert!(depart(&replica).is_none());
    // The holder is read again as it was: no reason to try.
    replica.apply(vec![present(holder.clone(), 2)]);
    assert!(depart(&replica).is_none());
    replica.apply(vec![present(holder.with("name", "Crab"), 3)]);
    let flight = depart(&replica);
    assert_eq!(sent(flight.as_ref()), [id("mine")]);
    answer(&replica, flight.unwrap(), taken);
    assert!(replica.quarantine().is_empty());
}

#[test]
fn a_child_goes_when_its_parent_has_gone_and_holds_nobody_up_meanwhile() {
    let replica = replica();
    for row in [client("bad"), client("good"), site("of bad", "bad"), site("of good", "good")] {
        replica.put(row);
    }
    let parent = client("bad").id();
    answer(&replica, depart(&replica).unwrap(), |row| match row.text("name") {
        Some("bad") => refused_because_of(None, None),
        Some("of bad") => refused_because_of(Some(parent.clone()), None),
        _ => taken(row),
    });
    assert_eq!(replica.quarantine().len(), 2);
    assert!(depart(&replica).is_none());
    replica.put(replica.get(CLIENTS, "bad").unwrap().with("notes", "corrected"));
    let flight = depart(&replica);
    assert_eq!(sent(flight.as_ref()), [id("bad"), id("of bad")], "the child with its parent");
    answer(&replica, flight.unwrap(), taken);
    assert!(replica.quarantine().is_empty() && replica.journal().is_empty());
}

#[test]
fn a_delete_that_children_forbid_goes_when_one_of_them_changes() {
    let replica = replica();
    let acme = at_central(client("Acme"));
    replica.apply(vec![present(acme.clone(), 1)]);
    replica.store.write(|tx| tx.delete(CLIENTS, &key("Acme"))).unwrap();
    let flight = depart(&replica).unwrap();
    let receipt = vec![(acme.id(), refused_because_of(None, Some("sites")))];
    replica.remote(move |tx| local::acknowledge(tx, &flight, receipt).map(|_| ()));
    assert_eq!(replica.quarantine()[0].waits_for.as_deref(), Some("sites"));
    assert!(depart(&replica).is_none());
    let other = at_central(client("other"));
    replica.apply(vec![present(other, 2), present(at_central(site("any", "other")), 3)]);
    assert_eq!(sent(depart(&replica).as_ref()), [id("Acme")]);
}

#[test]
fn a_row_that_was_refused_and_then_deleted_here_leaves_no_trace() {
    let replica = replica();
    replica.put(client("bad"));
    answer(&replica, depart(&replica).unwrap(), |_| refused_because_of(None, None));
    replica.store.write(|tx| tx.delete(CLIENTS, &key("bad"))).unwrap();
    assert!(replica.quarantine().is_empty() && replica.journal().is_empty());
}

#[test]
fn another_definition_of_the_table_lets_its_rows_go() {
    let replica = replica();
    replica.put(client("bad"));
    answer(&replica, depart(&replica).unwrap(), |_| refused_because_of(None, None));
    let note = |mark: &'static str| {
        replica.store.write(move |tx| local::note_definition(tx, "clients", mark)).unwrap();
        depart(&replica).is_some()
    };
    assert!(!note("one"), "noted after the refusal");
    assert!(!note("one"));
    assert!(note("another"));
}

#[test]
fn time_lets_a_row_go_ever_more_rarely() {
    let replica = replica();
    replica.put(client("bad"));
    answer(&replica, depart(&replica).unwrap(), |_| refused_because_of(None, None));
    let first = replica.quarantine()[0].retry_us - replica.quarantine()[0].since_us;
    assert_eq!(first, 60_000_000);
    let earlier = |tx: &mut local::WriteTx<'_>| {
        let sql = "UPDATE ct_sync_quarantine SET since_us = since_us - 600000000, retry_us = retry_us - 600000000";
        Ok(tx.connection().execute(sql, [])?)
    };
    replica.store.write(earlier).unwrap();
    answer(&replica, depart(&replica).expect("its time has come"), |_| refused_because_of(None, None));
    let row = &replica.quarantine()[0];
    let waited = row.retry_us - i64::try_from(START_US).unwrap();
    assert!(row.tries == 2 && (300_000_000..400_000_000).contains(&waited), "{row:?}");
    assert!(depart(&replica).is_none());
}

#[test]
fn what_the_replica_refused_is_named_until_it_is_taken() {
    let replica = replica();
    let unreadable = FeedState::Unreadable { column: "created_at".into(), reason: "is no date".into() };
    let bad = Incoming { id: client("bad").id(), seq: 1, time: HybridTime(1), state: unreadable };
    replica.apply(vec![bad.clone()]);
    assert!(replica.due().is_empty(), "not at once again");
    replica.store.write(|tx| local::release_all(tx)).unwrap();
    assert_eq!(replica.due(), [id("bad")]);
    replica.apply(vec![bad]);
    assert!(replica.due().is_empty());
    replica.apply(vec![present(at_central(client("bad")), 2)]);
    assert!(replica.quarantine().is_empty());
}

#[test]
fn a_row_that_the_table_here_cannot_hold_stops_only_itself() {
    let replica = replica();
    let before = at_central(client("Acme"));
    replica.apply(vec![present(before.clone(), 1)]);
    let nameless = before.clone().with("name", Value::Null);
    let good = at_central(client("good"));
    replica.apply(vec![present(nameless, 2), present(good.clone(), 3)]);
    assert_eq!((replica.get(CLIENTS, "Acme"), replica.get(CLIENTS, "good")), (Some(before.clone()), Some(good)));
    let row = &replica.quarantine()[0];
    assert_eq!(row.refused_by, "replica");
    assert!(row.reason.contains("clients.name must have a value"), "{}", row.reason);
    replica.apply(vec![present(before.with("name", "renamed"), 4)]);
    assert_eq!(replica.get(CLIENTS, "Acme").unwrap().text("name"), Some("renamed"));
    assert!(replica.quarantine().is_empty());
}

#[test]
fn a_row_whose_key_is_held_here_is_read_again_when_the_holder_changes() {
    let replica = replica();
    let holder = at_central(client("holder"));
    replica.apply(vec![present(holder.clone(), 1)]);
    replica.apply(vec![present(at_central(client("late").with("name", "holder")), 2)]);
    assert_eq!(replica.quarantine()[0].waits_for.as_deref(), Some(format!("clients {}", id("holder")).as_str()));
    assert!(replica.due().is_empty());
    replica.put(holder.with("name", "moved on"));
    assert_eq!(replica.due(), [id("late")]);
}

#[test]
fn a_refused_row_is_given_up_for_what_central_has_and_can_be_restored() {
    let replica = replica();
    let agreed = at_central(client("Acme"));
    replica.apply(vec![present(agreed.clone(), 1)]);
    replica.put(agreed.clone().with("notes", "forbidden"));
    answer(&replica, depart(&replica).unwrap(), |_| refused_because_of(None, None));
    let (of, there) = (agreed.id(), present(agreed.clone(), 0));
    let conflict = replica.remote(move |tx| local::give_up(tx, &of, there)).unwrap();
    assert_eq!(replica.get(CLIENTS, "Acme").unwrap().get("notes"), &Value::Null);
    assert!(replica.quarantine().is_empty() && replica.journal().is_empty());
    replica.store.write(move |tx| local::restore(tx, conflict, false, &[])).unwrap();
    assert_eq!(replica.get(CLIENTS, "Acme").unwrap().text("notes"), Some("forbidden"));
}

#[test]
fn a_row_with_children_here_is_not_given_up_for_nothing() {
    let replica = replica();
    replica.put(client("bad"));
    replica.put(site("HQ", "bad"));
    answer(&replica, depart(&replica).unwrap(), |_| refused_because_of(None, None));
    let gone = |row: &Row| Incoming { id: row.id(), seq: 0, time: HybridTime(0), state: FeedState::Deleted(None) };
    let (of, there) = (client("bad").id(), gone(&client("bad")));
    let error = replica.try_remote(move |tx| local::give_up(tx, &of, there)).unwrap_err();
    assert!(error.to_string().contains("rows of sites here refer to it"), "{error}");
    let (of, there) = (site("HQ", "bad").id(), gone(&site("HQ", "bad")));
    replica.remote(move |tx| local::give_up(tx, &of, there)).unwrap();
    assert_eq!(replica.get(SITES, "HQ"), None);
}
