//! The loop that keeps the replica and central equal.
//!
//! One task owns the connection to central. It runs a round ([`round`]) when something changed here, when asked, and when
//! a look at central ([`pace`]: one small query a second, more often after something happened) tells of news there; when
//! central cannot be reached it waits longer each time ([`backoff`]), which is normal and costs nothing: the journal
//! collects meanwhile. What it does and why it waits is always to be seen in [`SyncStatus`].
//!
//! Architecture invariant: the order within a round is fixed, resolve → sequence → pull → push → acknowledge. Pulling
//! before the batch in flight is resolved would count increments twice.

mod backoff;
mod by_hand;
mod claim;
mod exchange;
mod identity;
mod pace;
mod refill;
mod remote;
mod round;
mod snapshot;
mod status;
mod task;
mod verify;

use std::sync::Arc;
use std::time::Duration;

use merge::RowId;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::central::{CentralUrl, Claim, Claimed, FeedRow, Peer};
use crate::local::Store;

pub use by_hand::Discarded;
pub use remote::Remote;
pub use round::{Pulling, RoundReport, greet, round};
pub use status::{SyncError, SyncState, SyncStatus, VerifyStatus, VersionReport};
pub use verify::{
    Blind, Difference, Heal, Kind, TableFindings, VerifyProgress, VerifyReport, VerifyRequest, VerifySettings,
    VerifyState,
};

/// How the engine is to work.
#[derive(Debug, Clone)]
pub struct EngineSettings {
    /// Where central is; None: there is none, the engine only reports the journal's length.
    pub central: Option<CentralUrl>,
    /// What this machine is called at central, for people.
    pub hostname: String,
    /// Time between two looks at central when nothing happens; a fifth of it for some seconds after something did.
    pub poll: Duration,
    /// How long to collect local changes before a round.
    pub settle: Duration,
    /// When the replica is compared with central by itself.
    pub verify: VerifySettings,
}

impl EngineSettings {
    /// The usual settings.
    pub fn new(central: Option<CentralUrl>, hostname: impl Into<String>) -> Self {
        Self {
            central,
            hostname: hostname.into(),
            poll: Duration::from_secs(1),
            settle: Duration::from_millis(50),
            verify: VerifySettings::default(),
        }
    }
}

/// The way to talk to a running engine. Clones share it.
#[derive(Debug, Clone)]
pub struct EngineHandle {
    store: Store,
    commands: mpsc::Sender<Command>,
    state: watch::Receiver<status::Progress>,
    task: Arc<tokio::sync::Mutex<Option<JoinHandle<()>>>>,
    desk: verify::Desk,
    verifying: Arc<tokio::sync::Mutex<Option<JoinHandle<()>>>>,
}

/// What the task is asked to do.
#[derive(Debug)]
enum Command {
    /// A round now, with an answer if one is wanted.
    Round(Option<oneshot::Sender<Result<RoundReport, SyncError>>>),
    /// These rows as central has them.
    Rows(Vec<RowId>, oneshot::Sender<Result<Vec<FeedRow>, SyncError>>),
    /// What central knows of all machines.
    Machines(oneshot::Sender<Result<Vec<Peer>, SyncError>>),
    /// A lock that only one of all machines may have.
    Claim(Claim, oneshot::Sender<Result<Claimed, SyncError>>),
    /// No exchange, or one again, as it was just remembered.
    Pause(bool),
    /// No further round.
    Stop,
}

/// Starts the engine's task on the current runtime.
pub fn start(store: Store, settings: EngineSettings) -> EngineHandle {
    let (commands, inbox) = mpsc::channel(16);
    let (progress, state) = watch::channel(status::Progress::new(settings.central.as_ref()));
    let surroundings = verify::Surroundings {
        store: store.clone(),
        url: settings.central.clone(),
        settings: settings.verify,
        // Weak: the engine ends when its last handle goes.
        rounds: commands.downgrade(),
        engine: state.clone(),
    };
    let (jobs, jobs_inbox) = mpsc::channel(1);
    let (verify_progress, verify_state) = watch::channel(VerifyState::default());
    let verifying = tokio::spawn(verify::run(surroundings, jobs_inbox, verify_progress));
    let task = tokio::spawn(task::run(store.clone(), settings, inbox, progress));
    EngineHandle {
        store,
        commands,
        state,
        task: Arc::new(tokio::sync::Mutex::new(Some(task))),
        desk: verify::Desk::new(jobs, verify_state),
        verifying: Arc::new(tokio::sync::Mutex::new(Some(verifying))),
    }
}

impl EngineHandle {
    /// What the engine is doing, with the counts of the replica. Reads the replica, so it blocks for a moment.
    pub fn status(&self) -> SyncStatus {
        let counts = self.store.scan(|tx| Ok((crate::local::counts(tx)?, crate::local::snapshot_progress(tx)?)));
        let verified = self.store.read(crate::local::verified);
        let mut status = self.state.borrow().status(counts);
        status.verify = VerifyStatus::new(verified.unwrap_or_default(), &self.verify_state());
        status
    }

    /// Asks for a round soon.
    pub fn nudge(&self) {
        // A full queue means that a round is about to come anyway.
        let _ = self.commands.try_send(Command::Round(None));
    }

    /// Runs a round now, also when the engine is waiting for central to come back, and returns what it did.
    pub async fn round(&self) -> Result<RoundReport, SyncError> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(Command::Round(Some(reply))).await.map_err(|_| SyncError::Stopped)?;
        answer.await.unwrap_or(Err(SyncError::Stopped))
    }

    /// Finishes the round that is running and ends the task.
    pub async fn stop(&self) {
        // A comparison may be cut off anywhere: it only reads, and what it enters it enters in one statement.
        if let Some(verifying) = self.verifying.lock().await.take() {
            verifying.abort();
            let _ = verifying.await;
        }
        // A task that has ended needs no word.
        let _ = self.commands.send(Command::Stop).await;
        if let Some(task) = self.task.lock().await.take() {
            // A panic in the task was logged by the runtime; there is nothing left to stop.
            let _ = task.await;
        }
    }
}
