//! What the daemon has to work with: the replica and what stands on it, or the reason why there is none for now.
//!
//! A replica that cannot be opened is never repaired or replaced here: the daemon stays up and says so, the hooks keep
//! their events on disk, and opening is tried again until it works.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sync::engine::EngineHandle;
use sync::{Store, StoreError};
use tokio::sync::watch;

use crate::api::kept::Kept;
use crate::capture::Capture;
use crate::memory::index::Index;
use crate::vault::Vault;

/// Everything that needs the replica.
pub(crate) struct Core {
    pub(crate) store: Store,
    pub(crate) index: Arc<Index>,
    pub(crate) capture: Capture,
    pub(crate) engine: EngineHandle,
    pub(crate) vault: Arc<Vault>,
    /// Answers that hold as long as nothing is written.
    pub(crate) kept: Kept,
}

/// What is wrong, and what its user can do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub(crate) struct Trouble {
    /// A sentence.
    pub(crate) reason: String,
    /// The remedy; may be empty when it heals by itself.
    pub(crate) hint: String,
}

impl Trouble {
    /// The trouble with the replica that an error means.
    pub(crate) fn of_store(error: &StoreError) -> Trouble {
        let hint = match error {
            StoreError::Full => "free some space on that disk; it goes on by itself then",
            StoreError::ReadOnly => "make the home writable again; it goes on by itself then",
            StoreError::Damaged(_) => "run: claudetools doctor   (nothing is deleted; new events are kept in spool/)",
            StoreError::Older { .. } => "start the daemon, which upgrades it: claudetools daemon --detach",
            StoreError::Newer { .. } => "install the newer claudetools on this machine",
            _ => "run: claudetools doctor",
        };
        Trouble { reason: error.to_string(), hint: hint.to_owned() }
    }
}

/// Where the daemon stands.
#[derive(Clone)]
pub(crate) enum Phase {
    /// The replica is being opened.
    Opening,
    /// All is there.
    Ready(Arc<Core>),
    /// The replica cannot be opened for now.
    Degraded(Trouble),
    /// The daemon is stopping.
    Closed,
}

impl Phase {
    /// The name in `/health` and `status`: `opening`, `ready`, `degraded`, `stopping`.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Phase::Opening => "opening",
            Phase::Ready(_) => "ready",
            Phase::Degraded(_) => "degraded",
            Phase::Closed => "stopping",
        }
    }
}

/// The replica and its dependants, once they are there: waits at most `patience` while the replica is being opened.
pub(crate) async fn core(phase: &watch::Sender<Phase>, patience: Duration) -> Result<Arc<Core>, Trouble> {
    let mut seen = phase.subscribe();
    let decided = seen.wait_for(|phase| !matches!(phase, Phase::Opening));
    let now = tokio::time::timeout(patience, decided).await.map(|phase| phase.map(|phase| phase.clone()));
    match now {
        Ok(Ok(Phase::Ready(core))) => Ok(core),
        Ok(Ok(Phase::Degraded(trouble))) => Err(trouble),
        Ok(Ok(Phase::Closed) | Err(_)) => Err(trouble("the daemon is stopping", "try again in a moment")),
        Ok(Ok(Phase::Opening)) | Err(_) => Err(trouble("the replica is still being opened", "try again in a moment")),
    }
}

fn trouble(reason: &str, hint: &str) -> Trouble {
    Trouble { reason: reason.to_owned(), hint: hint.to_owned() }
}
