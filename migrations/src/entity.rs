//! The vocabulary of the catalogue: what can be said of a table, as plain const data.
//!
//! Everything that another crate needs to know of a table is here and nowhere else: its columns and their logical
//! types, what a delete of a parent does, how two concurrent changes of a column combine, what happens when two rows
//! are made offline with one natural key. The builders are `const fn`, so that a catalogue file reads as a list.

mod column;
mod constraint;

pub use column::{Column, ColumnDefault, Kind, MergeRule};
pub use constraint::{Check, ForeignKey, Index, NaturalKey, OnCollision, OnDelete, OnOrphan};

/// A table of the catalogue.
#[derive(Debug)]
pub struct Entity {
    /// Table name on both engines.
    pub name: &'static str,
    /// Model name of the origin (`Client`); empty for bookkeeping markers.
    pub model: &'static str,
    /// Where the table comes from.
    pub group: Group,
    /// One sentence for people.
    pub purpose: &'static str,
    /// What the reconciliation does with its rows.
    pub sync: SyncPolicy,
    /// Primary key columns, in order.
    pub primary_key: &'static [&'static str],
    /// Columns in table order; the order of values in a `Row`.
    pub columns: &'static [Column],
    /// References to other tables.
    pub foreign_keys: &'static [ForeignKey],
    /// Unique indexes.
    pub unique: &'static [Index],
    /// Other indexes.
    pub indexes: &'static [Index],
    /// Named CHECK constraints.
    pub checks: &'static [Check],
    /// What two rows of an equal key, made on two machines, become.
    pub natural_keys: &'static [NaturalKey],
    /// Groups of columns that win or lose a merge together.
    pub atomic: &'static [&'static [&'static str]],
    /// Full-text indexes, on MariaDB only.
    pub fulltext: &'static [Index],
    /// False for the table that exists on SQLite only.
    pub on_mariadb: bool,
}

impl Entity {
    /// What catalogue files fill the rest of an entity with: one key column `id`, both engines, no constraints.
    pub const fn of(group: Group) -> Self {
        Self {
            name: "",
            model: "",
            group,
            purpose: "",
            sync: SyncPolicy::new(Class::Entity, Direction::Both),
            primary_key: &["id"],
            columns: &[],
            foreign_keys: &[],
            unique: &[],
            indexes: &[],
            checks: &[],
            natural_keys: &[],
            atomic: &[],
            fulltext: &[],
            on_mariadb: true,
        }
    }

    /// The position of a column in `columns` and in a row's values.
    pub fn position(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|c| c.name == column)
    }

    /// The column of that name.
    pub fn column(&self, name: &str) -> Option<&'static Column> {
        self.columns.iter().find(|c| c.name == name)
    }

    /// The name of a foreign key's constraint on both engines.
    pub fn constraint_name(&self, key: &ForeignKey) -> String {
        format!("fk_{}_{}", self.name, key.column)
    }

    /// True when its rows travel between machines.
    pub fn is_replicated(&self) -> bool {
        self.on_mariadb && !matches!(self.sync.direction, Direction::None)
    }
}

/// Entities are the catalogue's statics, so a name says it all.
impl PartialEq for Entity {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}
impl Eq for Entity {}

/// Where a table comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// One of the 38 models of the original.
    Seed,
    /// One of the four recall tables.
    Context,
    /// The revision marker.
    Migration,
    /// Rebuilt locally from other tables.
    Derived,
    /// Needed by this product.
    Addition,
}

/// What the reconciliation does with a table's rows.
#[derive(Debug, Clone, Copy)]
pub struct SyncPolicy {
    /// How rows live.
    pub class: Class,
    /// Which way they travel.
    pub direction: Direction,
    /// True when a conflict is shown to the user for review, false when it is only recorded.
    pub flag_conflicts: bool,
    /// True when each row vouches for all of its own columns: what is written is never changed, its references neither.
    pub is_chained: bool,
}

impl SyncPolicy {
    /// Conflicts are recorded, not shown.
    pub const fn new(class: Class, direction: Direction) -> Self {
        Self { class, direction, flag_conflicts: false, is_chained: false }
    }

    /// Its rows vouch for all of their columns.
    pub const fn chained(mut self) -> Self {
        self.is_chained = true;
        self
    }

    /// Conflicts are shown to the user for review.
    pub const fn flagged(mut self) -> Self {
        self.flag_conflicts = true;
        self
    }
}

/// How rows of a table live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Created, edited, deleted.
    Entity,
    /// Appended; a delete wins over an edit.
    Log,
    /// A pure link between two entities.
    Junction,
    /// Of this database only.
    Local,
    /// An index over other tables.
    Derived,
}

/// Which way rows travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Both ways.
    Both,
    /// Only from here to central.
    Push,
    /// Only from central to here.
    Pull,
    /// Not at all.
    None,
}
