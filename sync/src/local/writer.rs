//! The writer thread: it owns the one writing connection, and jobs that wait at the same time share a commit.
//!
//! A commit costs one fsync whatever is in it, so the thread takes all jobs that wait or come meanwhile ([`super::arrivals`])
//! into one transaction, each under a savepoint of its own: a job that fails takes back only its own part. Nobody gets an answer
//! before the commit is on disk; where that takes long and many wait for it, another thread sees to it ([`super::flush`]).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use rusqlite::config::DbConfig;
use tokio::sync::watch;

use super::arrivals::{Arrivals, Next};
use super::flush::{Disk, Flight, Flusher};
use super::schema::{BUSY_TIMEOUT, LOG_PAGES};
use super::tx::{Heads, WriteTx};
use super::version::Versions;
use super::{StoreError, journal, state};
use crate::clock::Clock;

/// Without a job for so long, the writer gives memory back.
const QUIET: Duration = Duration::from_secs(5);
/// Pages in the write-ahead log of a crowd, to which the two syncs that emptying it takes are worth many commits. Most pages are in
/// it again and again, and are written into the file once.
const CROWD_LOG_PAGES: i32 = 4 * LOG_PAGES;
/// How long tidying waits for readers.
const TIDY_WAIT: std::time::Duration = std::time::Duration::from_millis(200);
/// A unit of work for the writer thread.
pub(super) trait Job: Send {
    /// Does the work inside a savepoint; false when it failed and must be taken back.
    fn run(&mut self, tx: &mut WriteTx<'_>) -> bool;
    /// Tells the caller, once the fate of the commit is known.
    fn answer(self: Box<Self>, committed: Result<(), StoreError>);
}

/// A closure with the way back to its caller.
pub(super) struct Task<T, F> {
    job: Option<F>,
    outcome: Option<Result<T, StoreError>>,
    reply: Box<dyn FnOnce(Result<T, StoreError>) + Send>,
}

impl<T, F> Task<T, F> {
    pub(super) fn new(job: F, reply: impl FnOnce(Result<T, StoreError>) + Send + 'static) -> Self {
        Self { job: Some(job), outcome: None, reply: Box::new(reply) }
    }
}

impl<F> Task<(), F> {
    /// Nothing to do within a transaction.
    pub(super) fn nothing(reply: impl FnOnce(Result<(), StoreError>) + Send + 'static) -> Self {
        Self { job: None, outcome: Some(Ok(())), reply: Box::new(reply) }
    }
}

impl<T, F> Job for Task<T, F>
where
    T: Send,
    F: FnOnce(&mut WriteTx<'_>) -> Result<T, StoreError> + Send,
{
    fn run(&mut self, tx: &mut WriteTx<'_>) -> bool {
        // A mistake in one job must not end the thread that everybody's writes depend on.
        let guarded = |job: F| catch_unwind(AssertUnwindSafe(|| job(tx))).unwrap_or(Err(StoreError::Panicked));
        let outcome = self.job.take().map(guarded);
        let succeeded = matches!(outcome, Some(Ok(_)));
        self.outcome = outcome;
        succeeded
    }

    fn answer(self: Box<Self>, committed: Result<(), StoreError>) {
        (self.reply)(match (self.outcome, committed) {
            (Some(Err(own)), _) => Err(own),
            (_, Err(shared)) => Err(shared),
            (Some(outcome), Ok(())) => outcome,
            (None, Ok(())) => Err(StoreError::Closed),
        });
    }
}

/// How a job must be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// A change made here: constraints hold, commits are shared.
    Ordinary,
    /// Rows from central, in any order: references may dangle and CHECKs are tolerated while it runs, alone.
    Remote,
    /// The same for a page of a snapshot. A page that a power cut takes back is read again, as the key to go on after goes
    /// with it; so its commit does not wait for the disk, and those who wait for the thread wait less. The next commit of
    /// another kind has all that came before it on disk.
    Snapshot,
    /// No change: what was deleted is to leave the files, see [`super::Store::tidy`].
    Tidy { rewritten_up_to: u64 },
}

/// A job and how it is to be run.
pub(super) type Submitted = (Mode, Box<dyn Job>);

/// What the writer hears of.
pub(super) enum Came {
    Job(Submitted),
    /// A sync of [`super::flush`] has ended.
    Synced,
}

/// The way to the writer, until the store is closed.
pub(super) struct Inbox(Mutex<Option<Sender<Came>>>);

impl Inbox {
    pub(super) fn new() -> (Self, Receiver<Came>) {
        let (sender, receiver) = channel();
        (Self(Mutex::new(Some(sender))), receiver)
    }

    pub(super) fn submit(&self, mode: Mode, job: Box<dyn Job>) -> Result<(), StoreError> {
        let inbox = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let inbox = inbox.as_ref().ok_or(StoreError::Closed)?;
        inbox.send(Came::Job((mode, job))).map_err(|_| StoreError::Closed)
    }

    pub(super) fn synced(&self) {
        if let Some(inbox) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            let _ = inbox.send(Came::Synced); // a writer that has ended need not know
        }
    }

    fn close(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

pub(super) struct Writer {
    inbox: Arc<Inbox>,
    thread: Mutex<Option<JoinHandle<Result<(), StoreError>>>>,
    /// In a simulation: jobs are run by whoever submits them.
    inline: Option<Mutex<Run>>,
}

impl Writer {
    pub(super) fn start(
        connection: Connection,
        clock: Arc<dyn Clock>,
        changes: watch::Sender<u64>,
        versions: Arc<Versions>,
        path: &Path,
    ) -> Result<Self, StoreError> {
        let run = Run::new(connection, clock, changes, versions)?;
        let disk = Disk::under(path);
        if let Err(error) = &disk {
            tracing::warn!(%error, "the replica's log cannot be opened a second time; crowds of writers wait for each sync");
        }
        Self::with(run, disk.ok(), Arrivals::new)
    }

    /// With another disk, and another way to see a crowd.
    pub(super) fn with(
        mut run: Run,
        disk: Option<Disk>,
        arrivals: impl FnOnce(Receiver<Came>) -> Arrivals,
    ) -> Result<Self, StoreError> {
        let (inbox, waiting) = Inbox::new();
        let (inbox, arrivals) = (Arc::new(inbox), arrivals(waiting));
        if let Some(disk) = disk {
            run.flusher = Some(Arc::new(Flusher::start(disk, Arc::clone(&inbox))?));
        }
        let thread = std::thread::Builder::new()
            .name("replica-writer".into())
            .spawn(move || run.until_closed(arrivals))
            .map_err(StoreError::other)?;
        Ok(Self { inbox, thread: Mutex::new(Some(thread)), inline: None })
    }

    /// A writer without a thread.
    pub(super) fn inline(
        connection: Connection,
        clock: Arc<dyn Clock>,
        changes: watch::Sender<u64>,
        versions: Arc<Versions>,
    ) -> Result<Self, StoreError> {
        let run = Run::new(connection, clock, changes, versions)?;
        let (inbox, _) = Inbox::new();
        Ok(Self { inbox: Arc::new(inbox), thread: Mutex::default(), inline: Some(Mutex::new(run)) })
    }

    pub(super) fn is_inline(&self) -> bool {
        self.inline.is_some()
    }

    /// Forgets what is not on disk, as a restart does. Only for a writer without a thread.
    pub(super) fn restart(&self) -> Result<(), StoreError> {
        let run = self.inline.as_ref().ok_or(StoreError::Closed)?;
        let mut run = run.lock().unwrap_or_else(PoisonError::into_inner);
        run.heads = Run::heads(&run.connection)?;
        Ok(())
    }

    /// The connection of a writer without a thread.
    pub(super) fn with_connection<T>(
        &self,
        job: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let run = self.inline.as_ref().ok_or(StoreError::Closed)?;
        job(&run.lock().unwrap_or_else(PoisonError::into_inner).connection)
    }

    pub(super) fn submit(&self, mode: Mode, job: Box<dyn Job>) -> Result<(), StoreError> {
        if let Some(run) = &self.inline {
            run.lock().unwrap_or_else(PoisonError::into_inner).commit(mode, job, None);
            return Ok(());
        }
        self.inbox.submit(mode, job)
    }

    /// Refuses further jobs, and waits until those submitted are committed and the file is checkpointed.
    pub(super) fn close(&self) -> Result<(), StoreError> {
        self.inbox.close();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        thread.map_or(Ok(()), |thread| thread.join().unwrap_or(Err(StoreError::Closed)))
    }
}

impl Drop for Writer {
    /// The flusher holds the inbox as well.
    fn drop(&mut self) {
        self.inbox.close();
    }
}

pub(super) struct Run {
    connection: Connection,
    clock: Arc<dyn Clock>,
    changes: watch::Sender<u64>,
    versions: Arc<Versions>,
    heads: Heads,
    /// What the connection was last set to, when that is known.
    set_to: Option<Terms>,
    /// None where all commits are durable before they are seen.
    flusher: Option<Arc<Flusher>>,
}

/// What a connection is set to for a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Terms {
    durable: bool,
    remote: bool,
}

impl Terms {
    /// True for changes made here that a flusher makes durable.
    fn is_crowd(self) -> bool {
        !self.durable && !self.remote
    }
}

impl Run {
    /// Starts with what the file knows.
    pub(super) fn new(
        connection: Connection,
        clock: Arc<dyn Clock>,
        changes: watch::Sender<u64>,
        versions: Arc<Versions>,
    ) -> Result<Self, StoreError> {
        let heads = Self::heads(&connection)?;
        Ok(Self { connection, clock, changes, versions, heads, set_to: None, flusher: None })
    }

    fn heads(connection: &Connection) -> Result<Heads, StoreError> {
        let (generation, time) = journal::heads(connection)?;
        let time = time.max(journal::unstamp(state::number(connection, state::HYBRID_TIME)?));
        Ok(Heads { generation, time, offset_us: state::number(connection, state::CLOCK_OFFSET)? })
    }

    /// The next job. While there is none, the pages of the last ones are given back.
    fn next(&self, arrivals: &mut Arrivals) -> Option<Submitted> {
        match arrivals.next(Some(QUIET)) {
            Next::Job(job) => return Some(job),
            Next::Closed => return None,
            Next::Quiet => {}
        }
        if let Err(error) = self.connection.execute_batch("PRAGMA shrink_memory") {
            tracing::warn!(%error, "the writer's memory could not be given back");
        }
        match arrivals.next(None) {
            Next::Job(job) => Some(job),
            Next::Closed | Next::Quiet => None,
        }
    }

    fn until_closed(mut self, mut arrivals: Arrivals) -> Result<(), StoreError> {
        while let Some((mode, first)) = self.next(&mut arrivals) {
            self.commit(mode, first, Some(&mut arrivals));
        }
        drop(self.flusher.take());
        self.connection.pragma_update(None, "wal_checkpoint", "TRUNCATE").or_else(|error| match error {
            // The pragma answers with a row, which is no failure.
            rusqlite::Error::ExecuteReturnedResults => Ok(()),
            other => Err(other),
        })?;
        Ok(())
    }

    /// Runs a job in a transaction that others join, and answers all of them; who else comes is told of it before that.
    fn commit(&mut self, mode: Mode, first: Box<dyn Job>, mut arrivals: Option<&mut Arrivals>) {
        if let Mode::Tidy { rewritten_up_to } = mode {
            return first.answer(self.tidy(rewritten_up_to));
        }
        let heads_before = self.heads;
        let mut group = vec![first];
        let is_crowd = mode == Mode::Ordinary && arrivals.as_ref().is_some_and(|arrivals| arrivals.is_crowd());
        let flusher = self.flusher.clone().filter(|_| is_crowd);
        let joining = arrivals.as_deref_mut().map(|arrivals| arrivals.joining(mode, flusher.as_deref()));
        let committed = self.run(mode, flusher.as_deref(), &mut group, joining.into_iter().flatten());
        if let Ok(done) = &committed {
            if let Some(arrivals) = arrivals {
                arrivals.committed(group.len(), done);
            }
            let changes = self.changes.clone();
            let for_central = done.for_central;
            let tell = move || {
                if for_central {
                    changes.send_modify(|count| *count += 1);
                }
            };
            if let Some(flusher) = flusher {
                return flusher.send(Flight { jobs: group, tell: Box::new(tell) });
            }
            tell();
        } else {
            self.heads = heads_before;
            self.set_to = None;
            if !self.connection.is_autocommit() {
                // Nothing more to lose: the transaction is void, and the error is on its way to every caller.
                let _ = self.connection.execute_batch("ROLLBACK");
            }
        }
        for job in group {
            job.answer(committed.as_ref().map(|_| ()).map_err(StoreError::again));
        }
    }

    /// Outside of any transaction, as SQLite wants it.
    fn tidy(&self, rewritten_up_to: u64) -> Result<(), StoreError> {
        let number = |pragma| self.connection.pragma_query_value(None, pragma, |row| row.get::<_, u64>(0));
        // A reader must not hold up everybody who writes.
        self.connection.busy_timeout(TIDY_WAIT)?;
        let tidied = self.empty_log().and_then(|()| {
            if number("page_count")?.saturating_mul(number("page_size")?) <= rewritten_up_to {
                self.connection.execute_batch("VACUUM")?;
                self.empty_log()?;
            }
            Ok(())
        });
        self.connection.busy_timeout(BUSY_TIMEOUT)?;
        tidied
    }

    fn empty_log(&self) -> Result<(), StoreError> {
        let busy: i64 = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        if busy == 0 { Ok(()) } else { Err(StoreError::other("a reader keeps the write-ahead log")) }
    }

    /// Runs and commits the jobs of the group and those that join it. With a flusher, it is left to that to make it durable.
    fn run(
        &mut self,
        mode: Mode,
        flusher: Option<&Flusher>,
        group: &mut Vec<Box<dyn Job>>,
        mut joining: impl Iterator<Item = Box<dyn Job>>,
    ) -> Result<Done, StoreError> {
        self.begin(mode, flusher.is_none() && mode != Mode::Snapshot)?;
        let gathering = Instant::now();
        let (mut for_central, mut done) = (false, 0);
        while let Some(job) = group.get_mut(done) {
            for_central |= self.part(job.as_mut())?;
            done += 1;
            group.extend(joining.next());
        }
        state::set(&self.connection, state::HYBRID_TIME, journal::stamp(self.heads.time))?;
        let gathered = gathering.elapsed();
        let last_sync = flusher.map(Flusher::wait);
        let begun = Instant::now();
        self.versions.during(|| execute(&self.connection, "COMMIT"))?;
        let took = begun.elapsed();
        let how = match last_sync {
            None => Made::Durable { gathered, took },
            Some(last_sync) => Made::Seen { last_sync, took },
        };
        Ok(Done { for_central, how })
    }

    /// Runs a job under a savepoint of its own; whether central is to hear of what it did.
    fn part(&mut self, job: &mut dyn Job) -> Result<bool, StoreError> {
        let mut tx = WriteTx::new(&self.connection, &mut self.heads, self.clock.now_us());
        execute(&self.connection, "SAVEPOINT job")?;
        let succeeded = job.run(&mut tx);
        let for_central = succeeded && tx.is_for_central();
        if self.connection.is_autocommit() {
            // SQLite takes back the whole transaction by itself when the disk is full.
            return Err(StoreError::Full);
        }
        if !succeeded {
            execute(&self.connection, "ROLLBACK TO job")?;
        }
        execute(&self.connection, "RELEASE job")?;
        Ok(for_central)
    }

    fn begin(&mut self, mode: Mode, durable: bool) -> Result<(), StoreError> {
        let terms = Terms { durable, remote: mode != Mode::Ordinary };
        self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, true)?;
        // To set the last two, to whatever they are already, has SQLite prepare all statements anew.
        if self.set_to != Some(terms) {
            self.set_to = None;
            self.connection.pragma_update(None, "synchronous", if terms.durable { "FULL" } else { "NORMAL" })?;
            self.connection.pragma_update(None, "foreign_keys", !terms.remote)?;
            self.connection.pragma_update(None, "ignore_check_constraints", terms.remote)?;
            let log_pages = if terms.is_crowd() { CROWD_LOG_PAGES } else { LOG_PAGES };
            self.connection.pragma_update(None, "wal_autocheckpoint", log_pages)?;
            self.set_to = Some(terms);
        }
        execute(&self.connection, "BEGIN IMMEDIATE")
    }
}

/// What a transaction came to.
pub(super) struct Done {
    /// Central is to hear of what one of its jobs did.
    pub(super) for_central: bool,
    pub(super) how: Made,
}

/// How a commit was made, and what that took.
#[derive(Debug, Clone, Copy)]
pub(super) enum Made {
    /// It is durable: how long it took for its jobs to come and to be done, and to make it so.
    Durable { gathered: Duration, took: Duration },
    /// It is seen, and becomes durable afterwards: how long that took the last time, if there was one, and how long the
    /// commit took.
    Seen { last_sync: Option<Duration>, took: Duration },
}

/// Runs a statement that is run again and again, and gives no rows.
fn execute(connection: &Connection, sql: &'static str) -> Result<(), StoreError> {
    connection.prepare_cached(sql)?.execute([])?;
    Ok(())
}
