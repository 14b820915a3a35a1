//! Large pages: the short way must end where the general one ends, and indexing is put off, never forgotten.

use merge::{Key, Row, Value};
use migrations::catalogue::{CONVERSATION_CONTEXTS, FILE_CHANGES, FORGOTTEN, PROBLEM_SOLUTIONS, SESSIONS, WORK_ITEMS};

use super::{Replica, at_central, client, id, key, present, project, replica};
use crate::local::fresh::{FORGETTABLE, QUEUED, TRIGGERED};
use crate::local::{Incoming, StoreError};

fn context(name: &str) -> Row {
    at_central(
        Row::new(CONVERSATION_CONTEXTS)
            .with("id", id(name))
            .with("context_type", "checkpoint")
            .with("title", name)
            .with("dense_summary", format!("what happened in {name}"))
            .with("tags", r#"["one","two"]"#),
    )
}

fn contexts(count: u64) -> Vec<Incoming> {
    (1..=count).map(|number| present(context(&format!("memory {number}")), number)).collect()
}

/// Everything that the sync keeps, as text.
fn dump(replica: &Replica) -> Vec<String> {
    let tables =
        ["clients", "projects", "conversation_contexts", "ct_sync_dirty", "ct_sync_parked", "ct_sync_quarantine"];
    let dump = tables.map(|table| {
        let read = |tx: &crate::local::ReadTx<'_>| {
            let mut statement = tx.connection().prepare(&format!("SELECT * FROM {table} ORDER BY 1, 2"))?;
            let columns = statement.column_count();
            let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
            let rows = statement.query_map([], |row| {
                // Times of this machine's clock and numbers of its counters depend on how many steps there were.
                let told = (0..columns).filter(|at| !names[*at].ends_with("_us") && names[*at] != "generation");
                told.map(|at| Ok(format!("{:?}", row.get_ref(at)?))).collect::<Result<Vec<_>, rusqlite::Error>>()
            })?;
            Ok::<_, StoreError>(rows.collect::<Result<Vec<_>, _>>()?)
        };
        format!("{table}: {:?}", replica.store.read(read).unwrap())
    });
    dump.to_vec()
}

#[test]
fn a_large_page_is_stored_at_once_and_indexed_later() {
    let replica = replica();
    assert_eq!(replica.apply(contexts(150)).changed, 150);
    assert_eq!(replica.count("SELECT count(*) FROM conversation_contexts"), 150);
    assert_eq!(replica.count("SELECT count(*) FROM ct_memory_queue"), 150);
    assert_eq!(replica.count("SELECT count(*) FROM ct_memory") + replica.count("SELECT count(*) FROM context_tags"), 0);
    assert_eq!(replica.count("SELECT count(*) FROM ct_memory_bulk"), 0, "the mark never outlives its transaction");
    replica.apply(vec![present(context("small page"), 151)]);
    replica.put(context("from here"));
    assert_eq!(replica.count("SELECT count(*) FROM ct_memory"), 2, "small pages and local writes are indexed at once");
    index(&replica);
    assert_eq!(replica.count("SELECT count(*) FROM ct_memory"), 152);
    assert_eq!(replica.count("SELECT count(*) FROM context_tags WHERE tag = 'two'"), 152);
    let found = "SELECT count(*) FROM ct_memory_fts WHERE ct_memory_fts MATCH 'happened'";
    assert_eq!(replica.count(found), 152);
}

#[test]
fn what_triggers_do_for_a_new_row_is_known_to_the_short_way() {
    let replica = replica();
    let tables = |named: &'static str| {
        let read = move |tx: &crate::local::ReadTx<'_>| {
            let sql = "SELECT DISTINCT tbl_name FROM sqlite_master \
                       WHERE type = 'trigger' AND sql LIKE '%AFTER INSERT ON%' AND name LIKE ?1 \
                         AND tbl_name NOT LIKE 'ct!_%' ESCAPE '!' ORDER BY 1";
            let mut statement = tx.connection().prepare(sql)?;
            let found = statement.query_map([named], |row| row.get::<_, String>(0))?;
            Ok::<_, StoreError>(found.collect::<Result<Vec<_>, _>>()?)
        };
        replica.store.read(read).unwrap()
    };
    let sorted = |names: &[&'static str]| {
        let mut names = names.to_vec();
        names.sort_unstable();
        names
    };
    assert_eq!(tables("ct_memory_queue_%"), sorted(&QUEUED));
    let mut forgetful = sorted(&[FORGETTABLE.as_slice(), &["forgotten"]].concat());
    assert_eq!(tables("ct_forget_%"), forgetful);
    forgetful.extend(QUEUED.iter().chain(&TRIGGERED));
    forgetful.sort_unstable();
    forgetful.dedup();
    assert_eq!(tables("%"), forgetful);
}

#[test]
fn what_was_forgotten_is_taken_out_of_a_large_page_too() {
    let name = |number: u64, memory: &str| {
        Row::new(FORGOTTEN)
            .with("id", id(&format!("name {number}")))
            .with("source_table", "conversation_contexts")
            .with("source_id", id(memory))
            .with("forgotten_at", "2026-11-20T10:00:00.000000Z")
    };
    let due = "SELECT count(*) FROM ct_forget_due";
    let replica = replica();
    replica.apply(vec![present(at_central(name(1, "memory 7")), 500)]);
    assert_eq!(replica.count(due), 1);
    replica.store.write(|tx| Ok(tx.connection().execute_batch("DELETE FROM ct_forget_due")?)).unwrap();
    replica.apply(contexts(150));
    assert_eq!(replica.count(due), 1, "one of the page was forgotten before");
    let names =
        (0..150).map(|number| present(at_central(name(number + 10, &format!("memory {number}"))), 600 + number));
    replica.apply(names.collect());
    assert_eq!(replica.count(due), 150, "and all of them afterwards");
}

fn index(replica: &Replica) {
    let all = "INSERT INTO ct_memory_late SELECT source_table, source_id FROM ct_memory_queue ORDER BY position";
    replica.store.write(move |tx| Ok(tx.connection().execute_batch(all)?)).unwrap();
}

#[test]
fn a_row_that_a_large_page_changes_is_not_found_where_it_was() {
    let replica = replica();
    replica.apply(vec![present(context("memory 1"), 1)]);
    assert_eq!(replica.count("SELECT count(*) FROM ct_memory"), 1);
    let moved = at_central(project("other", "other"));
    let mut page = contexts(120);
    page[0] = present(context("memory 1").with("project_id", id("other")), 1);
    page.push(present(moved, 121));
    replica.apply(page);
    assert_eq!(replica.count("SELECT count(*) FROM ct_memory"), 0);
    index(&replica);
    let scope =
        "SELECT count(*) FROM ct_memory m JOIN ct_memory_scope s ON s.scope = m.id >> 32 WHERE s.project_id <> ''";
    assert_eq!(replica.count(scope), 1);
}

#[test]
fn a_solution_that_came_before_its_work_item_is_indexed_with_it() {
    let replica = replica();
    let session = Row::new(SESSIONS).with("id", id("session")).with("claude_session_id", "session");
    let solution = Row::new(PROBLEM_SOLUTIONS)
        .with("id", id("solution"))
        .with("work_item_id", id("item 7"))
        .with("title", "It fails")
        .with("problem_description", "It fails.")
        .with("solution_applied", "Mend it.")
        .with("tags", r#"["mended"]"#);
    let item = |number: u64| {
        let row = Row::new(WORK_ITEMS).with("id", id(&format!("item {number}"))).with("session_id", id("session"));
        row.with("category", "development").with("title", "Work").with("description", "Work")
    };
    replica.apply(vec![present(at_central(session), 1), present(at_central(solution), 2)]);
    assert_eq!(replica.count("SELECT count(*) FROM ct_memory"), 0, "nobody knows yet whose it is");
    replica.apply((1..=150).map(|number| present(at_central(item(number)), 10 + number)).collect());
    assert_eq!(replica.count("SELECT count(*) FROM ct_memory_queue"), 1);
    index(&replica);
    assert_eq!(replica.count("SELECT count(*) FROM ct_memory"), 1);
    assert_eq!(replica.count("SELECT count(*) FROM context_tags WHERE tag = 'mended'"), 1);
}

#[test]
fn in_one_large_page_or_in_many_small_ones_the_end_is_the_same() {
    let (large, small) = (replica(), replica());
    for replica in [&large, &small] {
        // Here already: as central has it, otherwise than central has it, and changed here.
        replica.apply(vec![present(context("memory 1"), 1), present(context("memory 2").with("title", "old"), 2)]);
        replica.apply(vec![present(context("memory 3"), 3), present(context("memory 4"), 4)]);
        replica.put(context("memory 3").with("title", "edited here"));
        let gone = key("memory 4");
        replica.store.write(move |tx| tx.delete(CONVERSATION_CONTEXTS, &gone)).unwrap();
        replica.put(client("made here"));
    }
    let mut page = contexts(200);
    // A parent that comes after its child, one that does not come, and rows of another table among them.
    page.insert(10, present(context("child").with("project_id", id("late")), 300));
    page.push(present(context("orphan").with("project_id", id("never")), 301));
    page.push(present(at_central(project("late", "late")), 302));
    page.push(present(at_central(client("theirs")), 303));
    // One that the replica's table cannot hold.
    page.push(present(context("broken").with("title", Value::Null), 304));
    large.apply(page.clone());
    for rows in page.chunks(7) {
        small.apply(rows.to_vec());
    }
    assert_eq!(dump(&large), dump(&small));
    assert_eq!(large.count("SELECT count(*) FROM ct_sync_parked"), 1);
    assert_eq!(large.count("SELECT count(*) FROM ct_sync_quarantine"), 1);
    assert_eq!(large.get(CONVERSATION_CONTEXTS, "memory 3").unwrap().text("title"), Some("edited here"));
    assert_eq!(large.get(CONVERSATION_CONTEXTS, "memory 2").unwrap().text("title"), Some("memory 2"));
}

#[test]
fn children_of_one_page_find_the_parents_of_another() {
    let replica = replica();
    let change = |number: u64| {
        at_central(
            Row::new(FILE_CHANGES)
                .with("id", id(&format!("change {number}")))
                .with("work_item_id", id("item"))
                .with("session_id", id("session"))
                .with("file_path", "a")
                .with("change_type", "modified"),
        )
    };
    replica.apply((1..=110).map(|number| present(change(number), number)).collect());
    assert_eq!(replica.count("SELECT count(*) FROM ct_sync_parked"), 220);
    assert!(replica.store.read(|tx| tx.get(FILE_CHANGES, &Key::new(id("change 1")))).unwrap().is_some());
}
