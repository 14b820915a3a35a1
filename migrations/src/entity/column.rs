//! Columns: logical types, defaults, and how two concurrent changes of one column combine.

/// A column.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "independent properties, each read on its own")]
pub struct Column {
    /// Name on both engines.
    pub name: &'static str,
    /// Logical type.
    pub kind: Kind,
    /// Whether NULL is allowed.
    pub nullable: bool,
    /// Value when none is given.
    pub default: Option<ColumnDefault>,
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
    /// Kept at central only: no replica ever holds its value.
    pub central_only: bool,
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
            central_only: false,
            merge: MergeRule::Lww,
            late: false,
            note: "",
        }
    }

    /// A UUID.
    pub const fn uuid(name: &'static str) -> Self {
        Self::new(name, Kind::Uuid)
    }

    /// At most `length` characters.
    pub const fn string(name: &'static str, length: u16) -> Self {
        Self::new(name, Kind::String(length))
    }

    /// Long text.
    pub const fn text(name: &'static str) -> Self {
        Self::new(name, Kind::Text)
    }

    /// A 32-bit number.
    pub const fn int(name: &'static str) -> Self {
        Self::new(name, Kind::Int)
    }

    /// A 64-bit number.
    pub const fn bigint(name: &'static str) -> Self {
        Self::new(name, Kind::BigInt)
    }

    /// A truth value.
    pub const fn bool(name: &'static str) -> Self {
        Self::new(name, Kind::Bool)
    }

    /// An exact number of `precision` digits, `scale` of them after the point.
    pub const fn decimal(name: &'static str, precision: u8, scale: u8) -> Self {
        Self::new(name, Kind::Decimal(precision, scale))
    }

    /// A day.
    pub const fn date(name: &'static str) -> Self {
        Self::new(name, Kind::Date)
    }

    /// A point in time.
    pub const fn datetime(name: &'static str) -> Self {
        Self::new(name, Kind::DateTime)
    }

    /// Canonical JSON.
    pub const fn json(name: &'static str) -> Self {
        Self::new(name, Kind::Json)
    }

    /// Bytes.
    pub const fn blob(name: &'static str) -> Self {
        Self::new(name, Kind::Blob)
    }

    /// NULL is allowed.
    pub const fn null(mut self) -> Self {
        self.nullable = true;
        self
    }

    /// Value when none is given.
    pub const fn default(mut self, value: ColumnDefault) -> Self {
        self.default = Some(value);
        self
    }

    /// The current time when none is given.
    pub const fn default_now(self) -> Self {
        self.default(ColumnDefault::Now)
    }

    /// A truth value when none is given.
    pub const fn default_bool(self, value: bool) -> Self {
        self.default(ColumnDefault::Bool(value))
    }

    /// A whole number when none is given.
    pub const fn default_int(self, value: i64) -> Self {
        self.default(ColumnDefault::Int(value))
    }

    /// A decimal when none is given, as it is written in SQL ("5.00").
    pub const fn default_decimal(self, value: &'static str) -> Self {
        self.default(ColumnDefault::Decimal(value))
    }

    /// A string when none is given.
    pub const fn default_text(self, value: &'static str) -> Self {
        self.default(ColumnDefault::Text(value))
    }

    /// Compared byte for byte.
    pub const fn exact(mut self) -> Self {
        self.exact = true;
        self
    }

    /// A closed list that the database checks; therefore compared byte for byte.
    pub const fn one_of(self, values: &'static [&'static str]) -> Self {
        let mut column = self.known(values);
        column.checked = true;
        column
    }

    /// Known values that only the daemon checks, on write; compared byte for byte.
    pub const fn known(mut self, values: &'static [&'static str]) -> Self {
        self.values = values;
        self.exact = true;
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

    /// Kept at central only (also sensitive).
    pub const fn central_only(mut self) -> Self {
        self.central_only = true;
        self.sensitive = true;
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
pub enum ColumnDefault {
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
