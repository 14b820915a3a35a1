//! The engine's task: when a round runs, and what happens when it fails.

use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};
use tracing::{info, warn};

use super::backoff::Backoff;
use super::round::{RoundReport, greet, round};
use super::status::{Progress, SyncError};
use super::{Command, EngineSettings};
use crate::central::{Central, CentralError, CentralUrl};
use crate::local::Store;

/// Runs until it is stopped.
pub(super) async fn run(
    store: Store,
    settings: EngineSettings,
    mut inbox: mpsc::Receiver<Command>,
    progress: watch::Sender<Progress>,
) {
    let Some(url) = settings.central.clone() else {
        return refuse_all(&mut inbox).await;
    };
    let mut edits = store.changes();
    let mut worker = Worker { store, settings, url, progress, central: None, backoff: Backoff::default() };
    let mut due = Instant::now();
    loop {
        tokio::select! {
            () = sleep_until(due) => due = Instant::now() + worker.attempt().await.1,
            command = inbox.recv() => match command {
                Some(Command::Round(reply)) => {
                    let (outcome, wait) = worker.attempt().await;
                    due = Instant::now() + wait;
                    if let Some(reply) = reply {
                        // A caller that has gone away needs no answer.
                        let _ = reply.send(outcome);
                    }
                }
                Some(Command::Stop) | None => return,
            },
            edited = edits.changed(), if worker.central.is_some() => {
                if edited.is_err() {
                    return;
                }
                due = due.min(Instant::now() + worker.settings.settle);
            }
        }
    }
}

/// Without a central there is nothing to do but to say so.
async fn refuse_all(inbox: &mut mpsc::Receiver<Command>) {
    while let Some(Command::Round(reply)) = inbox.recv().await {
        if let Some(reply) = reply {
            let _ = reply.send(Err(SyncError::Unconfigured));
        }
    }
}

struct Worker {
    store: Store,
    settings: EngineSettings,
    url: CentralUrl,
    progress: watch::Sender<Progress>,
    /// The connection, while it is good.
    central: Option<Central>,
    backoff: Backoff,
}

impl Worker {
    /// One round, with its outcome published; and how long to wait before the next.
    async fn attempt(&mut self) -> (Result<RoundReport, SyncError>, Duration) {
        self.progress.send_modify(Progress::syncing);
        let outcome = self.connected_round().await;
        let now_us = self.store.clock().now_us();
        let wait = match &outcome {
            Ok(report) => {
                if self.backoff.failures() > 0 {
                    info!(central = %self.url, "central is back");
                }
                self.backoff.reset();
                self.progress.send_modify(|progress| progress.succeeded(now_us, report.cursor));
                self.settings.poll
            }
            Err(error) => {
                self.central = None;
                let wait = self.backoff.next(random());
                if self.backoff.failures() == 1 {
                    warn!(central = %self.url, %error, hint = error.hint(), "sync does not go through; it is tried again");
                }
                let retry_at_us = now_us + u64::try_from(wait.as_micros()).unwrap_or(0);
                self.progress.send_modify(|progress| progress.failed(error, retry_at_us));
                wait
            }
        };
        (outcome, wait)
    }

    async fn connected_round(&mut self) -> Result<RoundReport, SyncError> {
        let central = match self.central.take() {
            Some(central) => match central.recheck().await {
                Ok(()) => central,
                // Central was restarted since the last round: that connection is dead, central is not.
                Err(CentralError::Unreachable(_)) => self.connect().await?,
                Err(error) => return Err(error.into()),
            },
            None => self.connect().await?,
        };
        let report = round(&central, &self.store, &self.settings.hostname).await?;
        self.central = Some(central);
        Ok(report)
    }

    /// A new connection.
    async fn connect(&self) -> Result<Central, SyncError> {
        let central = Central::connect(&self.url).await?;
        let offset_us = greet(&central, &self.store).await?;
        info!(central = %self.url, offset_us, "connected to central");
        Ok(central)
    }
}

fn random() -> u32 {
    getrandom::u32().unwrap_or(u32::MAX / 2)
}
