//! The engine's task: when it looks, when a round runs, and what happens when one fails.

use std::time::Duration;

use merge::RowId;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};
use tracing::{info, warn};

use super::backoff::Backoff;
use super::exchange::incoming;
use super::pace::Pace;
use super::round::{RoundReport, greet, heartbeat, told_round};
use super::status::{Progress, SyncError};
use super::{Command, EngineSettings};
use crate::central::{Central, CentralError, CentralUrl, Claim, Claimed, FeedRow, KEPT, Look, Peer, Pruned};
use crate::local::{self, Page, Store};

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
    // What cannot be read is found out by the first round.
    let mut paused = store.read_async(local::is_paused).await.unwrap_or(false);
    progress.send_modify(|progress| progress.paused(paused));
    let pace = Pace::new(settings.poll, Instant::now());
    let mut worker = Worker {
        store,
        settings,
        url,
        progress,
        central: None,
        backoff: Backoff::default(),
        pace,
        offset_us: 0,
        known: None,
    };
    let mut due = Instant::now();
    // Whether something changed here that no round has taken along.
    let mut edited = false;
    loop {
        tokio::select! {
            () = sleep_until(due), if !paused => {
                let wait = worker.turn(std::mem::take(&mut edited)).await;
                due = Instant::now() + wait;
            }
            command = inbox.recv() => match command {
                Some(Command::Round(reply)) if paused => {
                    if let Some(reply) = reply {
                        // A caller that has gone away needs no answer.
                        let _ = reply.send(Err(SyncError::Paused));
                    }
                }
                Some(Command::Round(reply)) => {
                    edited = false;
                    let (outcome, wait) = worker.attempt().await;
                    due = Instant::now() + wait;
                    if let Some(reply) = reply {
                        // A caller that has gone away needs no answer.
                        let _ = reply.send(outcome);
                    }
                }
                Some(Command::Rows(ids, reply)) => {
                    // A caller that has gone away needs no answer.
                    let _ = reply.send(worker.rows(&ids).await);
                }
                Some(Command::Machines(reply)) => {
                    // A caller that has gone away needs no answer.
                    let _ = reply.send(worker.machines().await);
                }
                Some(Command::Claim(_, reply)) if paused => drop(reply.send(Err(SyncError::Paused))),
                // Who has given up waiting was told that it is not sure yet; asking for it is up to them.
                Some(Command::Claim(_, reply)) if reply.is_closed() => {}
                Some(Command::Claim(claim, reply)) => drop(reply.send(worker.claim(&claim).await)),
                Some(Command::Pause(wanted)) => {
                    paused = wanted;
                    worker.pause(paused);
                    due = Instant::now();
                }
                Some(Command::Stop) | None => return,
            },
            changed = edits.changed(), if worker.central.is_some() && !paused => {
                if changed.is_err() {
                    return;
                }
                edited = true;
                due = due.min(Instant::now() + worker.settings.settle);
            }
        }
    }
}

/// Without a central there is nothing to do but to say so.
async fn refuse_all(inbox: &mut mpsc::Receiver<Command>) {
    // Whoever has gone away needs no answer.
    while let Some(command) = inbox.recv().await {
        match command {
            Command::Round(Some(reply)) => drop(reply.send(Err(SyncError::Unconfigured))),
            Command::Rows(_, reply) => drop(reply.send(Err(SyncError::Unconfigured))),
            Command::Machines(reply) => drop(reply.send(Err(SyncError::Unconfigured))),
            Command::Claim(_, reply) => drop(reply.send(Err(SyncError::Unconfigured))),
            Command::Round(None) | Command::Pause(_) => {}
            Command::Stop => return,
        }
    }
}

/// How far this machine had come when its last round ended.
struct Known {
    epoch: Option<String>,
    cursor: u64,
    /// The last batch that was sent, and the last that central acknowledged.
    batches: (u64, u64),
}

impl Known {
    /// True when central has nothing that this machine lacks, and knows as much of this machine's batches as it should:
    /// more tell of a copy of this replica, fewer of a central that was restored.
    fn is_current(&self, look: &Look) -> bool {
        let (sent, acknowledged) = self.batches;
        let expected = (acknowledged..=sent).contains(&look.batch_no.unwrap_or(0));
        self.epoch.as_ref() == Some(&look.epoch) && self.cursor == look.seq && !look.outbox && expected
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
    pace: Pace,
    /// Central's clock minus ours, in microseconds.
    offset_us: i64,
    /// None when only a round can tell.
    known: Option<Known>,
}

impl Worker {
    /// A round if there is something to do, else no more than a look; and how long to wait before the next turn.
    async fn turn(&mut self, edited: bool) -> Duration {
        if edited {
            self.pace.busy(Instant::now());
        } else if self.nothing_new().await {
            let now_us = self.store.clock().now_us();
            self.progress.send_modify(|progress| progress.looked(now_us));
            return self.pace.wait(Instant::now());
        }
        self.attempt().await.1
    }

    /// True when a look tells that central has nothing new. What is wrong with central, if anything is, the round that
    /// follows will find out and say.
    async fn nothing_new(&mut self) -> bool {
        let (Some(central), Some(known)) = (&self.central, &self.known) else { return false };
        if self.pace.round_due(Instant::now()) {
            return false;
        }
        let Ok(look) = central.look(&self.store.replica_id()).await else { return false };
        if !known.is_current(&look) {
            return false;
        }
        if self.pace.beat_due(Instant::now()) {
            let beat = heartbeat(&self.store, &self.settings.hostname, known.cursor);
            if central.heartbeat(&beat).await.is_err() {
                return false;
            }
            self.pace.beat_done(Instant::now());
        }
        true
    }

    /// One round, with its outcome published; and how long to wait before the next turn.
    async fn attempt(&mut self) -> (Result<RoundReport, SyncError>, Duration) {
        self.progress.send_modify(Progress::syncing);
        self.known = None;
        let outcome = self.connected_round().await;
        let now_us = self.store.clock().now_us();
        let wait = match &outcome {
            Ok(report) => {
                if self.backoff.failures() > 0 {
                    info!(central = %self.url, "central is back");
                }
                self.backoff.reset();
                self.progress.send_modify(|progress| progress.succeeded(now_us, report.cursor));
                let now = Instant::now();
                if report.pulled + report.pushed > 0 {
                    self.pace.busy(now);
                }
                self.pace.wait(now)
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
        let central = self.connected().await?;
        let versions = central.versions();
        self.progress.send_modify(|progress| progress.met(&versions));
        let progress = &self.progress;
        let tell = |pulling| progress.send_modify(|progress| progress.pulled(pulling));
        let report = told_round(&central, &self.store, &self.settings.hostname, &tell).await?;
        let read = |tx: &mut local::WriteTx<'_>| {
            Ok((local::cursor(tx)?, local::batch_numbers(tx)?, local::has_quarantined(tx)?))
        };
        let ((epoch, cursor), batches, waiting) = self.store.write_async(read).await?;
        self.pace.round_done(Instant::now(), waiting);
        if self.pace.prune_due(Instant::now()) {
            self.prune(&central).await;
        }
        // What is left to send needs another round, whatever central says.
        self.known = (!report.unfinished).then_some(Known { epoch, cursor, batches });
        self.central = Some(central);
        Ok(report)
    }

    /// These rows as central has them, and the last images of those that are gone.
    async fn rows(&mut self, ids: &[RowId]) -> Result<Vec<FeedRow>, SyncError> {
        let central = self.connected().await?;
        let rows = central.rows(ids).await?;
        self.central = Some(central);
        Ok(rows)
    }

    /// What central knows of all machines.
    async fn machines(&mut self) -> Result<Vec<Peer>, SyncError> {
        let central = self.connected().await?;
        let machines = central.machines().await?;
        self.central = Some(central);
        Ok(machines)
    }

    /// Claims a lock at central, and takes in the row that tells who has it.
    async fn claim(&mut self, claim: &Claim) -> Result<Claimed, SyncError> {
        let central = self.connected().await?;
        let claimed = central.claim(claim).await?;
        if let Claimed::Held(id) | Claimed::Taken(id) = &claimed {
            let rows = central.rows(std::slice::from_ref(id)).await?.into_iter().map(incoming).collect();
            self.store.apply_async(move |tx| local::apply(tx, Page { rows, cursor: None })).await?;
        }
        self.central = Some(central);
        Ok(claimed)
    }

    /// Lets go of central, or is about to connect again.
    fn pause(&mut self, paused: bool) {
        self.central = None;
        self.known = None;
        self.progress.send_modify(|progress| progress.paused(paused));
        info!(central = %self.url, paused, "the exchange with central was paused or resumed by hand");
    }

    /// The connection, checked, or a new one.
    async fn connected(&mut self) -> Result<Central, SyncError> {
        Ok(match self.central.take() {
            Some(central) => match central.recheck().await {
                Ok(()) => central,
                // Central was restarted since the last round: that connection is dead, central is not.
                Err(CentralError::Unreachable(_)) => self.connect().await?,
                Err(error) => return Err(error.into()),
            },
            None => self.connect().await?,
        })
    }

    /// Has old tombstones removed at central, unless another machine did so lately. That it cannot be done now is no
    /// reason to end the round: the log grows a little, and it is tried again.
    async fn prune(&self, central: &Central) {
        let now_us = self.store.clock().now_us().saturating_add_signed(self.offset_us);
        match central.prune(now_us, KEPT).await {
            Ok(Some(pruned)) if pruned != Pruned::default() => {
                info!(
                    tombstones = pruned.tombstones,
                    receipts = pruned.receipts,
                    "removed what every machine has passed"
                );
            }
            Ok(_) => {}
            Err(error) => {
                warn!(%error, hint = error.hint(), "old tombstones at central could not be removed; it is tried again");
            }
        }
    }

    /// A new connection.
    async fn connect(&mut self) -> Result<Central, SyncError> {
        let central = Central::connect(&self.url).await?;
        let offset_us = greet(&central, &self.store).await?;
        self.offset_us = offset_us;
        info!(central = %self.url, offset_us, "connected to central");
        Ok(central)
    }
}

fn random() -> u32 {
    getrandom::u32().unwrap_or(u32::MAX / 2)
}
