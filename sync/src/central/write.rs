//! Writing what was decided, row by row where it must be, many at once where it can.
//!
//! A statement that InnoDB refuses is undone as a whole, with what its triggers did, and the transaction goes on: so each
//! statement is its own savepoint. Many new rows go in one statement; when that is refused they go one by one, and only
//! those at fault are refused. What the server undoes further than that (a deadlock), or what is no row's fault, ends the
//! batch.
//!
//! Each row keeps its own time: the triggers read it from a user variable, which an INSERT of many rows sets from row to
//! row, in the expression of the first column.

use std::collections::HashMap;

use merge::{FieldConflict, HybridTime, Key, Row, RowId, Write, break_cycle, push_order};
use migrations::{Entity, ForeignKey};
use sqlx::Row as _;
use sqlx::mysql::MySqlConnection;

use super::batch::bytes_of_row;
use super::codec::bind;
use super::refusal::refusal_of;
use super::sides::agreed;
use super::sql::{bind_keys, key_is, key_text, name, names, statement};
use super::{CentralError, ItemOutcome, Limits, Refusal, RefusalKind};

/// Rows of one INSERT; few sizes, so that few statements are prepared.
const INSERT_SIZES: [usize; 3] = [64, 8, 1];
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

/// What became of the jobs.
#[derive(Default)]
pub(super) struct Written {
    pub outcomes: Vec<(RowId, ItemOutcome)>,
    pub refused: Vec<(Job, Refusal)>,
}

/// Writes all jobs, parents before their children, deletes last and the other way round.
pub(super) async fn write(
    connection: &mut MySqlConnection,
    jobs: Vec<Job>,
    limits: Limits,
) -> Result<Written, CentralError> {
    let mut writer = Writer { connection, stamp: None, written: Written::default() };
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

struct Writer<'c> {
    connection: &'c mut MySqlConnection,
    /// The session's `@ct_sync_time`.
    stamp: Option<HybridTime>,
    written: Written,
}

impl Writer<'_> {
    /// New rows of one table.
    async fn inserts(&mut self, jobs: Vec<Job>) -> Result<(), CentralError> {
        let mut jobs = jobs.into_iter();
        while jobs.len() > 0 {
            let size = INSERT_SIZES.into_iter().find(|size| *size <= jobs.len()).unwrap_or(1);
            let chunk: Vec<Job> = jobs.by_ref().take(size).collect();
            match self.insert_many(&chunk).await? {
                Ok(()) => chunk.into_iter().for_each(|job| self.done(job)),
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
            (Some(before), Some(after)) => self.update(before, after, job.time).await?,
            (Some(before), None) => self.delete(before, job.time).await?,
            (None, None) => Ok(()),
        };
        match result {
            Ok(()) => self.done(job),
            Err(mut refusal) => {
                self.find_existing(&job, &mut refusal).await?;
                self.written.refused.push((job, refusal));
            }
        }
        Ok(())
    }

    fn done(&mut self, job: Job) {
        self.written.outcomes.push((job.id, agreed(job.after, job.conflicts)));
    }

    /// Inserts all of these rows or none. A value that is missing where there must be one is left to its default.
    async fn insert_many(&mut self, jobs: &[Job]) -> Result<Result<(), Refusal>, CentralError> {
        let rows: Vec<(&Row, HybridTime)> =
            jobs.iter().filter_map(|job| Some((job.after.as_ref()?, job.time))).collect();
        let Some((first, _)) = rows.first() else { return Ok(Ok(())) };
        let entity = first.entity();
        let is_default = |row: &Row, at: usize| at > 0 && row.at(at).is_null() && !entity.columns[at].nullable;
        let values: Vec<String> = rows
            .iter()
            .map(|(row, _)| {
                let rest = (1..entity.columns.len()).map(|at| if is_default(row, at) { ", DEFAULT" } else { ", ?" });
                format!("(IF((@ct_sync_time := ?) IS NULL, NULL, ?){})", rest.collect::<String>())
            })
            .collect();
        let text = format!(
            "INSERT INTO {} ({}) VALUES {}",
            name(entity.name),
            names(entity.columns.iter().map(|column| column.name)),
            values.join(", ")
        );
        let usual = INSERT_SIZES.contains(&rows.len()) && !text.contains("DEFAULT");
        let mut query = statement(text).persistent(usual);
        for (row, time) in &rows {
            query = query.bind(time.0);
            for (at, column) in entity.columns.iter().enumerate().filter(|(at, _)| !is_default(row, *at)) {
                query = bind(query, column.kind, row.at(at));
            }
        }
        self.stamp = None;
        let result = query.execute(&mut *self.connection).await;
        sorted(result.map(drop), first)
    }

    /// Writes the columns that differ.
    async fn update(
        &mut self,
        before: &Row,
        after: &Row,
        time: HybridTime,
    ) -> Result<Result<(), Refusal>, CentralError> {
        let entity = after.entity();
        let changed: Vec<usize> = (0..entity.columns.len()).filter(|&at| before.at(at) != after.at(at)).collect();
        if changed.is_empty() {
            return Ok(Ok(()));
        }
        self.stamp(time).await?;
        let set: Vec<String> = changed.iter().map(|&at| format!("{} = ?", name(entity.columns[at].name))).collect();
        let text = format!("UPDATE {} SET {} WHERE {}", name(entity.name), set.join(", "), key_is(entity));
        let mut query = statement(text);
        for &at in &changed {
            query = bind(query, entity.columns[at].kind, after.at(at));
        }
        let result = bind_keys(query, [&after.key()]).execute(&mut *self.connection).await;
        sorted(result.map(drop), after)
    }

    async fn delete(&mut self, before: &Row, time: HybridTime) -> Result<Result<(), Refusal>, CentralError> {
        self.stamp(time).await?;
        let entity = before.entity();
        let text = format!("DELETE FROM {} WHERE {}", name(entity.name), key_is(entity));
        let result = bind_keys(statement(text), [&before.key()]).execute(&mut *self.connection).await;
        sorted(result.map(drop), before)
    }

    /// Tells the triggers when the next row changed.
    async fn stamp(&mut self, time: HybridTime) -> Result<(), CentralError> {
        if self.stamp != Some(time) {
            sqlx::query("SET @ct_sync_time = ?").bind(time.0).execute(&mut *self.connection).await?;
            self.stamp = Some(time);
        }
        Ok(())
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
            let text = format!(
                "SELECT {} FROM {} WHERE {} LOCK IN SHARE MODE",
                name(key.column),
                name(key.references),
                key_is(job.id.entity)
            );
            let row = bind_keys(statement(text), [&place]).fetch_optional(&mut *self.connection).await?;
            let parent: Option<String> = row.map(|row| row.try_get_unchecked(0)).transpose()?.flatten();
            next = parent.map(Key::new);
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
        let (RefusalKind::Unique { columns, existing }, Some(row)) = (&mut refusal.kind, &job.after) else {
            return Ok(());
        };
        let entity = job.id.entity;
        let same: Vec<String> = columns.iter().map(|column| format!("{} = ?", name(column))).collect();
        let text =
            format!("SELECT {} FROM {} WHERE {} LIMIT 1", key_text(entity, ""), name(entity.name), same.join(" AND "));
        let mut query = statement(text);
        for column in columns.iter() {
            let kind = entity.column(column).map_or(migrations::Kind::Text, |column| column.kind);
            query = bind(query, kind, row.get(column));
        }
        if let Some(found) = query.fetch_optional(&mut *self.connection).await? {
            *existing = Some(RowId::new(entity, Key::new(found.try_get_unchecked::<String, _>(0)?)));
        }
        Ok(())
    }
}

/// The statement's success, the row's own fault, or the end of the batch.
fn sorted(result: Result<(), sqlx::Error>, row: &Row) -> Result<Result<(), Refusal>, CentralError> {
    match result {
        Ok(()) => Ok(Ok(())),
        Err(error) => refusal_of(error, row).map(Err),
    }
}
