//! The replica: a SQLite file that is this machine's store.
//!
//! One thread owns the one writing connection ([`writer`]); readers have connections of their own that cannot write.
//! Every change of a row enters the journal in the same transaction ([`journal`]). What comes from central is applied
//! by [`apply`], what central said of our batch by [`acknowledge`].

mod acknowledge;
mod alias;
mod apply;
mod arrivals;
mod backup;
mod collision;
mod compressed;
mod crew;
mod digest;
mod duplicates;
mod enrol;
mod error;
mod extent;
mod flush;
mod forgotten;
mod fresh;
mod ids;
mod journal;
mod ledger;
mod orphan;
mod place;
mod readers;
mod rows;
mod schema;
mod shade;
mod simulated;
mod snapshot;
mod standing;
mod state;
mod steering;
#[cfg(test)]
mod tests;
mod tx;
mod unheard;
mod validate;
mod verified;
mod version;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, oneshot, watch};

pub(crate) use acknowledge::{Flight, MISSING_PARENT, Refusal, Settled, acknowledge, depart, discard, in_flight};
pub(crate) use apply::{Applied, FeedState, Incoming, Page, apply};
pub use backup::{Adopted, Copied, adopt_copy, back_up, fold_log};
pub use compressed::{compress, decompress};
pub(crate) use digest::{Piece, hashes, is_occupied, note_alike, pieces, row_count, stretch};
pub use duplicates::merge_duplicates;
pub use enrol::{Identity, identity, note_identity_seen};
pub(crate) use enrol::{batch_numbers, become_another, cursor, note_acknowledged, set_clock_offset, start_over};
pub use error::StoreError;
pub(crate) use extent::{Refill, hold, refill, set_refill};
pub use flush::take_failed_sync;
pub(crate) use forgotten::{at_central, gone_at_central};
pub use forgotten::{forget_images, waiting_at_central};
pub use ids::{derived_id, new_id};
pub use ledger::{
    Conflict, Counts, Detail, KEPT_US, Parked, Quarantined, Restored, acknowledge_all_conflicts, acknowledge_conflict,
    conflict, conflicts, counts, find, parked, purge_conflicts, quarantine,
};
pub(crate) use ledger::{
    due, give_up, has_quarantined, last_image, note_definition, refused_tables, release_all, restore, retry, revive,
    unremembered, wanted,
};
pub(crate) use orphan::{has_parked, settle_all};
pub use rows::{Cell, Found};
pub use shade::Shade;
pub use snapshot::{SnapshotProgress, snapshot_progress};
pub(crate) use snapshot::{abandon, begin, finish, table_done, take_page, under_way, unseen};
pub(crate) use standing::{Expectation, Orphan, expected, orphans, readmit, set_aside, settle_orphans};
pub use steering::{Queued, TableQueue, clock_offset_us, queue, table_queues};
pub(crate) use steering::{is_paused, set_paused};
pub use tx::{ReadTx, WriteTx};
pub(crate) use unheard::forget_unheard;
pub use validate::{canonical_json, default_value};
pub use verified::{Verified, verified};
pub(crate) use verified::{note_made, note_verified, suspect, verified_of};

use crate::clock::Clock;
use crew::{Crew, Length};
use readers::Readers;
use shade::ShadedReaders;
use version::Versions;
use writer::{Mode, Task, Writer};

/// How long a question may go on being answered while the replica is closed.
const ANSWERS_LIMIT: Duration = Duration::from_secs(2);

/// The replica. Clones share it.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    writer: Writer,
    readers: Readers,
    crew: Crew,
    table_readers: Readers,
    shaded_readers: ShadedReaders,
    clock: Arc<dyn Clock>,
    changes: watch::Receiver<u64>,
    versions: Arc<Versions>,
    replica_id: std::sync::RwLock<String>,
}

impl Store {
    /// [`Store::open`] for a replica that belongs to a host. One that was copied here, to another host or to another folder
    /// of this one, takes an identity of its own before it meets central, so that both copies can go on.
    pub fn open_on(path: &Path, clock: Arc<dyn Clock>, host: &str) -> Result<Self, StoreError> {
        let store = Self::open(path, clock)?;
        let place = place::of(path, host);
        let moved = store.write(move |tx| place::is_another(tx, &place))?;
        if moved {
            let (old, id) = (store.replica_id(), new_id(store.clock().now_us()));
            let new = id.clone();
            let reason = "this replica was copied or moved here from another place";
            store.write(move |tx| enrol::become_another(tx, &new, reason))?;
            tracing::warn!(old, new = id, "{reason}: it takes a new identity, and nothing is lost");
            store.set_replica_id(id);
        }
        Ok(store)
    }

    /// Opens the replica at `path`, creates it when it is missing, and brings it up to this build's schema.
    pub fn open(path: &Path, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let mut connection = schema::open_writer(path)?;
        schema::migrate(&mut connection, clock.as_ref())?;
        let replica_id = own_identity(&connection, clock.as_ref())?;
        let (notify, changes) = watch::channel(0);
        let versions = Arc::new(Versions::default());
        let writer = Writer::start(connection, Arc::clone(&clock), notify, Arc::clone(&versions), path)?;
        let (readers, table_readers) = (Readers::new(path.to_owned()), Readers::of_tables(path.to_owned()));
        let (crew, shaded_readers) = (Crew::new(path.to_owned(), readers::MAPPED), ShadedReaders::new(path.to_owned()));
        let replica_id = std::sync::RwLock::new(replica_id);
        let inner =
            Inner { writer, readers, crew, table_readers, shaded_readers, clock, changes, versions, replica_id };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Runs a job in a writing transaction; returns when what it wrote is on disk. Blocks, so never call it on an async
    /// worker: [`Store::write_async`] is for those.
    pub fn write<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut WriteTx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = std::sync::mpsc::sync_channel(1);
        let reply = move |outcome| {
            // A caller that has gone away needs no answer.
            let _ = reply.send(outcome);
        };
        self.inner.writer.submit(Mode::Ordinary, Box::new(Task::new(checked(job), reply)))?;
        answer.recv().unwrap_or(Err(StoreError::Closed))
    }

    /// [`Store::write`] for async callers.
    pub async fn write_async<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut WriteTx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.submit(Mode::Ordinary, checked(job)).await
    }

    /// Applies what came from central: references may dangle while it runs, CHECKs are tolerated.
    pub(crate) async fn apply_async<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut WriteTx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.submit(Mode::Remote, job).await
    }

    /// [`Store::apply_async`] for a page that is read again when it is lost: durable with the next commit of another kind.
    pub(crate) async fn apply_page_async<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut WriteTx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.submit(Mode::Snapshot, job).await
    }

    async fn submit<T: Send + 'static>(
        &self,
        mode: Mode,
        job: impl FnOnce(&mut WriteTx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let reply = move |outcome| {
            // A caller that has gone away needs no answer.
            let _ = reply.send(outcome);
        };
        self.inner.writer.submit(mode, Box::new(Task::new(job, reply)))?;
        if self.inner.writer.is_inline() {
            simulated::pause().await;
        }
        answer.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Leaves nothing of what was deleted in the files: the write-ahead log is emptied, and a file of at most so many bytes is
    /// written anew. Writers wait meanwhile. An error when a reader is in the way: it is to be tried again.
    pub async fn tidy(&self, rewritten_up_to: u64) -> Result<(), StoreError> {
        let (reply, answer) = oneshot::channel();
        let reply = move |outcome| {
            // A caller that has gone away needs no answer.
            let _ = reply.send(outcome);
        };
        self.inner
            .writer
            .submit(Mode::Tidy { rewritten_up_to }, Box::new(Task::<(), fn(&mut WriteTx<'_>) -> _>::nothing(reply)))?;
        answer.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Runs a job on one snapshot. Blocks; [`Store::read_async`] is for async callers.
    pub fn read<T>(&self, job: impl FnOnce(&ReadTx<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        if self.inner.writer.is_inline() {
            return self.inner.writer.with_connection(|connection| job(&ReadTx::new(connection)));
        }
        self.inner.readers.read(job)
    }

    /// [`Store::read`] on a thread of its own. A store without threads reads at once, on its caller's.
    pub async fn read_async<T: Send + 'static>(
        &self,
        job: impl FnOnce(&ReadTx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.ask(Length::Open, job).await
    }

    /// [`Store::read_async`] for a job of some microseconds, such as a row by its id. One that takes longer holds up others
    /// of its kind for some milliseconds, no more.
    pub async fn read_brief_async<T: Send + 'static>(
        &self,
        job: impl FnOnce(&ReadTx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.ask(Length::Brief, job).await
    }

    async fn ask<T: Send + 'static>(
        &self,
        length: Length,
        job: impl FnOnce(&ReadTx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        if self.inner.writer.is_inline() {
            return self.read(job);
        }
        self.inner.crew.read(length, job).await
    }

    /// [`Store::read_async`] for a job that sees only what the shade leaves.
    pub async fn read_shaded_async<T: Send + 'static>(
        &self,
        shade: Shade,
        job: impl FnOnce(&ReadTx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (store, turn) = (self.clone(), self.inner.shaded_readers.turn().await?);
        off_the_workers(turn, move || store.inner.shaded_readers.read(&shade, job)).await
    }

    /// [`Store::scan`] on a thread for blocking work.
    pub(crate) async fn scan_async<T: Send + 'static>(
        &self,
        job: impl FnOnce(&ReadTx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        if self.inner.writer.is_inline() {
            return self.read(job);
        }
        let (store, turn) = (self.clone(), self.inner.table_readers.turn().await?);
        off_the_workers(turn, move || store.scan(job)).await
    }

    /// [`Store::read`] for a job that reads whole tables, or large parts of them.
    pub(crate) fn scan<T>(&self, job: impl FnOnce(&ReadTx<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        if self.inner.writer.is_inline() { self.read(job) } else { self.inner.table_readers.read(job) }
    }

    /// The clock that times are taken from.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.inner.clock
    }

    /// This replica's identity, a UUID made with the file.
    pub fn replica_id(&self) -> String {
        self.inner.replica_id.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// Remembers a new identity, after the file was found to be a copy or a restored backup.
    pub(crate) fn set_replica_id(&self, id: String) {
        *self.inner.replica_id.write().unwrap_or_else(std::sync::PoisonError::into_inner) = id;
    }

    /// Tells of each commit from now on, whatever is in it.
    pub fn commits(&self) -> watch::Receiver<()> {
        self.inner.versions.commits()
    }

    /// Counts commits with something that central must hear of.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.inner.changes.clone()
    }

    /// The version of the replica, for what is kept of it: what was read since that was asked for holds as long as it is
    /// the same. None while a commit is made. It means nothing to another [`Store::open`] of the file.
    pub fn version(&self) -> Option<u64> {
        self.inner.versions.standing()
    }

    /// Waits until everything submitted is committed and all that was asked is answered, checkpoints and closes the file.
    /// Later jobs, of this clone and of all others, get [`StoreError::Closed`].
    pub fn close(&self) -> Result<(), StoreError> {
        let Inner { writer, readers, crew, table_readers, shaded_readers, .. } = &*self.inner;
        // The writer is to be the last one: only then SQLite removes its log.
        if !crew.close(ANSWERS_LIMIT) {
            tracing::warn!(
                "a question was still being answered when the replica was closed: it is checkpointed at the next start"
            );
        }
        readers.clear();
        table_readers.clear();
        shaded_readers.clear();
        writer.close()
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("replica_id", &self.replica_id()).finish_non_exhaustive()
    }
}

/// Runs a job on a thread for blocking work. The turn ends with the job, also when nobody waits for it any more.
async fn off_the_workers<T: Send + 'static>(
    turn: OwnedSemaphorePermit,
    job: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let run = move || {
        let _turn = turn;
        job()
    };
    tokio::task::spawn_blocking(run).await.unwrap_or(Err(StoreError::Closed))
}

/// The file's identity; made with the file.
fn own_identity(connection: &rusqlite::Connection, clock: &dyn Clock) -> Result<String, StoreError> {
    if let Some(id) = state::text(connection, state::REPLICA_ID)? {
        return Ok(id);
    }
    let id = new_id(clock.now_us());
    state::set(connection, state::REPLICA_ID, &id)?;
    Ok(id)
}

/// Runs a job on one snapshot of a replica file, whether or not a [`Store`] has it open. Nothing is created, upgraded
/// or written, so it is safe beside a running daemon.
pub fn inspect<T>(path: &Path, job: impl FnOnce(&ReadTx<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
    Readers::new(path.to_owned()).read(|tx| {
        let known = schema::known();
        match tx.connection().pragma_query_value(None, "user_version", |row| row.get(0))? {
            found if found < known => Err(StoreError::Older { found, known }),
            _ => job(tx),
        }
    })
}

/// A job whose references are checked before it is let into the commit.
fn checked<T>(
    job: impl FnOnce(&mut WriteTx<'_>) -> Result<T, StoreError> + Send + 'static,
) -> impl FnOnce(&mut WriteTx<'_>) -> Result<T, StoreError> + Send + 'static {
    move |tx| {
        let value = job(tx)?;
        tx.check_references()?;
        Ok(value)
    }
}
