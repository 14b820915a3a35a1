//! A simulated world: central, machines, other programs, and what is remembered of all that was acknowledged.

use std::collections::{BTreeMap, VecDeque};

use merge::{Key, Row, RowId};
use migrations::entity::OnDelete;
use migrations::{ENTITIES, Entity};
use sync::StoreError;
use sync::engine::{RoundReport, SyncError};

use super::Habits;
use super::clock::Time;
use super::draft::{Change, View, draw, habit, shared};
use super::foreign::{self, Pending};
use super::machine::{Machine, Walked};
use super::model::{Make, Model, State};
use super::step::Step;
use super::tokens::{Tokens, tokens_in};
use super::verdict::{self, Progress};
use crate::random::Random;

/// Passes over all machines after which nothing may move any more.
const MOST_PASSES: usize = 12;
/// Longer than any refused row waits for its next try.
const RETRIED_WITHIN_US: u64 = 2 * 3_600 * 1_000_000;
/// Machines at most, with clones.
const MOST_MACHINES: usize = 8;

/// What was done, in numbers.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Rows that writers wrote and were told that it is done.
    pub acknowledged: u64,
    /// What went wrong on purpose, by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// Conflicts on record at the end.
    pub conflicts: u64,
    /// Rows in quarantine at the end.
    pub quarantined: u64,
    /// Rounds that ended.
    pub rounds: u64,
    /// Rows at central at the end.
    pub rows: u64,
}

impl Tally {
    /// Adds another.
    pub fn add(&mut self, other: &Self) {
        self.acknowledged += other.acknowledged;
        self.conflicts += other.conflicts;
        self.quarantined += other.quarantined;
        self.rounds += other.rounds;
        self.rows += other.rows;
        for (name, count) in &other.faults {
            *self.faults.entry(name).or_default() += count;
        }
    }

    fn count(&mut self, name: &'static str) {
        *self.faults.entry(name).or_default() += 1;
    }
}

pub(crate) struct World {
    pub(crate) model: Model,
    pub(crate) machines: Vec<Machine>,
    pub(crate) tokens: Tokens,
    pub(crate) tally: Tally,
    /// See [`habit`].
    pub(crate) habits: Habits,
    pub(crate) has_restored: bool,
    pub(crate) has_restored_central: bool,
    time: Time,
    pending: VecDeque<Pending>,
    central_copy: Option<(State, u64)>,
    epochs: u32,
}

impl World {
    pub(crate) fn new(machines: usize, make: Make) -> Result<Self, StoreError> {
        let time = Time::new();
        let model = Model::new(make, time.clone());
        let machines = (0..machines).map(|_| super::template::machine(&time, &model)).collect::<Result<_, _>>()?;
        Ok(Self {
            model,
            machines,
            tokens: Tokens::default(),
            tally: Tally::default(),
            habits: Habits::Sharing,
            has_restored: false,
            has_restored_central: false,
            time,
            pending: VecDeque::new(),
            central_copy: None,
            epochs: 0,
        })
    }

    /// Lets one thing happen; an error is a violation.
    pub(crate) fn step(&mut self, step: Step) -> Result<(), String> {
        let count = self.machines.len();
        let at = |machine: usize| machine % count;
        match step {
            Step::Work { machine, salt } => self.work(at(machine), salt)?,
            Step::Sync { machine } => {
                let outcome = self.machines[at(machine)].sync();
                self.ended(at(machine), outcome)?;
            }
            Step::Walk { machine, awaits } => {
                if let Walked::Ended(outcome) = self.machines[at(machine)].walk(awaits) {
                    self.ended(at(machine), outcome)?;
                }
            }
            Step::Crash { machine } => {
                self.tally.count("crash");
                self.machines[at(machine)].crash().map_err(text)?;
            }
            Step::Disturb { machine, after, fault } => self.machines[at(machine)].link.disturb(after, fault),
            Step::Deliver { machine } => drop(ready(self.machines[at(machine)].link.deliver())),
            Step::Skew { machine, us } => {
                self.tally.count("clock set");
                self.machines[at(machine)].clock.skew(us);
            }
            Step::Wait { us } => self.time.pass(us),
            Step::Foreign { salt } => {
                self.tally.count("foreign write");
                foreign::write(&self.model, salt, &mut self.tokens);
            }
            Step::Open { salt } => {
                self.tally.count("foreign transaction left open");
                if self.pending.is_empty() {
                    self.pending.push_back(foreign::open(&self.model, salt, &mut self.tokens));
                }
            }
            Step::Close { commit } => self.close(commit),
            Step::Backup { machine } => {
                let acknowledged = self.tokens.acknowledged;
                self.machines[at(machine)].back_up(acknowledged).map_err(text)?;
            }
            Step::Restore { machine } => self.restore(at(machine))?,
            Step::Clone { machine } => self.clone_machine(at(machine))?,
            Step::BackupCentral => self.central_copy = Some((self.model.state().clone(), self.tokens.acknowledged)),
            Step::RestoreCentral => self.restore_central(),
        }
        Ok(())
    }

    fn work(&mut self, at: usize, salt: u64) -> Result<(), String> {
        let random = &mut Random::new(salt);
        let mut changes: Vec<Change> = Vec::new();
        for _ in 0..=random.below(3) {
            let habit = self.habit(at, random);
            let drawn = match habit {
                Some(change) => vec![change],
                None => draw(random, &self.machines[at], &mut self.tokens),
            };
            if let [Change::Delete(id)] = &drawn[..] {
                // Children first, as the daemon does; a transaction of its own.
                let Some(closure) = closure(&self.machines[at], id) else { continue };
                changes = closure;
                break;
            }
            let new = drawn.into_iter().find(|change| changes.iter().all(|known| known.id() != change.id()));
            changes.extend(new);
        }
        self.write(at, changes)
    }

    fn habit(&mut self, at: usize, random: &mut Random) -> Option<Change> {
        if self.habits >= Habits::Sharing && random.percent(20) {
            return shared(random, &self.machines[at], &mut self.tokens);
        }
        if self.habits >= Habits::Counting { habit(random, &self.machines[at], &mut self.tokens) } else { None }
    }

    /// Writes on a machine, and remembers what was acknowledged.
    pub(crate) fn write(&mut self, at: usize, changes: Vec<Change>) -> Result<(), String> {
        match self.machines[at].write(changes) {
            Ok(effects) => {
                for (before, after) in effects {
                    self.tokens.note(Some(at), before.as_ref(), after.as_ref());
                    let gone = before.filter(|_| after.is_none()).map(|row| row.id());
                    self.tokens.unheard.extend(gone.filter(|id| !self.model.state().has_had(id)));
                }
                Ok(())
            }
            // The writer was told, and nothing was written.
            Err(StoreError::Invalid { .. } | StoreError::MissingParent { .. } | StoreError::HasChildren { .. }) => {
                Ok(())
            }
            Err(error) => Err(format!("machine {at} cannot write: {error}")),
        }
    }

    fn ended(&mut self, at: usize, outcome: Result<RoundReport, SyncError>) -> Result<(), String> {
        self.tally.rounds += 1;
        for fault in self.machines[at].link.struck() {
            self.tally.count(fault.name());
        }
        self.progressed(at)?;
        match outcome {
            Ok(_) => Ok(()),
            Err(SyncError::Central(error)) if error.is_retryable() => Ok(()),
            Err(error) => Err(format!("machine {at}: a round failed: {error}")),
        }
    }

    /// Cursors and batch numbers only grow, as long as neither side is restored.
    fn progressed(&mut self, at: usize) -> Result<(), String> {
        if !self.has_restored && !self.has_restored_central {
            let mut bases = std::mem::take(&mut self.machines[at].bases);
            let looked = bases.look(&self.machines[at], &self.model.state());
            self.machines[at].bases = bases;
            looked.map_err(|why| format!("machine {at}: {why}"))?;
        }
        verdict::note_aliases(&self.machines[at], &mut self.tokens)?;
        let now = Progress::of(&self.machines[at])?;
        let before = self.machines[at].progress.replace(now.clone());
        match before.filter(|before| !self.has_restored_central && !now.goes_on_from(before)) {
            Some(before) => Err(format!("machine {at} goes back from {before:?} to {now:?}")),
            None => Ok(()),
        }
    }

    fn close(&mut self, commit: bool) {
        if let Some(pending) = self.pending.pop_front() {
            self.model.state().release_all();
            foreign::close(&self.model, pending, commit, &mut self.tokens);
        }
    }

    fn restore(&mut self, at: usize) -> Result<(), String> {
        verdict::harvest(&self.machines[at], &mut self.tokens)?;
        if let Some(since) = self.machines[at].restore().map_err(text)? {
            self.tally.count("replica restored");
            self.tokens.forgive(Some(at), since);
            self.has_restored = true;
        }
        Ok(())
    }

    fn clone_machine(&mut self, at: usize) -> Result<(), String> {
        if self.machines.len() < MOST_MACHINES {
            self.tally.count("replica cloned");
            let clone = Machine::from(&self.machines[at].store, &self.time, &self.model).map_err(text)?;
            self.machines.push(clone);
            self.has_restored = true;
        }
        Ok(())
    }

    fn restore_central(&mut self) {
        let Some((copy, since)) = self.central_copy.clone() else { return };
        self.tally.count("central restored");
        self.close(false);
        *self.model.state() = copy;
        // Transactions that were open when the copy was made are none of its.
        self.model.state().release_all();
        self.epochs += 1;
        self.model.state().set_epoch(format!("restored {}", self.epochs));
        self.tokens.forgive(None, since);
        self.has_restored_central = true;
    }

    /// The rows and records that have a token, for whoever reads a history.
    pub(crate) fn places_of(&self, token: usize) -> Vec<String> {
        let has =
            |row: &Row| row.values().iter().filter_map(|value| value.as_text()).flat_map(tokens_in).any(|t| t == token);
        let central: Vec<Row> = self.model.state().rows().filter(|row| has(row)).cloned().collect();
        let mut places: Vec<String> = central.iter().map(|row| format!("central {}", row.id())).collect();
        for (at, machine) in self.machines.iter().enumerate() {
            let rows = machine.rows().unwrap_or_default();
            places.extend(rows.values().filter(|row| has(row)).map(|row| format!("machine {at} {}", row.id())));
            if verdict::has_on_record(machine, token) {
                places.push(format!("machine {at} on record"));
            }
        }
        places
    }

    /// Ends all trouble and lets everybody sync until nothing moves.
    pub(crate) fn settle(&mut self) -> Result<(), String> {
        while !self.pending.is_empty() {
            self.close(true);
        }
        for machine in &self.machines {
            machine.link.heal();
            while ready(machine.link.deliver()) {}
        }
        let mut reports = Vec::new();
        for _ in 0..MOST_PASSES {
            let mut moved = 0;
            reports.clear();
            // What was refused for a reason that time heals is tried again.
            self.time.pass(RETRIED_WITHIN_US);
            for at in 0..self.machines.len() {
                // A round that was under way ends first.
                let ended = self.machines[at].sync();
                moved += ended.map_or(1, |report| report.pulled + report.pushed + report.merged);
                let report =
                    self.machines[at].sync().map_err(|error| format!("machine {at} cannot sync in peace: {error}"))?;
                moved += report.pulled + report.pushed + report.merged;
                self.progressed(at)?;
                reports.push(report);
            }
            if moved == 0 {
                return Ok(());
            }
        }
        Err(format!("it never settles: {}", verdict::unsettled(self, &reports)?))
    }
}

/// What a delete takes with it by the catalogue's rules, in the order in which it is done; None when it is refused.
pub(crate) fn closure(view: &impl View, id: &RowId) -> Option<Vec<Change>> {
    let mut changes = Vec::new();
    let mut doomed = vec![id.clone()];
    let mut next = 0;
    while next < doomed.len() {
        let parent = doomed[next].clone();
        for (child, column, rule) in children(parent.entity) {
            for row in view.all(child).into_iter().filter(|row| row.text(column) == Some(parent.key.as_str())) {
                match rule {
                    OnDelete::Restrict => return None,
                    OnDelete::Cascade if !doomed.contains(&row.id()) => doomed.push(row.id()),
                    OnDelete::Cascade => {}
                    OnDelete::SetNull => changes.push((row.id(), column)),
                }
            }
        }
        next += 1;
    }
    let emptied = emptied(view, &doomed, &changes);
    Some(emptied.into_iter().map(Change::Put).chain(doomed.into_iter().rev().map(Change::Delete)).collect())
}

/// The rows that stay with the references emptied, each once.
fn emptied(view: &impl View, doomed: &[RowId], changes: &[(RowId, &'static str)]) -> Vec<Row> {
    let mut rows: BTreeMap<RowId, Row> = BTreeMap::new();
    for (id, column) in changes.iter().filter(|(id, _)| !doomed.contains(id)) {
        let Some(row) = rows.remove(id).or_else(|| view.get(id)) else { continue };
        rows.insert(id.clone(), row.with(column, merge::Value::Null));
    }
    rows.into_values().collect()
}

fn children(parent: &'static Entity) -> impl Iterator<Item = (&'static Entity, &'static str, OnDelete)> {
    ENTITIES.iter().flat_map(move |child| {
        let references = child.foreign_keys.iter().filter(|key| key.references == parent.name);
        references.map(|key| (*child, key.column, key.on_delete))
    })
}

/// The value of a future that waits for nobody.
fn ready<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    loop {
        if let std::task::Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
    }
}

pub(crate) fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// A row's identity from what the bookkeeping holds.
pub(crate) fn id_of(table: &str, key: &str) -> Option<RowId> {
    Some(RowId::new(migrations::entity(table)?, Key::new(key)))
}
