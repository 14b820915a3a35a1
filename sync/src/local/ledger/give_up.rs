//! Settling a refused row by hand: this machine's version is given up.

use merge::{RowId, Winner};

use super::accept;
use super::record::{Lost, record_change, record_delete, record_row};
use crate::local::apply::{FeedState, Incoming, Page, apply};
use crate::local::tx::children;
use crate::local::{StoreError, WriteTx, journal, rows};

/// Takes central's state of a row in place of the local one, which goes to the conflict record; the number of the record, None
/// when neither side has the row any more.
pub(crate) fn give_up(tx: &mut WriteTx<'_>, id: &RowId, there: Incoming) -> Result<Option<i64>, StoreError> {
    let db = tx.connection();
    let local = rows::get(db, id.entity, &id.key)?;
    match &there.state {
        FeedState::Unreadable { column, reason } => {
            return Err(StoreError::Declined {
                reason: format!("{id} cannot be taken from central: its column {column} {reason}"),
                remedy: "correct that value at central first".into(),
            });
        }
        FeedState::Deleted(_) => refuse_with_children(db, id)?,
        FeedState::Present(_) => {}
    }
    // Quietly: whoever gave it up knows of it.
    let (lost, now_us) = (Lost::new(id.entity, "discarded", Winner::Remote).quietly(), tx.corrected_us());
    match (&local, &there.state) {
        (Some(row), FeedState::Present(remote)) => record_change(db, lost, (row, remote), now_us)?,
        (Some(row), _) => record_row(db, lost, row, now_us)?,
        (None, FeedState::Present(remote)) => record_delete(db, lost, remote, now_us)?,
        (None, _) => {}
    }
    let recorded = local.is_some() || matches!(there.state, FeedState::Present(_));
    let conflict = recorded.then(|| db.last_insert_rowid());
    journal::clear(db, id)?;
    accept(db, id)?;
    apply(tx, Page { rows: vec![there], cursor: None })?;
    Ok(conflict)
}

/// A row that others here refer to cannot go.
fn refuse_with_children(db: &rusqlite::Connection, id: &RowId) -> Result<(), StoreError> {
    for (child, column) in children(id.entity) {
        if rows::refers(db, child, column, &id.key)? {
            return Err(StoreError::Declined {
                reason: format!("central does not have {id}, and rows of {} here refer to it", child.name),
                remedy: format!("discard, delete or move those rows of {} first", child.name),
            });
        }
    }
    Ok(())
}
