//! Transactions: what a job may do with the replica.

use std::collections::BTreeMap;
use std::sync::Arc;

use merge::{HybridTime, Key, Row, RowId, Value};
use migrations::{Direction, ENTITIES, Entity};
use rusqlite::Connection;

use super::alias::{self, Dangling};
use super::extent::Gaps;
use super::{StoreError, journal, ledger, rows, unheard, validate};
use crate::clock::datetime_text;

/// A snapshot of the replica for reading.
#[derive(Debug)]
pub struct ReadTx<'a> {
    db: &'a Connection,
}

impl<'a> ReadTx<'a> {
    pub(super) fn new(db: &'a Connection) -> Self {
        Self { db }
    }

    /// The row of that key.
    pub fn get(&self, entity: &'static Entity, key: &Key) -> Result<Option<Row>, StoreError> {
        rows::get(self.db, entity, key)
    }

    /// The first row, by key, that has the value in the column.
    pub fn find(&self, entity: &'static Entity, column: &str, value: &Value) -> Result<Option<Row>, StoreError> {
        Ok(rows::find(self.db, entity, &[(column, value)])?.into_iter().next())
    }

    /// All rows that have the value in the column, by key.
    pub fn find_all(&self, entity: &'static Entity, column: &str, value: &Value) -> Result<Vec<Row>, StoreError> {
        rows::find(self.db, entity, &[(column, value)])
    }

    /// The rows that a clause behind the table's name selects (`WHERE … ORDER BY … LIMIT …`). Identifiers in it come from
    /// the catalogue, everything else is bound.
    pub fn select(&self, entity: &'static Entity, clause: &str, bound: &[Value]) -> Result<Vec<Row>, StoreError> {
        rows::select(self.db, entity, clause, bound)
    }

    /// Visits what [`Self::select`] gives, each row where it was found. Errors: the replica's and the visitor's.
    pub fn each<E: From<StoreError>>(
        &self,
        entity: &'static Entity,
        clause: &str,
        bound: &[Value],
        visitor: impl FnMut(&rows::Found<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        rows::each(self.db, entity, clause, bound, visitor)
    }

    /// How many rows a condition (`WHERE …`, empty for all) holds for.
    pub fn count(&self, entity: &Entity, condition: &str, bound: &[Value]) -> Result<u64, StoreError> {
        rows::count(self.db, entity, condition, bound)
    }

    /// The connection, for any SELECT; it refuses writes.
    pub fn connection(&self) -> &'a Connection {
        self.db
    }
}

/// What the writer keeps between transactions: the heads of the two counters, and how far the clock is off.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heads {
    pub(super) generation: i64,
    pub(super) time: HybridTime,
    /// Central's clock minus ours, in microseconds.
    pub(super) offset_us: i64,
}

/// What a job did to a row last, as far as references are concerned.
#[derive(Debug)]
enum Touched {
    /// It was written, and refers to these rows that were not there yet.
    Put(Vec<Dangling>),
    /// It was deleted.
    Deleted,
    /// Either.
    Somehow,
}

/// A job's part of the writing transaction: all of it becomes durable, or nothing.
#[derive(Debug)]
pub struct WriteTx<'a> {
    db: &'a Connection,
    heads: &'a mut Heads,
    now_us: u64,
    touched: BTreeMap<RowId, Touched>,
    /// Central is to hear of something.
    for_central: bool,
    /// What was changed since [`Self::watch`], each row as it was before.
    watched: Option<Vec<(RowId, Option<Row>)>>,
    /// What central lacks, once it was asked for.
    gaps: Option<Arc<Gaps>>,
}

impl<'a> WriteTx<'a> {
    pub(super) fn new(db: &'a Connection, heads: &'a mut Heads, now_us: u64) -> Self {
        Self { db, heads, now_us, touched: BTreeMap::new(), for_central: false, watched: None, gaps: None }
    }

    /// The row of that key, as this transaction sees it.
    pub fn get(&self, entity: &'static Entity, key: &Key) -> Result<Option<Row>, StoreError> {
        rows::get(self.db, entity, key)
    }

    /// The first row, by key, that has the value in the column.
    pub fn find(&self, entity: &'static Entity, column: &str, value: &Value) -> Result<Option<Row>, StoreError> {
        Ok(rows::find(self.db, entity, &[(column, value)])?.into_iter().next())
    }

    /// All rows that have the value in the column, by key.
    pub fn find_all(&self, entity: &'static Entity, column: &str, value: &Value) -> Result<Vec<Row>, StoreError> {
        rows::find(self.db, entity, &[(column, value)])
    }

    /// Inserts the row, or updates the row of its key; writes nothing when it is there as given.
    ///
    /// On insert, empty columns get the catalogue's default. On update, `updated_at` becomes now. A reference to a row that
    /// was folded into another means that other one.
    pub fn put(&mut self, row: Row) -> Result<(), StoreError> {
        self.put_row(row).map(drop)
    }

    /// [`Self::put`]; returns the row as it is now.
    pub fn put_row(&mut self, mut row: Row) -> Result<Row, StoreError> {
        let entity = row.entity();
        if entity.sync.direction == Direction::Pull {
            return Err(StoreError::Other(format!("{} is written at central only", entity.name)));
        }
        let dangling = alias::follow(self.db, &mut row)?;
        let before = rows::get(self.db, entity, &row.key())?;
        if before.is_none() {
            validate::fill_defaults(&mut row, self.now_us);
        }
        validate::check(&mut row, before.as_ref())?;
        match &before {
            None => rows::insert(self.db, &row)?,
            Some(held) => {
                let touch = entity.position("updated_at");
                let mut changed: Vec<usize> = differing(held, &row).filter(|p| Some(*p) != touch).collect();
                if changed.is_empty() {
                    return Ok(before.unwrap_or(row));
                }
                if let Some(position) = touch {
                    row.set_at(position, datetime_text(self.now_us).into());
                    changed.push(position);
                }
                rows::update(self.db, &row, &changed)?;
            }
        }
        self.journal(row.id(), before.as_ref(), Touched::Put(dangling))?;
        Ok(row)
    }

    /// [`Self::put`] that keeps the values it replaces on record, under a rule of this name, from where they can be put back;
    /// it asks for no look. Returns the row as it was written.
    pub fn put_keeping(&mut self, row: Row, rule: &str) -> Result<Row, StoreError> {
        let (entity, key) = (row.entity(), row.key());
        let before = rows::get(self.db, entity, &key)?;
        let after = self.put_row(row)?;
        if let Some(before) = before.filter(|before| *before != after) {
            let lost = ledger::Lost::new(entity, rule, merge::Winner::Local).quietly();
            ledger::record_change(self.db, lost, (&before, &after), self.corrected_us())?;
        }
        Ok(after)
    }

    /// Puts a row back as it was, with `updated_at` now. What one side held once is not held against today's rules for
    /// what people may enter; the table's own constraints decide.
    pub(super) fn reinstate(&mut self, mut row: Row) -> Result<(), StoreError> {
        let before = rows::get(self.db, row.entity(), &row.key())?;
        if let Some(position) = row.entity().position("updated_at") {
            row.set_at(position, datetime_text(self.now_us).into());
        }
        match &before {
            None => rows::insert(self.db, &row)?,
            Some(before) => {
                let changed: Vec<usize> = differing(before, &row).collect();
                if !changed.is_empty() {
                    rows::update(self.db, &row, &changed)?;
                }
            }
        }
        self.note(row.id(), before.as_ref())
    }

    /// The row that stands in the place of one that was folded into it; None when there is none.
    pub fn stand_in(&self, entity: &'static Entity, gone: &Key) -> Result<Option<Key>, StoreError> {
        alias::stand_in(self.db, entity, gone)
    }

    /// Deletes the row; false when there was none. Refused while other rows refer to it.
    pub fn delete(&mut self, entity: &'static Entity, key: &Key) -> Result<bool, StoreError> {
        let Some(before) = rows::get(self.db, entity, key)? else { return Ok(false) };
        rows::delete(self.db, entity, key)?;
        self.journal(RowId::new(entity, key.clone()), Some(&before), Touched::Deleted)?;
        Ok(true)
    }

    /// The connection, for bookkeeping tables of this machine (`ct_…`) only: entity rows have [`Self::put`] and
    /// [`Self::delete`].
    pub fn connection(&self) -> &'a Connection {
        self.db
    }

    /// What this transaction sees, for reading.
    pub fn reading(&self) -> ReadTx<'a> {
        ReadTx::new(self.db)
    }

    /// Keeps what is changed from now on, for [`Self::watched`].
    pub fn watch(&mut self) {
        self.watched.get_or_insert_default();
    }

    /// The rows that were changed since [`Self::watch`], in order, each as it was before; None for one that was made.
    pub fn watched(&self) -> &[(RowId, Option<Row>)] {
        self.watched.as_deref().unwrap_or_default()
    }

    /// When this transaction began, in microseconds since the Unix epoch.
    pub fn now_us(&self) -> u64 {
        self.now_us
    }

    /// The same by central's clock, as far as it is known: what people compare and what expires.
    pub fn corrected_us(&self) -> u64 {
        self.now_us.saturating_add_signed(self.heads.offset_us)
    }

    pub(super) fn next_generation(&mut self) -> i64 {
        self.heads.generation += 1;
        self.heads.generation
    }

    pub(super) fn next_time(&mut self) -> HybridTime {
        self.heads.time = self.heads.time.next(self.now_us.saturating_add_signed(self.heads.offset_us));
        self.heads.time
    }

    /// Leaves out generations that a statement has issued by itself.
    pub(super) fn skip_generations(&mut self, count: i64) {
        self.heads.generation += count;
    }

    pub(super) fn set_offset(&mut self, offset_us: i64) {
        self.heads.offset_us = offset_us;
    }

    /// A time seen from elsewhere: what is written after it must be later.
    pub(super) fn witness(&mut self, time: HybridTime) {
        self.heads.time = self.heads.time.max(time);
    }

    /// What central lacks.
    pub(super) fn gaps(&mut self) -> Result<Arc<Gaps>, StoreError> {
        let gaps = match self.gaps.take() {
            Some(gaps) => gaps,
            None => Arc::new(Gaps::load(self.db)?),
        };
        Ok(Arc::clone(self.gaps.insert(gaps)))
    }

    /// It has just changed.
    pub(super) fn forget_gaps(&mut self) {
        self.gaps = None;
    }

    /// Has a round of reconciliation begin soon, as a journal entry does.
    pub(super) fn tell_central(&mut self) {
        self.for_central = true;
    }

    /// True when central is to hear of something that this transaction did.
    pub(super) fn is_for_central(&self) -> bool {
        self.for_central
    }

    /// Enters a change into the journal. A row that was made and removed before anybody heard of it leaves no trace.
    pub(super) fn note(&mut self, id: RowId, before: Option<&Row>) -> Result<(), StoreError> {
        self.journal(id, before, Touched::Somehow)
    }

    fn journal(&mut self, id: RowId, before: Option<&Row>, touched: Touched) -> Result<(), StoreError> {
        if id.entity.is_replicated() {
            let (generation, time) = (self.next_generation(), self.next_time());
            let is_gone = match touched {
                Touched::Put(_) => false,
                Touched::Deleted => true,
                Touched::Somehow => !rows::exists(self.db, id.entity, &id.key)?,
            };
            journal::mark(self.db, &id, (before, is_gone), generation, time)?;
            if is_gone && journal::forget(self.db, &id)? {
                ledger::accept(self.db, &id)?;
                if let Some(row) = before {
                    unheard::keep(self.db, row, self.now_us)?;
                }
            }
            ledger::changed(self.db, &id)?;
            self.tell_central();
        }
        if let Some(watched) = &mut self.watched {
            watched.push((id.clone(), before.cloned()));
        }
        self.touched.insert(id, touched);
        Ok(())
    }

    /// Checks the references of every row that this job touched, so that one job's mistake cannot fail the commit
    /// that others share (SQLite would find out only then). What a row referred to when it was put was looked up then; if
    /// that was deleted afterwards, it is one of those whose children are looked for.
    pub(super) fn check_references(&self) -> Result<(), StoreError> {
        for (id, touched) in &self.touched {
            match touched {
                Touched::Put(dangling) => self.check_dangling(id, dangling)?,
                Touched::Deleted => self.check_children(id)?,
                Touched::Somehow => match rows::get(self.db, id.entity, &id.key)? {
                    Some(row) => self.check_parents(&row)?,
                    None => self.check_children(id)?,
                },
            }
        }
        Ok(())
    }

    fn check_dangling(&self, id: &RowId, dangling: &[Dangling]) -> Result<(), StoreError> {
        for Dangling { column, parent, key } in dangling {
            if !rows::exists(self.db, parent, key)? {
                return Err(StoreError::MissingParent { table: id.entity.name, column, parent: parent.name });
            }
        }
        Ok(())
    }

    fn check_parents(&self, row: &Row) -> Result<(), StoreError> {
        for reference in row.entity().foreign_keys {
            let (Some(parent), Some(key)) = (migrations::entity(reference.references), row.text(reference.column))
            else {
                continue;
            };
            if !rows::exists(self.db, parent, &Key::new(key))? {
                return Err(StoreError::MissingParent {
                    table: row.entity().name,
                    column: reference.column,
                    parent: parent.name,
                });
            }
        }
        Ok(())
    }

    fn check_children(&self, id: &RowId) -> Result<(), StoreError> {
        for (child, column) in children(id.entity) {
            if rows::refers(self.db, child, column, &id.key)? {
                return Err(StoreError::HasChildren { table: id.entity.name, child: child.name });
            }
        }
        Ok(())
    }
}

/// The columns of other tables that refer to this one.
pub(super) fn children(parent: &'static Entity) -> impl Iterator<Item = (&'static Entity, &'static str)> {
    ENTITIES.iter().flat_map(move |child| {
        let references = child.foreign_keys.iter().filter(|fk| fk.references == parent.name);
        references.map(|fk| (*child, fk.column))
    })
}

/// The positions at which two rows of one table differ.
pub(super) fn differing<'r>(a: &'r Row, b: &'r Row) -> impl Iterator<Item = usize> + 'r {
    a.values().iter().zip(b.values()).enumerate().filter(|(_, (x, y))| x != y).map(|(position, _)| position)
}
