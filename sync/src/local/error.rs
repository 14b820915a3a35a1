//! What can go wrong in the store, said so that a user can act on it.

use std::fmt::Display;

/// An error of the store. Each text is a fragment that fits "failed to save: {error}".
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The disk, or the quota, is full. Nothing was written.
    #[error("the disk that holds the replica is full; free some space, then it goes on by itself")]
    Full,
    /// The file or its folder cannot be written.
    #[error("the replica cannot be written (read-only file system or missing permission)")]
    ReadOnly,
    /// The file is damaged or is no database.
    #[error("the replica is damaged: {0}; run `claudetools doctor`")]
    Damaged(String),
    /// The file was made by a newer build.
    #[error("the replica has schema version {found}, this build knows {known}; upgrade claudetools on this machine")]
    Newer {
        /// Version of the file.
        found: u32,
        /// Newest version that this build knows.
        known: u32,
    },
    /// The file was made by an older build, and is only looked at. Opening it upgrades it.
    #[error("the replica has schema version {found}; this build brings it to {known} when the daemon starts")]
    Older {
        /// Version of the file.
        found: u32,
        /// Version that this build reads.
        known: u32,
    },
    /// A value that the table cannot take. Nothing was written.
    #[error("{table}.{column} {reason}")]
    Invalid {
        /// The table.
        table: &'static str,
        /// The column, or the constraint's columns.
        column: String,
        /// What is wrong, without the value.
        reason: String,
    },
    /// A reference to a row that does not exist. Nothing was written.
    #[error("{table}.{column} refers to a row of {parent} that does not exist")]
    MissingParent {
        /// The table.
        table: &'static str,
        /// The referring column.
        column: &'static str,
        /// The table referred to.
        parent: &'static str,
    },
    /// A delete of a row that others refer to. Nothing was deleted.
    #[error("the row of {table} cannot be deleted: rows of {child} refer to it")]
    HasChildren {
        /// The row's table.
        table: &'static str,
        /// The referring table.
        child: &'static str,
    },
    /// A request of a user that cannot be carried out as things are. Nothing was written.
    #[error("{reason}")]
    Declined {
        /// Why not, and what is so instead.
        reason: String,
        /// What to do.
        remedy: String,
    },
    /// The store was closed, or its writer has ended.
    #[error("the replica is closed")]
    Closed,
    /// The job panicked; what it wrote was taken back. The log has the place.
    #[error("a defect in claudetools stopped this change; nothing of it was written (see the log)")]
    Panicked,
    /// Any other answer of SQLite.
    #[error("SQLite reports: {0}")]
    Sqlite(rusqlite::Error),
    /// An error of the caller's own, passed through.
    #[error("{0}")]
    Other(String),
}

impl StoreError {
    /// An error of a job's own.
    pub fn other(error: impl Display) -> Self {
        Self::Other(error.to_string())
    }

    /// True when waiting may help: the disk is full or read-only for the moment.
    pub fn is_environment(&self) -> bool {
        matches!(self, Self::Full | Self::ReadOnly)
    }

    /// The same error again, for each job that shared a commit.
    pub(crate) fn again(&self) -> Self {
        match self {
            Self::Full => Self::Full,
            Self::ReadOnly => Self::ReadOnly,
            Self::Damaged(text) => Self::Damaged(text.clone()),
            other => Self::Other(other.to_string()),
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        let Some(code) = error.sqlite_error_code() else { return Self::Sqlite(error) };
        match code {
            ErrorCode::DiskFull => Self::Full,
            ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen => Self::ReadOnly,
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Self::Damaged(error.to_string()),
            // A tmpfs or a quota without room shows as a failed write or a failed growth of the -shm file.
            ErrorCode::SystemIoFailure if is_out_of_room(&error) => Self::Full,
            _ => Self::Sqlite(error),
        }
    }
}

fn is_out_of_room(error: &rusqlite::Error) -> bool {
    const IOERR_WRITE: i32 = 0x030a;
    const IOERR_SHMSIZE: i32 = 0x130a;
    matches!(error, rusqlite::Error::SqliteFailure(e, _) if e.extended_code == IOERR_WRITE || e.extended_code == IOERR_SHMSIZE)
}
