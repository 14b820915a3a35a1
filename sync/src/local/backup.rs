//! Copies of the replica: a consistent one while a daemon writes, and what makes a copy safe to go on from.
//!
//! The copy is that of one snapshot: it is read within one reading transaction, so that a writer neither waits for it nor
//! makes it begin anew. It is a single file without a write-ahead log, and is looked through before it counts.
//!
//! Whoever goes on from a copy is another machine to central ([`enrol::become_another`]): its former self may have sent
//! since what the copy believes unsent, and may have written its audit chain on.

use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use super::{Store, StoreError, enrol, new_id, schema, state, steering};
use crate::clock::Clock;

/// Pages between two reports of how far it is: a few MiB.
const PAGES: std::ffi::c_int = 1024;

/// A copy that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// The schema version of the replica, and so of the copy.
    pub schema_version: u32,
    /// The machine's replica that it is a copy of.
    pub replica_id: String,
}

/// Copies the replica at `from` to `to`, which must not exist, whether or not a [`Store`] has it open. `progress` is told
/// pages done and pages in all. A copy that is not whole is an error; what was written of it is the caller's to remove.
pub fn back_up(from: &Path, to: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<Copied, StoreError> {
    let mut source = schema::open_reader(from, 0)?;
    let snapshot = source.transaction()?;
    // The first read opens the snapshot, which the transaction then holds until the last page is copied.
    let schema_version: u32 = snapshot.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let replica_id = state::text(&snapshot, state::REPLICA_ID)?.unwrap_or_default();
    let mut target = schema::open_copy(to)?;
    {
        let backup = Backup::new(&snapshot, &mut target)?;
        loop {
            let step = backup.step(PAGES)?;
            let now = backup.progress();
            let number = |pages| u64::try_from(pages).unwrap_or(0);
            progress(number(now.pagecount - now.remaining), number(now.pagecount));
            match step {
                StepResult::Done => break,
                StepResult::More => {}
                // Nobody else has the target, and the source is read on a snapshot of its own.
                _ => return Err(StoreError::Other(format!("{} is in use by another program", to.display()))),
            }
        }
    }
    drop(snapshot);
    look_through(&target)?;
    target.close().map_err(|(_, error)| error)?;
    Ok(Copied { schema_version, replica_id })
}

/// Makes a single file of the copy, and reads all of it.
fn look_through(copy: &Connection) -> Result<(), StoreError> {
    copy.pragma_update(None, "journal_mode", "DELETE")?;
    // Of rows that came from central, what a CHECK says is not held against them.
    copy.pragma_update(None, "ignore_check_constraints", true)?;
    let mut statement = copy.prepare("PRAGMA integrity_check(3)")?;
    let said = statement.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
    if said == ["ok"] { Ok(()) } else { Err(StoreError::Damaged(said.join("; "))) }
}

/// A copy that was made ready to go on from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adopted {
    /// Who it is to central.
    pub replica_id: String,
    /// True when the exchange with central was paused when the copy was made: it still is.
    pub is_paused: bool,
}

/// Makes a copy ready to be the replica of a machine: it gets this build's schema, and an identity of its own, with this
/// reason for its user. Afterwards it is a single file again.
pub fn adopt_copy(path: &Path, clock: Arc<dyn Clock>, reason: &str) -> Result<Adopted, StoreError> {
    let store = Store::open(path, clock)?;
    let id = new_id(store.clock().now_us());
    let (new, reason) = (id.clone(), reason.to_owned());
    let is_paused = store.write(move |tx| {
        // Where the original was is of no matter: it is at home wherever it is opened next.
        tx.connection().execute("DELETE FROM ct_sync_state WHERE name = ?1", [state::PLACE])?;
        enrol::become_another(tx, &new, &reason)?;
        steering::is_paused(&tx.reading())
    })?;
    store.close()?;
    Ok(Adopted { replica_id: id, is_paused })
}

/// Brings what is in the write-ahead log of a replica that nobody has open into its file.
pub fn fold_log(path: &Path) -> Result<(), StoreError> {
    let connection = schema::open_reader(path, 0)?;
    connection.pragma_update(None, "query_only", false)?;
    let busy: bool = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    connection.close().map_err(|(_, error)| error)?;
    if busy { Err(StoreError::Other("another program reads the replica".into())) } else { Ok(()) }
}
