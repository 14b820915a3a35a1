//! What central holds, and what a statement does to it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use merge::{HybridTime, Key, Row, RowId, Value};
use migrations::entity::OnDelete;
use migrations::{ENTITIES, Entity};
use sync::central::logic::{OutboxEntry, StoredReceipt, Taken};
use sync::central::{Refusal, RefusalKind};
use sync::mechanism::{Mechanism, is_on};

use super::conditions;
use crate::sim::tokens::tokens_in;

/// An entry of the outbox with the image that a delete leaves.
#[derive(Clone)]
pub(super) struct Outgoing {
    pub entry: OutboxEntry,
    pub image: Option<Row>,
}

/// An entry of the change log.
#[derive(Clone)]
pub(super) struct Entry {
    pub seq: u64,
    pub deleted: bool,
    pub origin: Option<String>,
    pub time: HybridTime,
    pub image: Option<Row>,
}

/// Who writes, and when.
#[derive(Clone, Copy)]
pub(crate) struct Written<'a> {
    /// The replica; None for any other program.
    pub origin: Option<&'a str>,
    pub time: HybridTime,
}

type Child = (&'static str, Key, &'static str);

/// What is committed at central. A clone is a backup.
#[derive(Clone)]
pub(crate) struct State {
    acts: bool,
    tables: BTreeMap<&'static str, BTreeMap<Key, Row>>,
    unique: HashMap<(&'static str, Vec<Value>), Key>,
    children: HashMap<(&'static str, Key), BTreeSet<Child>>,
    pub(super) outbox: BTreeMap<u64, Outgoing>,
    next_outbox: u64,
    pub(super) log: HashMap<RowId, Entry>,
    pub(super) by_seq: BTreeMap<u64, RowId>,
    pub(super) last_seq: u64,
    pub(super) epoch: String,
    pub(super) machines: HashMap<String, u64>,
    pub(super) receipts: HashMap<(String, u64), StoredReceipt>,
    /// Rows that central has had.
    had: BTreeSet<RowId>,
    /// All states that each row has had, in their order.
    versions: HashMap<RowId, Vec<Row>>,
    /// Tokens that central has had.
    seen: BTreeSet<usize>,
    /// Rows that an open transaction of another program holds.
    locked: BTreeSet<RowId>,
}

impl State {
    pub(super) fn new(acts: bool, epoch: &str) -> Self {
        Self {
            acts,
            tables: BTreeMap::new(),
            unique: HashMap::new(),
            children: HashMap::new(),
            outbox: BTreeMap::new(),
            next_outbox: 1,
            log: HashMap::new(),
            by_seq: BTreeMap::new(),
            last_seq: 0,
            epoch: epoch.to_owned(),
            machines: HashMap::new(),
            receipts: HashMap::new(),
            had: BTreeSet::new(),
            versions: HashMap::new(),
            seen: BTreeSet::new(),
            locked: BTreeSet::new(),
        }
    }

    /// The row of that id.
    pub(crate) fn get(&self, id: &RowId) -> Option<&Row> {
        self.tables.get(id.entity.name)?.get(&id.key)
    }

    /// All rows, by table and key.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &Row> {
        self.tables.values().flat_map(BTreeMap::values)
    }

    /// The rows of a table.
    pub(crate) fn table(&self, entity: &Entity) -> impl Iterator<Item = &Row> {
        self.tables.get(entity.name).into_iter().flat_map(BTreeMap::values)
    }

    /// True when central ever had the token.
    pub(crate) fn has_seen(&self, token: usize) -> bool {
        self.seen.contains(&token)
    }

    /// True when central ever had the row.
    pub(crate) fn has_had(&self, id: &RowId) -> bool {
        self.had.contains(id)
    }

    /// The how-manieth state of its row this was, the last time that it was so.
    pub(crate) fn version_of(&self, row: &Row) -> Option<usize> {
        self.versions.get(&row.id())?.iter().rposition(|version| version == row)
    }

    /// A row whose end the change log does not tell.
    pub(crate) fn untold(&self) -> Option<&RowId> {
        let told = |id: &RowId| self.log.get(id).is_some_and(|entry| entry.deleted);
        self.had.iter().find(|id| self.get(id).is_none() && !told(id))
    }

    /// Names the numbering anew, as whoever restores a database is told to do.
    pub(crate) fn set_epoch(&mut self, epoch: String) {
        self.epoch = epoch;
    }

    pub(crate) fn hold(&mut self, ids: impl IntoIterator<Item = RowId>) {
        self.locked.extend(ids);
    }

    pub(crate) fn release_all(&mut self) {
        self.locked.clear();
    }

    pub(crate) fn is_held(&self, id: &RowId) -> bool {
        self.locked.contains(id)
    }

    /// Numbers of the outbox for a transaction that commits later.
    pub(crate) fn reserve(&mut self, count: u64) -> u64 {
        self.next_outbox += count;
        self.next_outbox - count
    }

    /// The next number of the outbox; what has a higher one later was written later.
    pub(super) fn next_outbox(&self) -> u64 {
        self.next_outbox
    }

    /// The row that has the same values in these columns.
    pub(super) fn holder(&self, row: &Row, columns: &[&'static str], index: &'static str) -> Option<RowId> {
        let values: Vec<Value> = columns.iter().map(|column| row.get(column).clone()).collect();
        let key = self.unique.get(&(index, values))?;
        Some(RowId::new(row.entity(), key.clone()))
    }

    /// INSERT.
    pub(crate) fn insert(&mut self, row: &Row, by: Written<'_>) -> Taken {
        if self.get(&row.id()).is_some() {
            return Err(refusal(RefusalKind::Unique { columns: row.entity().primary_key.to_vec(), existing: None }));
        }
        self.admit(row)?;
        self.place(row.clone());
        self.tell(&row.id(), false, None, by);
        Ok(())
    }

    /// UPDATE of what differs.
    pub(crate) fn update(&mut self, row: &Row, by: Written<'_>) -> Taken {
        self.admit(row)?;
        self.place(row.clone());
        self.tell(&row.id(), false, None, by);
        Ok(())
    }

    /// DELETE, with what the foreign keys do where they act by themselves.
    pub(crate) fn delete(&mut self, id: &RowId, by: Written<'_>) -> Taken {
        let Some(row) = self.get(id).cloned() else { return Ok(()) };
        let (mut doomed, mut emptied) = (vec![row], Vec::new());
        if self.acts {
            self.follow(&mut doomed, &mut emptied)?;
        } else if let Some((child, ..)) = self.children_of(id).next() {
            return Err(refusal(RefusalKind::HasChildren { child: (*child).to_string() }));
        }
        for (child, column) in emptied {
            let Some(row) = self.get(&child).cloned() else { continue };
            self.place(row.with(column, Value::Null));
            self.tell_action(&child, false, None, by);
        }
        for row in doomed.into_iter().rev() {
            let last = row.id();
            self.take_away(&last);
            if last == *id {
                self.tell(&last, true, Some(row), by);
            } else {
                self.tell_action(&last, true, Some(row), by);
            }
        }
        Ok(())
    }

    /// What the actions reach from the first of the doomed; refused where one of them restricts.
    fn follow(&self, doomed: &mut Vec<Row>, emptied: &mut Vec<(RowId, &'static str)>) -> Taken {
        let mut next = 0;
        while next < doomed.len() {
            let id = doomed[next].id();
            for (table, key, column) in self.children_of(&id) {
                let Some(entity) = migrations::entity(table) else { continue };
                let child = RowId::new(entity, key.clone());
                match entity.foreign_keys.iter().find(|fk| fk.column == *column).map(|fk| fk.on_delete) {
                    Some(OnDelete::Cascade) => {
                        if let Some(row) = self.get(&child).filter(|row| !doomed.contains(row)) {
                            doomed.push(row.clone());
                        }
                    }
                    Some(OnDelete::SetNull) => emptied.push((child, column)),
                    _ => return Err(refusal(RefusalKind::HasChildren { child: (*table).to_owned() })),
                }
            }
            next += 1;
        }
        emptied.retain(|(child, _)| doomed.iter().all(|row| row.id() != *child));
        Ok(())
    }

    pub(crate) fn children_of(&self, id: &RowId) -> impl Iterator<Item = &Child> {
        self.children.get(&(id.entity.name, id.key.clone())).into_iter().flatten()
    }

    /// Whether the table takes the row: conditions, keys, references.
    fn admit(&self, row: &Row) -> Taken {
        if let Some(name) = conditions::broken(row) {
            return Err(refusal(RefusalKind::Check { name: name.to_owned() }));
        }
        for index in row.entity().unique {
            if index.columns.iter().any(|column| row.get(column).is_null()) {
                continue;
            }
            if self.holder(row, index.columns, index.name).is_some_and(|holder| holder.key != row.key()) {
                return Err(refusal(RefusalKind::Unique { columns: index.columns.to_vec(), existing: None }));
            }
        }
        for (reference, key) in merge::parents(row) {
            let Some(parent) = migrations::entity(reference.references) else { continue };
            let parent = RowId::new(parent, key);
            if self.get(&parent).is_none() && parent != row.id() {
                return Err(refusal(RefusalKind::MissingParent { column: reference.column, parent }));
            }
        }
        Ok(())
    }

    /// What a trigger does.
    fn tell(&mut self, id: &RowId, is_delete: bool, image: Option<Row>, by: Written<'_>) {
        let number = self.reserve(1);
        let entry = OutboxEntry {
            id: number,
            table: id.entity.name.to_owned(),
            key: id.key.as_str().to_owned(),
            is_delete,
            origin: by.origin.map(str::to_owned),
            time_us: i64::try_from(by.time.0).unwrap_or(i64::MAX),
        };
        self.outbox.insert(number, Outgoing { entry, image });
    }

    /// What a trigger on the parent does for a child that a foreign key reaches, as the child's own does not fire.
    fn tell_action(&mut self, id: &RowId, is_delete: bool, image: Option<Row>, by: Written<'_>) {
        if is_on(Mechanism::CascadeCapture) {
            self.tell(id, is_delete, image, by);
        }
    }

    /// Puts the row where it belongs, whatever was there.
    pub(super) fn place(&mut self, row: Row) {
        self.take_away(&row.id());
        self.seen.extend(row.values().iter().filter_map(Value::as_text).flat_map(tokens_in));
        self.had.insert(row.id());
        let versions = self.versions.entry(row.id()).or_default();
        if versions.last() != Some(&row) {
            versions.push(row.clone());
        }
        let entity = row.entity();
        for (index, values) in keys(&row) {
            self.unique.insert((index, values), row.key());
        }
        for (reference, key) in merge::parents(&row) {
            let child = (entity.name, row.key(), reference.column);
            self.children.entry((reference.references, key)).or_default().insert(child);
        }
        self.tables.entry(entity.name).or_default().insert(row.key(), row);
    }

    pub(super) fn take_away(&mut self, id: &RowId) {
        let Some(row) = self.tables.get_mut(id.entity.name).and_then(|table| table.remove(&id.key)) else { return };
        for (index, values) in keys(&row) {
            self.unique.remove(&(index, values));
        }
        for (reference, key) in merge::parents(&row) {
            let child = (id.entity.name, row.key(), reference.column);
            if let Some(children) = self.children.get_mut(&(reference.references, key)) {
                children.remove(&child);
            }
        }
    }
}

/// The values of the row's unique keys, but for those with a NULL.
fn keys(row: &Row) -> impl Iterator<Item = (&'static str, Vec<Value>)> {
    row.entity().unique.iter().filter_map(|index| {
        let values: Vec<Value> = index.columns.iter().map(|column| row.get(column).clone()).collect();
        values.iter().all(|value| !value.is_null()).then_some((index.name, values))
    })
}

pub(super) fn refusal(kind: RefusalKind) -> Refusal {
    Refusal::unsent(kind, "refused by the table")
}

/// All tables that travel.
pub(crate) fn replicated() -> impl Iterator<Item = &'static Entity> {
    ENTITIES.iter().copied().filter(|entity| entity.is_replicated())
}
