//! When what was agreed on does not hold any more: central is another one or an older one, or this replica is.
//!
//! **Central was restored from a backup, or is another server** ([`start_over`]): its head is below the cursor, it knows
//! fewer of our batches than it acknowledged, or its numbering has another name. Every row enters the journal as one that
//! was never agreed on, with the time that the row itself tells, and the feed is read from its beginning: of two versions
//! of a row the later one stands, what central lacks is uploaded again. Nothing is deleted on a guess. Such entries are
//! *enrolled*: nobody wrote them here, so that a later delete at central takes them, and what loses is recorded without
//! asking for a look. One that is changed here afterwards is still a row that was never agreed on, but an edit.
//!
//! **This replica is an older copy of itself** ([`become_another`]): restored from a backup, or copied to a second
//! machine. It is in the place of a machine that was away since the copy was made: agreed rows are old, not wrong, and the
//! feed from the copy's own cursor brings what has happened since, the former self's own changes included, as they carry
//! another replica's name. Only three things may not be taken up again: the name and its batch numbers; the batch in
//! flight, whose rows are still in the journal; and increments of counters, which the former self may have sent: without
//! their base the larger count stands, so that none is counted twice.

use serde::{Deserialize, Serialize};

use migrations::{Direction, ENTITIES, Entity, MergeRule};

use super::tx::WriteTx;
use super::{ReadTx, StoreError, journal, snapshot, state, unheard};

/// Forgets all agreements and starts to read the feed of `epoch` from its beginning.
pub(crate) fn start_over(tx: &mut WriteTx<'_>, epoch: &str) -> Result<(), StoreError> {
    snapshot::abandon(tx)?;
    let db = tx.connection();
    db.execute("DELETE FROM ct_sync_inflight", [])?;
    // A delete keeps what it deleted: if central has the row as it was then, it is deleted there, else it comes back.
    for entity in ENTITIES.iter().filter(|entity| entity.is_replicated()) {
        let (key, table) = (key_of(entity), entity.name);
        // A long backlog has no bases: without the condition all of it would be written anew, and held in memory until then.
        let sql = format!(
            "UPDATE ct_sync_dirty SET base = NULL WHERE tbl = ?1 AND base IS NOT NULL \
               AND pk IN (SELECT {key} FROM \"{table}\")"
        );
        db.execute(&sql, [entity.name])?;
    }
    let sent = ENTITIES.iter().filter(|entity| entity.is_replicated() && entity.sync.direction != Direction::Pull);
    for entity in sent {
        enrol(tx, entity)?;
    }
    state::set(db, state::EPOCH, epoch)?;
    state::set(db, state::ACKNOWLEDGED_NO, 0_i64)?;
    state::set(db, state::CURSOR, 0_i64)
}

/// Enters the rows of a table that are not in the journal, with the time of their last change where they tell it.
fn enrol(tx: &mut WriteTx<'_>, entity: &Entity) -> Result<(), StoreError> {
    let told = ["updated_at", "created_at"].into_iter().find(|column| entity.column(column).is_some());
    let time = told.map_or_else(
        || "0".to_owned(),
        |column| {
            format!(
                "coalesce(max(0, unixepoch(substr(\"{column}\", 1, 19)) * 1000000 \
                   + CAST(substr(\"{column}\", 21, 6) AS INTEGER)), 0)"
            )
        },
    );
    let sql = format!(
        "INSERT INTO ct_sync_dirty (tbl, pk, position, generation, time_us, base, enrolled) \
         SELECT ?1, {key}, ?2 + row_number() OVER (), ?2 + row_number() OVER (), {time}, NULL, ?3 \
         FROM \"{table}\" WHERE NOT EXISTS (SELECT 1 FROM ct_sync_dirty d WHERE d.tbl = ?1 AND d.pk = {key})",
        key = key_of(entity),
        table = entity.name
    );
    let first = tx.next_generation();
    let made = tx.connection().execute(&sql, rusqlite::params![entity.name, first, journal::ENROLLED])?;
    tx.skip_generations(i64::try_from(made).unwrap_or(0) + 1);
    Ok(())
}

/// The key of a table's rows as one text, in SQL.
fn key_of(entity: &Entity) -> String {
    let parts: Vec<String> = entity.primary_key.iter().map(|column| format!("\"{column}\"")).collect();
    parts.join(" || char(31) || ")
}

/// Gives this replica another identity, because it is an older copy of itself; `reason` is for its user.
pub(crate) fn become_another(tx: &mut WriteTx<'_>, id: &str, reason: &str) -> Result<(), StoreError> {
    let db = tx.connection();
    db.execute("DELETE FROM ct_sync_inflight", [])?;
    unheard::tell(tx)?;
    db.execute("UPDATE ct_sync_dirty SET enrolled = ?1 WHERE base IS NULL AND enrolled = 0", [journal::MAYBE_KNOWN])?;
    for id in journal::ids(db)? {
        let counters = id.entity.columns.iter().filter(|column| column.merge == MergeRule::Counter);
        let Some(mut entry) = journal::entry(db, &id)?.filter(|_| counters.clone().next().is_some()) else { continue };
        let Some(base) = entry.base.take() else { continue };
        let uncounted = counters.fold(base, |base, column| base.with(column.name, merge::Value::Null));
        journal::rebase(db, &id, Some(&uncounted), entry.generation, entry.time)?;
    }
    state::set(db, state::REPLICA_ID, id)?;
    state::set(db, state::BATCH_NO, 0_i64)?;
    state::set(db, state::ACKNOWLEDGED_NO, 0_i64)?;
    state::set(db, state::IDENTITY_REASON, reason)?;
    state::set(db, state::IDENTITY_SINCE, tx.corrected_us())
}

/// Who this replica is to central.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Identity {
    /// A UUID.
    pub replica_id: String,
    /// Why it is not the one that the file was made with.
    pub reason: Option<String>,
    /// Since when, microseconds since the Unix epoch.
    pub since_us: Option<i64>,
    /// True when its user was shown that, or there is nothing to show; see [`note_identity_seen`].
    pub seen: bool,
}

/// Who this replica is to central, and why if that has changed.
pub fn identity(tx: &ReadTx<'_>) -> Result<Identity, StoreError> {
    let (db, reason) = (tx.connection(), state::text(tx.connection(), state::IDENTITY_REASON)?);
    let since_us = reason.as_ref().map(|_| state::number(db, state::IDENTITY_SINCE)).transpose()?;
    let seen = state::number(db, state::IDENTITY_SEEN)? >= since_us.unwrap_or(0);
    Ok(Identity { replica_id: state::text(db, state::REPLICA_ID)?.unwrap_or_default(), reason, since_us, seen })
}

/// The user has seen why this replica is another machine to central: it counts no longer as news.
pub fn note_identity_seen(tx: &mut WriteTx<'_>) -> Result<(), StoreError> {
    let since_us = state::number(tx.connection(), state::IDENTITY_SINCE)?;
    state::set(tx.connection(), state::IDENTITY_SEEN, since_us)
}

/// This machine's batch numbers: of the last batch that was sent, and of the last that central acknowledged.
pub(crate) fn batch_numbers(tx: &WriteTx<'_>) -> Result<(u64, u64), StoreError> {
    let number = |name| Ok::<_, StoreError>(u64::try_from(state::number(tx.connection(), name)?).unwrap_or(0));
    Ok((number(state::BATCH_NO)?, number(state::ACKNOWLEDGED_NO)?))
}

/// Central has stored a receipt of this batch: it knows of it, unless it is restored from a backup.
pub(crate) fn note_acknowledged(tx: &WriteTx<'_>, batch_no: u64) -> Result<(), StoreError> {
    state::set(tx.connection(), state::ACKNOWLEDGED_NO, i64::try_from(batch_no).unwrap_or(i64::MAX))
}

/// The epoch that the cursor belongs to, and the cursor.
pub(crate) fn cursor(tx: &WriteTx<'_>) -> Result<(Option<String>, u64), StoreError> {
    let cursor = state::number(tx.connection(), state::CURSOR)?;
    Ok((state::text(tx.connection(), state::EPOCH)?, u64::try_from(cursor).unwrap_or(0)))
}

/// Corrects the hybrid time's physical part by the measured distance to central's clock.
pub(crate) fn set_clock_offset(tx: &mut WriteTx<'_>, offset_us: i64) -> Result<(), StoreError> {
    tx.set_offset(offset_us);
    state::set(tx.connection(), state::CLOCK_OFFSET, offset_us)
}
