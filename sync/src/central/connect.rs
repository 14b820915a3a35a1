//! Connecting: is it MariaDB, is it recent enough, and is its schema the one that this build knows?

use std::sync::Arc;
use std::time::Duration;

use sqlx::Row as _;
use sqlx::mysql::MySqlConnection;

use super::pool::{Lease, Pool, within};
use super::schema::{applied_steps, require_version, version_of};
use super::{CentralError, CentralUrl, Limits};

/// For everything but whole batches.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// For a batch or a page of the feed.
pub(super) const BATCH_WITHIN: Duration = Duration::from_mins(2);

/// The oldest MariaDB that has `SKIP LOCKED`, which the sequencer needs.
const OLDEST: (u32, u32) = (10, 6);

/// The central database, through at most two connections. Clones share them.
#[derive(Clone)]
pub struct Central {
    pool: Arc<Pool>,
    limits: Limits,
}

impl Central {
    /// Connects and looks whether this build may work with what is there.
    pub async fn connect(url: &CentralUrl) -> Result<Self, CentralError> {
        let pool = Pool::new(url.options(true)?);
        let mut lease = pool.lease().await?;
        let limits = within(ANSWER_WITHIN, async {
            let limits = greet(lease.connection()).await?;
            require_schema(lease.connection()).await?;
            Ok(limits)
        })
        .await?;
        lease.keep();
        Ok(Self { pool: Arc::new(pool), limits })
    }

    /// Looks again whether this build may work with the schema: another machine may have upgraded it since. Feed and push
    /// look by themselves; a round asks before it does anything. A connection keeps the limits that it was made with: when
    /// the server has others by now, this one is done with ([`CentralError::Unreachable`]).
    pub async fn recheck(&self) -> Result<(), CentralError> {
        let mut lease = self.lease().await?;
        let packet: u64 = within(ANSWER_WITHIN, async {
            require_schema(lease.connection()).await?;
            let row = sqlx::query("SELECT @@GLOBAL.max_allowed_packet").fetch_one(lease.connection()).await?;
            Ok(row.try_get_unchecked(0)?)
        })
        .await?;
        lease.keep();
        if Limits::of_packet(packet) == self.limits {
            return Ok(());
        }
        Err(CentralError::Unreachable("its max_allowed_packet was changed; a new connection is made".into()))
    }

    /// How much it takes at once.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    pub(super) async fn lease(&self) -> Result<Lease<'_>, CentralError> {
        self.pool.lease().await
    }
}

/// Checks product and version of the server, and reads its limits.
pub(super) async fn greet(connection: &mut MySqlConnection) -> Result<Limits, CentralError> {
    let row = sqlx::query("SELECT VERSION(), @@max_allowed_packet").fetch_one(connection).await?;
    let version: String = row.try_get_unchecked(0)?;
    let supported = version.contains("MariaDB") && release(&version).is_some_and(|release| release >= OLDEST);
    if !supported {
        return Err(CentralError::Unsupported(version));
    }
    Ok(Limits::of_packet(row.try_get_unchecked(1)?))
}

/// Major and minor number of a version text.
fn release(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.split(['.', '-']);
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

async fn require_schema(connection: &mut MySqlConnection) -> Result<(), CentralError> {
    require_version(version_of(&applied_steps(connection).await?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_versions() {
        assert_eq!(release("10.11.19-MariaDB-0+deb12u1"), Some((10, 11)));
        assert_eq!(release("12.1.2-MariaDB"), Some((12, 1)));
        assert!(release("8.0").is_some_and(|r| r < OLDEST));
        assert_eq!(release("nonsense"), None);
    }
}
