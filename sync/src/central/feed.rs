//! The way from central to here: what changed after a number, and the rows as they are.
use merge::{HybridTime, Row, RowId};

use super::{Central, CentralError};

/// A page of changes, read in one snapshot of central.
#[derive(Clone, Debug)]
pub struct Feed {
    /// Changes when central's numbering began anew (a new database, a restored one that was told so).
    pub epoch: String,
    /// The last number that was given out. Below the replica's cursor: central was restored from a backup.
    pub head: u64,
    /// The cursor after this page.
    pub next: u64,
    /// True when nothing is left after `next` in this snapshot.
    pub complete: bool,
    /// The rows, by ascending number, each key once.
    pub rows: Vec<FeedRow>,
    /// Changes of tables that this build does not know; they are skipped.
    pub unknown: u64,
}

/// One changed row.
#[derive(Clone, Debug)]
pub struct FeedRow {
    /// Which row.
    pub id: RowId,
    /// Its number; 0 when central has not numbered it yet (see [`Central::rows`]).
    pub seq: u64,
    /// The replica that pushed it; None for other writers of SQL, or when several changed it since the last number.
    pub origin: Option<String>,
    /// The latest change; the server's clock for other writers of SQL.
    pub time: HybridTime,
    /// The row as it is now.
    pub state: FeedState,
}

/// A row at central.
#[derive(Clone, Debug)]
pub enum FeedState {
    /// The row.
    Present(Row),
    /// There is none.
    Deleted {
        /// As it was when it was deleted, when that is known.
        image: Option<Row>,
    },
    /// There is one, with a value that has no canonical form.
    Unreadable {
        /// The column.
        column: &'static str,
        /// What is wrong, without the value.
        reason: String,
    },
}

/// Where the numbering stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// As in [`Feed`].
    pub epoch: String,
    /// The last number that was given out.
    pub seq: u64,
    /// True when changes wait for [`Central::sequence`].
    pub outbox: bool,
}

impl Central {
    /// Where the numbering stands: one small query, for looking often whether there is something to pull.
    pub async fn head(&self) -> Result<Head, CentralError> {
        unimplemented!()
    }

    /// Up to `limit` changes after the number `after`, with the rows as they are, in one snapshot.
    pub async fn feed(&self, after: u64, limit: usize) -> Result<Feed, CentralError> {
        unimplemented!("{after} {limit}")
    }

    /// These rows as they are now, in the same form and in the order of `ids`.
    pub async fn rows(&self, ids: &[RowId]) -> Result<Vec<FeedRow>, CentralError> {
        unimplemented!("{}", ids.len())
    }
}
