//! One round: resolve → sequence → pull → push → acknowledge, until both sides are still.

use std::time::{Duration, Instant};

use merge::RowId;
use serde::Serialize;
use tracing::{info, warn};

use super::exchange::{as_sent, batch, held, incoming, settled};
use super::remote::Remote;
use super::snapshot::WORTH_IT;
use super::status::SyncError;
use crate::central::{CentralError, Feed, Heartbeat, Limits, Receipt};
use crate::local::{self, Applied, Flight, Page, Settled, Store};
use crate::mechanism::{Mechanism, is_on};

/// Rows of a page of the feed: large enough to share a commit, small enough that hooks do not wait for it.
const PAGE: usize = 1000;
/// Rows that a push leaves without a number at most, about.
const NUMBERED_AT_ONCE: usize = 1000;
/// How often, and how far apart, a round looks whether another machine has done with numbering.
const NUMBERING_LOOKS: usize = 10;
const NUMBERING_PAUSE: Duration = Duration::from_millis(20);
/// Batches without a row that central took, after which the rest waits for the next round.
const MOST_FRUITLESS: usize = 20;
/// How often rows are read again for the sake of a neighbour, before what is left stays parked or in quarantine.
const REREADS: usize = 3;
/// Rows whose images central is asked to forget in one go.
const FORGOTTEN_AT_ONCE: usize = 200;

/// What a round did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct RoundReport {
    /// Rows that changed here because of central.
    pub pulled: u64,
    /// Rows that central took.
    pub pushed: u64,
    /// Rows that both sides had changed.
    pub merged: u64,
    /// Rows that one side refused in this round.
    pub quarantined: u64,
    /// Values set aside in this round.
    pub conflicts: u64,
    /// The last central change that was pulled.
    pub cursor: u64,
    /// How long it took.
    pub millis: u64,
    /// True when rows were left to be sent, because batch after batch of them was refused.
    pub unfinished: bool,
}

impl RoundReport {
    pub(super) fn add(&mut self, applied: &Applied) {
        self.pulled += applied.changed;
        self.merged += applied.merged;
        self.conflicts += applied.conflicts;
    }
}

/// After connecting: the clocks are compared, and what central had refused may be tried again. Microseconds that
/// central's clock is ahead.
pub async fn greet<R: Remote>(central: &R, store: &Store) -> Result<i64, SyncError> {
    let offset_us = central.clock_offset_us(store.clock().as_ref()).await?;
    store
        .write_async(move |tx| {
            local::set_clock_offset(tx, offset_us)?;
            local::release_all(tx).map(drop)
        })
        .await?;
    Ok(offset_us)
}

/// How far a pull has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Pulling {
    /// Changes of central's log that were looked at.
    pub done: u64,
    /// Of about so many: rows that changed again since count once.
    pub of: u64,
}

/// Who wants to know how far a pull has come; None: there is none, or it is through.
pub(super) type Tell<'t> = &'t (dyn Fn(Option<Pulling>) + Send + Sync);

/// Runs a round. When it fails half way, what was done stays, and the next one goes on from there.
pub async fn round<R: Remote>(central: &R, store: &Store, hostname: &str) -> Result<RoundReport, SyncError> {
    told_round(central, store, hostname, &|_| ()).await
}

/// [`round`], telling how far it is.
pub(super) async fn told_round<R: Remote>(
    central: &R,
    store: &Store,
    hostname: &str,
    tell: Tell<'_>,
) -> Result<RoundReport, SyncError> {
    let started = Instant::now();
    let mut report = RoundReport::default();
    let mut round = Round { central, store, report: &mut report, receipted: None, tell };
    match round.run(hostname).await {
        Err(SyncError::Central(CentralError::Rewound { .. })) => {
            round.take_another_identity().await?;
            round.run(hostname).await?;
        }
        Err(SyncError::Central(CentralError::Restored)) => {
            round.forget_agreements().await?;
            round.run(hostname).await?;
        }
        other => other?,
    }
    report.millis = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(report)
}

/// A machine's sign of life.
pub(super) fn heartbeat(store: &Store, hostname: &str, cursor: u64) -> Heartbeat {
    Heartbeat {
        replica_id: store.replica_id(),
        hostname: hostname.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        cursor,
    }
}

/// How large the next batch may be: after a deadlock half of the last one, then twice as large with each that goes through.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    limits: Limits,
    rows: usize,
}

impl Sizes {
    fn new(limits: Limits) -> Self {
        Self { limits, rows: limits.rows }
    }

    fn halve(&mut self, sent: usize) {
        self.rows = (sent / 2).max(1);
    }

    fn grow(&mut self) {
        self.rows = self.rows.saturating_mul(2).min(self.limits.rows);
    }
}

/// Before a batch is sent again: different for two machines that stopped each other, and the same whenever it is asked.
fn jitter(replica_id: &str, batch_no: u64) -> Duration {
    let mixed = replica_id.bytes().fold(batch_no, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
    Duration::from_millis(5 + mixed % 45)
}

pub(super) struct Round<'a, R> {
    pub(super) central: &'a R,
    pub(super) store: &'a Store,
    pub(super) report: &'a mut RoundReport,
    /// The batch whose receipt central gave, until that is written down.
    receipted: Option<u64>,
    tell: Tell<'a>,
}

impl<R: Remote> Round<'_, R> {
    async fn run(&mut self, hostname: &str) -> Result<(), SyncError> {
        self.adapt().await?;
        if is_on(Mechanism::Resolve) {
            self.resolve().await?;
        }
        self.recognise().await?;
        self.pull().await?;
        self.refill().await?;
        self.look_at_definitions().await?;
        // A build that central takes nothing from goes on collecting.
        if self.central.versions().may_write && Box::pin(self.push()).await? {
            if self.report.quarantined > 0 {
                self.look_at_definitions().await?;
            }
            // What was pushed comes back as changes of our own: taking them in now leaves the next round nothing to do.
            self.pull().await?;
        }
        if self.central.versions().may_write {
            self.forget_images().await?;
        }
        Ok(self.central.heartbeat(&heartbeat(self.store, hostname, self.report.cursor)).await?)
    }

    /// What was forgotten here leaves no image at central, once that has heard of it.
    async fn forget_images(&self) -> Result<(), SyncError> {
        loop {
            let rows = self.store.read_async(|tx| local::at_central(tx, FORGOTTEN_AT_ONCE)).await?;
            if rows.is_empty() {
                return Ok(());
            }
            self.central.forget_images(&rows).await?;
            self.store.write_async(move |tx| local::gone_at_central(tx, &rows)).await?;
        }
    }

    /// Finds out what became of a batch whose answer was never read.
    async fn resolve(&mut self) -> Result<(), SyncError> {
        let Some(flight) = self.store.write_async(|tx| local::in_flight(tx)).await? else { return Ok(()) };
        let (_, cursor) = self.store.write_async(|tx| local::cursor(tx)).await?;
        let batch = batch(&flight, &self.store.replica_id(), cursor, self.known().await?);
        let receipt = self.central.resolve(&batch).await?;
        match receipt {
            Some(receipt) => {
                self.receipted = Some(receipt.batch_no);
                drop(self.acknowledge(flight, receipt, None).await?);
            }
            None => self.store.write_async(|tx| local::discard(tx)).await?,
        }
        Ok(())
    }

    /// Rows that central refused are tried again when it defines their table otherwise than it did then. Some are refused
    /// for what is known of the table, without being sent: so that is read anew first.
    async fn look_at_definitions(&mut self) -> Result<(), SyncError> {
        let tables = self.store.write_async(|tx| local::refused_tables(tx)).await?;
        if tables.is_empty() {
            return Ok(());
        }
        let definitions = self.central.definitions(&tables).await?;
        let note = move |tx: &mut local::WriteTx<'_>| {
            definitions.iter().try_fold(0, |sum, (table, mark)| Ok(sum + local::note_definition(tx, table, mark)?))
        };
        if self.store.write_async(note).await? == 0 {
            return Ok(());
        }
        self.central.relearn().await?;
        self.adapt().await
    }

    /// Numbers what is committed at central. When another machine is at it, its numbers are waited for a little, so that
    /// this round sees what was committed before it began; not for long, as that machine may have vanished in the middle.
    async fn number(&self) -> Result<(), SyncError> {
        for _ in 0..NUMBERING_LOOKS {
            if !self.central.sequence().await?.elsewhere {
                break;
            }
            self.central.rest(NUMBERING_PAUSE).await;
        }
        Ok(())
    }

    /// Numbers what is committed at central and takes it in, page by page, to the end of the feed. While one page is
    /// stored, the next one is on its way.
    async fn pull(&mut self) -> Result<(), SyncError> {
        let central = self.central;
        self.number().await?;
        // What this side could not take before, and may now.
        let mut needs = self.store.write_async(|tx| local::due(tx)).await?;
        needs.extend(Box::pin(self.resume_snapshot()).await?);
        let (mut feed, mut first) = (None, None);
        loop {
            let (epoch, cursor) = self.store.write_async(|tx| local::cursor(tx)).await?;
            let page = match feed.take() {
                Some(page) => page,
                None => central.feed(cursor, PAGE).await?,
            };
            if let Some(more) = self.begin_anew(epoch.as_deref(), cursor, &page).await? {
                needs.extend(more);
                continue;
            }
            if page.unknown > 0 {
                info!(changes = page.unknown, "skipped changes of tables that this version does not know");
            }
            let (next, complete) = (page.next, page.complete);
            let first = *first.get_or_insert(cursor);
            let pulling = Pulling { done: next.saturating_sub(first), of: page.head.saturating_sub(first) };
            (self.tell)((!complete).then_some(pulling));
            let page = Page { rows: page.rows.into_iter().map(incoming).collect(), cursor: Some(next) };
            let applied = if complete {
                self.apply(page).await?
            } else {
                let (following, applied) = tokio::join!(central.feed(next, PAGE), self.apply(page));
                feed = Some(following?);
                applied?
            };
            needs.extend(applied.needs);
            self.report.cursor = next;
            if complete {
                break;
            }
        }
        self.reread(needs).await
    }

    /// Where the feed does not go on from the cursor: a new machine, another central or a restored one, a machine that was
    /// away for longer than deletes are remembered. None when it does go on; else rows to be read again.
    async fn begin_anew(
        &mut self,
        epoch: Option<&str>,
        cursor: u64,
        page: &Feed,
    ) -> Result<Option<Vec<RowId>>, SyncError> {
        let is_another = epoch != Some(&page.epoch);
        if is_another || page.head < cursor {
            if epoch.is_some() {
                let head = page.head;
                warn!(cursor, head, "central is another one or was restored: comparing from the beginning");
            }
            let new_epoch = page.epoch.clone();
            self.store.write_async(move |tx| local::start_over(tx, &new_epoch)).await?;
            if epoch.is_none() && page.head >= WORTH_IT {
                let needs = Box::pin(self.take_snapshot(false)).await?;
                return Ok(Some(needs.unwrap_or_default()));
            }
            return Ok(Some(Vec::new()));
        }
        if 0 < cursor && cursor < page.floor {
            let floor = page.floor;
            warn!(cursor, floor, "this machine was away for longer than central remembers deletes: comparing all rows");
            return Box::pin(self.take_snapshot(true)).await;
        }
        Ok(None)
    }

    /// Reads rows again that others depend on, and settles what points at nothing.
    pub(super) async fn reread(&mut self, mut needs: Vec<RowId>) -> Result<(), SyncError> {
        for _ in 0..if is_on(Mechanism::Reread) { REREADS } else { 0 } {
            needs.extend(self.store.apply_async(local::settle_all).await?);
            needs.sort_unstable();
            needs.dedup();
            if needs.is_empty() {
                return Ok(());
            }
            let rows = self.central.rows(&std::mem::take(&mut needs)).await?;
            let rows = rows.into_iter().map(incoming).collect();
            needs = self.apply(Page { rows, cursor: None }).await?.needs;
        }
        Ok(())
    }

    pub(super) async fn apply(&mut self, page: Page) -> Result<Applied, SyncError> {
        if page.rows.is_empty() && page.cursor.is_none() {
            return Ok(Applied::default());
        }
        let applied = self.store.apply_async(move |tx| local::apply(tx, page)).await?;
        self.report.add(&applied);
        Ok(applied)
    }

    /// Sends what central would take, batch after batch; true when anything was sent.
    async fn push(&mut self) -> Result<bool, SyncError> {
        let (central, known) = (self.central, self.known().await?);
        let mut sizes = Sizes::new(central.limits());
        let (mut unnumbered, mut fruitless) = (0, 0);
        let mut departing = self.depart(sizes).await?;
        let any = departing.is_some();
        while let Some(flight) = departing.take() {
            match central.push(&batch(&flight, &self.store.replica_id(), self.report.cursor, known.clone())).await {
                Ok(receipt) => {
                    self.receipted = Some(receipt.batch_no);
                    sizes.grow();
                    unnumbered += flight.items.len();
                    let before = self.report.pushed;
                    departing = if unnumbered >= NUMBERED_AT_ONCE {
                        // A push looks through what is not numbered yet, so a long backlog must not pile up there.
                        unnumbered = 0;
                        let (numbered, next) =
                            tokio::join!(central.sequence(), self.acknowledge(flight, receipt, Some(sizes)));
                        numbered?;
                        next?
                    } else {
                        self.acknowledge(flight, receipt, Some(sizes)).await?
                    };
                    fruitless = if self.report.pushed > before { 0 } else { fruitless + 1 };
                }
                // Nothing was done; fewer rows hold fewer locks for less time.
                Err(CentralError::Deadlock | CentralError::LockWait | CentralError::TooBig)
                    if flight.items.len() > 1 =>
                {
                    self.store.write_async(|tx| local::discard(tx)).await?;
                    sizes.halve(flight.items.len());
                    central.rest(jitter(&self.store.replica_id(), flight.batch_no)).await;
                    departing = self.depart(sizes).await?;
                }
                // Nothing was done either: one row that somebody holds for hours, or whose outcome does not fit, must not
                // hold up all that is behind it.
                Err(error @ (CentralError::LockWait | CentralError::TooBig)) => {
                    let receipt = held(&flight, &error);
                    departing = self.acknowledge(flight, receipt, Some(sizes)).await?;
                    fruitless += 1;
                }
                Err(error) => return Err(error.into()),
            }
            if fruitless >= MOST_FRUITLESS && departing.is_some() {
                self.store.write_async(|tx| local::discard(tx)).await?;
                self.report.unfinished = true;
                break;
            }
        }
        Ok(any)
    }

    async fn depart(&self, sizes: Sizes) -> Result<Option<Flight>, SyncError> {
        Ok(self.store.write_async(move |tx| local::depart(tx, sizes.rows, sizes.limits.bytes)).await?)
    }

    /// Settles a batch, and has the next one depart, if there is to be one: in the same commit, unless something must be
    /// read again first.
    async fn acknowledge(
        &mut self,
        flight: Flight,
        receipt: Receipt,
        next: Option<Sizes>,
    ) -> Result<Option<Flight>, SyncError> {
        let settled = if is_on(Mechanism::Outcomes) { settled(receipt) } else { as_sent(&flight) };
        let refused = settled.iter().filter(|(_, one)| matches!(one, Settled::Refused(_))).count() as u64;
        self.report.quarantined += refused;
        self.report.pushed += settled.len() as u64 - refused;
        let receipted = self.receipted.take();
        let (applied, departed) = self
            .store
            .apply_async(move |tx| {
                if let Some(batch_no) = receipted {
                    local::note_acknowledged(tx, batch_no)?;
                }
                let applied = local::acknowledge(tx, &flight, settled)?;
                let is_quiet = applied.needs.is_empty() && !local::has_parked(tx)?;
                let departed = match next.filter(|_| is_quiet) {
                    Some(sizes) => local::depart(tx, sizes.rows, sizes.limits.bytes)?,
                    None => None,
                };
                Ok((applied, is_quiet.then_some(departed)))
            })
            .await?;
        self.report.merged += applied.merged;
        self.report.conflicts += applied.conflicts;
        match (departed, next) {
            (Some(departed), _) => Ok(departed),
            (None, next) => {
                self.reread(applied.needs).await?;
                match next {
                    Some(sizes) => self.depart(sizes).await,
                    None => Ok(None),
                }
            }
        }
    }
}
