//! Deletes that nobody need hear of, unless this replica is not what it takes itself for.
//!
//! A row that was made here and deleted before it was sent leaves no trace in the journal. But a replica that was restored
//! from a backup, or copied, cannot know what its former self has sent since: there the row comes back with the next pull,
//! though its user deleted it. So the last image is kept until central has confirmed that it knows no later batch of this
//! replica; if it does know one, the delete is sent like any other.

use merge::{Row, RowId};
use migrations::entity;
use rusqlite::{Connection, OptionalExtension, params};

use super::tx::WriteTx;
use super::{StoreError, journal, rows};

/// Keeps the image of a row that was deleted before it was sent.
pub(super) fn keep(db: &Connection, row: &Row, now_us: u64) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT INTO ct_sync_unheard (tbl, pk, image, since_us) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT (tbl, pk) DO UPDATE SET image = excluded.image, since_us = excluded.since_us",
    )?
    .execute(params![row.entity().name, row.key().as_str(), merge::encode(row), now_us])?;
    Ok(())
}

/// The image of a row that was deleted before it was sent.
pub(super) fn image(db: &Connection, id: &RowId) -> Result<Option<Row>, StoreError> {
    let found = db
        .prepare_cached("SELECT image FROM ct_sync_unheard WHERE tbl = ?1 AND pk = ?2")?
        .query_row([id.entity.name, id.key.as_str()], |row| row.get::<_, Vec<u8>>(0))
        .optional()?;
    found.map_or(Ok(None), |bytes| journal::image(id.entity, Some(bytes)))
}

/// Central knows no later batch of this replica: nobody has heard of these rows.
pub(crate) fn forget_unheard(tx: &WriteTx<'_>) -> Result<(), StoreError> {
    let db = tx.connection();
    if db.prepare_cached("SELECT 1 FROM ct_sync_unheard LIMIT 1")?.exists([])? {
        db.execute("DELETE FROM ct_sync_unheard", [])?;
    }
    Ok(())
}

/// Forgets those that are older than this time: on a machine without a central nobody ever confirms anything.
pub(super) fn purge(db: &Connection, before_us: u64) -> Result<(), StoreError> {
    db.prepare_cached("DELETE FROM ct_sync_unheard WHERE since_us < ?1")?.execute([before_us])?;
    Ok(())
}

/// Somebody may have heard of these rows: their deletes enter the journal, with what was deleted as its base.
pub(super) fn tell(tx: &mut WriteTx<'_>) -> Result<(), StoreError> {
    for row in kept(tx.connection())? {
        let id = row.id();
        if !rows::exists(tx.connection(), id.entity, &id.key)? && journal::entry(tx.connection(), &id)?.is_none() {
            let (generation, time) = (tx.next_generation(), tx.next_time());
            journal::rebase(tx.connection(), &id, Some(&row), generation, time)?;
        }
    }
    forget_unheard(tx)
}

fn kept(db: &Connection) -> Result<Vec<Row>, StoreError> {
    let mut statement = db.prepare_cached("SELECT tbl, image FROM ct_sync_unheard ORDER BY since_us, tbl, pk")?;
    let found = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, Vec<u8>>(1)?)))?;
    let mut kept = Vec::new();
    for found in found {
        let (table, image) = found?;
        let Some(entity) = entity(&table) else { continue };
        kept.extend(journal::image(entity, Some(image))?);
    }
    Ok(kept)
}
