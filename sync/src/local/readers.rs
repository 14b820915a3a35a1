//! Read-only connections, opened when needed and kept for the next reader.
//!
//! Those for questions map the file, which is quick for pages that are asked for again and again. Those that read whole
//! tables do not: every page that they pass would stay in the daemon's memory.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{ReadTx, StoreError, schema};

/// Connections kept open, and async readers at work at once: opening one reads the whole schema, so a crowd of readers is
/// quicker in turns. Only blocking readers open more, for a burst, and close them after it.
const KEPT: usize = 8;

/// Bytes of the file that a connection for questions maps.
pub(super) const MAPPED: usize = 256 << 20;

/// How long a connection is kept that nobody reads with: with its cache, its schema and its statements it takes up to some
/// MiB.
pub(super) const KEPT_FOR: Duration = Duration::from_mins(1);

/// Connections that wait for their next reader, with when the last one was done.
pub(super) struct Idle {
    connections: Mutex<Vec<(Instant, Connection)>>,
    turns: Arc<Semaphore>,
}

impl Default for Idle {
    fn default() -> Self {
        Self { connections: Mutex::default(), turns: Arc::new(Semaphore::new(KEPT)) }
    }
}

impl Idle {
    /// Waits for a turn, which lasts until it is dropped.
    pub(super) async fn turn(&self) -> Result<OwnedSemaphorePermit, StoreError> {
        Arc::clone(&self.turns).acquire_owned().await.map_err(|_| StoreError::Closed)
    }

    /// Closes the connections that nobody reads with.
    pub(super) fn clear(&self) {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Runs a job on one snapshot, on a connection that was kept or is opened, and is made ready for this job. One whose job
    /// fails is not kept.
    pub(super) fn read<T>(
        &self,
        open: impl FnOnce() -> Result<Connection, StoreError>,
        ready: impl FnOnce(&Connection) -> Result<(), StoreError>,
        job: impl FnOnce(&ReadTx<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let kept = self.connections.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = kept.map_or_else(open, |(_, connection)| Ok(connection))?;
        ready(&connection)?;
        // Prepared once: for a single row, that is half of the work.
        connection.prepare_cached("BEGIN DEFERRED")?.execute([])?;
        let value = job(&ReadTx::new(&connection))?;
        connection.prepare_cached("COMMIT")?.execute([])?;
        let mut idle = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|(used, _)| used.elapsed() < KEPT_FOR);
        if idle.len() < KEPT {
            idle.push((Instant::now(), connection));
        }
        Ok(value)
    }
}

pub(super) struct Readers {
    path: PathBuf,
    /// Bytes of the file that a connection maps.
    mapped: usize,
    idle: Idle,
}

impl Readers {
    /// Readers for questions.
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, mapped: MAPPED, idle: Idle::default() }
    }

    /// Readers of whole tables.
    pub(super) fn of_tables(path: PathBuf) -> Self {
        Self { mapped: 0, ..Self::new(path) }
    }

    /// Runs a job on one snapshot.
    pub(super) fn read<T>(&self, job: impl FnOnce(&ReadTx<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.idle.read(|| schema::open_reader(&self.path, self.mapped), |_| Ok(()), job)
    }

    /// [`Idle::clear`]
    pub(super) fn clear(&self) {
        self.idle.clear();
    }

    /// [`Idle::turn`]
    pub(super) async fn turn(&self) -> Result<OwnedSemaphorePermit, StoreError> {
        self.idle.turn().await
    }
}
