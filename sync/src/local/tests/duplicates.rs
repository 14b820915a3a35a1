//! Rows that a person says are one, and what binds a row to its id.

use merge::Row;
use migrations::catalogue::{CLIENTS, CREDENTIAL_AUDIT_LOG, CREDENTIALS};

use super::{Replica, at_central, client, id, key, present, replica};
use crate::local::{self, StoreError};

fn credential(name: &str) -> Row {
    let named = Row::new(CREDENTIALS).with("id", id(name)).with("service_name", "db").with("username", name);
    named.with("client_id", id("Acme")).with("credential_type", "password")
}

/// A row of the chain; what it vouches for is of no matter to the store.
fn audit(name: &str, credential: &str) -> Row {
    let row = Row::new(CREDENTIAL_AUDIT_LOG).with("id", id(name)).with("credential_id", id(credential));
    row.with("action", "view").with("user_id", "ann").with("row_hmac", "0".repeat(64))
}

/// Two credentials that central has too.
fn two_credentials() -> Replica {
    let replica = replica();
    let rows = [client("Acme"), credential("one"), credential("two")];
    replica.apply((1..).zip(rows).map(|(seq, row)| present(at_central(row), seq)).collect());
    replica
}

fn merge(replica: &Replica, keep: &str, drop: &str) -> Result<Row, StoreError> {
    let (keep, drop) = (key(keep), key(drop));
    replica.store.write(move |tx| local::merge_duplicates(tx, CREDENTIALS, &keep, &drop))
}

fn everything(replica: &Replica) -> (Vec<Row>, usize, i64) {
    let rows = replica.store.read(|tx| {
        let mut rows = tx.select(CREDENTIALS, "ORDER BY id", &[])?;
        rows.extend(tx.select(CREDENTIAL_AUDIT_LOG, "ORDER BY id", &[])?);
        Ok(rows)
    });
    let noted = "SELECT (SELECT count(*) FROM ct_sync_aliases) + (SELECT count(*) FROM ct_sync_conflicts)";
    (rows.unwrap(), replica.journal().len(), replica.count(noted))
}

#[test]
fn a_row_that_a_chain_names_is_not_given_up_and_nothing_changes() {
    let replica = two_credentials();
    replica.put(audit("viewed", "two"));
    let before = everything(&replica);
    let refused = merge(&replica, "one", "two").unwrap_err();
    let StoreError::Declined { reason, remedy } = &refused else { panic!("{refused:?}") };
    assert!(reason.contains(&id("two")) && reason.contains("credential_audit_log"), "{reason}");
    assert!(remedy.contains("keep"), "{remedy}");
    assert_eq!(everything(&replica), before);

    merge(&replica, "two", "one").unwrap();
    assert!(replica.get(CREDENTIALS, "one").is_none(), "the one without such rows may go");
    assert_eq!(replica.get(CREDENTIAL_AUDIT_LOG, "viewed").unwrap().text("credential_id"), Some(id("two").as_str()));
}

#[test]
fn rows_above_a_chain_may_be_merged() {
    let replica = two_credentials();
    replica.put(audit("viewed", "two"));
    replica.put(client("Acme Inc"));
    let chained = replica.get(CREDENTIAL_AUDIT_LOG, "viewed");
    let (keep, drop) = (key("Acme Inc"), key("Acme"));
    replica.store.write(move |tx| local::merge_duplicates(tx, CLIENTS, &keep, &drop)).unwrap();
    assert_eq!(replica.get(CREDENTIALS, "two").unwrap().text("client_id"), Some(id("Acme Inc").as_str()));
    assert_eq!(replica.get(CREDENTIAL_AUDIT_LOG, "viewed"), chained);
}

#[test]
fn a_chained_row_that_comes_after_the_merge_brings_its_parent_back() {
    let replica = two_credentials();
    merge(&replica, "one", "two").unwrap();
    let late = at_central(audit("viewed elsewhere", "two"));
    replica.apply(vec![present(late.clone(), 9)]);
    replica.remote(|tx| local::settle_all(tx).map(drop));
    assert_eq!(replica.get(CREDENTIAL_AUDIT_LOG, "viewed elsewhere"), Some(late), "as it was written");
    assert!(replica.get(CREDENTIALS, "two").is_some());
    let dirty = replica.journal().into_iter().filter(|(row, _)| row.entity == CREDENTIAL_AUDIT_LOG);
    assert_eq!(dirty.count(), 0, "nothing of the chain is sent");
}

#[test]
fn a_chained_row_is_written_as_it_is_given() {
    let replica = two_credentials();
    merge(&replica, "one", "two").unwrap();
    let written = replica.store.write(|tx| tx.put(audit("late", "two")));
    assert!(matches!(written, Err(StoreError::MissingParent { .. })), "{written:?}");
}

#[test]
fn a_secret_does_not_move_into_a_row_that_it_was_not_sealed_for() {
    let replica = two_credentials();
    replica.put(replica.get(CREDENTIALS, "two").unwrap().with("password_encrypted", vec![1, 2, 3]));
    let before = everything(&replica);
    let refused = merge(&replica, "one", "two").unwrap_err();
    assert!(matches!(refused, StoreError::Declined { .. }), "{refused:?}");
    assert_eq!(everything(&replica), before);
    let kept = merge(&replica, "two", "one").unwrap();
    assert_eq!(kept.get("password_encrypted"), &vec![1, 2, 3].into());
}
