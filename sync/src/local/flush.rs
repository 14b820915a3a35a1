//! Commits that are made durable on a thread of their own, while the writer works on the next one.
//!
//! Where a sync takes longer than the work of those who share it, it is best that all of them wait for one sync together.
//! A larger crowd keeps the disk and the processor waiting for each other: then the writer commits without a sync, hands the jobs
//! over, and takes the next into a transaction meanwhile. That is committed shortly before the disk is free, as far as the last
//! sync tells, and no sooner: who misses it waits for a sync more. Nobody is answered before a sync that began after its commit
//! has ended, so that what is acknowledged is on disk, as ever; what is read may be a sync ahead of it. A commit in the
//! write-ahead log stands on those before it, so that none is durable without them.
//!
//! A sync that fails leaves open what of the log is on disk, and a second one may not tell (Rebello et al., "Can
//! Applications Recover from fsync Failures?", 2020). Only the recovery at the next start looks at every frame's checksum. So
//! the process ends, as `PostgreSQL` does since its version 12: nobody was answered, and hooks leave their events on disk.

use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::StoreError;
use super::writer::{Inbox, Job};

/// What makes the log durable, and what is done when that fails.
pub(super) struct Disk {
    pub(super) sync: Box<dyn FnMut() -> io::Result<()> + Send>,
    pub(super) fail: Box<dyn Fn(&io::Error) + Send>,
}

impl Disk {
    /// The disk under the log of the replica at `path`, which must be open: the log is there as long as it is. Errors: as of
    /// opening a file.
    pub(super) fn under(path: &Path) -> io::Result<Self> {
        // SQLite's locks are on other files, so that none of them is lost when this one is closed.
        let file = OpenOptions::new().read(true).write(true).open(beside(path, "-wal"))?;
        let note = note(path);
        Ok(Self { sync: Box::new(move || file.sync_data()), fail: Box::new(move |error| end(error, &note)) })
    }
}

/// The file beside a replica that tells the next process why this one has ended.
fn note(path: &Path) -> PathBuf {
    beside(path, "-unsynced")
}

/// The file whose name is that of a replica and so much more.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Ends the process.
fn end(error: &io::Error, note: &Path) {
    tracing::error!(%error, "the disk has not confirmed what was written to it; the process ends, as the log must be read anew");
    let _ = std::fs::write(note, error.to_string()); // the log has it as well, if that can be written
    std::process::abort()
}

/// Why the process that had the replica at `path` open before ended itself, if a failed sync made it do so. It is told once.
#[must_use]
pub fn take_failed_sync(path: &Path) -> Option<String> {
    let note = note(path);
    let error = std::fs::read_to_string(&note).ok()?;
    if let Err(error) = std::fs::remove_file(&note) {
        tracing::warn!(%error, note = %note.display(), "it is told again at the next start");
    }
    Some(error)
}

/// A sync of which nothing is known takes longer than anybody waits.
const UNKNOWN: Duration = Duration::MAX;

/// Jobs whose commit is to be made durable, and what is told then.
pub(super) struct Flight {
    pub(super) jobs: Vec<Box<dyn Job>>,
    pub(super) tell: Box<dyn FnOnce() + Send>,
}

#[derive(Default)]
struct State {
    /// Since when a sync is under way.
    syncing: Option<Instant>,
    /// Whether another one is to follow it.
    is_next: bool,
    /// How long the last sync took.
    took: Option<Duration>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// There is room for the next.
    room: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Jobs whose sync has ended, and why it failed if it did.
struct Landed {
    jobs: Vec<Box<dyn Job>>,
    failure: Option<String>,
}

/// The threads: one syncs, and one answers, so that the next sync need not wait until a crowd is told of the last.
pub(super) struct Flusher {
    flights: Option<Sender<Flight>>,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Flusher {
    /// Starts them. The writer hears in its inbox when a sync has ended.
    pub(super) fn start(disk: Disk, inbox: Arc<Inbox>) -> Result<Self, StoreError> {
        let shared = Arc::new(Shared::default());
        let ((flights, come), (land, landed)) = (channel(), channel());
        let seen = Arc::clone(&shared);
        let syncs = thread("replica-flusher", move || serve(disk, &come, &seen, &inbox, &land))?;
        let answers = thread("replica-answers", move || answer(&landed))?;
        Ok(Self { flights: Some(flights), shared, threads: vec![syncs, answers] })
    }

    /// How long the disk will be busy with what was handed over, if a sync takes as long as the last one; None when it is
    /// free.
    pub(super) fn busy_for(&self) -> Option<Duration> {
        let state = self.shared.lock();
        let took = state.took.unwrap_or(UNKNOWN);
        let left = state.syncing.map(|since| took.saturating_sub(since.elapsed()));
        let next = state.is_next.then_some(took);
        left.or(next).map(|_| left.unwrap_or_default().saturating_add(next.unwrap_or_default()))
    }

    /// Waits until all that was handed over is being made durable, if it is not yet; how long the last sync took.
    pub(super) fn wait(&self) -> Option<Duration> {
        let room = self.shared.room.wait_while(self.shared.lock(), |state| state.is_next);
        room.unwrap_or_else(PoisonError::into_inner).took
    }

    /// Has what was committed made durable, and its jobs answered afterwards. Only after [`Flusher::wait`].
    pub(super) fn send(&self, flight: Flight) {
        self.shared.lock().is_next = true;
        let sent = self.flights.as_ref().map(|flights| flights.send(flight));
        if let Some(Err(_)) = sent {
            gone();
        }
    }
}

impl Drop for Flusher {
    /// All that was handed over is durable and answered when it is gone.
    fn drop(&mut self) {
        self.flights.take();
        for thread in self.threads.drain(..) {
            let _ = thread.join(); // a panic is on record
        }
    }
}

fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, StoreError> {
    std::thread::Builder::new().name(name.into()).spawn(work).map_err(StoreError::other)
}

/// Ends the process when one of the threads has ended before its time, which it does in a panic only: whoever waits would
/// never be answered.
fn gone() {
    tracing::error!("a thread that makes commits durable has ended; the process ends, as its commits may not be");
    std::process::abort()
}

fn serve(mut disk: Disk, flights: &Receiver<Flight>, shared: &Shared, inbox: &Inbox, land: &Sender<Landed>) {
    for Flight { jobs, tell } in flights {
        let began = Instant::now();
        {
            let mut state = shared.lock();
            (state.syncing, state.is_next) = (Some(began), false);
        }
        shared.room.notify_all();
        let synced = (disk.sync)();
        let took = began.elapsed();
        if let Err(error) = &synced {
            (disk.fail)(error);
        } else {
            tell();
        }
        {
            let mut state = shared.lock();
            (state.syncing, state.took) = (None, Some(took));
        }
        inbox.synced();
        let failure = synced.err().map(|error| format!("sync the disk: {error}"));
        if land.send(Landed { jobs, failure }).is_err() {
            gone();
        }
    }
}

fn answer(landed: &Receiver<Landed>) {
    for Landed { jobs, failure } in landed {
        for job in jobs {
            job.answer(failure.clone().map_or(Ok(()), |failure| Err(StoreError::Other(failure))));
        }
    }
}

#[cfg(test)]
mod tests;
