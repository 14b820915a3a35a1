//! Central in memory: tables with keys, references and conditions, triggers, outbox, change log, receipts.
//!
//! Only what MariaDB does is modelled: a statement that takes a row or refuses it, a transaction that is committed or
//! taken back, the triggers. What is done with these is the product's own logic ([`sync::central::logic`]).

mod conditions;
mod exchange;
mod state;
mod transaction;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::clock::Time;
pub(crate) use state::{State, Written, replicated};

/// How a central differs from others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Make {
    /// Its foreign keys act by themselves, as in a schema that was not made by us: triggers do not fire for that.
    pub acts: bool,
    /// Entries of a page of the feed.
    pub page: usize,
    /// Rows of a batch.
    pub rows: usize,
}

/// Central. Clones share it.
#[derive(Clone)]
pub(crate) struct Model {
    state: Arc<Mutex<State>>,
    time: Time,
    make: Make,
}

impl Model {
    pub(crate) fn new(make: Make, time: Time) -> Self {
        Self { state: Arc::new(Mutex::new(State::new(make.acts, "first"))), time, make }
    }

    /// What is committed.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hybrid time by central's clock.
    pub(crate) fn now_us(&self) -> u64 {
        self.time.now_us()
    }
}
