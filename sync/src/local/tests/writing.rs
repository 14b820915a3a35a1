//! Jobs: all or nothing, checked, journaled.

use merge::{Key, Row, Value};
use migrations::catalogue::{CLIENTS, CONVERSATION_CONTEXTS, MACHINES, SITES, USERS};

use super::{client, id, key, open, replica, site};
use crate::local::{StoreError, decompress};

#[test]
fn a_new_row_gets_its_defaults_and_enters_the_journal_without_a_base() {
    let replica = replica();
    replica.put(client("Acme"));
    let row = replica.get(CLIENTS, "Acme").unwrap();
    assert_eq!(row.text("client_type"), Some("msp_client"));
    assert_eq!(row.int("is_active"), Some(1));
    assert!(row.text("created_at").unwrap().starts_with("2027-01-15T"));
    assert_eq!(replica.journal(), [(row.id(), None)]);
}

#[test]
fn later_changes_keep_the_first_base() {
    let replica = replica();
    let agreed = super::at_central(client("Acme"));
    replica.apply(vec![super::present(agreed.clone(), 1)]);
    assert!(replica.journal().is_empty());
    for note in ["one", "two"] {
        replica.put(replica.get(CLIENTS, "Acme").unwrap().with("notes", note));
    }
    assert_eq!(replica.journal(), [(agreed.id(), Some(agreed))]);
    assert_eq!(replica.get(CLIENTS, "Acme").unwrap().text("notes"), Some("two"));
}

#[test]
fn writing_what_is_there_changes_nothing() {
    let replica = replica();
    replica.put(client("Acme"));
    let row = replica.get(CLIENTS, "Acme").unwrap();
    let generation = "SELECT max(generation) FROM ct_sync_dirty";
    let before = replica.count(generation);
    replica.put(row.clone());
    assert_eq!(replica.get(CLIENTS, "Acme").unwrap(), row);
    assert_eq!(replica.count(generation), before);
}

#[test]
fn a_row_that_came_and_went_unheard_leaves_no_trace() {
    let replica = replica();
    replica.put(client("Acme"));
    assert!(replica.store.write(|tx| tx.delete(CLIENTS, &key("Acme"))).unwrap());
    assert!(!replica.store.write(|tx| tx.delete(CLIENTS, &key("Acme"))).unwrap());
    assert!(replica.journal().is_empty());
}

#[test]
fn central_is_asked_to_forget_at_once_also_what_is_gone_here() {
    let replica = replica();
    let mut rounds = replica.store.changes();
    for is_new in [true, false] {
        rounds.mark_unchanged();
        replica.store.write(|tx| crate::local::forget_images(tx, &[client("Acme").id()])).unwrap();
        assert_eq!(rounds.has_changed().unwrap(), is_new, "asked once is enough");
    }
}

#[test]
fn a_version_stands_until_something_is_written() {
    let replica = replica();
    let version = replica.store.version();
    assert!(version.is_some());
    replica.store.read(|tx| tx.get(CLIENTS, &key("Acme"))).unwrap();
    assert_eq!(replica.store.version(), version);
    replica.put(client("Acme"));
    assert!(replica.store.version().is_some_and(|now| Some(now) > version));
}

#[test]
fn bad_values_are_refused_and_change_nothing() {
    let replica = replica();
    let long = "x".repeat(256);
    let cases = [
        ("name", Value::from(long.as_str()), "longer than 255 characters"),
        ("name", Value::Null, "must have a value"),
        ("name", Value::from("a\0b"), "U+0000"),
        ("client_type", Value::from("MSP_CLIENT"), "must be one of"),
        ("is_active", Value::Int(2), "must be 0 or 1"),
        ("default_hourly_rate", Value::Int(100_000_000_000), "more than 10 digits"),
        ("created_at", Value::from("2026-02-30T00:00:00.000000Z"), "must be a time"),
        ("id", Value::from("ABC"), "lower-case UUID"),
        ("notes", Value::Blob(vec![1]), "wrong type"),
    ];
    for (column, value, reason) in cases {
        let row = client("Acme").with(column, value);
        let error = replica.store.write(move |tx| tx.put(row)).unwrap_err();
        assert!(error.to_string().contains(reason), "{column}: {error}");
        assert!(error.to_string().contains(column), "{column}: {error}");
    }
    assert_eq!(replica.count("SELECT count(*) FROM clients"), 0);
    assert!(replica.journal().is_empty());
}

#[test]
fn json_becomes_canonical() {
    let replica = replica();
    replica.put(client("Acme"));
    replica.put(site("HQ", "Acme").with("dns_servers", " [ \"b\", {\"z\":1, \"a\":[ ] } ] "));
    assert_eq!(replica.get(SITES, "HQ").unwrap().text("dns_servers"), Some("[\"b\",{\"a\":[],\"z\":1}]"));
}

#[test]
fn references_are_checked_for_each_job() {
    let replica = replica();
    let error = replica.store.write(|tx| tx.put(site("HQ", "Acme"))).unwrap_err();
    assert!(matches!(error, StoreError::MissingParent { column: "client_id", .. }), "{error}");
    // In one job, the order does not matter.
    replica
        .store
        .write(|tx| {
            tx.put(site("HQ", "Acme"))?;
            tx.put(client("Acme"))
        })
        .unwrap();
    let error = replica.store.write(|tx| tx.delete(CLIENTS, &key("Acme"))).unwrap_err();
    assert!(matches!(error, StoreError::HasChildren { child: "sites", .. }), "{error}");
}

#[test]
fn a_failing_job_does_not_take_its_neighbours_with_it() {
    let replica = replica();
    replica.put(client("held"));
    let writers: Vec<_> = (0..40)
        .map(|n| {
            let store = replica.store.clone();
            std::thread::spawn(move || {
                store.write(move |tx| {
                    tx.put(client(&format!("client {n}")))?;
                    // Every fourth collides with the unique name after its first write.
                    if n % 4 == 0 {
                        tx.put(client("x").with("id", id(&format!("x{n}"))).with("name", "held"))
                    } else {
                        Ok(())
                    }
                })
            })
        })
        .collect();
    let failed = writers.into_iter().map(|w| w.join().unwrap()).filter(Result::is_err).count();
    assert_eq!(failed, 10);
    assert_eq!(replica.count("SELECT count(*) FROM clients"), 31);
    assert_eq!(replica.journal().len(), 31);
}

#[test]
fn a_job_that_panics_takes_only_itself_back() {
    let replica = replica();
    let outcome = replica.store.write(|tx| -> Result<(), StoreError> {
        tx.put(client("lost"))?;
        panic!("on purpose")
    });
    assert!(matches!(outcome, Err(StoreError::Panicked)));
    replica.put(client("kept"));
    assert_eq!(replica.count("SELECT count(*) FROM clients"), 1);
}

#[test]
fn what_was_acknowledged_is_there_after_the_file_is_opened_again() {
    let replica = replica();
    let text = "a long answer\n".repeat(1000);
    let row = Row::new(CONVERSATION_CONTEXTS)
        .with("id", id("c"))
        .with("context_type", "checkpoint")
        .with("title", "t")
        .with("dense_summary", "s")
        .with("detail_zst", crate::local::compress(text.as_bytes()));
    replica.put(row);
    let replica_id = replica.store.replica_id();
    replica.store.close().unwrap();
    assert!(matches!(replica.store.write(|_| Ok(())), Err(StoreError::Closed)));
    let again = open(&replica.folder);
    assert_eq!(again.replica_id(), replica_id);
    let row = again.read(|tx| tx.get(CONVERSATION_CONTEXTS, &key("c"))).unwrap().unwrap();
    assert_eq!(decompress(row.get("detail_zst").as_blob().unwrap()).unwrap(), text.as_bytes());
    assert_eq!(row.int("relevance_score"), Some(500));
}

#[test]
fn readers_cannot_write() {
    let replica = replica();
    let error = replica.store.read(|tx| Ok(tx.connection().execute("DELETE FROM clients", [])?)).unwrap_err();
    assert!(matches!(error, StoreError::ReadOnly), "{error}");
}

#[test]
fn tables_of_central_are_not_written_here() {
    let replica = replica();
    let user = Row::new(USERS).with("id", id("u")).with("email", "a@example.org");
    let error = replica.store.write(|tx| tx.put(user)).unwrap_err();
    assert_eq!(error.to_string(), "users is written at central only");
}

#[test]
fn a_file_of_a_newer_version_is_left_alone() {
    let replica = replica();
    replica.store.write(|tx| tx.put(Row::new(MACHINES).with("id", id("m")).with("hostname", "a"))).unwrap();
    replica.store.close().unwrap();
    let path = replica.folder.path().join("replica.db");
    let connection = crate::local::schema::open_writer(&path).unwrap();
    connection.pragma_update(None, "user_version", 999).unwrap();
    drop(connection);
    let error = crate::Store::open(&path, std::sync::Arc::new(crate::SystemClock)).unwrap_err();
    assert!(matches!(error, StoreError::Newer { found: 999, .. }), "{error}");
}

#[test]
fn a_file_that_is_no_database_is_named_as_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("replica.db");
    std::fs::write(&path, "this is no database, but it is long enough to be looked at as one".repeat(20)).unwrap();
    let error = crate::Store::open(&path, std::sync::Arc::new(crate::SystemClock)).unwrap_err();
    assert!(matches!(error, StoreError::Damaged(_)), "{error}");
}

#[test]
fn composite_keys_work_like_others() {
    let replica = replica();
    let entity = migrations::entity("coord_component_states").unwrap();
    let row =
        Row::new(entity).with("project_key", "github.com/a/b").with("component", "api").with("updated_by", "A/main");
    replica.put(row.clone());
    let found = replica.store.read(|tx| tx.get(entity, &Key::new("github.com/a/b\u{1f}api"))).unwrap();
    assert_eq!(found.unwrap().text("state"), Some("unknown"));
    assert_eq!(replica.journal()[0].0.to_string(), "coord_component_states github.com/a/b/api");
}

#[test]
fn a_replica_of_an_older_build_is_not_read_as_if_it_were_of_this_one() {
    let replica = replica();
    replica.put(client("Acme"));
    replica.store.write(|tx| Ok(tx.connection().pragma_update(None, "user_version", 1)?)).unwrap();
    replica.store.close().unwrap();
    let error = crate::local::inspect(&replica.folder.path().join("replica.db"), crate::local::counts).unwrap_err();
    assert!(matches!(error, StoreError::Older { found: 1, .. }), "{error}");
}

#[test]
fn whole_tables_are_read_without_mapping_the_file() {
    fn mapped(tx: &crate::local::ReadTx<'_>) -> Result<i64, StoreError> {
        Ok(tx.connection().pragma_query_value(None, "mmap_size", |row| row.get(0))?)
    }
    let replica = replica();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert_eq!(runtime.block_on(replica.store.scan_async(mapped)).unwrap(), 0);
    assert!(replica.store.read(mapped).unwrap() > 0);
}
