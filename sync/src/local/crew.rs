//! Threads that answer the questions of async callers, each with a connection of its own.
//!
//! A question takes a few microseconds, about as long as it takes to wake a thread for it. So no more threads are woken than
//! there are cores; whoever asks lets all ask who can, before it wakes one for all of them; and one that is at work takes
//! the next question itself, on the snapshot that it has if the question was asked before that was taken, and tells answers
//! to brief questions together: a crowd of callers then pays for wakes and transactions once in many questions. For brief
//! questions one thread is enough: a second one would only be woken as often again. Where questions are held up, one more
//! thread at a time joins in. Behind one caller who asks again as soon as it has its answer, a thread stays awake for a
//! moment: to wake it took most of the time of such a caller.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
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

/// How long a thread stays awake for the next question, and how many questions in a row must have come so soon after an
/// answer, none of them while another was open.
const AWAKE_FOR: Duration = Duration::from_micros(100);
const IN_A_ROW: u32 = 16;

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

/// One look at a time, however many questions come meanwhile.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Watch {
    #[default]
    None,
    /// A thread is called to it, and has not come yet.
    Called,
    Kept,
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
    /// What calls each thread that waits; the last one that came to rest is the first that is called, so that those that are
    /// not needed rest until they end, and with them their connections and what these keep in memory.
    resting: Vec<Arc<Condvar>>,
    /// Threads that were called, or started, and have not come yet: a burst of questions need not call as many.
    coming: usize,
    /// A thread with nothing to do looks for the next question itself.
    awake: bool,
    /// When the last question was answered, and how many in a row came soon after that.
    ran_out: Option<Instant>,
    in_a_row: u32,
    /// Whether a thread looks out for questions that are held up.
    watch: Watch,
    closed: bool,
}

impl State {
    /// True when a thread is to be called that watches.
    fn wants_watch(&mut self) -> bool {
        let wants = self.watch == Watch::None && self.at_work > 0 && !self.questions.is_empty();
        if wants {
            self.watch = Watch::Called;
        }
        wants
    }

    /// True when no thread that is at work will take a question soon.
    fn needs_call(&self, length: Length, usual: usize) -> bool {
        let there = self.at_work + self.coming;
        let waits = length == Length::Brief && there > self.at_length;
        there < usual && !waits
    }

    /// Notes how soon after the last answer a question came.
    fn note_pace(&mut self, asked: Instant) {
        let is_alone = self.at_work == 0 && self.questions.is_empty();
        let soon = self.ran_out.is_some_and(|ran_out| asked.saturating_duration_since(ran_out) < AWAKE_FOR);
        self.in_a_row = if is_alone && soon { self.in_a_row.saturating_add(1) } else { 0 };
    }
}

struct Shared {
    path: PathBuf,
    /// Bytes of the file that a connection maps.
    mapped: usize,
    /// Threads at work as a rule.
    usual: usize,
    state: Mutex<State>,
    /// A question has come, for the thread that is awake.
    has_come: AtomicBool,
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
        let left = Condvar::new();
        let has_come = AtomicBool::default();
        let shared = Shared { path, mapped, usual, state: Mutex::default(), has_come, left };
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
        if let Some(number) = self.shared.ask(length, job)? {
            // Whoever else has a question now asks it first, so that one wake is enough for all of them.
            tokio::task::yield_now().await;
            self.shared.urge(number, length)?;
        }
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
        let mut state = self.lock();
        state.closed = true;
        state.coming += state.resting.len();
        for called in state.resting.drain(..) {
            called.notify_one();
        }
    }

    /// Puts a question to the others. Its number, when a thread has to be called for it.
    fn ask(self: &Arc<Self>, length: Length, job: Job) -> Result<Option<u64>, StoreError> {
        let mut state = self.lock();
        if state.closed {
            return Err(StoreError::Closed);
        }
        let (number, asked) = (state.asked, Instant::now());
        state.asked += 1;
        state.note_pace(asked);
        state.questions.push_back(Question { number, asked, length, job });
        if state.awake {
            self.has_come.store(true, Ordering::Release);
        } else if state.needs_call(length, self.usual) {
            return Ok(Some(number));
        } else if state.wants_watch() {
            self.call(state)?;
        }
        Ok(None)
    }

    /// Calls a thread for a question, unless one has taken it or will.
    fn urge(self: &Arc<Self>, number: u64, length: Length) -> Result<(), StoreError> {
        let mut state = self.lock();
        let waits = state.questions.front().is_some_and(|next| next.number <= number);
        if waits && !state.awake && (state.needs_call(length, self.usual) || state.wants_watch()) {
            return self.call(state);
        }
        Ok(())
    }

    /// Wakes a thread, or starts one.
    fn call(self: &Arc<Self>, mut state: MutexGuard<'_, State>) -> Result<(), StoreError> {
        if state.at_work < state.threads || state.threads == MOST {
            if let Some(called) = state.resting.pop() {
                state.coming += 1;
                drop(state);
                called.notify_one();
            }
            return Ok(());
        }
        state.threads += 1;
        state.open += 1;
        state.coming += 1;
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
            state.coming -= 1;
            StoreError::other(format!("start a thread that reads: {error}"))
        })
    }

    /// A thread's life.
    fn serve(self: &Arc<Self>, connection: &mut Option<Connection>) {
        let called = Arc::new(Condvar::new());
        let mut state = self.lock();
        state.coming -= 1;
        while !(state.closed && state.questions.is_empty()) {
            let held_up = state.questions.front().is_some_and(|question| question.asked.elapsed() >= PATIENCE);
            if !state.questions.is_empty() && (state.at_work < self.usual || held_up) {
                state = self.work(state, connection);
                if state.questions.is_empty() && state.at_work == 0 && state.in_a_row >= IN_A_ROW && !state.awake {
                    state = self.stay_awake(state);
                }
                continue;
            }
            let watches = state.watch == Watch::Called;
            if watches {
                state.watch = Watch::Kept;
            }
            let patience = if watches { PATIENCE } else { KEPT_FOR };
            state.resting.push(Arc::clone(&called));
            let (woken, timeout) = called.wait_timeout(state, patience).unwrap_or_else(PoisonError::into_inner);
            state = woken;
            match state.resting.iter().position(|resting| Arc::ptr_eq(resting, &called)) {
                Some(at) => drop(state.resting.remove(at)),
                None => state.coming -= 1, // it was called
            }
            if watches {
                state.watch = Watch::None;
                state.wants_watch(); // this thread follows the call itself, or goes to work
            } else if timeout.timed_out() && state.questions.is_empty() && state.watch != Watch::Called {
                break;
            }
        }
        state.threads -= 1;
    }

    /// Looks out for the next question, for a moment.
    fn stay_awake<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        state.awake = true;
        self.has_come.store(false, Ordering::Release);
        drop(state);
        let begun = Instant::now();
        while !self.has_come.load(Ordering::Acquire) && begun.elapsed() < AWAKE_FOR {
            std::thread::yield_now();
        }
        let mut state = self.lock();
        state.awake = false;
        state
    }

    fn work<'a>(
        self: &'a Arc<Self>,
        mut state: MutexGuard<'a, State>,
        connection: &mut Option<Connection>,
    ) -> MutexGuard<'a, State> {
        state.at_work += 1;
        if state.watch == Watch::Called {
            state.watch = Watch::None; // it was this one that was called
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
        state.ran_out = Some(Instant::now());
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
        if state.questions.is_empty() || state.at_work + state.coming >= self.usual {
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
