//! Locks that only one of all machines may have: asked for at central, through the engine's own connection.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::status::{SyncError, SyncState};
use super::{Command, EngineHandle};
use crate::central::{CentralError, Claim, Claimed};

/// How long a claim is waited for: a session waits for the answer, and can go on with a provisional lock.
const WITHIN: Duration = Duration::from_secs(3);

impl EngineHandle {
    /// Whether central answered when it was last asked.
    pub fn is_in_touch(&self) -> bool {
        matches!(self.state.borrow().state(), SyncState::Idle | SyncState::Syncing)
    }

    /// Claims a lock, or renews it. The row that tells who has it is in the replica when this returns. An error means
    /// that it is not known: the same claim may be made again.
    pub async fn claim(&self, claim: Claim) -> Result<Claimed, SyncError> {
        let state = self.state.borrow().state();
        match state {
            SyncState::Unconfigured => return Err(SyncError::Unconfigured),
            SyncState::Paused => return Err(SyncError::Paused),
            // Trying to connect may take longer than anybody wants to wait; the rounds do that.
            SyncState::Offline | SyncState::Refused | SyncState::Connecting => {
                return Err(CentralError::Unreachable("it was away a moment ago".into()).into());
            }
            SyncState::Idle | SyncState::Syncing => {}
        }
        let asked = async {
            let (reply, answer) = oneshot::channel();
            self.commands.send(Command::Claim(claim, reply)).await.map_err(|_| SyncError::Stopped)?;
            answer.await.unwrap_or(Err(SyncError::Stopped))
        };
        let late = |_| Err(CentralError::Unreachable(format!("no answer within {} s", WITHIN.as_secs())).into());
        timeout(WITHIN, asked).await.unwrap_or_else(late)
    }
}
