//! Conflicts: recorded exactly, shown masked, put back.

use merge::{FieldConflict, HybridTime, Row, Value};
use migrations::catalogue::{
    CLIENTS, CONVERSATION_CONTEXTS, CREDENTIALS, MACHINES, PROJECTS, SESSION_TAGS, SESSIONS, SITES, TAGS,
};

use super::{Replica, at_central, client, deleted, id, key, present, project, replica, site};
use crate::StoreError;
use crate::local::{self, Conflict, Detail, Incoming, Restored, settle_all};

impl Replica {
    fn conflicts(&self) -> Vec<Conflict> {
        self.store.read(|tx| local::conflicts(tx, 100, false, None)).unwrap()
    }

    fn restore(&self, conflict: i64, force: bool) -> Result<Restored, StoreError> {
        self.store.write(move |tx| local::restore(tx, conflict, force, &[]))
    }

    fn open_conflicts(&self) -> u64 {
        self.store.read(local::counts).unwrap().conflicts
    }
}

/// What the refusal of a request says, and what it advises.
fn declined(result: Result<Restored, StoreError>) -> String {
    match result {
        Err(StoreError::Declined { reason, remedy }) => format!("{reason} / {remedy}"),
        other => panic!("{other:?}"),
    }
}

/// Both sides change the notes of a client; the later change, made here, stands.
fn contested(replica: &Replica, name: &str) -> Row {
    let agreed = at_central(client(name));
    replica.apply(vec![present(agreed.clone(), 1)]);
    replica.put(agreed.clone().with("notes", "from here, later"));
    replica.apply(vec![present(agreed.clone().with("notes", "from there"), 2)]);
    agreed
}

#[test]
fn a_value_that_lost_is_put_back_as_an_ordinary_change() {
    let replica = replica();
    contested(&replica, "Acme");
    let list = replica.conflicts();
    assert_eq!((list[0].loser.as_str(), list[0].winner.as_str()), ("values", "local"));
    assert_eq!(
        (&list[0].set_aside["notes"], &list[0].kept["notes"]),
        (&"from there".into(), &"from here, later".into())
    );
    assert_eq!(replica.open_conflicts(), 1);
    let restored = replica.restore(list[0].id, false).unwrap();
    assert!(restored.done[0].contains("notes put back"), "{restored:?}");
    let row = replica.get(CLIENTS, "Acme").unwrap();
    assert_eq!(row.text("notes"), Some("from there"));
    assert!(replica.journal().iter().any(|(id, _)| *id == row.id()), "it travels");
    assert_eq!(replica.open_conflicts(), 0);
    assert!(declined(replica.restore(list[0].id, false)).contains("has been restored before"));
    assert!(declined(replica.restore(99, false)).contains("there is no conflict 99"));
}

#[test]
fn what_has_changed_since_is_told_and_overwritten_only_when_asked() {
    let replica = replica();
    contested(&replica, "Acme");
    let conflict = replica.conflicts()[0].id;
    replica.put(replica.get(CLIENTS, "Acme").unwrap().with("notes", "changed since"));
    let said = declined(replica.restore(conflict, false));
    assert!(said.contains("notes is now \"changed since\"") && said.contains("--force"), "{said}");
    assert_eq!(replica.get(CLIENTS, "Acme").unwrap().text("notes"), Some("changed since"));
    replica.restore(conflict, true).unwrap();
    assert_eq!(replica.get(CLIENTS, "Acme").unwrap().text("notes"), Some("from there"));
}

#[test]
fn acknowledged_conflicts_count_no_more_and_stay_on_record() {
    let replica = replica();
    contested(&replica, "Acme");
    contested(&replica, "Zenith");
    assert_eq!(replica.open_conflicts(), 2);
    let first = replica.conflicts()[0].id;
    assert!(replica.store.write(move |tx| local::acknowledge_conflict(tx, first)).unwrap());
    assert!(!replica.store.write(move |tx| local::acknowledge_conflict(tx, first)).unwrap());
    assert!(replica.store.write(|tx| local::acknowledge_conflict(tx, 99)).is_err());
    assert_eq!(replica.open_conflicts(), 1);
    assert_eq!(replica.store.write(local::acknowledge_all_conflicts).unwrap(), 1);
    assert_eq!(replica.open_conflicts(), 0);
    assert_eq!(replica.conflicts().len(), 2);
    replica.restore(first, false).unwrap();
}

#[test]
fn old_records_go_but_not_those_that_nobody_has_seen() {
    let replica = replica();
    for name in ["seen", "unseen"] {
        contested(&replica, name);
    }
    let seen = replica.conflicts().iter().find(|c| c.key == id("seen")).unwrap().id;
    replica.store.write(move |tx| local::acknowledge_conflict(tx, seen)).unwrap();
    assert_eq!(replica.store.write(local::purge_conflicts).unwrap(), 0);
    let age = |tx: &mut local::WriteTx<'_>| {
        let sql = "UPDATE ct_sync_conflicts SET at_us = at_us - ?1";
        Ok(tx.connection().execute(sql, [local::KEPT_US + 1_000_000])?)
    };
    replica.store.write(age).unwrap();
    assert_eq!(replica.store.write(local::purge_conflicts).unwrap(), 1);
    let left = replica.conflicts();
    assert_eq!((left.len(), left[0].key.as_str()), (1, id("unseen").as_str()));
}

#[test]
fn secrets_are_masked_and_come_back_to_the_byte() {
    let replica = replica();
    let sealed = |byte: u8| Value::Blob(vec![byte, 0, 255, byte]);
    let agreed = at_central(
        Row::new(CREDENTIALS)
            .with("id", id("c"))
            .with("credential_type", "password")
            .with("service_name", "router")
            .with("username", "admin")
            .with("password_encrypted", sealed(1)),
    );
    replica.apply(vec![present(agreed.clone(), 1)]);
    replica.put(agreed.clone().with("username", "root").with("password_encrypted", sealed(2)));
    replica.apply(vec![present(agreed.with("username", "other").with("password_encrypted", sealed(3)), 2)]);
    let list = replica.conflicts();
    assert_eq!(list.len(), 1, "the columns belong together");
    let shown = serde_json::to_string(&list).unwrap();
    assert!(shown.contains("***") && !shown.contains("other") && !shown.contains("root"), "{shown}");
    let whole = replica.store.read(|tx| local::conflict(tx, list[0].id, Detail::Whole)).unwrap().unwrap();
    assert_eq!((&whole.set_aside["username"], &whole.set_aside["password_encrypted"]), (&"***".into(), &"***".into()));
    replica.restore(list[0].id, false).unwrap();
    let row = replica.get(CREDENTIALS, "c").unwrap();
    assert_eq!((row.text("username"), row.get("password_encrypted")), (Some("other"), &sealed(3)));
}

#[test]
fn a_delete_that_lost_is_done_again() {
    let replica = replica();
    let agreed = at_central(client("Acme"));
    replica.apply(vec![present(agreed.clone(), 1)]);
    replica.put(agreed.clone().with("notes", "still needed"));
    replica.apply(vec![deleted(&agreed, 2)]);
    let revived = replica.get(CLIENTS, "Acme").expect("the edit stands");
    assert_eq!(replica.conflicts()[0].loser, "delete");
    let conflict = replica.conflicts()[0].id;
    replica.put(site("HQ", "Acme"));
    assert!(matches!(replica.restore(conflict, false), Err(StoreError::HasChildren { .. })));
    replica.store.write(|tx| tx.delete(SITES, &key("HQ"))).unwrap();
    replica.put(revived.with("notes", "and edited again"));
    assert!(declined(replica.restore(conflict, false)).contains("edited after the decision"));
    replica.restore(conflict, true).unwrap();
    assert_eq!(replica.get(CLIENTS, "Acme"), None);
}

#[test]
fn a_buried_row_returns_with_the_parents_it_needs() {
    let replica = replica();
    let (session, tag) =
        (Row::new(SESSIONS).with("id", id("s")), Row::new(TAGS).with("id", id("t")).with("name", "dns"));
    let (session, tag) = (at_central(session), at_central(tag));
    let link = at_central(Row::new(SESSION_TAGS).with("session_id", id("s")).with("tag_id", id("t")));
    replica.apply(vec![present(session.clone(), 1), present(tag.clone(), 2)]);
    replica.put(link.clone());
    // The session goes at central: the link that was made here has no place any more.
    replica.apply(vec![deleted(&session, 3)]);
    assert!(replica.remote(settle_all).is_empty());
    assert_eq!(replica.count("SELECT count(*) FROM session_tags"), 0);
    let list = replica.conflicts();
    assert_eq!((list[0].rule.as_str(), list[0].loser.as_str()), ("orphan dropped", "row"));
    let restored = replica.restore(list[0].id, false).unwrap();
    assert_eq!(restored.done.len(), 2, "{restored:?}");
    assert!(replica.get(SESSIONS, "s").is_some());
    assert_eq!(replica.count("SELECT count(*) FROM session_tags"), 1);
}

#[test]
fn an_emptied_reference_returns_with_what_it_refers_to() {
    let replica = replica();
    let gone = at_central(project("gone", "github.com/a/gone"));
    replica.apply(vec![present(gone.clone(), 1)]);
    replica.put(Row::new(SESSIONS).with("id", id("s")).with("project_id", id("gone")));
    replica.apply(vec![deleted(&gone, 2)]);
    replica.remote(settle_all);
    assert!(replica.get(SESSIONS, "s").unwrap().get("project_id").is_null());
    let conflict = &replica.conflicts()[0];
    assert_eq!(
        (conflict.rule.as_str(), conflict.columns.as_slice()),
        ("orphan emptied", ["project_id".to_owned()].as_slice())
    );
    replica.restore(conflict.id, false).unwrap();
    assert_eq!(replica.get(SESSIONS, "s").unwrap().text("project_id"), Some(id("gone").as_str()));
    assert!(replica.get(PROJECTS, "gone").is_some());
}

#[test]
fn a_row_that_became_an_alias_returns_beside_the_survivor() {
    let replica = replica();
    replica.put(project("mine", "github.com/a/b").with("notes", "mine"));
    replica.apply(vec![present(at_central(project("theirs", "github.com/a/b").with("notes", "theirs")), 1)]);
    let list = replica.conflicts();
    let alias = list.iter().find(|conflict| conflict.rule == "same key").unwrap();
    assert!(!alias.flagged && alias.key == id("mine"));
    let restored = replica.restore(alias.id, false).unwrap();
    assert!(restored.done.iter().any(|done| done.contains("github.com/a/b~2")), "{restored:?}");
    assert_eq!(replica.get(PROJECTS, "mine").unwrap().text("slug"), Some("github.com/a/b~2"));
    assert_eq!(replica.get(PROJECTS, "mine").unwrap().text("notes"), Some("mine"));
    assert_eq!(replica.count("SELECT count(*) FROM ct_sync_aliases"), 0);
}

#[test]
fn a_name_is_not_taken_from_whoever_holds_it() {
    let replica = replica();
    let machine = |name: &str| Row::new(MACHINES).with("id", id(name)).with("hostname", "BENCH");
    replica.put(machine("here").with("machine_fingerprint", "f1"));
    replica.apply(vec![present(at_central(machine("there").with("machine_fingerprint", "f2")), 1)]);
    let conflict = replica.conflicts().into_iter().find(|conflict| conflict.rule == "renamed").unwrap();
    assert_eq!((&conflict.set_aside["hostname"], &conflict.kept["hostname"]), (&"BENCH".into(), &"BENCH~2".into()));
    let said = declined(replica.restore(conflict.id, false));
    assert!(said.contains(&id("there")), "{said}");
    replica.put(replica.get(MACHINES, "there").unwrap().with("hostname", "OTHER"));
    replica.restore(conflict.id, false).unwrap();
    assert_eq!(replica.get(MACHINES, "here").unwrap().text("hostname"), Some("BENCH"));
}

#[test]
fn what_central_decided_is_restored_too() {
    let replica = replica();
    let context = at_central(
        Row::new(CONVERSATION_CONTEXTS)
            .with("id", id("c"))
            .with("context_type", "checkpoint")
            .with("title", "t")
            .with("dense_summary", "s")
            .with("detail_zst", vec![40_u8, 181, 47, 253]),
    );
    let buried = FieldConflict {
        columns: CONVERSATION_CONTEXTS.columns.iter().map(|column| column.name).collect(),
        rule: merge::Rule::DeleteVsEdit,
        winner: merge::Winner::Remote,
        loser: context.values().to_vec(),
        kept: Vec::new(),
    };
    let row_id = context.id();
    replica.store.write(move |tx| crate::local::ledger::record(tx.connection(), &row_id, &buried, 1)).unwrap();
    let list = replica.conflicts();
    assert_eq!((list[0].loser.as_str(), &list[0].set_aside["detail_zst"]), ("row", &"compressed, 4 bytes".into()));
    replica.restore(list[0].id, false).unwrap();
    let touched = |row: Row| row.with("updated_at", Value::Null);
    assert_eq!(replica.get(CONVERSATION_CONTEXTS, "c").map(touched), Some(touched(context)));
}

#[test]
fn records_of_the_first_form_are_read_and_say_what_they_lack() {
    let replica = replica();
    let row = at_central(client("Acme"));
    replica.apply(vec![Incoming { time: HybridTime(1), ..present(row, 1) }]);
    let insert = |tx: &mut local::WriteTx<'_>| {
        let sql = "INSERT INTO ct_sync_conflicts (tbl, pk, rule, winner, columns, kept, set_aside, flagged, at_us) VALUES \
                     ('clients', ?1, 'last writer', 'remote', '[\"notes\"]', '{\"notes\":null}', '{\"notes\":\"lost\"}', 1, 1), \
                     ('credentials', 'c', 'orphan dropped', 'remote', '[\"password_encrypted\"]', '{}', \
                      '{\"password_encrypted\":\"12 bytes\"}', 1, 1)";
        Ok(tx.connection().execute(sql, [id("Acme")])?)
    };
    replica.store.write(insert).unwrap();
    let list = replica.conflicts();
    replica.restore(list[1].id, false).unwrap();
    assert_eq!(replica.get(CLIENTS, "Acme").unwrap().text("notes"), Some("lost"));
    assert!(declined(replica.restore(list[0].id, false)).contains("kept only the size"));
}
