//! Writing what was decided, row by row where it must be, many at once where it can.
//!
//! A statement that InnoDB refuses is undone as a whole, with what its triggers did, and the transaction goes on: so each
//! statement is its own savepoint. Many new rows go in one statement; when that is refused they go in smaller ones, in the
//! end one by one, and only those at fault are refused. What the server undoes further than that (a deadlock), or what is no row's fault, ends the
//! batch.

use std::collections::HashMap;

use merge::{FieldConflict, HybridTime, Key, Row, RowId, Value, Write, break_cycle, push_order};
use migrations::{Entity, ForeignKey};

use super::batch::{MOST_ROWS, bytes_of_row};
use super::sides::agreed;
use super::transaction::{Taken, Transaction};
use super::{CentralError, ItemOutcome, Limits, Refusal, RefusalKind};
use crate::mechanism::{Mechanism, is_on};

/// Rows of an INSERT that come often, so that their statements are worth keeping: a backlog goes in full batches.
pub(super) const USUAL_INSERTS: [usize; 4] = [MOST_ROWS, SPLIT_INTO, 8, 1];
/// Rows of an INSERT into which one that is refused is split, before its rows go one by one.
const SPLIT_INTO: usize = 64;
/// Longest way up a hierarchy that is looked at.
const MOST_ANCESTORS: usize = 1000;

/// A row to be written at central.
pub(super) struct Job {
    pub id: RowId,
    /// What is there; None for a new row.
    pub before: Option<Row>,
    /// What is to be there; None for a delete.
    pub after: Option<Row>,
    pub time: HybridTime,
    pub conflicts: Vec<FieldConflict>,
}

impl Job {
    /// What its sender is told when it is done.
    pub(super) fn into_outcome(self) -> ItemOutcome {
        agreed(self.after, self.conflicts)
    }
}

/// What became of the jobs.
#[derive(Default)]
pub(super) struct Written {
    pub outcomes: Vec<(RowId, ItemOutcome)>,
    pub refused: Vec<(Job, Refusal)>,
}

/// Writes all jobs, parents before their children, deletes last and the other way round.
pub(super) async fn write<T: Transaction>(
    transaction: &mut T,
    jobs: Vec<Job>,
    limits: Limits,
) -> Result<Written, CentralError> {
    let mut writer = Writer { transaction, written: Written::default() };
    let mut jobs = in_order(jobs).into_iter().peekable();
    while let Some(job) = jobs.next() {
        if !is_plain_insert(&job) {
            writer.one(job).await?;
            continue;
        }
        let entity = job.id.entity;
        let mut bytes = job.after.as_ref().map_or(0, bytes_of_row);
        let mut run = vec![job];
        while let Some(next) = jobs.next_if(|next| next.id.entity == entity && is_plain_insert(next)) {
            let more = next.after.as_ref().map_or(0, bytes_of_row);
            if bytes + more > limits.bytes {
                writer.inserts(std::mem::take(&mut run)).await?;
                bytes = 0;
            }
            bytes += more;
            run.push(next);
        }
        writer.inserts(run).await?;
    }
    Ok(writer.written)
}

fn in_order(jobs: Vec<Job>) -> Vec<Job> {
    let writes = jobs.iter().filter_map(|job| match (&job.before, &job.after) {
        (_, Some(row)) => Some(Write::Put(row)),
        (Some(row), None) => Some(Write::Delete(row)),
        (None, None) => None,
    });
    let order: Vec<RowId> = push_order(writes).into_iter().map(|write| write.row().id()).collect();
    let mut by_id: HashMap<RowId, Job> = jobs.into_iter().map(|job| (job.id.clone(), job)).collect();
    order.into_iter().filter_map(|id| by_id.remove(&id)).collect()
}

/// A new row that cannot close a circle.
fn is_plain_insert(job: &Job) -> bool {
    job.before.is_none() && hierarchy(job.id.entity).is_none()
}

/// The reference by which a table is a hierarchy.
fn hierarchy(entity: &Entity) -> Option<&'static ForeignKey> {
    entity.foreign_keys.iter().find(|key| key.references == entity.name)
}

struct Writer<'t, T> {
    transaction: &'t mut T,
    written: Written,
}

impl<T: Transaction> Writer<'_, T> {
    /// New rows of one table: all in one statement, as each is a way to central and back; when that is refused, in smaller
    /// ones, and row by row where those are refused too.
    async fn inserts(&mut self, jobs: Vec<Job>) -> Result<(), CentralError> {
        let mut jobs = jobs.into_iter();
        let mut most = MOST_ROWS;
        while jobs.len() > 0 {
            let chunk: Vec<Job> = jobs.by_ref().take(most).collect();
            let split = most > SPLIT_INTO && chunk.len() > SPLIT_INTO;
            match self.insert_many(&chunk).await? {
                Ok(()) => chunk.into_iter().for_each(|job| self.done(job)),
                Err(_) if split => {
                    most = SPLIT_INTO;
                    jobs = chunk.into_iter().chain(jobs).collect::<Vec<_>>().into_iter();
                }
                Err(_) => {
                    for job in chunk {
                        self.one(job).await?;
                    }
                }
            }
        }
        Ok(())
    }

    async fn one(&mut self, mut job: Job) -> Result<(), CentralError> {
        self.break_cycle(&mut job).await?;
        let result = match (&job.before, &job.after) {
            (None, Some(_)) => self.insert_many(std::slice::from_ref(&job)).await?,
            (Some(before), Some(after)) => self.transaction.update(before, after, job.time).await?,
            (Some(before), None) => self.delete(before, job.time).await?,
            (None, None) => Ok(()),
        };
        match result {
            Ok(()) => self.done(job),
            Err(mut refusal) => {
                match self.give_way(&mut job, &refusal).await? {
                    Some(Ok(())) => {
                        self.done(job);
                        return Ok(());
                    }
                    // What is refused still, is for another reason.
                    Some(Err(other)) => refusal = other,
                    None => {}
                }
                self.find_existing(&job, &mut refusal).await?;
                self.written.refused.push((job, refusal));
            }
        }
        Ok(())
    }

    /// A row that refers to itself stands in its own way, even to a server that deletes it.
    async fn delete(&mut self, row: &Row, time: HybridTime) -> Result<Taken, CentralError> {
        let refers_to_itself = |reference: &&ForeignKey| row.text(reference.column).map(Key::new) == Some(row.key());
        let Some(reference) = hierarchy(row.entity()).filter(refers_to_itself) else {
            return self.transaction.delete(row, time).await;
        };
        let free = row.clone().with(reference.column, Value::Null);
        if let Err(refusal) = self.transaction.update(row, &free, time).await? {
            return Ok(Err(refusal));
        }
        let taken = self.transaction.delete(&free, time).await?;
        if taken.is_err()
            && let Err(refusal) = self.transaction.update(&free, row, time).await?
        {
            return Ok(Err(refusal));
        }
        Ok(taken)
    }

    /// Two changes that are fine by themselves may fail a condition together: what the condition is about then stays as
    /// it is at central, and the rest of the row goes in. None when that is not how it failed.
    async fn give_way(&mut self, job: &mut Job, refusal: &Refusal) -> Result<Option<Taken>, CentralError> {
        let (RefusalKind::Check { name }, Some(before), Some(after)) = (&refusal.kind, &job.before, &job.after) else {
            return Ok(None);
        };
        if !is_on(Mechanism::CheckFallback) {
            return Ok(None);
        }
        let about = self.transaction.columns_of_check(job.id.entity, name).await?;
        let Some((row, conflicts)) = merge::give_way(before, after, &about) else { return Ok(None) };
        let taken = self.transaction.update(before, &row, job.time).await?;
        if taken.is_ok() {
            job.after = Some(row);
            job.conflicts.extend(conflicts);
        }
        Ok(Some(taken))
    }

    /// Inserts all of these rows or none.
    async fn insert_many(&mut self, jobs: &[Job]) -> Result<Taken, CentralError> {
        let rows: Vec<(&Row, HybridTime)> =
            jobs.iter().filter_map(|job| Some((job.after.as_ref()?, job.time))).collect();
        self.transaction.insert(&rows).await
    }

    fn done(&mut self, job: Job) {
        self.written.outcomes.push((job.id.clone(), job.into_outcome()));
    }

    /// Undoes a move that would make a row its own ancestor. The way up is locked: two moves that close a circle together
    /// wait for each other, and one of them is tried again.
    async fn break_cycle(&mut self, job: &mut Job) -> Result<(), CentralError> {
        let (Some(key), Some(after)) = (hierarchy(job.id.entity), &job.after) else { return Ok(()) };
        if job.before.as_ref().is_some_and(|before| before.get(key.column) == after.get(key.column)) {
            return Ok(());
        }
        let mut parents: HashMap<Key, Key> = HashMap::new();
        let mut next = after.text(key.column).map(Key::new);
        while let Some(place) = next.filter(|place| !parents.contains_key(place) && parents.len() < MOST_ANCESTORS) {
            next = self.transaction.parent_of(job.id.entity, key.column, &place).await?;
            if let Some(parent) = &next {
                parents.insert(place, parent.clone());
            }
        }
        if let Some((row, conflict)) = break_cycle(after, |key| parents.get(key).cloned()) {
            job.after = Some(row);
            job.conflicts.push(conflict);
        }
        Ok(())
    }

    /// Finds the row that holds the values of a unique key.
    async fn find_existing(&mut self, job: &Job, refusal: &mut Refusal) -> Result<(), CentralError> {
        if let (RefusalKind::Unique { columns, existing }, Some(row)) = (&mut refusal.kind, &job.after) {
            *existing = self.transaction.holder_of(row, columns).await?;
        }
        Ok(())
    }
}
