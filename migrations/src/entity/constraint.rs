//! What holds between rows: references, keys and conditions, and what a collision of keys means.

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

impl ForeignKey {
    /// A reference from `column` to the `id` of the table `references`.
    pub const fn new(
        column: &'static str,
        references: &'static str,
        on_delete: OnDelete,
        on_orphan: OnOrphan,
        meaning: &'static str,
    ) -> Self {
        Self { column, references, on_delete, on_orphan, meaning }
    }
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

impl Index {
    /// An index over these columns, in order.
    pub const fn new(name: &'static str, columns: &'static [&'static str]) -> Self {
        Self { name, columns }
    }
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

impl Check {
    /// One condition for both engines.
    pub const fn new(name: &'static str, sql: &'static str) -> Self {
        Self { name, sql, sqlite: None }
    }

    /// The condition where decimals are scaled integers.
    pub const fn on_sqlite(mut self, sql: &'static str) -> Self {
        self.sqlite = Some(sql);
        self
    }
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

impl NaturalKey {
    /// What rows of equal `columns` become.
    pub const fn new(columns: &'static [&'static str], on_collision: OnCollision) -> Self {
        Self { columns, on_collision, note: "" }
    }

    /// For people.
    pub const fn note(mut self, note: &'static str) -> Self {
        self.note = note;
        self
    }
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
