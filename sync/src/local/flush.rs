//! Commits that are made durable on a thread of their own, while the writer works on the next one.
//!
//! Where a sync takes longer than the work of those who share it, it is best that all of them wait for one sync together.
//! A larger crowd keeps the disk and the processor waiting for each other: then the writer commits without a sync, hands the jobs
//! over, and takes the next into a transaction meanwhile. Nobody is answered before a sync that began after its commit has
//! ended, so that what is acknowledged is on disk, as ever; what is read may be a sync ahead of it. A commit in the write-ahead
//! log stands on those before it, so that none is durable without them.
//!
//! A sync that fails leaves open what of the log is on disk, and a second one may not tell (Rebello et al., "Can
//! Applications Recover from fsync Failures?", 2020). Only the recovery at the next start looks at every frame's checksum. So
//! the process ends, as `PostgreSQL` does since its version 12: nobody was answered, and hooks leave their events on disk.

use std::fs::OpenOptions;
use std::io;
use std::path::Path;
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
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        // SQLite's locks are on other files, so that none of them is lost when this one is closed.
        let file = OpenOptions::new().read(true).write(true).open(log)?;
        Ok(Self { sync: Box::new(move || file.sync_data()), fail: Box::new(end) })
    }
}

/// Ends the process.
fn end(error: &io::Error) {
    tracing::error!(%error, "the disk has not confirmed what was written to it; the process ends, as the log must be read anew");
    std::process::abort()
}

/// Jobs whose commit is to be made durable, and what is told then.
pub(super) struct Flight {
    pub(super) jobs: Vec<Box<dyn Job>>,
    pub(super) tell: Box<dyn FnOnce() + Send>,
}

#[derive(Default)]
struct State {
    /// Whether a sync is under way.
    is_syncing: bool,
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

/// The thread.
pub(super) struct Flusher {
    flights: Option<Sender<Flight>>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Flusher {
    /// Starts it. The writer hears in its inbox when a sync has ended.
    pub(super) fn start(disk: Disk, inbox: Arc<Inbox>) -> Result<Self, StoreError> {
        let shared = Arc::new(Shared::default());
        let (flights, come) = channel();
        let seen = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("replica-flusher".into())
            .spawn(move || serve(disk, &come, &seen, &inbox))
            .map_err(StoreError::other)?;
        Ok(Self { flights: Some(flights), shared, thread: Some(thread) })
    }

    /// True until all that was handed over is durable.
    pub(super) fn is_busy(&self) -> bool {
        let state = self.shared.lock();
        state.is_syncing || state.is_next
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
        if let Some(Err(unsent)) = sent {
            // The thread has ended, which it does in a panic only.
            self.shared.lock().is_next = false;
            for job in unsent.0.jobs {
                job.answer(Err(StoreError::other(
                    "the thread that makes commits durable has ended; restart the daemon",
                )));
            }
        }
    }
}

impl Drop for Flusher {
    /// All that was handed over is durable and answered when it is gone.
    fn drop(&mut self) {
        self.flights.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // a panic is on record
        }
    }
}

fn serve(mut disk: Disk, flights: &Receiver<Flight>, shared: &Shared, inbox: &Inbox) {
    for Flight { jobs, tell } in flights {
        let began = Instant::now();
        {
            let mut state = shared.lock();
            (state.is_syncing, state.is_next) = (true, false);
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
            (state.is_syncing, state.took) = (false, Some(took));
        }
        inbox.synced();
        let failed = |error: &io::Error| StoreError::Other(format!("sync the disk: {error}"));
        for job in jobs {
            job.answer(synced.as_ref().map_err(failed).copied());
        }
    }
}

#[cfg(test)]
mod tests;
