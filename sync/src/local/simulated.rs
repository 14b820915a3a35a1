//! A replica without a file and without a thread, for simulations of many machines in virtual time.
//!
//! It is the same store in all else: the same transactions, the same SQL. Its jobs run on the thread that submits them,
//! and an asynchronous caller is suspended once for each, so that a simulation may end a machine there.

use std::sync::Arc;
use std::task::Poll;

use merge::Row;
use migrations::Entity;
use rusqlite::Connection;
use rusqlite::backup::Backup;
use tokio::sync::watch;

use super::readers::Readers;
use super::writer::Writer;
use super::{Inner, Store, StoreError, own_identity, rows, schema, state};
use crate::Clock;

impl Store {
    /// A new replica in memory.
    #[doc(hidden)]
    pub fn in_memory(clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let mut connection = schema::open_in_memory()?;
        schema::migrate(&mut connection, clock.as_ref())?;
        Self::simulated(connection, clock)
    }

    /// Another replica that holds what this one has committed: the same machine after a crash, a backup, a clone.
    /// Only for a replica that is in memory itself.
    #[doc(hidden)]
    pub fn duplicate(&self, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let mut connection = schema::open_in_memory()?;
        self.inner.writer.with_connection(|from| {
            Backup::new(from, &mut connection)?.step(-1)?;
            Ok(())
        })?;
        Self::simulated(connection, clock)
    }

    /// Forgets what is not on disk: the machine lost its power and is there again.
    #[doc(hidden)]
    pub fn restart(&self) -> Result<(), StoreError> {
        self.inner.writer.restart()?;
        self.set_replica_id(self.inner.writer.with_connection(|db| own_identity(db, self.inner.clock.as_ref()))?);
        Ok(())
    }

    /// All rows of a table, by key.
    #[doc(hidden)]
    pub fn all_rows(&self, entity: &'static Entity) -> Result<Vec<Row>, StoreError> {
        self.read(|tx| {
            let mut all = Vec::new();
            rows::visit(tx.connection(), entity, "", &[], |row| all.push(row))?;
            Ok(all)
        })
    }

    /// Leaves it to the replica's copies to take an identity.
    #[doc(hidden)]
    pub fn forget_identity(&self) -> Result<(), StoreError> {
        self.write(|tx| state::forget(tx.connection(), state::REPLICA_ID))
    }

    fn simulated(connection: Connection, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let replica_id = std::sync::RwLock::new(own_identity(&connection, clock.as_ref())?);
        let (notify, changes) = watch::channel(0);
        let versions = Arc::default();
        let writer = Writer::inline(connection, Arc::clone(&clock), notify, Arc::clone(&versions))?;
        let readers = Readers::new(std::path::PathBuf::new());
        let table_readers = Readers::of_tables(std::path::PathBuf::new());
        let shaded_readers = super::shade::ShadedReaders::new(std::path::PathBuf::new());
        let crew = super::crew::Crew::new(std::path::PathBuf::new(), 0);
        let inner =
            Inner { writer, readers, crew, table_readers, shaded_readers, clock, changes, versions, replica_id };
        Ok(Self { inner: Arc::new(inner) })
    }
}

/// Suspends the caller once.
pub(super) async fn pause() {
    let mut paused = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut paused, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
