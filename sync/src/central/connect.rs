//! Connecting: is it MariaDB, is it recent enough, and is its schema the one that this build knows?

use std::sync::Arc;
use std::time::Duration;

use migrations::ladder;
use sqlx::mysql::MySqlConnection;
use sqlx::Row as _;

use super::pool::{Lease, Pool, within};
use super::{CentralError, CentralUrl, Limits};

/// For everything but whole batches.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// For a batch or a page of the feed.
pub(super) const BATCH_WITHIN: Duration = Duration::from_secs(120);

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
        let pool = Pool::new(url.options(true));
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
    let found = schema_version(connection).await?;
    let known = known_version();
    match found {
        0 => Err(CentralError::NotInitialised("its schema".into())),
        _ if found > known => Err(CentralError::Newer { found, known }),
        _ if found < known => Err(CentralError::Older { found, known }),
        _ => Ok(()),
    }
}

/// The version that this build makes.
pub(super) fn known_version() -> u32 {
    ladder::MARIADB.iter().map(|step| step.version).max().unwrap_or(0)
}

/// The highest step that was recorded, 0 for none.
pub(super) async fn schema_version(connection: &mut MySqlConnection) -> Result<u32, CentralError> {
    let rows = sqlx::query("SELECT version_id FROM schema_migrations").fetch_all(connection).await?;
    let mut version = 0;
    for row in rows {
        version = version.max(step_number(&row.try_get_unchecked::<String, _>(0)?).unwrap_or(0));
    }
    Ok(version)
}

/// The number of a recorded step (`0001_schema`), None for what others recorded.
pub(super) fn step_number(version_id: &str) -> Option<u32> {
    let (number, _) = version_id.split_once('_')?;
    if number.len() == 4 { number.parse().ok() } else { None }
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

    #[test]
    fn reads_steps() {
        assert_eq!(step_number("0002_sync"), Some(2));
        assert_eq!(step_number("978b267f9ae39734"), None);
        assert_eq!(step_number("20240101_x"), None);
    }
}
