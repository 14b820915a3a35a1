//! The store on real files: what a job may do, what comes from central, what central answered.

mod apply;
mod bulk;
mod duplicates;
mod flight;
mod identity;
mod ledger;
mod refused;
mod snapshot;
mod writing;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use merge::{HybridTime, Key, Row, RowId};
use migrations::catalogue::{CLIENTS, PROJECTS, SITES};
use migrations::{Entity, entity};

use super::{Applied, FeedState, Incoming, Page, Store, derived_id, journal};
use crate::Clock;

/// A clock that the test sets.
pub(super) struct TestClock(AtomicU64);

impl Clock for TestClock {
    fn now_us(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

/// A replica in a folder of its own.
pub(super) struct Replica {
    pub(super) store: Store,
    pub(super) folder: tempfile::TempDir,
}

pub(super) const START_US: u64 = 1_800_000_000_000_000;

pub(super) fn replica() -> Replica {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    Replica { store, folder }
}

pub(super) fn open(folder: &tempfile::TempDir) -> Store {
    Store::open(&folder.path().join("replica.db"), Arc::new(TestClock(AtomicU64::new(START_US)))).unwrap()
}

pub(super) fn id(name: &str) -> String {
    derived_id("test", name)
}

pub(super) fn key(name: &str) -> Key {
    Key::new(id(name))
}

pub(super) fn client(name: &str) -> Row {
    Row::new(CLIENTS).with("id", id(name)).with("name", name)
}

pub(super) fn site(name: &str, client: &str) -> Row {
    Row::new(SITES).with("id", id(name)).with("client_id", id(client)).with("name", name)
}

pub(super) fn project(name: &str, slug: &str) -> Row {
    Row::new(PROJECTS).with("id", id(name)).with("name", name).with("slug", slug)
}

/// The row as central would have it: with every default filled.
pub(super) fn at_central(mut row: Row) -> Row {
    super::validate::fill_defaults(&mut row, START_US - 1_000_000_000);
    super::validate::check(&mut row, None).unwrap();
    row
}

pub(super) fn present(row: Row, seq: u64) -> Incoming {
    Incoming { id: row.id(), seq, time: HybridTime(START_US), state: FeedState::Present(row) }
}

pub(super) fn deleted(row: &Row, seq: u64) -> Incoming {
    Incoming { id: row.id(), seq, time: HybridTime(START_US), state: FeedState::Deleted(Some(row.clone())) }
}

impl Replica {
    pub(super) fn put(&self, row: Row) {
        self.store.write(move |tx| tx.put(row)).unwrap();
    }

    pub(super) fn get(&self, entity: &'static Entity, name: &str) -> Option<Row> {
        let key = key(name);
        self.store.read(move |tx| tx.get(entity, &key)).unwrap()
    }

    /// What the journal holds: tables, keys and whether there is a base.
    pub(super) fn journal(&self) -> Vec<(RowId, Option<Row>)> {
        let entries = self.store.read(|tx| {
            let mut statement = tx.connection().prepare("SELECT tbl, pk FROM ct_sync_dirty ORDER BY position")?;
            let found = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
            let mut list = Vec::new();
            for found in found {
                let (table, pk) = found?;
                let id = RowId::new(entity(&table).unwrap(), Key::new(pk));
                list.extend(journal::entry(tx.connection(), &id)?);
            }
            Ok(list)
        });
        entries.unwrap().into_iter().map(|entry| (entry.id, entry.base)).collect()
    }

    /// Applies rows from central.
    pub(super) fn apply(&self, rows: Vec<Incoming>) -> Applied {
        let cursor = rows.iter().map(|row| row.seq).max();
        self.remote(move |tx| super::apply(tx, Page { rows, cursor }))
    }

    /// Runs a job as the engine does.
    pub(super) fn remote<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut super::WriteTx<'_>) -> Result<T, super::StoreError> + Send + 'static,
    ) -> T {
        self.try_remote(job).unwrap()
    }

    /// The same when it may fail.
    pub(super) fn try_remote<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut super::WriteTx<'_>) -> Result<T, super::StoreError> + Send + 'static,
    ) -> Result<T, super::StoreError> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(self.store.apply_async(job))
    }

    /// A number of the bookkeeping.
    pub(super) fn count(&self, sql: &str) -> i64 {
        self.store.read(|tx| Ok(tx.connection().query_row(sql, [], |row| row.get(0))?)).unwrap()
    }
}
