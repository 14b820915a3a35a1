//! Why central refused a row, read from the server's message.
use merge::RowId;

/// A row that central did not take. The other rows of its batch were not affected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub kind: RefusalKind,
    /// MariaDB's error number; 0 when it was refused before it was sent.
    pub code: u16,
    /// For people, without values.
    pub message: String,
}

/// Why a row was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefusalKind {
    /// Another row holds the values of a unique key.
    Unique {
        /// The key's columns; the primary key's when an adopted collation holds two keys equal.
        columns: Vec<&'static str>,
        /// The row that holds them, when it could be found.
        existing: Option<RowId>,
    },
    /// It refers to a row that central does not have.
    MissingParent {
        /// The referring column.
        column: &'static str,
        /// The missing row.
        parent: RowId,
    },
    /// Other rows refer to it, so it cannot be deleted.
    HasChildren {
        /// The referring table.
        child: String,
    },
    /// A CHECK constraint failed.
    Check {
        /// Its name.
        name: String,
    },
    /// A value is longer than its column at central.
    TooLong {
        /// The column.
        column: String,
    },
    /// A value is out of its column's range, or of the wrong form.
    BadValue {
        /// The column, empty when the server does not name it.
        column: String,
    },
    /// The row is larger than the server takes in one statement.
    TooBig,
    /// What central holds under this key cannot be read, so nothing can be decided.
    Unreadable {
        /// The column.
        column: &'static str,
    },
    /// Anything else.
    Other,
}
