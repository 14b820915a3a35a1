//! A transaction of a push on the model.

use std::collections::HashMap;

use merge::{HybridTime, Key, Row, RowId};
use migrations::Entity;
use sync::central::CentralError;
use sync::central::logic::{Locked, Logged, Machine, StoredReceipt, Taken, Transaction, Unnumbered};

use super::{Model, Written, conditions};

/// Takes everything back when it is dropped before its commit.
pub(super) struct Open {
    model: Model,
    origin: Option<String>,
    /// The rows as they were, latest first to be restored.
    before: Vec<(RowId, Option<Row>)>,
    first_outbox: u64,
    /// What had been written, and the next number of the outbox, at the mark.
    mark: (usize, u64),
}

impl Open {
    pub(super) fn begin(model: &Model) -> Self {
        let first_outbox = model.state().next_outbox();
        Self { model: model.clone(), origin: None, before: Vec::new(), first_outbox, mark: (0, first_outbox) }
    }

    /// A statement on one row.
    fn write(
        &mut self,
        id: &RowId,
        time: HybridTime,
        statement: impl FnOnce(&mut super::State, Written<'_>) -> Taken,
    ) -> Taken {
        let mut state = self.model.state();
        let before = state.get(id).cloned();
        let taken = statement(&mut state, Written { origin: self.origin.as_deref(), time });
        if taken.is_ok() {
            self.before.push((id.clone(), before));
        }
        taken
    }

    fn take_back(&mut self) {
        self.take_back_to((0, self.first_outbox));
    }

    fn take_back_to(&mut self, (known, first): (usize, u64)) {
        let mut state = self.model.state();
        for (id, before) in self.before.drain(known..).rev() {
            match before {
                Some(row) => state.place(row),
                None => state.take_away(&id),
            }
        }
        state.outbox.split_off(&first);
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.take_back();
    }
}

impl Transaction for Open {
    async fn machine(&mut self, replica_id: &str) -> Result<Machine, CentralError> {
        let batch_no = self.model.state().machines.get(replica_id).copied().unwrap_or(0);
        let state = self.model.state();
        Ok(Machine { batch_no, epoch: state.epoch.clone(), head: state.last_seq, now: HybridTime(self.model.now_us()) })
    }

    async fn receipt(&mut self, replica_id: &str, batch_no: u64) -> Result<Option<StoredReceipt>, CentralError> {
        Ok(self.model.state().receipts.get(&(replica_id.to_owned(), batch_no)).cloned())
    }

    async fn use_up(&mut self, replica_id: &str, batch_no: u64) -> Result<(), CentralError> {
        self.model.state().machines.insert(replica_id.to_owned(), batch_no);
        Ok(())
    }

    async fn store(&mut self, replica_id: &str, batch_no: u64, receipt: &StoredReceipt) -> Result<(), CentralError> {
        self.use_up(replica_id, batch_no).await?;
        self.model.state().receipts.insert((replica_id.to_owned(), batch_no), receipt.clone());
        Ok(())
    }

    async fn sign(&mut self, replica_id: &str) -> Result<(), CentralError> {
        self.origin = Some(replica_id.to_owned());
        Ok(())
    }

    async fn lock_rows(&mut self, ids: &[RowId]) -> Result<Locked, CentralError> {
        let state = self.model.state();
        if ids.iter().any(|id| state.is_held(id)) {
            return Err(CentralError::LockWait);
        }
        Ok(ids.iter().filter_map(|id| Some((id.clone(), Ok(state.get(id)?.clone())))).collect())
    }

    async fn logged(&mut self, ids: &[RowId]) -> Result<HashMap<RowId, Logged>, CentralError> {
        let state = self.model.state();
        let logged = ids.iter().filter_map(|id| {
            let entry = state.log.get(id)?;
            let image = entry.image.clone().filter(|_| entry.deleted);
            Some((id.clone(), Logged { seq: entry.seq, time: entry.time, image }))
        });
        Ok(logged.collect())
    }

    async fn unnumbered(&mut self, ids: &[RowId]) -> Result<HashMap<RowId, Unnumbered>, CentralError> {
        let mut news: HashMap<RowId, Unnumbered> = HashMap::new();
        for outgoing in self.model.state().outbox.values() {
            let Some(entity) = migrations::entity(&outgoing.entry.table) else { continue };
            let id = RowId::new(entity, Key::new(outgoing.entry.key.clone()));
            if !ids.contains(&id) {
                continue;
            }
            let known = news.entry(id).or_default();
            known.time = known.time.max(HybridTime(outgoing.entry.time_us.max(0).unsigned_abs()));
            if outgoing.entry.is_delete {
                known.has_delete = true;
                known.image.clone_from(&outgoing.image);
            }
        }
        Ok(news)
    }

    async fn insert(&mut self, rows: &[(&Row, HybridTime)]) -> Result<Taken, CentralError> {
        let (known, first) = (self.before.len(), self.model.state().next_outbox());
        for (row, time) in rows {
            let taken = self.write(&row.id(), *time, |state, by| state.insert(row, by));
            if taken.is_err() {
                // The statement is undone as a whole.
                let mut state = self.model.state();
                for (id, _) in self.before.drain(known..) {
                    state.take_away(&id);
                }
                state.outbox.split_off(&first);
                return Ok(taken);
            }
        }
        Ok(Ok(()))
    }

    async fn update(&mut self, before: &Row, after: &Row, time: HybridTime) -> Result<Taken, CentralError> {
        if before == after {
            return Ok(Ok(()));
        }
        Ok(self.write(&after.id(), time, |state, by| state.update(after, by)))
    }

    async fn delete(&mut self, before: &Row, time: HybridTime) -> Result<Taken, CentralError> {
        let id = before.id();
        // What the foreign keys would do by themselves is not for a push to rely on: the children's rows go first.
        if self.model.state().children_of(&id).next().is_some() {
            let state = self.model.state();
            let child = state.children_of(&id).next().map(|child| child.0).unwrap_or_default();
            return Ok(Err(super::state::refusal(sync::central::RefusalKind::HasChildren { child: child.to_owned() })));
        }
        Ok(self.write(&id, time, |state, by| state.delete(&id, by)))
    }

    async fn parent_of(
        &mut self,
        entity: &'static Entity,
        column: &'static str,
        key: &Key,
    ) -> Result<Option<Key>, CentralError> {
        let state = self.model.state();
        Ok(state.get(&RowId::new(entity, key.clone())).and_then(|row| row.text(column)).map(Key::new))
    }

    async fn holder_of(&mut self, row: &Row, columns: &[&'static str]) -> Result<Option<RowId>, CentralError> {
        let state = self.model.state();
        if columns == row.entity().primary_key {
            return Ok(state.get(&row.id()).map(Row::id));
        }
        let index = row.entity().unique.iter().find(|index| index.columns == columns);
        Ok(index.and_then(|index| state.holder(row, columns, index.name)))
    }

    async fn columns_of_check(
        &mut self,
        entity: &'static Entity,
        name: &str,
    ) -> Result<Vec<&'static str>, CentralError> {
        Ok(conditions::columns(entity, name))
    }

    async fn mark(&mut self) -> Result<(), CentralError> {
        self.mark = (self.before.len(), self.model.state().next_outbox());
        Ok(())
    }

    async fn back_to_mark(&mut self) -> Result<(), CentralError> {
        self.take_back_to(self.mark);
        Ok(())
    }

    async fn commit(&mut self) -> Result<(), CentralError> {
        self.before.clear();
        self.first_outbox = u64::MAX;
        Ok(())
    }

    async fn rollback(&mut self) -> Result<(), CentralError> {
        self.take_back();
        Ok(())
    }
}
