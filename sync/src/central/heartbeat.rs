//! What central knows of each machine, and how far its clock is from ours.

use sqlx::Row as _;
use sqlx::mysql::MySqlConnection;

use super::connect::ANSWER_WITHIN;
use super::pool::within;
use super::schema::known_version;
use super::sql::statement;
use super::triggers::NOW_US;
use super::{Central, CentralError};
use crate::Clock;

/// Round trips of which the quickest tells the offset: a slow one may have been slow on one way only.
const TRIPS: usize = 5;

/// A machine's sign of life.
#[derive(Clone, Debug)]
pub struct Heartbeat {
    /// The replica.
    pub replica_id: String,
    /// For people.
    pub hostname: String,
    /// The build's version.
    pub version: String,
    /// How far it has pulled.
    pub cursor: u64,
}

impl Central {
    /// Records a machine's sign of life. Tombstones are kept for machines that give one.
    pub async fn heartbeat(&self, heartbeat: &Heartbeat) -> Result<(), CentralError> {
        let mut lease = self.lease().await?;
        within(ANSWER_WITHIN, beat(lease.connection(), heartbeat)).await?;
        lease.keep();
        Ok(())
    }

    /// Microseconds that central's clock is ahead of ours (negative: behind); the best of a few round trips.
    pub async fn clock_offset_us(&self, clock: &dyn Clock) -> Result<i64, CentralError> {
        let mut lease = self.lease().await?;
        let offset = within(ANSWER_WITHIN, offset_us(lease.connection(), clock)).await?;
        lease.keep();
        Ok(offset)
    }
}

async fn beat(connection: &mut MySqlConnection, heartbeat: &Heartbeat) -> Result<(), CentralError> {
    let text = format!(
        "INSERT INTO ct_sync_machines (replica_id, hostname, version, schema_version, pulled_seq, last_seen_us) \
         VALUES (?, LEFT(?, 255), LEFT(?, 64), ?, ?, {NOW_US}) ON DUPLICATE KEY UPDATE hostname = VALUES(hostname), \
         version = VALUES(version), schema_version = VALUES(schema_version), pulled_seq = VALUES(pulled_seq), \
         last_seen_us = VALUES(last_seen_us)"
    );
    let query = statement(text).bind(&heartbeat.replica_id).bind(&heartbeat.hostname).bind(&heartbeat.version);
    query.bind(known_version()).bind(heartbeat.cursor).execute(connection).await?;
    Ok(())
}

pub(super) async fn offset_us(connection: &mut MySqlConnection, clock: &dyn Clock) -> Result<i64, CentralError> {
    let mut best: Option<(u64, i64)> = None;
    for _ in 0..TRIPS {
        let sent = clock.now_us();
        let row = statement(format!("SELECT {NOW_US}")).fetch_one(&mut *connection).await?;
        let trip = clock.now_us().saturating_sub(sent);
        let server: i64 = row.try_get_unchecked(0)?;
        let ours = i64::try_from(sent + trip / 2).unwrap_or(i64::MAX);
        if best.is_none_or(|(quickest, _)| trip < quickest) {
            best = Some((trip, server - ours));
        }
    }
    Ok(best.map_or(0, |(_, offset)| offset))
}
