//! After a rotation: what an earlier key sealed is sealed anew with the current one, a few rows at a time.
//!
//! Only one machine does it for each value, the one that made one of the two keys: two that did it would each give the
//! value another ciphertext, and that is a conflict although nothing changed.

use merge::Key;
use migrations::{ENTITIES, Entity};
use sync::local::{ReadTx, WriteTx};
use sync::{Store, StoreError};
use vault::{Keyring, Place};

use super::known::{self, KnownKey};
use super::{SecretError, Vault, nonce};

/// Rows of one transaction.
const AT_ONCE: usize = 50;

/// How many sealed values wait, and how many cannot be opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Waiting {
    /// To be sealed anew by this machine.
    pub(crate) to_reseal: u64,
    /// Sealed with a key that is not here.
    pub(crate) locked: u64,
}

/// Seals up to so many rows anew; how many it were.
pub(crate) async fn step(vault: &Vault, store: &Store) -> Result<usize, StoreError> {
    let Ok(ring) = vault.ring() else { return Ok(0) };
    store
        .write_async(move |tx| {
            let known = known::keys(tx.connection())?;
            let mut done = 0;
            for (entity, column) in sealed_columns() {
                for id in rows(tx, entity, column, &mine(&ring, &known), AT_ONCE - done)? {
                    done += usize::from(reseal(tx, &ring, entity, column, &id)?);
                }
                if done >= AT_ONCE {
                    break;
                }
            }
            Ok(done)
        })
        .await
}

/// Counts.
pub(crate) fn waiting(tx: &ReadTx<'_>, ring: Option<&Keyring>) -> Result<Waiting, StoreError> {
    let known = known::keys(tx.connection())?;
    let mine = ring.map_or_else(Vec::new, |ring| mine(ring, &known));
    let mut waiting = Waiting::default();
    for (entity, column) in sealed_columns() {
        let (table, column) = (entity.name, column);
        let sql = format!(
            "SELECT lower(hex(substr({column}, 2, 4))), count(*) FROM {table} WHERE {column} IS NOT NULL GROUP BY 1"
        );
        let mut statement = tx.connection().prepare_cached(&sql)?;
        let found = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, u64>(1)?)))?;
        for counted in found {
            let (id, count) = counted?;
            let is_here = id.parse().is_ok_and(|id| ring.is_some_and(|ring| ring.get(id).is_ok()));
            waiting.locked += if is_here { 0 } else { count };
            waiting.to_reseal += if mine.contains(&id) { count } else { 0 };
        }
    }
    Ok(waiting)
}

/// The keys whose values this machine seals anew.
fn mine(ring: &Keyring, known: &[KnownKey]) -> Vec<String> {
    let current = ring.current().to_string();
    let made_here = |id: &str| known.iter().any(|key| key.id == id && key.made_here);
    let others = ring.keys().map(|key| key.id().to_string()).filter(|id| *id != current);
    others.filter(|id| made_here(id) || made_here(&current)).collect()
}

fn rows(
    tx: &WriteTx<'_>,
    entity: &Entity,
    column: &str,
    keys: &[String],
    most: usize,
) -> Result<Vec<String>, StoreError> {
    let mut found = Vec::new();
    let table = entity.name;
    let sql = format!("SELECT id FROM {table} WHERE lower(hex(substr({column}, 2, 4))) = ?1 ORDER BY id LIMIT ?2");
    let mut statement = tx.connection().prepare_cached(&sql)?;
    for key in keys {
        let most = i64::try_from(most - found.len()).unwrap_or(0);
        for id in statement.query_map(rusqlite::params![key, most], |row| row.get(0))? {
            found.push(id?);
        }
    }
    Ok(found)
}

/// False when the value cannot be opened, which is then said; it stays as it is.
fn reseal(
    tx: &mut WriteTx<'_>,
    ring: &Keyring,
    entity: &'static Entity,
    column: &'static str,
    id: &str,
) -> Result<bool, StoreError> {
    let Some(row) = tx.get(entity, &Key::new(id))? else { return Ok(false) };
    let Some(sealed) = row.get(column).as_blob() else { return Ok(false) };
    let again = || -> Result<Vec<u8>, SecretError> {
        let place = Place::new(entity.name, column, id)?;
        Ok(ring.seal(&place, &ring.open(&place, sealed)?, nonce()?)?)
    };
    match again() {
        Ok(sealed) => tx.put(row.with(column, sealed)).map(|()| true),
        Err(error) => {
            tracing::warn!(table = entity.name, column, id, %error, "a secret cannot be sealed with the new key");
            Ok(false)
        }
    }
}

/// Every column of sealed values.
pub(crate) fn sealed_columns() -> impl Iterator<Item = (&'static Entity, &'static str)> {
    ENTITIES.iter().flat_map(|entity| {
        let sealed = entity.columns.iter().filter(|column| column.encrypted);
        sealed.map(move |column| (*entity, column.name))
    })
}
