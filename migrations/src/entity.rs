//! The vocabulary of the catalogue: what can be said of a table, as plain const data.
//!
//! Everything that another crate needs to know of a table is here and nowhere else: its columns and their logical
//! types, what a delete of a parent does, how two concurrent changes of a column combine, what happens when two rows
//! are made offline with one natural key. The builders are `const fn`, so that a catalogue file reads as a list.

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
    pub sync: Sync,
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
    /// The position of a column in `columns` and in a row's values.
    pub fn position(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|c| c.name == column)
    }

    /// The column of that name.
    pub fn column(&self, name: &str) -> Option<&'static Column> {
        self.columns.iter().find(|c| c.name == name)
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
pub struct Sync {
    /// How rows live.
    pub class: Class,
    /// Which way they travel.
    pub direction: Direction,
    /// True when a conflict is shown to the user for review, false when it is only recorded.
    pub flag_conflicts: bool,
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

/// A column.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Name on both engines.
    pub name: &'static str,
    /// Logical type.
    pub kind: Kind,
    /// Whether NULL is allowed.
    pub nullable: bool,
    /// Value when none is given.
    pub default: Option<Default>,
    /// Compared byte for byte on both engines (`utf8mb4_nopad_bin`, `BINARY`).
    pub exact: bool,
    /// Known values; empty when open.
    pub values: &'static [&'static str],
    /// True when the database has a CHECK for `values`; otherwise the daemon checks on write only and tolerates others on read.
    pub checked: bool,
    /// Never in logs, errors, audit rows, conflict summaries or API lists.
    pub sensitive: bool,
    /// An AES-256-GCM envelope.
    pub encrypted: bool,
    /// One zstd frame.
    pub compressed: bool,
    /// How two concurrent changes combine.
    pub merge: MergeRule,
    /// In a log table: may be filled once, after the insert.
    pub late: bool,
    /// For people.
    pub note: &'static str,
}

impl Column {
    /// A mandatory column without a default.
    pub const fn new(name: &'static str, kind: Kind) -> Self {
        Self {
            name,
            kind,
            nullable: false,
            default: None,
            exact: false,
            values: &[],
            checked: false,
            sensitive: false,
            encrypted: false,
            compressed: false,
            merge: MergeRule::Lww,
            late: false,
            note: "",
        }
    }

    /// NULL is allowed.
    pub const fn null(mut self) -> Self {
        self.nullable = true;
        self
    }

    /// Value when none is given.
    pub const fn default(mut self, value: Default) -> Self {
        self.default = Some(value);
        self
    }

    /// Compared byte for byte.
    pub const fn exact(mut self) -> Self {
        self.exact = true;
        self
    }

    /// A closed list that the database checks.
    pub const fn one_of(mut self, values: &'static [&'static str]) -> Self {
        self.values = values;
        self.checked = true;
        self
    }

    /// Known values that only the daemon checks, on write.
    pub const fn known(mut self, values: &'static [&'static str]) -> Self {
        self.values = values;
        self
    }

    /// Never shown in logs, errors, audit rows or lists.
    pub const fn sensitive(mut self) -> Self {
        self.sensitive = true;
        self
    }

    /// An AES-256-GCM envelope (also sensitive).
    pub const fn encrypted(mut self) -> Self {
        self.encrypted = true;
        self.sensitive = true;
        self
    }

    /// One zstd frame.
    pub const fn compressed(mut self) -> Self {
        self.compressed = true;
        self
    }

    /// How two concurrent changes combine.
    pub const fn merge(mut self, rule: MergeRule) -> Self {
        self.merge = rule;
        self
    }

    /// May be filled once after the insert.
    pub const fn late(mut self) -> Self {
        self.late = true;
        self
    }

    /// For people.
    pub const fn note(mut self, note: &'static str) -> Self {
        self.note = note;
        self
    }
}

/// A logical type: the closed set that both engines can hold without loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Lower-case hyphenated UUID, 36 ASCII characters.
    Uuid,
    /// At most that many Unicode scalar values.
    String(u16),
    /// At most 1 MiB of UTF-8.
    Text,
    /// 32-bit signed.
    Int,
    /// 64-bit signed.
    BigInt,
    /// 0 or 1.
    Bool,
    /// Precision and scale; SQLite holds value x 10^scale as an integer.
    Decimal(u8, u8),
    /// `YYYY-MM-DD`.
    Date,
    /// UTC, `YYYY-MM-DDTHH:MM:SS.ffffffZ` on SQLite, DATETIME(6) on MariaDB.
    DateTime,
    /// Canonical JSON text: no blanks, keys sorted.
    Json,
    /// Bytes.
    Blob,
}

/// A column's default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Default {
    /// The current UTC time.
    Now,
    /// 0 or 1.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A decimal, as it is written in SQL ("5.00").
    Decimal(&'static str),
    /// A string.
    Text(&'static str),
}

/// How two concurrent changes of one column combine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MergeRule {
    /// The later hybrid time wins, the loser goes to the conflict record.
    Lww,
    /// Greater value.
    Max,
    /// Smaller non-null value.
    Min,
    /// Increments add up.
    Counter,
    /// JSON array as a set: additions united, removals against the base.
    Set,
}

/// A reference to another table.
#[derive(Debug, Clone, Copy)]
pub struct ForeignKey {
    /// The referring column.
    pub column: &'static str,
    /// The table referred to, always by its `id`.
    pub references: &'static str,
    /// What a delete of the parent does; carried out by the daemon, both engines only refuse.
    pub on_delete: OnDelete,
    /// What a row becomes that arrives after its parent was deleted elsewhere.
    pub on_orphan: OnOrphan,
    /// For people.
    pub meaning: &'static str,
}

/// What a delete of the parent does to its children.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDelete {
    /// Children are deleted first.
    Cascade,
    /// The reference is emptied, the child stays.
    SetNull,
    /// The delete is refused while there are children.
    Restrict,
}

/// What becomes of a row whose parent was deleted elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnOrphan {
    /// The parent's delete is undone.
    Revive,
    /// The reference is emptied.
    Null,
    /// The row goes to the conflict record.
    Drop,
}

/// An index, unique or not by where it is listed.
#[derive(Debug, Clone, Copy)]
pub struct Index {
    /// Name, unique in the schema.
    pub name: &'static str,
    /// Columns, in order.
    pub columns: &'static [&'static str],
}

/// A named CHECK constraint.
#[derive(Debug, Clone, Copy)]
pub struct Check {
    /// Name, unique in the schema.
    pub name: &'static str,
    /// The condition on MariaDB, and on SQLite unless that differs.
    pub sql: &'static str,
    /// The condition on SQLite where decimals are scaled integers.
    pub sqlite: Option<&'static str>,
}

/// What two rows with an equal key, made offline on two machines, become.
#[derive(Debug, Clone, Copy)]
pub struct NaturalKey {
    /// The key's columns; empty with `KeepBoth`.
    pub columns: &'static [&'static str],
    /// The rule.
    pub on_collision: OnCollision,
    /// For people.
    pub note: &'static str,
}

/// See [`NaturalKey`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnCollision {
    /// One row survives, the other id becomes an alias.
    Merge,
    /// Both stay, the later one's key gets a suffix.
    Rename,
    /// There is no unique key; both stay.
    KeepBoth,
    /// Cannot arise offline.
    Error,
}
