//! Connecting: is it MariaDB, is it recent enough, and how does it hold the catalogue?

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use sqlx::Row as _;
use sqlx::mysql::MySqlConnection;

use super::layout::Layout;
use super::pool::{Lease, Pool, within};
use super::sql::statement;
use super::versions::Versions;
use super::{CentralError, CentralUrl, Limits};

/// For everything but whole batches.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// For a batch or a page of the feed.
pub(super) const BATCH_WITHIN: Duration = Duration::from_mins(2);

/// The oldest MariaDB that has `SKIP LOCKED`, which the sequencer needs.
const OLDEST: (u32, u32) = (10, 6);

/// After so long the schema is read again though its version is the same: other programs may alter tables too.
const LOOKED_AT_FOR: Duration = Duration::from_mins(10);

/// The central database, through at most two connections. Clones share them.
#[derive(Clone)]
pub struct Central {
    pool: Arc<Pool>,
    limits: Limits,
    layout: Arc<RwLock<(Arc<Layout>, Instant)>>,
}

impl Central {
    /// Connects and looks whether this build may work with what is there.
    pub async fn connect(url: &CentralUrl) -> Result<Self, CentralError> {
        let pool = Pool::new(url.options(true)?);
        let mut lease = pool.lease().await?;
        let (limits, layout) = within(ANSWER_WITHIN, async {
            let limits = greet(lease.connection()).await?;
            Ok((limits, usable(lease.connection()).await?))
        })
        .await?;
        lease.keep();
        let layout = Arc::new(RwLock::new((Arc::new(layout), Instant::now())));
        Ok(Self { pool: Arc::new(pool), limits, layout })
    }

    /// Looks again whether this build may work with the schema, and how: another machine may have upgraded it since. Feed
    /// and push look by themselves; a round asks before it does anything. A connection keeps the limits that it was made
    /// with: when the server has others by now, this one is done with ([`CentralError::Unreachable`]).
    pub async fn recheck(&self) -> Result<(), CentralError> {
        let (layout, read_at) = self.layout.read().unwrap_or_else(PoisonError::into_inner).clone();
        let mut lease = self.lease().await?;
        let (packet, news) = within(ANSWER_WITHIN, async {
            let same = is_same(lease.connection(), &layout).await?;
            let row = sqlx::query("SELECT @@GLOBAL.max_allowed_packet").fetch_one(lease.connection()).await?;
            let packet: u64 = row.try_get_unchecked(0)?;
            if same && read_at.elapsed() < LOOKED_AT_FOR {
                return Ok((packet, None));
            }
            Ok((packet, Some(usable(lease.connection()).await?)))
        })
        .await?;
        lease.keep();
        if let Some(news) = news {
            self.learn(news);
        }
        if Limits::of_packet(packet) == self.limits {
            return Ok(());
        }
        Err(CentralError::Unreachable("its max_allowed_packet was changed; a new connection is made".into()))
    }

    /// Reads anew how the tables are defined, which other programs may have altered, though the schema's version is the
    /// same.
    pub async fn relearn(&self) -> Result<(), CentralError> {
        let mut lease = self.lease().await?;
        let news = within(ANSWER_WITHIN, usable(lease.connection())).await?;
        lease.keep();
        self.learn(news);
        Ok(())
    }

    fn learn(&self, news: Layout) {
        *self.layout.write().unwrap_or_else(PoisonError::into_inner) = (Arc::new(news), Instant::now());
    }

    /// Its version, and what it holds of the catalogue.
    pub fn versions(&self) -> Versions {
        Versions::of(&self.layout())
    }

    pub(super) fn layout(&self) -> Arc<Layout> {
        Arc::clone(&self.layout.read().unwrap_or_else(PoisonError::into_inner).0)
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

/// The layout of a database that this build can work with.
async fn usable(connection: &mut MySqlConnection) -> Result<Layout, CentralError> {
    let layout = Layout::read(connection).await?;
    layout.require_usable()?;
    Ok(layout)
}

async fn is_same(connection: &mut MySqlConnection, layout: &Layout) -> Result<bool, CentralError> {
    let row = statement(format!("SELECT {}", layout.mark())).fetch_one(connection).await;
    // The table that is asked may itself be gone: then everything is to be read anew.
    let Ok(row) = row else { return Ok(false) };
    let found: Option<String> = row.try_get_unchecked(0)?;
    Ok(layout.require_same(&found.unwrap_or_default()).is_ok())
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
