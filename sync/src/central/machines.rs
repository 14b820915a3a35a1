//! The machines that central knows of, for people.

use schemars::JsonSchema;
use serde::Serialize;
use sqlx::Row as _;
use sqlx::mysql::MySqlConnection;

use super::connect::ANSWER_WITHIN;
use super::pool::within;
use super::{Central, CentralError};

/// A machine that exchanges with central.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Peer {
    /// Its replica.
    pub replica_id: String,
    /// For people.
    pub hostname: String,
    /// Version of its build.
    pub version: String,
    /// Version of the schema that it knows.
    pub schema_version: u32,
    /// How far it has pulled.
    pub cursor: u64,
    /// How many changes of central's log it has not seen.
    pub behind: u64,
    /// Its last sign of life by central's clock, microseconds since the Unix epoch.
    pub last_seen_us: i64,
}

impl Central {
    /// All machines, the latest first.
    pub async fn machines(&self) -> Result<Vec<Peer>, CentralError> {
        let mut lease = self.lease().await?;
        let machines = within(ANSWER_WITHIN, machines(lease.connection())).await?;
        lease.keep();
        Ok(machines)
    }
}

async fn machines(connection: &mut MySqlConnection) -> Result<Vec<Peer>, CentralError> {
    let text = "SELECT m.replica_id, m.hostname, m.version, m.schema_version, m.pulled_seq, m.last_seen_us, \
                  CAST(c.last_seq AS UNSIGNED) AS last_seq FROM ct_sync_machines m JOIN ct_sync_counter c ON c.id = 1 \
                ORDER BY m.last_seen_us DESC, m.replica_id";
    let rows = sqlx::query(text).fetch_all(connection).await?;
    let read = |row: &sqlx::mysql::MySqlRow| -> Result<Peer, sqlx::Error> {
        let (cursor, last_seq): (u64, u64) = (row.try_get(4)?, row.try_get(6)?);
        Ok(Peer {
            replica_id: row.try_get(0)?,
            hostname: row.try_get(1)?,
            version: row.try_get(2)?,
            schema_version: row.try_get(3)?,
            cursor,
            behind: last_seq.saturating_sub(cursor),
            last_seen_us: row.try_get(5)?,
        })
    };
    rows.iter().map(|row| read(row).map_err(Into::into)).collect()
}
