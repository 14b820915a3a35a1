//! What central knows beside rows: the latest batch of a replica, and how a table is defined.

use migrations::Entity;
use sha2::{Digest, Sha256};
use sqlx::Row as _;
use sqlx::mysql::MySqlConnection;

use super::connect::ANSWER_WITHIN;
use super::layout::Layout;
use super::pool::within;
use super::sql::statement;
use super::{Central, CentralError};

impl Central {
    /// The latest batch of a replica, done or given up; 0 when central knows none.
    pub async fn batch_no(&self, replica_id: &str) -> Result<u64, CentralError> {
        let mut lease = self.lease().await?;
        let text = "SELECT batch_no FROM ct_sync_machines WHERE replica_id = ?";
        let found = within(ANSWER_WITHIN, async {
            Ok(sqlx::query(text).bind(replica_id).fetch_optional(lease.connection()).await?)
        })
        .await?;
        lease.keep();
        Ok(found.map(|row| row.try_get_unchecked(0)).transpose()?.unwrap_or(0))
    }

    /// How these tables are defined: a hash each, another one after any change of columns, keys and conditions. Tables
    /// that are not there are left out.
    pub async fn definitions(&self, tables: &[&'static Entity]) -> Result<Vec<(&'static str, String)>, CentralError> {
        let layout = self.layout();
        let mut lease = self.lease().await?;
        let found = within(ANSWER_WITHIN, definitions(lease.connection(), &layout, tables)).await?;
        lease.keep();
        Ok(found)
    }
}

async fn definitions(
    connection: &mut MySqlConnection,
    layout: &Layout,
    tables: &[&'static Entity],
) -> Result<Vec<(&'static str, String)>, CentralError> {
    let mut found = Vec::with_capacity(tables.len());
    for table in tables.iter().filter_map(|entity| layout.table(entity)) {
        let text = format!("SHOW CREATE TABLE {}", table.quoted());
        let row = match statement(text).fetch_one(&mut *connection).await.map_err(CentralError::from) {
            Err(CentralError::NotInitialised(_)) => continue,
            other => other?,
        };
        let definition: &[u8] = row.try_get_unchecked(1)?;
        found.push((table.entity.name, digest(definition)));
    }
    Ok(found)
}

fn digest(text: &[u8]) -> String {
    use std::fmt::Write as _;
    Sha256::digest(text).iter().take(16).fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
