//! What central holds, as the replica last saw it, and what follows from that here.
//!
//! - A column that central has no place for keeps its local value: rows from there are filled up with it before they are
//!   compared ([`Gaps::fill`]), so that neither side looks changed by it.
//! - The rows of a table that central lacks wait in the journal.
//! - A unique key that central does not enforce is none here either: its index is kept, but not as a unique one.
//! - What central comes to hold is compared anew: values that were of this machine only become local changes, and the
//!   tables are read again, since their rows were taken in without those columns ([`refill`]).

use std::collections::BTreeMap;

use merge::{HybridTime, Row, Value};
use migrations::entity::ColumnDefault;
use migrations::{ENTITIES, Entity, Kind};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use super::tx::WriteTx;
use super::{StoreError, journal, rows, state, validate};
use crate::clock::datetime_text;
use crate::extent::Extent;

/// What central lacks. Small, as it is read with every page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Gaps {
    /// Columns by table.
    columns: BTreeMap<String, Vec<String>>,
    /// Tables.
    tables: Vec<String>,
    /// Unique keys that are not enforced.
    unenforced: Vec<String>,
}

impl Gaps {
    fn of(extent: &Extent) -> Self {
        let mut gaps = Self::default();
        for entity in ENTITIES.iter().filter(|entity| entity.is_replicated()) {
            if !extent.has_table(entity) {
                gaps.tables.push(entity.name.to_owned());
                continue;
            }
            let lacking = extent.lacking(entity);
            if !lacking.is_empty() {
                let names = lacking.into_iter().map(|at| entity.columns[at].name.to_owned());
                gaps.columns.insert(entity.name.to_owned(), names.collect());
            }
            let open = entity.unique.iter().filter(|index| !extent.enforces(index.name));
            gaps.unenforced.extend(open.map(|index| index.name.to_owned()));
        }
        gaps
    }

    pub(super) fn load(db: &Connection) -> Result<Self, StoreError> {
        let text = state::text(db, state::GAPS)?.filter(|text| !text.is_empty());
        text.map_or_else(|| Ok(Self::default()), |text| parsed(&text))
    }

    /// True when no two rows at central can have the values of this unique key.
    pub(super) fn enforces(&self, index: &str) -> bool {
        !self.unenforced.iter().any(|open| open == index)
    }

    /// True when it has a place for every column of this table.
    pub(super) fn has_all_of(&self, entity: &Entity) -> bool {
        !self.columns.contains_key(entity.name)
    }

    /// True when it has a place for every column of the tables that it has.
    pub(super) fn lacks_no_column(&self) -> bool {
        self.columns.is_empty()
    }

    fn lacking(&self, entity: &Entity) -> Vec<usize> {
        let names = self.columns.get(entity.name).into_iter().flatten();
        names.filter_map(|name| entity.position(name)).collect()
    }

    /// Fills up a row from central with what this machine has, or would have made of a new row. Err names a column for
    /// which there is nothing.
    pub(super) fn fill(&self, row: &mut Row, here: Option<&Row>, time: HybridTime) -> Result<(), &'static str> {
        let entity = row.entity();
        for at in self.lacking(entity) {
            let column = &entity.columns[at];
            let value = match here {
                // It says when the row changed, and that it did.
                Some(here) if column.name == "updated_at" => here.at(at).clone().max(datetime_text(time.0).into()),
                Some(here) => here.at(at).clone(),
                None => validate::default_of(column, time.0),
            };
            let value = match (value, column.nullable, column.kind) {
                (Value::Null, false, Kind::String(_) | Kind::Text) => "".into(),
                (Value::Null, false, Kind::Int | Kind::BigInt | Kind::Bool | Kind::Decimal(..)) => Value::Int(0),
                (Value::Null, false, _) => return Err(column.name),
                (value, ..) => value,
            };
            row.set_at(at, value);
        }
        Ok(())
    }

    /// Takes out what central has no place for, for a comparison with central.
    pub(super) fn without(&self, row: &mut Row) {
        for at in self.lacking(row.entity()) {
            row.set_at(at, Value::Null);
        }
    }

    /// Gives an image of the row the values that the row has where central has no place: nothing changed there.
    pub(super) fn align(&self, image: &mut Row, with: &Row) {
        for at in self.lacking(image.entity()) {
            image.set_at(at, with.at(at).clone());
        }
    }
}

/// Tables that are to be read again from central's feed, and how far that is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Refill {
    pub(crate) tables: Vec<String>,
    pub(crate) after: u64,
}

/// The refill that is not finished.
pub(crate) fn refill(tx: &WriteTx<'_>) -> Result<Option<Refill>, StoreError> {
    let text = state::text(tx.connection(), state::REFILL)?.filter(|text| !text.is_empty());
    text.map(|text| parsed(&text)).transpose()
}

/// Remembers how far it is; None when it is done.
pub(crate) fn set_refill(tx: &WriteTx<'_>, refill: Option<&Refill>) -> Result<(), StoreError> {
    let text = refill.map(written).transpose()?.unwrap_or_default();
    state::set(tx.connection(), state::REFILL, text)
}

/// Takes note of what central holds.
pub(crate) fn hold(tx: &mut WriteTx<'_>, extent: &Extent) -> Result<(), StoreError> {
    let known = state::text(tx.connection(), state::EXTENT)?;
    let text = written(extent)?;
    if known.as_ref() == Some(&text) {
        return Ok(());
    }
    let gaps = Gaps::of(extent);
    set_indexes(tx.connection(), &gaps)?;
    if let Some(known) = known {
        let earlier: Extent = parsed(&known)?;
        let gained = extent.gained_since(&earlier);
        for (entity, columns) in &gained {
            if earlier.has_table(entity) {
                reopen(tx, entity, columns)?;
            }
        }
        if !gained.is_empty() {
            let mut tables: Vec<String> = gained.iter().map(|(entity, _)| entity.name.to_owned()).collect();
            tables.extend(refill(tx)?.into_iter().flat_map(|refill| refill.tables));
            set_refill(tx, Some(&Refill { tables, after: 0 }))?;
        }
    }
    tx.forget_gaps();
    state::set(tx.connection(), state::GAPS, if gaps == Gaps::default() { String::new() } else { written(&gaps)? })?;
    state::set(tx.connection(), state::EXTENT, text)
}

/// The tables whose rows wait until central has a place for them.
pub(super) fn waiting_tables(db: &Connection) -> Result<String, StoreError> {
    written(&Gaps::load(db)?.tables)
}

/// Unique where central is, and where no two rows here stand in the way.
fn set_indexes(db: &Connection, gaps: &Gaps) -> Result<(), StoreError> {
    for entity in ENTITIES.iter().filter(|entity| entity.is_replicated()) {
        for index in entity.unique {
            let find = "SELECT sql LIKE 'CREATE UNIQUE%' FROM sqlite_master WHERE type = 'index' AND name = ?1";
            let Ok(is_unique) = db.query_row(find, [index.name], |row| row.get::<_, bool>(0)) else { continue };
            let wants_unique = gaps.enforces(index.name);
            if is_unique == wants_unique || (wants_unique && has_twins(db, entity, index.columns)?) {
                continue;
            }
            let columns: Vec<String> = index.columns.iter().map(|column| format!("\"{column}\"")).collect();
            db.execute_batch(&format!(
                "DROP INDEX \"{0}\"; CREATE {1} INDEX \"{0}\" ON \"{2}\" ({3})",
                index.name,
                if wants_unique { "UNIQUE" } else { "" },
                entity.name,
                columns.join(", ")
            ))?;
        }
    }
    Ok(())
}

fn has_twins(db: &Connection, entity: &Entity, columns: &[&str]) -> Result<bool, StoreError> {
    let filled: Vec<String> = columns.iter().map(|column| format!("\"{column}\" IS NOT NULL")).collect();
    let list: Vec<String> = columns.iter().map(|column| format!("\"{column}\"")).collect();
    let sql = format!(
        "SELECT EXISTS (SELECT 1 FROM \"{}\" WHERE {} GROUP BY {} HAVING count(*) > 1)",
        entity.name,
        filled.join(" AND "),
        list.join(", ")
    );
    Ok(db.query_row(&sql, [], |row| row.get(0))?)
}

/// Values that were of this machine only become changes that central has not heard of.
fn reopen(tx: &mut WriteTx<'_>, entity: &'static Entity, columns: &[usize]) -> Result<(), StoreError> {
    let is_told = |at: &&usize| !matches!(entity.columns[**at].default, Some(ColumnDefault::Now));
    let columns: Vec<(usize, Value)> =
        columns.iter().filter(is_told).map(|&at| (at, validate::default_of(&entity.columns[at], 0))).collect();
    for (at, default) in &columns {
        for row in rows::find_other(tx.connection(), entity, entity.columns[*at].name, default)? {
            let id = row.id();
            if journal::entry(tx.connection(), &id)?.is_none() {
                let mut base = row;
                unknown_there(&mut base, &columns);
                tx.note(id, Some(&base))?;
            }
        }
    }
    for id in journal::ids_of(tx.connection(), entity)? {
        let Some(entry) = journal::entry(tx.connection(), &id)? else { continue };
        let Some(mut base) = entry.base else { continue };
        unknown_there(&mut base, &columns);
        journal::rebase(tx.connection(), &id, Some(&base), entry.generation, entry.time)?;
    }
    Ok(())
}

/// The row as central has it while it has no place for these columns.
fn unknown_there(row: &mut Row, columns: &[(usize, Value)]) {
    for (at, default) in columns {
        row.set_at(*at, default.clone());
    }
}

fn written(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Damaged(error.to_string()))
}

fn parsed<T: for<'de> Deserialize<'de>>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|_| StoreError::Damaged("what is remembered of central cannot be read".into()))
}
