//! The daemon's own way to central, beside the engine's: logins, users and the vault's keys must not wait for a round.

use std::time::Duration;

use sync::central::{Central, CentralError, CentralUrl};
use tokio::sync::Mutex;

/// Central, connected when it is first needed and anew after an error.
pub(crate) struct CentralLink {
    url: Option<CentralUrl>,
    connected: Mutex<Option<Central>>,
}

/// Why central cannot be asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    /// There is none.
    #[error("no central is configured on this machine")]
    Unconfigured,
    /// It cannot be reached, or not in time.
    #[error(transparent)]
    Central(#[from] CentralError),
}

/// A caller waits for the answer.
const WITHIN: Duration = Duration::from_secs(8);

impl CentralLink {
    pub(crate) fn new(url: Option<CentralUrl>) -> CentralLink {
        CentralLink { url, connected: Mutex::new(None) }
    }

    /// Runs a job on central. A connection on which it failed is not used again.
    pub(crate) async fn with<T, E: From<LinkError>>(
        &self,
        job: impl AsyncFnOnce(&Central) -> Result<T, E>,
    ) -> Result<T, E> {
        let url = self.url.as_ref().ok_or(LinkError::Unconfigured)?;
        let central = self.connect(url).await?;
        let outcome = job(&central).await;
        if outcome.is_ok() {
            *self.connected.lock().await = Some(central);
        }
        outcome
    }

    async fn connect(&self, url: &CentralUrl) -> Result<Central, LinkError> {
        let late = || CentralError::Unreachable("it does not answer in time".into());
        let kept = self.connected.lock().await.take();
        let connecting = async {
            match kept {
                Some(central) if central.recheck().await.is_ok() => Ok(central),
                _ => Central::connect(url).await,
            }
        };
        Ok(tokio::time::timeout(WITHIN, connecting).await.map_err(|_| late())??)
    }
}
