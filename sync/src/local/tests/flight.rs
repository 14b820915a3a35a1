//! The batch in flight, and central's answer to it.

use merge::Row;
use migrations::catalogue::CLIENTS;

use super::{Replica, at_central, client, key, open, present, replica};
use crate::local::{self, Flight, Refusal, Settled};

const ROOM: usize = 1 << 20;

fn depart(replica: &Replica, limit: usize, bytes: usize) -> Option<Flight> {
    replica.store.write(move |tx| local::depart(tx, limit, bytes)).unwrap()
}

fn answer(replica: &Replica, flight: Flight, settle: impl Fn(&Row) -> Settled) {
    let receipt: Vec<_> = flight
        .items
        .iter()
        .map(|item| {
            let image = item.image.clone().unwrap_or_else(|| item.entry.base.clone().unwrap());
            (item.entry.id.clone(), settle(&image))
        })
        .collect();
    replica.remote(move |tx| local::acknowledge(tx, &flight, receipt).map(|_| ()));
}

fn taken(row: &Row) -> Settled {
    Settled::Agreed { row: Some(row.clone()), conflicts: Vec::new() }
}

fn refused(_: &Row) -> Settled {
    let refusal =
        Refusal { kind: "check", reason: "no".into(), hint: "fix it".into(), because_of: None, because_table: None };
    Settled::Refused(refusal)
}

#[test]
fn batches_keep_the_order_and_the_limits() {
    let replica = replica();
    for n in 0..5 {
        replica.put(client(&format!("client {n}")).with("notes", "x".repeat(1000)));
    }
    let flight = depart(&replica, 2, ROOM).unwrap();
    let names: Vec<_> = flight.items.iter().map(|item| item.image.as_ref().unwrap().text("name").unwrap()).collect();
    assert_eq!((flight.batch_no, names), (1, vec!["client 0", "client 1"]));
    // Until it is settled there is no other batch, also after a restart.
    assert_eq!(depart(&replica, 5, ROOM).unwrap().batch_no, 1);
    replica.store.close().unwrap();
    let store = open(&replica.folder);
    let replica = Replica { store, folder: replica.folder };
    let flight = depart(&replica, 5, ROOM).unwrap();
    assert_eq!((flight.batch_no, flight.items.len()), (1, 2));
    answer(&replica, flight, taken);
    assert_eq!(depart(&replica, 500, 2500).unwrap().items.len(), 2);
}

#[test]
fn what_central_took_leaves_the_journal() {
    let replica = replica();
    replica.put(client("Acme"));
    let flight = depart(&replica, 10, ROOM).unwrap();
    answer(&replica, flight, taken);
    assert!(replica.journal().is_empty());
    assert!(depart(&replica, 10, ROOM).is_none());
}

#[test]
fn an_edit_made_while_its_push_is_in_flight_stays_on_what_was_sent() {
    let replica = replica();
    replica.put(client("Acme"));
    let sent = replica.get(CLIENTS, "Acme").unwrap();
    let flight = depart(&replica, 10, ROOM).unwrap();
    replica.put(sent.clone().with("notes", "meanwhile"));
    answer(&replica, flight, |row| taken(&row.clone().with("domain_name", "from.central")));
    let row = replica.get(CLIENTS, "Acme").unwrap();
    assert_eq!((row.text("notes"), row.text("domain_name")), (Some("meanwhile"), Some("from.central")));
    assert_eq!(replica.journal(), [(sent.id(), Some(sent.with("domain_name", "from.central")))]);
}

#[test]
fn a_delete_made_while_its_push_is_in_flight_is_not_forgotten() {
    let replica = replica();
    replica.put(client("Acme"));
    let flight = depart(&replica, 10, ROOM).unwrap();
    replica.store.write(|tx| tx.delete(CLIENTS, &key("Acme"))).unwrap();
    answer(&replica, flight, taken);
    assert_eq!(replica.get(CLIENTS, "Acme"), None);
    let next = depart(&replica, 10, ROOM).unwrap();
    assert!(next.items[0].image.is_none() && next.items[0].entry.base.is_some());
}

#[test]
fn a_refused_row_stops_itself_until_it_changes() {
    let replica = replica();
    replica.put(client("bad"));
    let flight = depart(&replica, 10, ROOM).unwrap();
    answer(&replica, flight, refused);
    replica.put(client("good"));
    let flight = depart(&replica, 10, ROOM).unwrap();
    assert_eq!(flight.items.len(), 1);
    assert_eq!(flight.items[0].image.as_ref().unwrap().text("name"), Some("good"));
    answer(&replica, flight, taken);
    assert!(depart(&replica, 10, ROOM).is_none());
    replica.put(replica.get(CLIENTS, "bad").unwrap().with("notes", "corrected"));
    let flight = depart(&replica, 10, ROOM).unwrap();
    answer(&replica, flight, taken);
    assert_eq!(replica.count("SELECT count(*) FROM ct_sync_quarantine"), 0);
}

#[test]
fn a_discarded_batch_travels_again_under_a_new_number() {
    let replica = replica();
    replica.put(client("Acme"));
    assert_eq!(depart(&replica, 10, ROOM).unwrap().batch_no, 1);
    replica.store.write(|tx| local::discard(tx)).unwrap();
    assert_eq!(depart(&replica, 10, ROOM).unwrap().batch_no, 2);
}

#[test]
fn starting_over_uploads_everything_and_deletes_nothing() {
    let replica = replica();
    let agreed = at_central(client("agreed"));
    replica.apply(vec![present(agreed.clone(), 7)]);
    replica.put(client("mine"));
    replica.store.write(|tx| local::start_over(tx, "another epoch")).unwrap();
    let journal = replica.journal();
    assert_eq!(journal.len(), 2);
    assert!(journal.iter().all(|(_, base)| base.is_none()));
    assert_eq!(replica.store.write(|tx| local::cursor(tx)).unwrap(), (Some("another epoch".into()), 0));
    // The new central has one of them in a later form: that one stands, quietly.
    let newer = agreed.with("notes", "newer");
    replica.apply(vec![present(newer.clone(), 1)]);
    assert_eq!(replica.get(CLIENTS, "agreed"), Some(newer));
}
