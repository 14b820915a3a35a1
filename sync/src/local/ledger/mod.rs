//! What the user may want to see: conflicts, quarantine, parked rows, and their counts.
//!
//! A conflict's decision is the same on all machines, but its record is kept where it was decided: on the machine whose
//! change met another's. It holds the exact values, so that any loser can be put back ([`restore`]); what is shown of
//! them ([`shown`]) is masked where a column may hold a secret.
//!
//! A record that is flagged counts in `status` until its user has acknowledged it or put the loser back. Records are kept
//! for 90 days; a flagged one that nobody has acknowledged is kept until somebody does, whatever its age, because a
//! laptop may lie in a drawer for longer.

mod conflicts;
mod give_up;
mod quarantine;
mod record;
mod restore;
mod revive;
mod shown;
mod upkeep;
mod words;

use serde::Serialize;

use super::extent::waiting_tables;
use super::{ReadTx, StoreError};

pub use conflicts::{Conflict, Detail, conflict, conflicts};
pub(crate) use give_up::give_up;
pub(super) use quarantine::{Cause, LONGEST_RETRY_US, RefusedBy, accept, changed, decided, refuse};
pub use quarantine::{Quarantined, find, quarantine};
pub(crate) use quarantine::{due, has_quarantined, note_definition, refused_tables, release_all, retry};
pub(super) use record::{Lost, record, record_change, record_delete, record_quietly, record_row};
pub use restore::Restored;
pub(crate) use restore::{restore, wanted};
pub(crate) use revive::{last_image, revive, unremembered};
pub use upkeep::{KEPT_US, acknowledge_all_conflicts, acknowledge_conflict, purge_conflicts};

/// A row whose parent is missing for the moment.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct Parked {
    /// The table.
    pub table: String,
    /// The row's key.
    pub key: String,
    /// The referring column.
    pub column: String,
    /// The table referred to.
    pub parent_table: String,
    /// The key referred to.
    pub parent_key: String,
    /// Microseconds since the Unix epoch.
    pub since_us: i64,
}

/// How much of each there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Counts {
    /// Rows that central has not got yet.
    pub pending: u64,
    /// Rows refused by one side.
    pub quarantined: u64,
    /// Conflicts on record that are flagged for review and not acknowledged yet.
    pub conflicts: u64,
    /// References that point at nothing for the moment.
    pub parked: u64,
    /// Rows, of those that central has not got, of tables for which it has no place.
    pub waiting: u64,
}

/// The counts of all four.
pub fn counts(tx: &ReadTx<'_>) -> Result<Counts, StoreError> {
    Ok(tx.connection().query_row(
        "SELECT (SELECT count(*) FROM ct_sync_dirty), (SELECT count(*) FROM ct_sync_quarantine), \
           (SELECT count(*) FROM ct_sync_conflicts WHERE flagged AND acknowledged_us IS NULL), \
           (SELECT count(*) FROM ct_sync_parked), \
           (SELECT count(*) FROM ct_sync_dirty WHERE tbl IN (SELECT value FROM json_each(?1)))",
        [waiting_tables(tx.connection())?],
        |row| {
            Ok(Counts {
                pending: row.get(0)?,
                quarantined: row.get(1)?,
                conflicts: row.get(2)?,
                parked: row.get(3)?,
                waiting: row.get(4)?,
            })
        },
    )?)
}

/// Every parked reference, oldest first.
pub fn parked(tx: &ReadTx<'_>) -> Result<Vec<Parked>, StoreError> {
    let mut statement = tx.connection().prepare_cached(
        "SELECT tbl, pk, col, parent_tbl, parent_pk, since_us FROM ct_sync_parked ORDER BY since_us, tbl, pk",
    )?;
    let found = statement.query_map([], |row| {
        Ok(Parked {
            table: row.get(0)?,
            key: key_text(&row.get::<_, String>(1)?),
            column: row.get(2)?,
            parent_table: row.get(3)?,
            parent_key: row.get(4)?,
            since_us: row.get(5)?,
        })
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// A key as it is shown and typed: the parts of a composite one are joined by `/`.
pub(super) fn key_text(pk: &str) -> String {
    merge::Key::new(pk).to_string()
}
