//! One table: the pieces of SQL that name it.

use std::borrow::Cow;

use merge::{Row, Value};
use migrations::Entity;

use super::Physical;
use crate::central::sql::{name, places, repeated};
use crate::central::{Refusal, RefusalKind};

/// How central holds a table of the catalogue.
#[derive(Debug)]
pub(in crate::central) struct Table {
    /// What it holds.
    pub entity: &'static Entity,
    /// Its name there.
    pub name: String,
    /// By the catalogue's positions; None for what it lacks.
    columns: Vec<Option<Physical>>,
    /// The unique keys over columns of the catalogue.
    unique: Vec<(String, Vec<&'static str>)>,
    /// The index over the primary key.
    key_index: String,
    /// Held positions, those of the key first.
    order: Vec<usize>,
    select: String,
    is_faithful: bool,
    /// Of its key's columns.
    is_of_one_collation: bool,
}

impl Table {
    /// None when it lacks a column of the key.
    pub(super) fn new(
        entity: &'static Entity,
        name: &str,
        columns: Vec<Option<Physical>>,
        unique: Vec<(String, Vec<&'static str>)>,
        key_index: String,
    ) -> Option<Self> {
        let keys: Vec<usize> = entity.primary_key.iter().map(|key| entity.position(key)).collect::<Option<_>>()?;
        if keys.iter().any(|&at| columns[at].is_none()) {
            return None;
        }
        let rest = (0..columns.len()).filter(|at| columns[*at].is_some() && !keys.contains(at));
        let order = keys.iter().copied().chain(rest).collect();
        let is_faithful = columns.iter().all(|column| column.as_ref().is_some_and(Physical::is_faithful));
        let values = columns.iter().map(|held| held.as_ref().map_or("NULL".to_owned(), |held| held.to_read("")));
        let select = values.collect::<Vec<_>>().join(", ");
        let mut collations = keys.iter().filter_map(|&at| columns[at].as_ref()?.collation.as_deref());
        let first = collations.next();
        let is_of_one_collation = collations.all(|other| Some(other) == first);
        let name = name.to_owned();
        Some(Self { entity, name, columns, unique, key_index, order, select, is_faithful, is_of_one_collation })
    }

    /// Its name as an identifier.
    pub(in crate::central) fn quoted(&self) -> String {
        name(&self.name)
    }

    /// Where the column at this position is held.
    pub(in crate::central) fn at(&self, position: usize) -> Option<&Physical> {
        self.columns[position].as_ref()
    }

    /// Where a column is held.
    pub(in crate::central) fn column(&self, name: &str) -> Option<&Physical> {
        self.at(self.entity.position(name)?)
    }

    /// The catalogue's name of a column of central.
    pub(in crate::central) fn catalogued(&self, physical: &str) -> Option<&'static str> {
        let is = |held: &Option<Physical>| held.as_ref().is_some_and(|held| held.name == physical);
        self.columns.iter().position(is).map(|at| self.entity.columns[at].name)
    }

    /// The catalogue's columns that a condition of its own is about.
    pub(in crate::central) fn columns_in(&self, condition: &str) -> Vec<&'static str> {
        let words: Vec<&str> = condition.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
        let is_named = |held: &Option<Physical>| held.as_ref().is_some_and(|held| words.contains(&held.name.as_str()));
        let columns = self.entity.columns.iter().zip(&self.columns);
        columns.filter(|(_, held)| is_named(held)).map(|(column, _)| column.name).collect()
    }

    /// The names of the catalogue's columns that it holds.
    pub(in crate::central) fn held(&self) -> impl Iterator<Item = &'static str> {
        let columns = self.entity.columns.iter().zip(&self.columns);
        columns.filter(|(_, held)| held.is_some()).map(|(column, _)| column.name)
    }

    /// Held positions, those of the key first.
    pub(in crate::central) fn order(&self) -> &[usize] {
        &self.order
    }

    /// True for a column of its key.
    pub(in crate::central) fn is_key(&self, position: usize) -> bool {
        self.order[..self.entity.primary_key.len()].contains(&position)
    }

    /// All columns of the catalogue, in its order; see [`read_row`](crate::central::codec::read_row).
    pub(in crate::central) fn select(&self) -> &str {
        &self.select
    }

    /// ` FORCE INDEX (PRIMARY)`: the optimiser may prefer another index of a junction, and then locks in its order.
    pub(in crate::central) fn by_key(&self) -> String {
        match self.key_index.as_str() {
            "PRIMARY" => " FORCE INDEX (PRIMARY)".to_owned(),
            index => format!(" FORCE INDEX ({})", name(index)),
        }
    }

    /// The catalogue's columns of one of its unique keys.
    pub(in crate::central) fn columns_of(&self, index: &str) -> Option<Vec<&'static str>> {
        self.unique.iter().find(|(name, _)| name == index).map(|(_, columns)| columns.clone())
    }

    /// True when no two rows there can have the same values in these columns, NULL aside.
    pub(super) fn enforces(&self, columns: &[&'static str]) -> bool {
        self.unique.iter().any(|(_, unique)| unique.iter().all(|column| columns.contains(column)))
    }

    fn keys(&self) -> impl Iterator<Item = &Physical> {
        self.order[..self.entity.primary_key.len()].iter().filter_map(|&at| self.at(at))
    }

    /// The first column of the primary key, in the form that ranges of keys are compared in.
    pub(in crate::central) fn first_key(&self) -> String {
        self.ordered_keys().into_iter().next().unwrap_or_default()
    }

    /// The columns of the primary key, in the forms by which their values are in the order of their text.
    pub(in crate::central) fn ordered_keys(&self) -> Vec<String> {
        self.keys().map(Physical::in_order).collect()
    }

    /// The names at central of the columns of the primary key.
    pub(in crate::central) fn key_names(&self) -> impl Iterator<Item = String> + '_ {
        self.keys().map(|key| key.name.clone())
    }

    /// The columns of the primary key, quoted.
    pub(in crate::central) fn key_columns(&self) -> String {
        self.keys().map(Physical::quoted).collect::<Vec<_>>().join(", ")
    }

    /// The primary key as one text, in the form of [`Key`](merge::Key); `side` is a prefix such as `NEW.`.
    pub(in crate::central) fn key_text(&self, side: &str) -> String {
        self.key_of(|key| key.as_text(side))
    }

    /// The same with each part as given.
    ///
    /// `CHAR(31)` alone would be a binary string and make the whole key one. Parts of different collations would be an
    /// illegal mixture (1267), and it is other programs' statements that would fail.
    pub(in crate::central) fn key_of(&self, part: impl Fn(&Physical) -> String) -> String {
        let mut parts: Vec<String> = self.keys().map(part).collect();
        if parts.len() == 1 {
            return parts.remove(0);
        }
        if !self.is_of_one_collation {
            parts =
                parts.into_iter().map(|part| format!("CONVERT({part} USING utf8mb4) COLLATE utf8mb4_bin")).collect();
        }
        format!("CONCAT_WS(CHAR(31 USING utf8mb4), {})", parts.join(", "))
    }

    /// `` `id` IN (?, …) `` or `` (`a`, `b`) IN ((?, ?), …) `` for so many keys.
    pub(in crate::central) fn key_in(&self, count: usize) -> String {
        match self.entity.primary_key.len() {
            1 => format!("{} IN ({})", self.key_columns(), places(count)),
            several => {
                let tuple = format!("({})", places(several));
                format!("({}) IN ({})", self.key_columns(), repeated(&tuple, count))
            }
        }
    }

    /// `` `a` = ? AND `b` = ? ``
    pub(in crate::central) fn key_is(&self) -> String {
        self.keys().map(|key| format!("{} = ?", key.quoted())).collect::<Vec<_>>().join(" AND ")
    }

    /// The image of a row as it goes, in the form that `merge::decode` reads.
    pub(in crate::central) fn image(&self, side: &str) -> String {
        let pairs = self.entity.columns.iter().zip(&self.columns);
        let pairs = pairs.filter_map(|(c, held)| Some(format!("'{}', {}", c.name, held.as_ref()?.to_image(side))));
        format!("JSON_OBJECT({})", pairs.collect::<Vec<_>>().join(", "))
    }

    /// The row as this table would give it back: without what it lacks, cut to what it holds. Otherwise a value that
    /// never came to be at central would look like one that central changed.
    pub(in crate::central) fn fitted<'r>(&self, row: &'r Row) -> Result<Cow<'r, Row>, Refusal> {
        if self.is_faithful {
            return Ok(Cow::Borrowed(row));
        }
        let mut fitted = Row::new(self.entity);
        for (at, held) in self.columns.iter().enumerate() {
            let Some(held) = held else { continue };
            let value = held.fitted(row.at(at)).map_err(|()| {
                let column = self.entity.columns[at].name;
                let message = format!("{column} has more digits than central keeps");
                Refusal::unsent(RefusalKind::BadValue { column: column.to_owned() }, message)
            })?;
            fitted.set_at(at, value);
        }
        Ok(Cow::Owned(fitted))
    }

    /// What NULL there means here: what was read as NULL at a column that must have a value.
    pub(in crate::central) fn null_at(&self, position: usize) -> Value {
        self.at(position).map_or(Value::Null, Physical::null)
    }
}
