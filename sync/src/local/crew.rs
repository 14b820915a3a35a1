//! Threads that answer the questions of async callers, each with a connection of its own.
//!
//! A question takes a few microseconds, about as long as it takes to wake a thread for it. So no more threads are woken than
//! there are cores, and one that is at work takes the next question itself, on the snapshot that it has if the question
//! was asked before that was taken, and tells answers to brief questions together: a crowd of callers then pays for wakes and
//! transactions once in many questions. For brief questions one thread is enough: a second one would only be woken as often
//! again. Where questions are held up, one more thread at a time joins in.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::readers::KEPT_FOR;
use super::{ReadTx, StoreError, schema};

/// Threads at most, however long the questions take.
const MOST: usize = 8;
/// How long a question waits for a thread that is at work before another one joins in.
const PATIENCE: Duration = Duration::from_millis(2);

/// Answers that are held back until all of them are told, and for how long.
const MOST_HELD: usize = 16;
const HELD_FOR: Duration = Duration::from_micros(200);

/// Answers one question with the snapshot, or with why there is none.
type Job = Box<dyn FnOnce(Result<&ReadTx<'_>, StoreError>) -> Answer + Send>;

/// How long a question is expected to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Length {
    /// Some microseconds: a row by its id.
    Brief,
    /// Perhaps more.
    Open,
}

struct Question {
    /// Questions that were asked before.
    number: u64,
    asked: Instant,
    length: Length,
    job: Job,
}

/// An answer that its caller has not heard yet.
struct Answer {
    /// True when the connection is as good as before.
    is_well: bool,
    tell: Box<dyn FnOnce() + Send>,
}

/// Answers to brief questions are told together: to wake whoever waits for one takes longer than it took to find.
#[derive(Default)]
struct Told {
    answers: Vec<Answer>,
    since: Option<Instant>,
}

impl Told {
    fn add(&mut self, answer: Answer) {
        self.answers.push(answer);
        let since = *self.since.get_or_insert_with(Instant::now);
        if self.answers.len() == MOST_HELD || since.elapsed() >= HELD_FOR {
            self.tell();
        }
    }

    fn tell(&mut self) {
        self.since = None;
        for answer in self.answers.drain(..) {
            (answer.tell)();
        }
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        self.tell();
    }
}

#[derive(Default)]
struct State {
    questions: VecDeque<Question>,
    asked: u64,
    /// Threads there are, and those of them that are at work.
    threads: usize,
    at_work: usize,
    /// Threads whose connection may be open: those, and such as are just ending.
    open: usize,
    /// Of these, those whose question may take long.
    at_length: usize,
    /// A thread watches whether the questions are held up, or is called to.
    watched: bool,
    /// Nobody has followed that call yet.
    watch_wanted: bool,
    closed: bool,
}

impl State {
    /// True when a thread is to be called that watches: one look at a time, however many questions come meanwhile.
    fn wants_watch(&mut self) -> bool {
        let wants = !self.watched && self.at_work > 0 && !self.questions.is_empty();
        self.watched |= wants;
        self.watch_wanted |= wants;
        wants
    }

    fn end_watch(&mut self) {
        self.watched = false;
        self.watch_wanted = false;
    }
}

struct Shared {
    path: PathBuf,
    /// Bytes of the file that a connection maps.
    mapped: usize,
    /// Threads at work as a rule.
    usual: usize,
    state: Mutex<State>,
    called: Condvar,
    /// A thread has ended.
    left: Condvar,
}

/// The threads, and what waits for them. They end when it is dropped.
pub(super) struct Crew {
    shared: Arc<Shared>,
}

impl Crew {
    /// A crew for that replica; its threads are started when there is something to do.
    pub(super) fn new(path: PathBuf, mapped: usize) -> Self {
        let usual = std::thread::available_parallelism().map_or(2, std::num::NonZero::get).min(MOST);
        let (called, left) = (Condvar::new(), Condvar::new());
        let shared = Shared { path, mapped, usual, state: Mutex::default(), called, left };
        Self { shared: Arc::new(shared) }
    }

    /// Takes no more questions, and waits until those that were asked are answered and every connection is closed. False
    /// when that takes longer than this.
    pub(super) fn close(&self, within: Duration) -> bool {
        self.shared.end();
        let (state, left) = (self.shared.lock(), &self.shared.left);
        let waited = left.wait_timeout_while(state, within, |state| state.open > 0);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    /// Runs a job on one snapshot, taken after this was called.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        length: Length,
        job: impl FnOnce(&ReadTx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let job = Box::new(move |tx: Result<&ReadTx<'_>, StoreError>| {
            let outcome = tx.and_then(job);
            let is_well = outcome.is_ok();
            let tell = Box::new(move || drop(reply.send(outcome))); // a caller that has gone away needs no answer
            Answer { is_well, tell }
        });
        self.shared.ask(length, job)?;
        answer.await.unwrap_or(Err(StoreError::Closed))
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.shared.end();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self) {
        self.lock().closed = true;
        self.called.notify_all();
    }

    fn ask(self: &Arc<Self>, length: Length, job: Job) -> Result<(), StoreError> {
        let mut state = self.lock();
        if state.closed {
            return Err(StoreError::Closed);
        }
        let number = state.asked;
        state.asked += 1;
        state.questions.push_back(Question { number, asked: Instant::now(), length, job });
        let waits = length == Length::Brief && state.at_work > state.at_length;
        let calls = state.at_work < self.usual && !waits;
        if calls || state.wants_watch() { self.call(state) } else { Ok(()) }
    }

    /// Wakes a thread, or starts one.
    fn call(self: &Arc<Self>, mut state: MutexGuard<'_, State>) -> Result<(), StoreError> {
        if state.at_work < state.threads || state.threads == MOST {
            drop(state);
            self.called.notify_one();
            return Ok(());
        }
        state.threads += 1;
        state.open += 1;
        drop(state);
        let shared = Arc::clone(self);
        let serve = move || {
            let mut connection = None;
            shared.serve(&mut connection);
            drop(connection);
            shared.lock().open -= 1;
            shared.left.notify_all();
        };
        let started = std::thread::Builder::new().name("replica-reader".into()).spawn(serve);
        started.map(drop).map_err(|error| {
            let mut state = self.lock();
            state.threads -= 1;
            state.open -= 1;
            StoreError::other(format!("start a thread that reads: {error}"))
        })
    }

    /// A thread's life.
    fn serve(self: &Arc<Self>, connection: &mut Option<Connection>) {
        let mut state = self.lock();
        while !(state.closed && state.questions.is_empty()) {
            let held_up = state.questions.front().is_some_and(|question| question.asked.elapsed() >= PATIENCE);
            if !state.questions.is_empty() && (state.at_work < self.usual || held_up) {
                state = self.work(state, connection);
                continue;
            }
            let watches = std::mem::take(&mut state.watch_wanted);
            let patience = if watches { PATIENCE } else { KEPT_FOR };
            let (woken, timeout) = self.called.wait_timeout(state, patience).unwrap_or_else(PoisonError::into_inner);
            state = woken;
            if watches {
                state.end_watch();
                state.wants_watch(); // this thread follows the call itself, or goes to work
            } else if timeout.timed_out() && state.questions.is_empty() && !state.watch_wanted {
                break;
            }
        }
        state.threads -= 1;
    }

    fn work<'a>(
        self: &'a Arc<Self>,
        mut state: MutexGuard<'a, State>,
        connection: &mut Option<Connection>,
    ) -> MutexGuard<'a, State> {
        state.at_work += 1;
        if state.watch_wanted {
            state.end_watch(); // it was this one that was called
        }
        let is_last = state.questions.len() == 1;
        if is_last || !state.wants_watch() {
            drop(state);
        } else if let Err(error) = self.call(state) {
            tracing::warn!(%error, "questions may wait for longer ones");
        }
        self.answer(connection);
        let mut state = self.lock();
        state.at_work -= 1;
        state
    }

    /// Answers questions until there are none, or as many threads as usual are at it without this one.
    fn answer(self: &Arc<Self>, connection: &mut Option<Connection>) {
        while let Some((first, known)) = self.next() {
            let opened = match connection.take() {
                Some(connection) => Ok(connection),
                None => schema::open_reader(&self.path, self.mapped),
            };
            let begun = opened.and_then(|connection| {
                connection.prepare_cached("BEGIN DEFERRED")?.execute([])?;
                Ok(connection)
            });
            match begun {
                Ok(begun) => *connection = self.on_one_snapshot(begun, first, known),
                Err(error) => ((first.job)(Err(error)).tell)(),
            }
        }
    }

    /// Runs one job. None when it panics: that costs its caller the answer, and nobody else.
    fn run(self: &Arc<Self>, question: Question, tx: &ReadTx<'_>, told: &mut Told) -> Option<Answer> {
        let is_open = question.length == Length::Open;
        if is_open {
            told.tell();
            self.begin_long();
        }
        let answer = catch_unwind(AssertUnwindSafe(|| (question.job)(Ok(tx)))).ok();
        if is_open {
            self.lock().at_length -= 1;
        }
        answer
    }

    /// A question that may take long is begun here; those behind it need not wait for that.
    fn begin_long(self: &Arc<Self>) {
        let mut state = self.lock();
        state.at_length += 1;
        if state.questions.is_empty() || state.at_work >= self.usual {
            return;
        }
        if let Err(error) = self.call(state) {
            tracing::warn!(%error, "questions may wait for longer ones");
        }
    }

    /// Answers a question, and those that were asked before its snapshot was taken. The connection, if it is to be kept: one
    /// whose job fails is not.
    fn on_one_snapshot(self: &Arc<Self>, connection: Connection, first: Question, known: u64) -> Option<Connection> {
        let mut told = Told::default();
        let mut next = Some(first);
        while let Some(question) = next {
            let answer = self.run(question, &ReadTx::new(&connection), &mut told)?;
            let is_well = answer.is_well;
            told.add(answer);
            if !is_well {
                return None;
            }
            next = self.next_before(known);
        }
        drop(told);
        let ended = connection.prepare_cached("COMMIT").and_then(|mut commit| commit.execute([]));
        ended.is_ok().then_some(connection)
    }

    /// The next question, and how many were asked until now.
    fn next(&self) -> Option<(Question, u64)> {
        let mut state = self.lock();
        if state.at_work > self.usual && state.questions.front().is_none_or(|next| next.asked.elapsed() < PATIENCE) {
            return None;
        }
        let question = state.questions.pop_front()?;
        Some((question, state.asked))
    }

    /// The next question, if it is one of the first that were asked.
    fn next_before(&self, known: u64) -> Option<Question> {
        let mut state = self.lock();
        if state.questions.front()?.number >= known { None } else { state.questions.pop_front() }
    }
}

#[cfg(test)]
mod tests;
