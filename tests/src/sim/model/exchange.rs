//! The exchanges with central, each done in one moment.

use std::collections::HashMap;

use merge::{HybridTime, Key, RowId};
use sync::central::logic::{Change, coalesced, push, resolve};
use sync::central::{Batch, CentralError, Feed, FeedRow, FeedState, Limits, Receipt, Sequenced};

use super::state::{Entry, State};
use super::transaction::Open;
use super::{Model, Written};

/// Entries that one transaction of the sequencer takes.
const ENTRIES_AT_ONCE: usize = 16;

impl Model {
    pub(crate) fn limits(&self) -> Limits {
        Limits { rows: self.make.rows, bytes: 1 << 20, row_bytes: 1 << 20 }
    }

    pub(crate) async fn push(&self, batch: &Batch) -> Result<Receipt, CentralError> {
        push(&mut Open::begin(self), batch, self.limits()).await
    }

    pub(crate) async fn resolve(&self, batch: &Batch) -> Result<Option<Receipt>, CentralError> {
        resolve(&mut Open::begin(self), batch).await
    }

    /// Numbers what is committed: the entries of open transactions are not there to be seen.
    pub(crate) fn sequence(&self) -> Sequenced {
        let mut state = self.state();
        let mut total = Sequenced::default();
        while !state.outbox.is_empty() {
            total.numbered += number_some(&mut state);
        }
        total
    }

    /// How many changes wait for a number.
    pub(crate) fn feed(&self, after: u64, limit: usize) -> Feed {
        let state = self.state();
        let limit = limit.min(self.make.page);
        let ids: Vec<RowId> = state.by_seq.range(after + 1..).map(|(_, id)| id.clone()).take(limit + 1).collect();
        let complete = ids.len() <= limit;
        let rows: Vec<FeedRow> = ids.iter().take(limit).map(|id| told(&state, id)).collect();
        let next = rows.last().map_or(after, |row| row.seq);
        let next = if complete { next.max(state.last_seq) } else { next };
        Feed { epoch: state.epoch.clone(), head: state.last_seq, floor: 0, next, complete, rows, unknown: 0 }
    }

    pub(crate) fn rows(&self, ids: &[RowId]) -> Vec<FeedRow> {
        let state = self.state();
        ids.iter().map(|id| told(&state, id)).collect()
    }

    pub(crate) fn batch_no(&self, replica_id: &str) -> u64 {
        self.state().machines.get(replica_id).copied().unwrap_or(0)
    }

    /// Who writes now, as another program.
    pub(crate) fn foreigner(&self) -> Written<'static> {
        Written { origin: None, time: HybridTime(self.now_us()) }
    }
}

fn told(state: &State, id: &RowId) -> FeedRow {
    let entry = state.log.get(id);
    let now = match state.get(id) {
        Some(row) => FeedState::Present(row.clone()),
        None => FeedState::Deleted { image: entry.and_then(|entry| entry.image.clone().filter(|_| entry.deleted)) },
    };
    FeedRow {
        id: id.clone(),
        seq: entry.map_or(0, |entry| entry.seq),
        origin: entry.and_then(|entry| entry.origin.clone()),
        time: entry.map(|entry| entry.time).unwrap_or_default(),
        state: now,
    }
}

/// One transaction of the sequencer.
fn number_some(state: &mut State) -> u64 {
    let numbers: Vec<u64> = state.outbox.keys().copied().take(ENTRIES_AT_ONCE).collect();
    let taken: HashMap<u64, _> = numbers.iter().filter_map(|n| Some((*n, state.outbox.remove(n)?))).collect();
    let entries = numbers.iter().filter_map(|n| Some(taken.get(n)?.entry.clone())).collect();
    let changes = coalesced(entries);
    for change in &changes {
        let image = change.delete.and_then(|number| taken.get(&number)?.image.clone());
        number(state, change, image);
    }
    changes.len() as u64
}

fn number(state: &mut State, change: &Change, image: Option<merge::Row>) {
    let Some(entity) = migrations::entity(&change.table) else { return };
    let id = RowId::new(entity, Key::new(change.key.clone()));
    let deleted = if change.delete.is_some() { state.get(&id).is_none() } else { change.deleted };
    state.last_seq += 1;
    let seq = state.last_seq;
    let known = state.log.get(&id).map(|entry| (entry.seq, entry.time));
    if let Some((old, _)) = known {
        state.by_seq.remove(&old);
    }
    let time = HybridTime(change.time_us.max(0).unsigned_abs()).max(known.map(|known| known.1).unwrap_or_default());
    let image = image.filter(|_| deleted);
    state.log.insert(id.clone(), Entry { seq, deleted, origin: change.origin.clone(), time, image });
    state.by_seq.insert(seq, id);
}
