//! What the replica knows of the vault's keys: names, canaries, and what central keeps of them. No key is here in clear.

use rusqlite::{Connection, params};
use sync::StoreError;
use sync::central::StoredKey;

/// A key, as this machine knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KnownKey {
    /// Its name.
    pub(crate) id: String,
    /// Opens with this key only.
    pub(crate) canary: Vec<u8>,
    /// Wrapped by the passphrase; None: there is no passphrase yet.
    pub(crate) wrapped: Option<Vec<u8>>,
    /// Sealed under the key before it.
    pub(crate) handed_on: Option<Vec<u8>>,
    /// What is sealed now is sealed with it.
    pub(crate) is_current: bool,
    /// It was made on this machine.
    pub(crate) made_here: bool,
}

/// All of them, by name.
pub(crate) fn keys(db: &Connection) -> Result<Vec<KnownKey>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT key_id, canary, wrapped, handed_on, is_current, made_here FROM ct_vault_keys ORDER BY key_id",
    )?;
    let found = statement.query_map([], |row| {
        Ok(KnownKey {
            id: row.get(0)?,
            canary: row.get(1)?,
            wrapped: row.get(2)?,
            handed_on: row.get(3)?,
            is_current: row.get(4)?,
            made_here: row.get(5)?,
        })
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// Enters a key that was made here, unless it is known.
pub(super) fn enter(db: &Connection, id: &str, canary: &[u8], now_us: u64) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT INTO ct_vault_keys (key_id, canary, is_current, made_here, created_us) VALUES (?1, ?2, 0, 1, ?3) \
         ON CONFLICT (key_id) DO NOTHING",
    )?
    .execute(params![id, canary, now_us.cast_signed()])?;
    Ok(())
}

/// Notes which key seals.
pub(super) fn make_current(db: &Connection, id: &str) -> Result<(), StoreError> {
    db.prepare_cached("UPDATE ct_vault_keys SET is_current = (key_id = ?1) WHERE is_current <> (key_id = ?1)")?
        .execute([id])?;
    Ok(())
}

/// Notes what central has of the keys.
pub(super) fn mirror(db: &Connection, stored: &[StoredKey], now_us: u64) -> Result<(), StoreError> {
    for key in stored {
        db.prepare_cached(
            "INSERT INTO ct_vault_keys (key_id, canary, wrapped, handed_on, is_current, made_here, created_us) \
             VALUES (?1, ?2, ?3, ?4, 0, 0, ?5) ON CONFLICT (key_id) DO UPDATE SET \
             canary = excluded.canary, wrapped = excluded.wrapped, handed_on = excluded.handed_on",
        )?
        .execute(params![key.key_id, key.canary, key.wrapped, key.handed_on, now_us.cast_signed()])?;
    }
    Ok(())
}
