//! The short way for rows that are new here.
//!
//! A page of a first sync holds hundreds of rows that this replica has never seen, and for each of them the general way
//! ([`super::apply`]) asks half a dozen questions whose answers are known for the whole page: no row of that key, no
//! journal entry, nothing in quarantine, nobody who waits for it. Here they are asked once: is there any row, any entry
//! between the page's lowest and highest key? (The order is SQLite's own on both sides of the question; whether central
//! orders keys otherwise does not matter.) Rows for which that does not settle it are looked up one by one, and those that
//! are not new, or whose table has unique keys, go the general way.
//!
//! Nor do they pass the triggers that would index them, and that only queue them in bulk, nor those that look whether a row
//! was forgotten: SQLite keeps a journal for each
//! statement that fires any, to take back all of it, and closing that journal costs more the more the transaction has
//! changed. What the triggers would do is done here.
//!
//! Indexing the text of so many rows is put off: see `ct_memory_bulk` in the replica's schema.

use std::collections::{HashMap, HashSet};

use merge::{Key, Row, RowId};
use migrations::catalogue::{FORGOTTEN, WORK_ITEMS};
use migrations::{Entity, entity};
use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::apply::{Applied, FeedState, Incoming, apply_rows};
use super::extent::Gaps;
use super::tx::WriteTx;
use super::{StoreError, journal, ledger, orphan, rows};

/// Rows from which on a page is large: its text is indexed later, and new rows take the short way.
pub(super) const LARGE: usize = 100;

/// The tables whose rows, in bulk, enter the queue of what is to be indexed, and do nothing else.
pub(super) const QUEUED: [&str; 5] =
    ["conversation_contexts", "context_snippets", "decision_logs", "project_states", "problem_solutions"];
/// The tables whose triggers do something else: they index solutions that came before what they lead to. (So do those of
/// work items, see [`await_no_more`].)
pub(super) const TRIGGERED: [&str; 2] = ["projects", "sessions"];
/// The tables whose rows are to be taken out again when they were forgotten on purpose (`0023_forgotten.sql`).
pub(super) const FORGETTABLE: [&str; 9] = [
    "conversation_contexts",
    "context_snippets",
    "decision_logs",
    "project_states",
    "problem_solutions",
    "file_changes",
    "command_runs",
    "operation_failures",
    "work_items",
];

/// Runs a job in which the text of what is stored is queued for indexing instead of being indexed.
pub(super) fn in_bulk<T>(
    tx: &mut WriteTx<'_>,
    job: impl FnOnce(&mut WriteTx<'_>) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    tx.connection().prepare_cached("INSERT INTO ct_memory_bulk (id) VALUES (1)")?.execute([])?;
    // When the job fails, its savepoint takes the mark back with everything else.
    let value = job(tx)?;
    tx.connection().prepare_cached("DELETE FROM ct_memory_bulk")?.execute([])?;
    Ok(value)
}

/// Parts a page: the rows that are new here and may go the short way, and the others.
pub(super) fn part(tx: &WriteTx<'_>, page: Vec<Incoming>) -> Result<(Vec<Incoming>, Vec<Incoming>), StoreError> {
    // Where central lacks a column, rows are filled up first, which is the general way's.
    let gaps = Gaps::load(tx.connection())?;
    let may_be_fresh = |incoming: &Incoming| may_be_fresh(incoming) && gaps.has_all_of(incoming.id.entity);
    let mut spans: HashMap<&'static str, Span> = HashMap::new();
    for incoming in page.iter().filter(|incoming| may_be_fresh(incoming)) {
        spans.entry(incoming.id.entity.name).or_insert_with(|| Span::new(incoming.id.entity)).widen(&incoming.id.key);
    }
    for span in spans.values_mut() {
        span.look(tx)?;
    }
    let (mut fresh, mut others) = (Vec::with_capacity(page.len()), Vec::new());
    for incoming in page {
        let span = spans.get(incoming.id.entity.name).filter(|_| may_be_fresh(&incoming));
        let is_fresh = span.map_or(Ok(false), |span| span.is_fresh(tx, &incoming.id))?;
        if is_fresh { fresh.push(incoming) } else { others.push(incoming) }
    }
    Ok((fresh, others))
}

/// Stores rows that are new here. What has unique keys is often what these refer to, so the others come first.
pub(super) fn store(
    tx: &mut WriteTx<'_>,
    fresh: Vec<Incoming>,
    in_turn: bool,
    applied: &mut Applied,
) -> Result<(), StoreError> {
    let mut quiet = Quiet::look(tx)?;
    let mut refused = Vec::new();
    let passes_triggers = fresh.iter().any(|incoming| TRIGGERED.contains(&incoming.id.entity.name));
    let untriggered = if passes_triggers { None } else { Some(Untriggered::begin(tx.connection())?) };
    let queue = "INSERT INTO ct_memory_queue (source_table, source_id) VALUES (?1, ?2)";
    let mut queue = tx.connection().prepare_cached(queue)?;
    let mut insert: Option<rows::Insert<'_>> = None;
    for incoming in fresh {
        let FeedState::Present(row) = &incoming.state else { continue };
        let insert = match &mut insert {
            Some(insert) if insert.entity == row.entity() => insert,
            other => other.insert(rows::Insert::into(tx.connection(), row.entity())?),
        };
        match insert.run(row) {
            Ok(()) => {
                if untriggered.is_some() {
                    if QUEUED.contains(&incoming.id.entity.name) {
                        queue.execute([incoming.id.entity.name, incoming.id.key.as_str()])?;
                    }
                    heed_forgotten(tx.connection(), row, quiet.none_forgotten)?;
                    if !quiet.no_parked {
                        await_no_more(tx.connection(), row)?;
                    }
                }
                tx.witness(incoming.time);
                settle(tx, &incoming.id, row, &mut quiet)?;
                applied.changed += 1;
            }
            // The general way says what is wrong with it.
            Err(StoreError::Invalid { .. }) => refused.push(incoming),
            Err(error) => return Err(error),
        }
    }
    drop(untriggered);
    apply_rows(tx, refused, in_turn, applied)
}

/// A row that names what was forgotten, and one that is named so, have the named one taken out.
fn heed_forgotten(db: &Connection, row: &Row, none_forgotten: bool) -> Result<(), StoreError> {
    let (table, key) = (row.entity().name, row.key());
    if row.entity() == FORGOTTEN {
        let due = "INSERT OR IGNORE INTO ct_forget_due SELECT source_table, source_id FROM forgotten WHERE id = ?1";
        db.prepare_cached(due)?.execute([key.as_str()])?;
    } else if !none_forgotten && FORGETTABLE.contains(&table) {
        let due = "INSERT OR IGNORE INTO ct_forget_due
                   SELECT source_table, source_id FROM forgotten WHERE source_table = ?1 AND source_id = ?2";
        db.prepare_cached(due)?.execute([table, key.as_str()])?;
    }
    Ok(())
}

/// Solutions that came before their work item are indexed with it.
fn await_no_more(db: &Connection, row: &Row) -> Result<(), StoreError> {
    if row.entity() == WORK_ITEMS {
        let queue = "INSERT INTO ct_memory_queue (source_table, source_id)
                       SELECT 'problem_solutions', id FROM problem_solutions WHERE work_item_id = ?1";
        db.prepare_cached(queue)?.execute([row.key().as_str()])?;
    }
    Ok(())
}

/// While it lives, no trigger fires on the connection.
struct Untriggered<'db>(&'db Connection);

impl<'db> Untriggered<'db> {
    fn begin(db: &'db Connection) -> Result<Self, StoreError> {
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
        Ok(Self(db))
    }
}

impl Drop for Untriggered<'_> {
    fn drop(&mut self) {
        // Cannot fail for an open connection; each transaction makes sure of it once more.
        let _ = self.0.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, true);
    }
}

fn may_be_fresh(incoming: &Incoming) -> bool {
    let entity = incoming.id.entity;
    matches!(incoming.state, FeedState::Present(_)) && entity.unique.is_empty() && entity.primary_key.len() == 1
}

/// The keys of a page's rows of one table.
struct Span {
    entity: &'static Entity,
    keys: Option<(Key, Key)>,
    /// True when the replica has a row of the table among them.
    has_rows: bool,
    /// True when the journal has one.
    has_entries: bool,
}

impl Span {
    fn new(entity: &'static Entity) -> Self {
        Self { entity, keys: None, has_rows: true, has_entries: true }
    }

    fn widen(&mut self, key: &Key) {
        match &mut self.keys {
            None => self.keys = Some((key.clone(), key.clone())),
            Some((low, _)) if key < low => *low = key.clone(),
            Some((_, high)) if key > high => *high = key.clone(),
            Some(_) => {}
        }
    }

    fn look(&mut self, tx: &WriteTx<'_>) -> Result<(), StoreError> {
        let Some((low, high)) = &self.keys else { return Ok(()) };
        self.has_rows = rows::any_between(tx.connection(), self.entity, low, high)?;
        self.has_entries = tx
            .connection()
            .prepare_cached("SELECT 1 FROM ct_sync_dirty WHERE tbl = ?1 AND pk BETWEEN ?2 AND ?3 LIMIT 1")?
            .exists([self.entity.name, low.as_str(), high.as_str()])?;
        Ok(())
    }

    fn is_fresh(&self, tx: &WriteTx<'_>, id: &RowId) -> Result<bool, StoreError> {
        let db = tx.connection();
        if self.has_rows && rows::exists(db, id.entity, &id.key)? {
            return Ok(false);
        }
        Ok(!self.has_entries || journal::entry(db, id)?.is_none())
    }
}

/// What need not be asked for each row.
struct Quiet {
    /// Nothing is in quarantine.
    no_quarantine: bool,
    /// No reference waits for its row.
    no_parked: bool,
    /// Nothing was forgotten before this page; what it brings itself is heeded as it comes.
    none_forgotten: bool,
    /// Rows that others of the page refer to, and that are there.
    parents: HashSet<RowId>,
}

impl Quiet {
    fn look(tx: &WriteTx<'_>) -> Result<Self, StoreError> {
        let any = |sql: &str| Ok::<_, StoreError>(tx.connection().prepare_cached(sql)?.exists([])?);
        Ok(Self {
            no_quarantine: !any("SELECT 1 FROM ct_sync_quarantine LIMIT 1")?,
            no_parked: !orphan::has_parked(tx)?,
            none_forgotten: !any("SELECT 1 FROM forgotten LIMIT 1")?,
            parents: HashSet::new(),
        })
    }

    /// True when everything that the row refers to is there.
    fn has_parents(&mut self, tx: &WriteTx<'_>, row: &Row) -> Result<bool, StoreError> {
        for (reference, parent) in merge::parents(row) {
            let Some(entity) = entity(reference.references) else { continue };
            let id = RowId::new(entity, parent);
            if !self.parents.contains(&id) {
                if !rows::exists(tx.connection(), entity, &id.key)? {
                    return Ok(false);
                }
                self.parents.insert(id);
            }
        }
        Ok(true)
    }
}

/// A row was stored: what that means for others.
fn settle(tx: &WriteTx<'_>, id: &RowId, row: &Row, quiet: &mut Quiet) -> Result<(), StoreError> {
    if !quiet.no_quarantine {
        ledger::decided(tx.connection(), id, true)?;
        ledger::changed(tx.connection(), id)?;
    }
    if quiet.no_parked && quiet.has_parents(tx, row)? {
        return Ok(());
    }
    quiet.no_parked = false;
    orphan::arrived(tx, row)
}
