//! One simulated machine: a real replica, a clock that is wrong, a link, and perhaps a round that is under way.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use merge::{Row, RowId};
use migrations::Entity;
use sync::central::CentralError;
use sync::engine::{Remote as _, RoundReport, SyncError, greet, round};
use sync::{Store, StoreError};

use super::bases::Bases;
use super::clock::{SkewedClock, Time};
use super::draft::{Change, View};
use super::link::Link;
use super::model::Model;
use super::verdict::Progress;

type Running = Pin<Box<dyn Future<Output = Result<RoundReport, SyncError>> + Send>>;

/// Awaits of a round at most: far more than any backlog of a simulated machine needs.
const MOST_AWAITS: usize = 200_000;

/// A row before and after a change.
pub(crate) type Effect = (Option<Row>, Option<Row>);

/// A copy of a machine's file.
pub(crate) struct Copy {
    store: Store,
    /// Writes that were acknowledged until then, by anybody.
    pub acknowledged: u64,
}

/// A machine.
pub(crate) struct Machine {
    pub(crate) store: Store,
    pub(crate) clock: Arc<SkewedClock>,
    pub(crate) link: Link,
    running: Option<Running>,
    greeted: bool,
    pub(crate) copy: Option<Copy>,
    /// How far it had come when it was last asked.
    pub(super) progress: Option<Progress>,
    pub(super) bases: Bases,
}

/// What a look at a round found.
pub(crate) enum Walked {
    /// It is still under way.
    Running,
    /// It ended.
    Ended(Result<RoundReport, SyncError>),
}

impl Machine {
    /// A machine that starts from a replica's file.
    pub(crate) fn from(store: &Store, time: &Time, model: &Model) -> Result<Self, StoreError> {
        let clock = Arc::new(SkewedClock::new(time.clone()));
        let store = store.duplicate(clock.clone())?;
        Ok(Self {
            store,
            clock,
            link: Link::new(model.clone()),
            running: None,
            greeted: false,
            copy: None,
            progress: None,
            bases: Bases::default(),
        })
    }

    /// Goes on with the round, or begins one, for so many awaits.
    pub(crate) fn walk(&mut self, awaits: usize) -> Walked {
        let (link, store, greeted) = (self.link.clone(), self.store.clone(), self.greeted);
        let running = self.running.get_or_insert_with(|| Box::pin(one_round(link, store, greeted)));
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..awaits {
            if let Poll::Ready(outcome) = running.as_mut().poll(&mut context) {
                self.running = None;
                self.greeted = outcome.is_ok();
                return Walked::Ended(outcome);
            }
        }
        Walked::Running
    }

    /// Runs a round to its end; one that has none is an error that no waiting heals.
    pub(crate) fn sync(&mut self) -> Result<RoundReport, SyncError> {
        match self.walk(MOST_AWAITS) {
            Walked::Ended(outcome) => outcome,
            Walked::Running => Err(SyncError::Central(CentralError::Protocol("a round never ends".into()))),
        }
    }

    /// Loses what is not on disk.
    pub(crate) fn crash(&mut self) -> Result<(), StoreError> {
        self.running = None;
        self.greeted = false;
        self.store.restart()
    }

    /// Copies the file away.
    pub(crate) fn back_up(&mut self, acknowledged: u64) -> Result<(), StoreError> {
        self.copy = Some(Copy { store: self.store.duplicate(self.clock.clone())?, acknowledged });
        Ok(())
    }

    /// Gets the copy back; how many writes had been acknowledged then.
    pub(crate) fn restore(&mut self) -> Result<Option<u64>, StoreError> {
        let Some(copy) = &self.copy else { return Ok(None) };
        self.running = None;
        self.greeted = false;
        self.progress = None;
        self.store = copy.store.duplicate(self.clock.clone())?;
        Ok(Some(copy.acknowledged))
    }

    /// Writes a transaction; each row before and after it.
    pub(crate) fn write(&self, changes: Vec<Change>) -> Result<Vec<Effect>, StoreError> {
        self.store.write(move |tx| {
            let mut effects = Vec::with_capacity(changes.len());
            for change in changes {
                let id = change.id();
                let before = tx.get(id.entity, &id.key)?;
                match change {
                    Change::Put(row) => tx.put(row)?,
                    Change::Delete(id) => drop(tx.delete(id.entity, &id.key)?),
                }
                effects.push((before, tx.get(id.entity, &id.key)?));
            }
            Ok(effects)
        })
    }

    /// All rows of its replicated tables.
    pub(crate) fn rows(&self) -> Result<BTreeMap<RowId, Row>, StoreError> {
        let mut rows = BTreeMap::new();
        for entity in super::model::replicated() {
            rows.extend(self.store.all_rows(entity)?.into_iter().map(|row| (row.id(), row)));
        }
        Ok(rows)
    }
}

async fn one_round(link: Link, store: Store, greeted: bool) -> Result<RoundReport, SyncError> {
    if greeted {
        link.recheck().await?;
    } else {
        greet(&link, &store).await?;
    }
    round(&link, &store, "simulated").await
}

impl View for Machine {
    fn get(&self, id: &RowId) -> Option<Row> {
        let id = id.clone();
        self.store.read(move |tx| tx.get(id.entity, &id.key)).ok().flatten()
    }

    fn all(&self, entity: &'static Entity) -> Vec<Row> {
        self.store.all_rows(entity).unwrap_or_default()
    }
}
