//! What central holds of the catalogue, as far as both sides must know it.
//!
//! A central of another version, or one that was adopted, may lack columns and tables that this build has. What it lacks
//! stays on this machine: a column's local value is neither reset by a pull nor sent, the rows of a table wait in the
//! journal. When central comes to hold more, the replica compares anew what it could not compare before.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use migrations::{ENTITIES, Entity};
use serde::{Deserialize, Serialize};

/// What central holds: for each table of the catalogue that it has, the columns that it has, and the unique keys that it
/// enforces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extent {
    tables: BTreeMap<String, BTreeSet<String>>,
    /// Unique keys of the catalogue that rows at central need not obey.
    unenforced: BTreeSet<String>,
}

impl Extent {
    /// All that this build knows.
    pub fn everything() -> Arc<Self> {
        static EVERYTHING: LazyLock<Arc<Extent>> = LazyLock::new(|| Arc::new(Extent::all()));
        Arc::clone(&EVERYTHING)
    }

    fn all() -> Self {
        let mut extent = Self::nothing();
        for entity in replicated() {
            extent.hold(entity, travelling(entity));
        }
        extent
    }

    /// Nothing, to be added to.
    pub(crate) fn nothing() -> Self {
        Self { tables: BTreeMap::new(), unenforced: BTreeSet::new() }
    }

    /// Adds a table with these of its columns.
    pub(crate) fn hold<'a>(&mut self, entity: &Entity, columns: impl Iterator<Item = &'a str>) {
        self.tables.insert(entity.name.to_owned(), columns.map(str::to_owned).collect());
    }

    /// Adds a unique key that is not enforced.
    pub(crate) fn leave_unenforced(&mut self, index: &str) {
        self.unenforced.insert(index.to_owned());
    }

    /// True when it has the table.
    pub fn has_table(&self, entity: &Entity) -> bool {
        self.tables.contains_key(entity.name)
    }

    /// True when it enforces the unique key of that name.
    pub fn enforces(&self, index: &str) -> bool {
        !self.unenforced.contains(index)
    }

    /// The positions of the columns that it lacks of a table that it has.
    pub fn lacking(&self, entity: &Entity) -> Vec<usize> {
        let Some(held) = self.tables.get(entity.name) else { return Vec::new() };
        (0..entity.columns.len()).filter(|&at| !held.contains(entity.columns[at].name)).collect()
    }

    /// The replicated tables that it lacks.
    pub fn missing_tables(&self) -> Vec<&'static Entity> {
        replicated().filter(|entity| !self.has_table(entity)).collect()
    }

    /// The columns that it lacks of the tables that it has, as `table.column`.
    pub fn missing_columns(&self) -> Vec<String> {
        let of = |entity: &'static Entity| {
            let lacking = self.lacking(entity).into_iter().map(|at| &entity.columns[at]);
            lacking.filter(|column| !column.central_only).map(|column| format!("{}.{}", entity.name, column.name))
        };
        replicated().flat_map(of).collect()
    }

    /// What it holds and `earlier` did not: tables, with the positions of their columns.
    pub(crate) fn gained_since(&self, earlier: &Self) -> Vec<(&'static Entity, Vec<usize>)> {
        let of = |entity: &'static Entity| {
            let now = self.tables.get(entity.name)?;
            let then = earlier.tables.get(entity.name);
            let is_new = |name: &str| now.contains(name) && then.is_none_or(|then| !then.contains(name));
            let columns: Vec<usize> = (0..entity.columns.len()).filter(|&at| is_new(entity.columns[at].name)).collect();
            (!columns.is_empty()).then_some((entity, columns))
        };
        replicated().filter_map(of).collect()
    }
}

/// The tables of the catalogue whose rows travel.
fn replicated() -> impl Iterator<Item = &'static Entity> {
    ENTITIES.iter().copied().filter(|entity| entity.is_replicated())
}

/// The columns of a table that travel.
fn travelling(entity: &'static Entity) -> impl Iterator<Item = &'static str> {
    entity.columns.iter().filter(|column| !column.central_only).map(|column| column.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_lacks_and_what_it_gains() {
        let sites = migrations::entity("sites").unwrap();
        let all = Extent::everything();
        assert_eq!((all.lacking(sites), all.missing_tables().len()), (Vec::new(), 0));
        let mut less = Extent::clone(&all);
        less.hold(sites, sites.columns.iter().map(|column| column.name).filter(|name| *name != "notes"));
        assert_eq!(less.missing_columns(), ["sites.notes"]);
        assert_eq!(all.gained_since(&less), [(sites, vec![sites.position("notes").unwrap()])]);
        assert_eq!(less.gained_since(&all), []);
        less.tables.remove("sites");
        assert_eq!(less.missing_tables(), [sites]);
        assert_eq!(all.gained_since(&less)[0].1.len(), sites.columns.len());
        let again: Extent = serde_json::from_str(&serde_json::to_string(&less).unwrap()).unwrap();
        assert_eq!(again, less);
    }
}
