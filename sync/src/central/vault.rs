//! The vault's keys as central keeps them: wrapped, so that central itself can open nothing.

use sqlx::Row as _;
use sqlx::mysql::MySqlConnection;

use super::connect::ANSWER_WITHIN;
use super::layout::Layout;
use super::pool::within;
use super::schema::VAULT;
use super::sql::run;
use super::triggers::NOW_US;
use super::{Central, CentralError};
use crate::central::sql::statement;

/// A key at central.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredKey {
    /// Its name.
    pub key_id: String,
    /// Wrapped by the passphrase.
    pub wrapped: Vec<u8>,
    /// Sealed under the key that was current before.
    pub handed_on: Option<Vec<u8>>,
    /// Opens with this key only.
    pub canary: Vec<u8>,
    /// True for the key that seals.
    pub is_current: bool,
}

impl Central {
    /// The keys of the vault; none before one was published.
    pub async fn vault_keys(&self) -> Result<Vec<StoredKey>, CentralError> {
        require_vault(&self.layout())?;
        let mut lease = self.lease().await?;
        let keys = within(ANSWER_WITHIN, read(lease.connection(), "")).await?;
        lease.keep();
        Ok(keys)
    }

    /// Stores these keys, all or none, unless the vault is no more as it was seen: another machine may be quicker. False
    /// then. A key that is there keeps its canary; one of these that is current is the only current one afterwards.
    pub async fn store_vault_keys(&self, seen: &[StoredKey], keys: &[StoredKey]) -> Result<bool, CentralError> {
        require_vault(&self.layout())?;
        let mut lease = self.lease().await?;
        let stored = within(ANSWER_WITHIN, store(lease.connection(), seen, keys)).await?;
        lease.keep();
        Ok(stored)
    }
}

fn require_vault(layout: &Layout) -> Result<(), CentralError> {
    match layout.version {
        found if found < VAULT => Err(CentralError::Older { found, known: VAULT }),
        _ => Ok(()),
    }
}

async fn read(connection: &mut MySqlConnection, lock: &str) -> Result<Vec<StoredKey>, CentralError> {
    let text =
        format!("SELECT key_id, wrapped, handed_on, canary, is_current FROM ct_sync_vault ORDER BY key_id{lock}");
    let rows = statement(text).fetch_all(connection).await?;
    let key = |row: &sqlx::mysql::MySqlRow| -> Result<StoredKey, sqlx::Error> {
        Ok(StoredKey {
            key_id: row.try_get_unchecked(0)?,
            wrapped: row.try_get_unchecked(1)?,
            handed_on: row.try_get_unchecked(2)?,
            canary: row.try_get_unchecked(3)?,
            is_current: row.try_get_unchecked::<i64, _>(4)? != 0,
        })
    };
    Ok(rows.iter().map(key).collect::<Result<_, _>>()?)
}

async fn store(connection: &mut MySqlConnection, seen: &[StoredKey], keys: &[StoredKey]) -> Result<bool, CentralError> {
    run(connection, "START TRANSACTION").await?;
    // An empty table has no row to lock: its counter stands for it.
    run(connection, "SELECT id FROM ct_sync_counter WHERE id = 1 FOR UPDATE").await?;
    if read(connection, " FOR UPDATE").await? != seen {
        run(connection, "ROLLBACK").await?;
        return Ok(false);
    }
    if keys.iter().any(|key| key.is_current) {
        run(connection, "UPDATE ct_sync_vault SET is_current = 0").await?;
    }
    for key in keys {
        let text = format!(
            "INSERT INTO ct_sync_vault (key_id, wrapped, handed_on, canary, is_current, created_us) \
             VALUES (?, ?, ?, ?, ?, {NOW_US}) ON DUPLICATE KEY UPDATE wrapped = VALUES(wrapped), is_current = VALUES(is_current)"
        );
        let query = statement(text).bind(&key.key_id).bind(&key.wrapped).bind(&key.handed_on).bind(&key.canary);
        query.bind(key.is_current).execute(&mut *connection).await?;
    }
    run(connection, "COMMIT").await?;
    Ok(true)
}
