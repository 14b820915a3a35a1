//! How long deletes are remembered.
//!
//! The change log keeps one row a key, so only tombstones grow without end. One may go when it has been there for the
//! time that is kept, and every machine that was seen within that time has passed it. Any machine does this, rarely: who
//! comes first claims the day, so that the others need not look. Before tombstones go, the number up to which they are
//! gone is raised (the *floor*), in the same transaction: a machine whose cursor is below it might have missed a delete,
//! and takes a snapshot instead of reading on.
//!
//! How old a tombstone is its own time does not tell, as that is the time of the delete, which a machine that was offline
//! brings weeks later. So each day's head of the numbering is marked, and the marks tell what was there so long ago.

use std::time::Duration;

use sqlx::Row as _;
use sqlx::mysql::MySqlConnection;

use super::connect::BATCH_WITHIN;
use super::pool::within;
use super::schema::RETENTION;
use super::sql::run;
use super::{Central, CentralError};

/// How long tombstones, and the receipts of machines that are not seen any more, are kept.
pub const KEPT: Duration = Duration::from_hours(90 * 24);
/// Between two times that anybody looks. Less than a day, so that a machine that is on at the same hours gets its turn.
const CLAIMED_FOR: Duration = Duration::from_hours(20);
/// Tombstones of one transaction: the numbering waits for it.
const PRUNED_AT_ONCE: u64 = 500;

/// What was removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Tombstones.
    pub tombstones: u64,
    /// Receipts of machines that are not seen any more; each keeps its latest.
    pub receipts: u64,
}

impl Central {
    /// Removes what is older than `keep` and passed by all, unless another machine has looked lately: then None.
    /// `now_us` is central's time, microseconds since the Unix epoch.
    pub async fn prune(&self, now_us: u64, keep: Duration) -> Result<Option<Pruned>, CentralError> {
        if self.layout().version < RETENTION {
            return Ok(None);
        }
        let mut lease = self.lease().await?;
        let pruned = within(BATCH_WITHIN, prune(lease.connection(), now_us, keep)).await?;
        lease.keep();
        Ok(pruned)
    }
}

async fn prune(connection: &mut MySqlConnection, now_us: u64, keep: Duration) -> Result<Option<Pruned>, CentralError> {
    let claim = "UPDATE ct_sync_counter SET pruned_us = ? WHERE id = 1 AND pruned_us <= ?";
    let claimed = sqlx::query(claim).bind(now_us).bind(before(now_us, CLAIMED_FOR)).execute(&mut *connection).await?;
    if claimed.rows_affected() == 0 {
        return Ok(None);
    }
    let mark = "INSERT INTO ct_sync_marks (at_us, seq) SELECT ?, last_seq FROM ct_sync_counter WHERE id = 1 \
                ON DUPLICATE KEY UPDATE ct_sync_marks.seq = ct_sync_marks.seq";
    sqlx::query(mark).bind(now_us).execute(&mut *connection).await?;
    let oldest_us = before(now_us, keep);
    let bound = bound(connection, oldest_us).await?;
    let tombstones = tombstones(connection, bound).await?;
    let receipts = "DELETE r FROM ct_sync_machines m JOIN ct_sync_receipts r \
                    ON r.replica_id = m.replica_id AND r.batch_no < m.batch_no WHERE m.last_seen_us < ?";
    let receipts = sqlx::query(receipts).bind(oldest_us).execute(&mut *connection).await?.rows_affected();
    // Of the marks that are old enough, the latest is the one that tells.
    let marks = "DELETE m FROM ct_sync_marks m JOIN (SELECT MAX(at_us) AS at_us FROM ct_sync_marks WHERE at_us <= ?) k \
                 ON m.at_us < k.at_us";
    sqlx::query(marks).bind(oldest_us).execute(&mut *connection).await?;
    Ok(Some(Pruned { tombstones, receipts }))
}

fn before(now_us: u64, span: Duration) -> u64 {
    now_us.saturating_sub(u64::try_from(span.as_micros()).unwrap_or(u64::MAX))
}

/// The number up to which tombstones are old enough, and passed by every machine that was seen since then.
async fn bound(connection: &mut MySqlConnection, oldest_us: u64) -> Result<u64, CentralError> {
    let text = "SELECT COALESCE((SELECT MAX(seq) FROM ct_sync_marks WHERE at_us <= ?), 0), \
                       (SELECT MIN(pulled_seq) FROM ct_sync_machines WHERE last_seen_us >= ?)";
    let row = sqlx::query(text).bind(oldest_us).bind(oldest_us).fetch_one(connection).await?;
    let (old, passed): (u64, Option<u64>) = (row.try_get_unchecked(0)?, row.try_get_unchecked(1)?);
    Ok(passed.map_or(old, |passed| old.min(passed)))
}

async fn tombstones(connection: &mut MySqlConnection, bound: u64) -> Result<u64, CentralError> {
    let mut pruned = 0;
    let mut after = 0_u64;
    loop {
        let text = "SELECT seq FROM ct_sync_rows FORCE INDEX (ct_sync_rows_seq) \
                    WHERE seq > ? AND seq <= ? AND deleted ORDER BY seq LIMIT ?";
        let found = sqlx::query(text).bind(after).bind(bound).bind(PRUNED_AT_ONCE).fetch_all(&mut *connection).await?;
        let seqs: Vec<u64> = found.iter().map(|row| row.try_get_unchecked(0)).collect::<Result<_, _>>()?;
        let Some(&last) = seqs.last() else { return Ok(pruned) };
        pruned += remove(connection, &seqs, last).await?;
        after = last;
    }
}

/// Raises the floor and removes these tombstones; one whose row was made again meanwhile has another number.
async fn remove(connection: &mut MySqlConnection, seqs: &[u64], floor: u64) -> Result<u64, CentralError> {
    run(connection, "START TRANSACTION").await?;
    let raise = "UPDATE ct_sync_counter SET floor_seq = GREATEST(floor_seq, ?) WHERE id = 1";
    sqlx::query(raise).bind(floor).execute(&mut *connection).await?;
    // By number, not by a range, and never by a scan, which would wait for what others are writing.
    let numbers: Vec<String> = seqs.iter().map(u64::to_string).collect();
    let text = "DELETE r FROM JSON_TABLE(?, '$[*]' COLUMNS (seq BIGINT UNSIGNED PATH '$')) k \
                STRAIGHT_JOIN ct_sync_rows r FORCE INDEX (ct_sync_rows_seq) ON r.seq = k.seq WHERE r.deleted";
    let removed = sqlx::query(text).bind(format!("[{}]", numbers.join(","))).execute(&mut *connection).await?;
    run(connection, "COMMIT").await?;
    Ok(removed.rows_affected())
}
