//! Comparing the replica with central, and healing what nothing captured.
//!
//! The feed brings what the triggers saw. What they cannot see (a trigger that was dropped, `TRUNCATE`, a cascade within
//! the engine, a table that was swapped) leaves the two sides different for good, unless somebody compares. So: digests of
//! key ranges on both sides, narrowed down to rows where they differ ([`compare`]); each row that differs is looked at
//! again in one snapshot of central ([`judge`]), since it may just be changing; and what is left is a difference of one
//! [`Kind`].
//!
//! Healing writes no row. It enters the change that was missed into central's outbox, as the triggers would have, or a
//! row that central lacks into the journal here; the next round of every machine then does what it always does. That makes
//! repairs safe to run on several machines at once, and by a machine that is itself damaged: a row that is entered as
//! touched is read anew by all and changes only those that have it wrong. Only deletes could do harm, so rows that
//! vanished at central without a trace are deleted on no guess: when they are many at once ([`is_mass`]), a person says
//! which side is right.
//!
//! [`task`] does it on request, and by itself: each table once a day, one every few minutes, at once where [`watch`] has
//! found that changes may have gone unseen.
//!
//! Everything here runs beside the rounds, on a connection of its own, and holds nothing for long: a comparison delays
//! neither a hook nor a round.

mod compare;
mod judge;
mod kinds;
mod task;
mod watch;

use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch as seen};

pub use kinds::{
    Blind, Difference, Heal, Kind, TableFindings, VerifyProgress, VerifyReport, VerifyRequest, VerifyState,
};
pub(super) use task::{Surroundings, run};

use super::{EngineHandle, SyncError};

/// Rows that vanished at once and are still few enough to be taken for deleted.
const FEW: u64 = 10;
/// The share of a table that may vanish at once and be taken for deleted, in percent.
const SMALL_SHARE: u64 = 10;

/// True when so many rows of a table vanished without a trace that nothing is deleted without a person's word.
fn is_mass(vanished: u64, rows: u64) -> bool {
    vanished > FEW && vanished * 100 > rows * SMALL_SHARE
}

/// When comparisons run by themselves.
#[derive(Debug, Clone, Copy)]
pub struct VerifySettings {
    /// Time between two looks whether a table is due; a look compares at most one. Zero: never by itself.
    pub every: Duration,
    /// How long a comparison of a table counts.
    pub pass: Duration,
    /// Time between two looks at the triggers, besides the one at each connection.
    pub watch: Duration,
}

impl Default for VerifySettings {
    fn default() -> Self {
        Self { every: Duration::from_mins(5), pass: Duration::from_hours(24), watch: Duration::from_hours(1) }
    }
}

/// A comparison that is asked for.
#[derive(Debug)]
pub(super) struct Job {
    request: VerifyRequest,
    number: u64,
    reply: Option<oneshot::Sender<Result<VerifyReport, SyncError>>>,
}

/// The way to talk to the task.
#[derive(Debug, Clone)]
pub(super) struct Desk {
    jobs: mpsc::Sender<Job>,
    state: seen::Receiver<VerifyState>,
    number: std::sync::Arc<std::sync::atomic::AtomicU64>,
}

impl Desk {
    pub(super) fn new(jobs: mpsc::Sender<Job>, state: seen::Receiver<VerifyState>) -> Self {
        Self { jobs, state, number: std::sync::Arc::default() }
    }

    fn submit(
        &self,
        request: VerifyRequest,
        reply: Option<oneshot::Sender<Result<VerifyReport, SyncError>>>,
    ) -> Result<u64, SyncError> {
        let number = self.number.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
        self.jobs.try_send(Job { request, number, reply }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => SyncError::Comparing,
            mpsc::error::TrySendError::Closed(_) => SyncError::Stopped,
        })?;
        Ok(number)
    }
}

impl EngineHandle {
    /// Compares with central, and heals if asked to; waits for the end.
    pub async fn verify(&self, request: VerifyRequest) -> Result<VerifyReport, SyncError> {
        let (reply, answer) = oneshot::channel();
        self.desk.submit(request, Some(reply))?;
        answer.await.unwrap_or(Err(SyncError::Stopped))
    }

    /// Asks for a comparison; its number, by which [`EngineHandle::verify_state`] shows how it goes.
    pub fn begin_verify(&self, request: VerifyRequest) -> Result<u64, SyncError> {
        self.desk.submit(request, None)
    }

    /// The comparison that runs, or the latest.
    pub fn verify_state(&self) -> VerifyState {
        self.desk.state.borrow().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_rows_or_a_small_share_are_no_mass() {
        for (vanished, rows, mass) in
            [(10, 10, false), (11, 11, true), (11, 110, false), (11, 109, true), (0, 0, false)]
        {
            assert_eq!(is_mass(vanished, rows), mass, "{vanished} of {rows}");
        }
    }
}
