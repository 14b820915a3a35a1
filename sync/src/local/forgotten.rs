//! What is left of rows that were forgotten on purpose: images in the ledger here, and in central's log of changes.
//!
//! A delete alone keeps a row's last image in several places, so that it can be undone or merged. Of a row that its user
//! wants forgotten, none may stay. Here they go with the delete; at central as soon as it has the delete ([`at_central`]).

use merge::{Key, RowId};
use migrations::entity;

use super::StoreError;
use super::tx::{ReadTx, WriteTx};

/// Takes what this machine's bookkeeping holds of these rows out, and has central asked to do the same.
pub fn forget_images(tx: &mut WriteTx<'_>, rows: &[RowId]) -> Result<(), StoreError> {
    let db = tx.connection();
    for statement in [
        "DELETE FROM ct_sync_conflicts WHERE tbl = ?1 AND pk = ?2",
        "UPDATE ct_sync_parked SET parent_image = NULL WHERE parent_tbl = ?1 AND parent_pk = ?2",
        "DELETE FROM ct_sync_unheard WHERE tbl = ?1 AND pk = ?2",
        // A reason may quote a value.
        "UPDATE ct_sync_quarantine SET reason = 'the row was forgotten' WHERE tbl = ?1 AND pk = ?2",
    ] {
        let mut statement = db.prepare_cached(statement)?;
        for row in rows {
            statement.execute([row.entity.name, row.key.as_str()])?;
        }
    }
    let mut ask = db.prepare_cached("INSERT OR IGNORE INTO ct_forget_central (tbl, pk) VALUES (?1, ?2)")?;
    for row in rows {
        if ask.execute([row.entity.name, row.key.as_str()])? > 0 {
            // A row that is gone already makes no journal entry.
            tx.tell_central();
        }
    }
    Ok(())
}

/// A few rows whose images may still be at central, and whose fate is settled there; empty when there are none.
pub(crate) fn at_central(tx: &ReadTx<'_>, most: usize) -> Result<Vec<RowId>, StoreError> {
    let mut statement = tx.connection().prepare_cached(
        "SELECT tbl, pk FROM ct_forget_central f
          WHERE NOT EXISTS (SELECT 1 FROM ct_sync_dirty d WHERE d.tbl = f.tbl AND d.pk = f.pk)
            AND NOT EXISTS (SELECT 1 FROM ct_sync_inflight i WHERE i.tbl = f.tbl AND i.pk = f.pk)
          LIMIT ?1",
    )?;
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let found = statement.query_map([most], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
    let mut rows = Vec::new();
    for found in found {
        let (table, pk) = found?;
        rows.extend(entity(&table).map(|entity| RowId::new(entity, Key::new(pk))));
    }
    Ok(rows)
}

/// Central holds no image of these rows any more.
pub(crate) fn gone_at_central(tx: &WriteTx<'_>, rows: &[RowId]) -> Result<(), StoreError> {
    let mut statement = tx.connection().prepare_cached("DELETE FROM ct_forget_central WHERE tbl = ?1 AND pk = ?2")?;
    for row in rows {
        statement.execute([row.entity.name, row.key.as_str()])?;
    }
    Ok(())
}

/// Rows of which central may still hold an image.
pub fn waiting_at_central(tx: &ReadTx<'_>) -> Result<u64, StoreError> {
    Ok(tx.connection().prepare_cached("SELECT count(*) FROM ct_forget_central")?.query_row([], |row| row.get(0))?)
}
