//! The task that compares: on request, and by itself when nothing else is going on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant as Clocked};

use migrations::{ENTITIES, Entity};
use tokio::sync::mpsc::WeakSender;
use tokio::sync::{mpsc, oneshot, watch as seen};
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{info, warn};

use super::super::status::{Progress, SyncError, SyncState};
use super::super::{Command, RoundReport};
use super::compare::Comparison;
use super::judge::{Judge, Patience, by_name};
use super::{Heal, Job, TableFindings, VerifyReport, VerifyRequest, VerifySettings, VerifyState};
use crate::central::{Central, CentralUrl};
use crate::local::{self, Store, Verified};

/// Between two statements of a comparison that nobody waits for.
const BREATH: Duration = Duration::from_secs(1);
/// How often rows that are just being changed are looked at again.
const LOOKS: usize = 3;
/// Comparisons of one repair: what was healed may show what depends on it.
const PASSES: usize = 4;
/// With comparisons by themselves switched off.
const NEVER: Duration = Duration::from_hours(24 * 365);

/// What the task works with.
pub(in crate::engine) struct Surroundings {
    pub(in crate::engine) store: Store,
    pub(in crate::engine) url: Option<CentralUrl>,
    pub(in crate::engine) settings: VerifySettings,
    pub(in crate::engine) rounds: WeakSender<Command>,
    pub(in crate::engine) engine: seen::Receiver<Progress>,
}

/// Runs until the last handle of the engine is gone.
pub(in crate::engine) async fn run(
    surroundings: Surroundings,
    mut inbox: mpsc::Receiver<Job>,
    state: seen::Sender<VerifyState>,
) {
    let Surroundings { store, url, settings, rounds, mut engine } = surroundings;
    let Some(url) = url else {
        while let Some(job) = inbox.recv().await {
            answer(job.reply, Err(SyncError::Unconfigured));
        }
        return;
    };
    let every = if settings.every.is_zero() { NEVER } else { settings.every };
    let mut worker = Worker { store, url, rounds, state, settings, blind: BTreeSet::new(), troubles: Arc::default() };
    let (mut turn, mut watch) = (Instant::now() + every, Instant::now() + settings.watch);
    let mut connected = false;
    loop {
        tokio::select! {
            job = inbox.recv() => match job {
                Some(job) => worker.job(job).await,
                None => return,
            },
            changed = engine.changed() => {
                if changed.is_err() {
                    return;
                }
                let now = settled(engine.borrow_and_update().state()).unwrap_or(connected);
                let was = std::mem::replace(&mut connected, now);
                if connected && !was && !settings.every.is_zero() {
                    worker.by_itself("watch", |worker| Box::pin(worker.watch())).await;
                    watch = Instant::now() + settings.watch;
                }
            }
            () = sleep_until(turn) => {
                if connected {
                    worker.by_itself("turn", |worker| Box::pin(worker.turn())).await;
                }
                turn = Instant::now() + every;
            }
            () = sleep_until(watch) => {
                if connected && !settings.every.is_zero() {
                    worker.by_itself("watch", |worker| Box::pin(worker.watch())).await;
                }
                watch = Instant::now() + settings.watch;
            }
        }
    }
}

/// Whether central is there; None while that is being found out.
fn settled(state: SyncState) -> Option<bool> {
    match state {
        SyncState::Syncing => None,
        SyncState::Idle => Some(true),
        _ => Some(false),
    }
}

fn answer(reply: Option<oneshot::Sender<Result<VerifyReport, SyncError>>>, outcome: Result<VerifyReport, SyncError>) {
    if let Some(reply) = reply {
        // A caller that has gone away needs no answer.
        let _ = reply.send(outcome);
    }
}

pub(super) struct Worker {
    pub(super) store: Store,
    pub(super) url: CentralUrl,
    rounds: WeakSender<Command>,
    pub(super) state: seen::Sender<VerifyState>,
    settings: VerifySettings,
    /// Tables of which changes are not captured.
    pub(super) blind: BTreeSet<&'static str>,
    /// What did not get through by itself, and why.
    troubles: Arc<Mutex<BTreeMap<&'static str, String>>>,
}

impl Worker {
    /// A comparison that was asked for.
    async fn job(&mut self, job: Job) {
        self.state.send_modify(|state| {
            let (blind, trouble) = (state.blind.take(), state.trouble.take());
            *state = VerifyState { number: job.number, running: true, blind, trouble, ..VerifyState::default() };
        });
        let outcome = self.compare_and_heal(&job.request).await;
        self.state.send_modify(|state| {
            state.running = false;
            match &outcome {
                Ok(report) => state.report = Some(report.clone()),
                Err(error) => {
                    state.error = Some(error.to_string());
                    state.hint = error.hint();
                }
            }
        });
        answer(job.reply, outcome);
    }

    async fn compare_and_heal(&mut self, request: &VerifyRequest) -> Result<VerifyReport, SyncError> {
        let started = Clocked::now();
        if request.heal != Heal::Nothing {
            // Or what the next round pushes goes uncaptured again, or cannot be pushed: without its definer a trigger
            // fails every write.
            let restored = Central::connect(&self.url).await?.restore_triggers().await?;
            self.note_triggers(&restored);
        }
        self.round().await?;
        let central = Central::connect(&self.url).await?;
        let before = central.traffic().await?;
        let mut tables = self.occupied(&central, &request.tables).await?;
        self.announce(&tables).await?;
        let mut report = VerifyReport::default();
        for pass in 1..=PASSES {
            let mut again = Vec::new();
            for entity in &tables {
                let findings = self.table(&central, entity, request.heal, Patience::None, None).await?;
                if findings.healed > 0 {
                    again.push(*entity);
                }
                add(&mut report, findings, pass == 1);
            }
            if again.is_empty() || pass == PASSES {
                break;
            }
            self.round().await?;
            tables = self.occupied(&central, &with_children(&again)).await?;
        }
        let after = central.traffic().await?;
        report.sent_bytes = after.sent.saturating_sub(before.sent);
        report.received_bytes = after.received.saturating_sub(before.received);
        report.millis = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        report.left = report.tables.iter().flat_map(|table| table.left.values()).sum();
        Ok(report)
    }

    /// The tables of these (none: of all) that have rows on either side.
    async fn occupied(&self, central: &Central, wanted: &[&'static Entity]) -> Result<Vec<&'static Entity>, SyncError> {
        let there: BTreeSet<&str> = central.occupied().await?.into_iter().collect();
        let extent = central.versions().extent;
        let wanted: Vec<&'static Entity> = ENTITIES
            .iter()
            .copied()
            .filter(|entity| extent.has_table(entity) && (wanted.is_empty() || wanted.contains(entity)))
            .collect();
        let occupied = move |tx: &local::ReadTx<'_>| {
            let mut occupied = Vec::new();
            for entity in wanted {
                if there.contains(entity.name) || local::is_occupied(tx, entity)? {
                    occupied.push(entity);
                }
            }
            Ok(occupied)
        };
        Ok(self.store.scan_async(occupied).await?)
    }

    async fn announce(&self, tables: &[&'static Entity]) -> Result<(), SyncError> {
        let tables = tables.to_vec();
        let count = move |tx: &local::ReadTx<'_>| tables.iter().map(|entity| local::row_count(tx, entity)).sum();
        let rows: u64 = self.store.scan_async(count).await?;
        self.state.send_modify(|state| state.progress.rows = rows);
        Ok(())
    }

    /// Compares one table; `breath` is the pause between statements.
    pub(super) async fn table(
        &self,
        central: &Central,
        entity: &'static Entity,
        heal: Heal,
        patience: Patience,
        breath: Option<Duration>,
    ) -> Result<TableFindings, SyncError> {
        let began_us = self.store.clock().now_us();
        let rows = self.store.scan_async(move |tx| local::row_count(tx, entity)).await?;
        self.state.send_modify(|state| entity.name.clone_into(&mut state.progress.table));
        let mut comparison = Comparison::new(Judge::new(central, &self.store, entity, heal, rows));
        let mut from = None;
        loop {
            let done = comparison.judge.findings.rows;
            from = comparison.stretch(from).await?;
            let more = comparison.judge.findings.rows - done;
            self.state.send_modify(|state| state.progress.rows_done += more);
            if from.is_none() {
                break;
            }
            if let Some(breath) = breath {
                sleep(breath).await;
            }
        }
        let mut judge = comparison.finish().await?;
        for _ in 0..LOOKS {
            if judge.busy.is_empty() {
                break;
            }
            self.round().await?;
            let busy = std::mem::take(&mut judge.busy);
            judge.look(busy).await?;
        }
        judge.decide_vanished().await?;
        judge.orphans(patience).await?;
        let mut findings = judge.findings;
        findings.busy = judge.busy.len() as u64;
        let (rows, left, healed) = (findings.rows, by_name(&findings.left), findings.healed);
        let note = move |tx: &mut local::WriteTx<'_>| local::note_verified(tx, entity, rows, &left, healed, began_us);
        self.store.write_async(note).await?;
        report_found(&findings);
        Ok(findings)
    }

    /// A round now.
    async fn round(&self) -> Result<RoundReport, SyncError> {
        let rounds = self.rounds.upgrade().ok_or(SyncError::Stopped)?;
        let (reply, answer) = oneshot::channel();
        rounds.send(Command::Round(Some(reply))).await.map_err(|_| SyncError::Stopped)?;
        answer.await.unwrap_or(Err(SyncError::Stopped))
    }

    fn nudge(&self) {
        if let Some(rounds) = self.rounds.upgrade() {
            // A full queue means that a round is about to come anyway.
            let _ = rounds.try_send(Command::Round(None));
        }
    }

    /// Something that nobody asked for: what goes wrong is shown in the status.
    async fn by_itself<'w>(
        &'w mut self,
        what: &'static str,
        work: impl FnOnce(&'w mut Self) -> std::pin::Pin<Box<dyn Future<Output = Result<(), SyncError>> + Send + 'w>>,
    ) {
        let state = self.state.clone();
        let (troubles, url) = (Arc::clone(&self.troubles), self.url.clone());
        let outcome = work(self).await;
        let is_shut_out = match &outcome {
            Err(SyncError::Central(error)) => error.is_retryable() || Central::connect(&url).await.is_err(),
            _ => false,
        };
        let mut troubles = troubles.lock().unwrap_or_else(PoisonError::into_inner);
        match outcome {
            Ok(()) => drop(troubles.remove(what)),
            // The engine itself says that central is away, or lets nobody in, and when that is over.
            Err(_) if is_shut_out => {}
            Err(error) => {
                warn!(%error, hint = error.hint(), "the replica could not be compared with central; it is tried again");
                troubles.insert(what, error.to_string());
            }
        }
        state.send_modify(|state| state.trouble = troubles.values().next().cloned());
    }

    /// Compares a table that is due, if there is one.
    async fn turn(&mut self) -> Result<(), SyncError> {
        let central = Central::connect(&self.url).await?;
        let occupied = self.occupied(&central, &[]).await?;
        let verified = self.store.read_async(local::verified).await?;
        let known = |entity: &Entity| verified.iter().find(|it| it.table == entity.name);
        let due_before = self.store.clock().now_us().saturating_sub(micros(self.settings.pass));
        let mut due: Vec<(bool, u64, &'static Entity)> = Vec::new();
        let occupied_names: BTreeSet<&'static str> = occupied.iter().map(|entity| entity.name).collect();
        for entity in occupied {
            let last = known(entity).map_or(0, |it| it.verified_us);
            let urgent = known(entity).is_some_and(|it: &Verified| it.suspicion.is_some());
            if urgent || last < due_before {
                due.push((!urgent, last, entity));
            }
        }
        self.note_empty(due_before, &occupied_names).await?;
        due.sort_by_key(|(calm, last, _)| (*calm, *last));
        let mut tables: Vec<&'static Entity> = due.into_iter().take(1).map(|(.., entity)| entity).collect();
        let extent = central.versions().extent;
        let blind = ENTITIES.iter().copied().filter(|it| self.blind.contains(it.name) && extent.has_table(it));
        tables.extend(blind.filter(|entity| !tables.contains(entity)).collect::<Vec<_>>());
        self.compare_quietly(&central, &tables).await
    }

    /// Tables without a row on either side are equal.
    async fn note_empty(&self, due_before: u64, occupied: &BTreeSet<&'static str>) -> Result<(), SyncError> {
        let occupied = occupied.clone();
        let note = move |tx: &mut local::WriteTx<'_>| {
            let now_us = tx.now_us();
            for entity in ENTITIES.iter().filter(|it| it.is_replicated() && !occupied.contains(it.name)) {
                if local::verified_of(&tx.reading(), entity)?.verified_us < due_before {
                    local::note_verified(tx, entity, 0, &BTreeMap::new(), 0, now_us)?;
                }
            }
            Ok(())
        };
        Ok(self.store.write_async(note).await?)
    }

    /// Compares tables and heals what needs no decision.
    pub(super) async fn compare_quietly(&self, central: &Central, tables: &[&'static Entity]) -> Result<(), SyncError> {
        let mut healed = 0;
        for entity in tables {
            let patience = Patience::UntilDeletedLongAgo;
            healed += self.table(central, entity, Heal::Careful, patience, Some(BREATH)).await?.healed;
        }
        if healed > 0 {
            self.nudge();
        }
        Ok(())
    }
}

/// The tables and those that refer to them: what was deleted may leave children behind.
fn with_children(tables: &[&'static Entity]) -> Vec<&'static Entity> {
    let named = |name: &str| tables.iter().any(|table| table.name == name);
    let refers = |entity: &Entity| entity.foreign_keys.iter().any(|key| named(key.references));
    let all = ENTITIES.iter().copied().filter(|entity| entity.is_replicated());
    all.filter(|entity| named(entity.name) || refers(entity)).collect()
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Adds a table's findings. A later pass counts what it healed, and says what is left now.
fn add(report: &mut VerifyReport, findings: TableFindings, first: bool) {
    report.healed += findings.healed;
    if let Some(known) = report.tables.iter_mut().find(|table| table.table == findings.table) {
        known.healed += findings.healed;
        known.left = findings.left;
        known.mass = findings.mass;
        known.busy = findings.busy;
        for (kind, rows) in findings.found {
            // The same row again, not healed, is not another one.
            let seen = known.found.entry(kind).or_default();
            *seen = (*seen).max(rows);
        }
    } else {
        report.rows += if first { findings.rows } else { 0 };
        report.tables.push(findings);
    }
    report.differences = report.tables.iter().map(TableFindings::differences).sum();
}

fn report_found(findings: &TableFindings) {
    if findings.differences() == 0 {
        return;
    }
    let table = findings.table.as_str();
    let kinds: Vec<String> = findings.found.iter().map(|(kind, rows)| format!("{rows} {}", kind.name())).collect();
    let kinds = kinds.join(", ");
    if findings.left.is_empty() {
        info!(table, kinds, healed = findings.healed, "rows differed from central, which nothing had captured: healed");
    } else {
        let left: u64 = findings.left.values().sum();
        warn!(table, kinds, healed = findings.healed, left, "rows differ from central: see claudetools sync verify");
    }
}
