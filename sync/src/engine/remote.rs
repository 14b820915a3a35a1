//! What the engine asks of central: the seam at which a simulation takes central's place.

use std::time::Duration;

use crate::Clock;
use crate::central::{
    Batch, Central, CentralError, Feed, FeedRow, Head, Heartbeat, Limits, Receipt, Sequenced, SnapshotStart, TablePage,
    Versions,
};
use merge::{Key, RowId};
use migrations::Entity;

/// Central, as a round needs it. Each method is one exchange, documented at [`Central`]'s own.
pub trait Remote: Send + Sync {
    /// How much central takes at once.
    fn limits(&self) -> Limits;
    /// Its version, and what it holds of the catalogue.
    fn versions(&self) -> Versions {
        Versions::equal()
    }
    /// Looks again whether this build may work with central.
    fn recheck(&self) -> impl Future<Output = Result<(), CentralError>> + Send;
    /// Microseconds that central's clock is ahead of this one.
    fn clock_offset_us(&self, clock: &dyn Clock) -> impl Future<Output = Result<i64, CentralError>> + Send;
    /// Where the numbering stands.
    fn head(&self) -> impl Future<Output = Result<Head, CentralError>> + Send;
    /// Numbers what is committed.
    fn sequence(&self) -> impl Future<Output = Result<Sequenced, CentralError>> + Send;
    /// Changes after a number.
    fn feed(&self, after: u64, limit: usize) -> impl Future<Output = Result<Feed, CentralError>> + Send;
    /// Changes after a number of these tables; a model may give all.
    fn feed_of(
        &self,
        _tables: &[String],
        after: u64,
        limit: usize,
    ) -> impl Future<Output = Result<Feed, CentralError>> + Send {
        self.feed(after, limit)
    }
    /// These rows as they are now.
    fn rows(&self, ids: &[RowId]) -> impl Future<Output = Result<Vec<FeedRow>, CentralError>> + Send;
    /// Merges a batch, exactly once.
    fn push(&self, batch: &Batch) -> impl Future<Output = Result<Receipt, CentralError>> + Send;
    /// Whether a batch was done; if not, it never will be.
    fn resolve(&self, batch: &Batch) -> impl Future<Output = Result<Option<Receipt>, CentralError>> + Send;
    /// The latest batch that central knows of a replica; None when it cannot tell.
    fn batch_no(&self, _replica_id: &str) -> impl Future<Output = Result<Option<u64>, CentralError>> + Send {
        std::future::ready(Ok(None))
    }
    /// How central defines these tables: a mark each, another one after any change; none when it cannot tell.
    fn definitions(
        &self,
        _tables: &[&'static Entity],
    ) -> impl Future<Output = Result<Vec<(&'static str, String)>, CentralError>> + Send {
        std::future::ready(Ok(Vec::new()))
    }
    /// Reads anew how central defines its tables.
    fn relearn(&self) -> impl Future<Output = Result<(), CentralError>> + Send {
        std::future::ready(Ok(()))
    }
    /// Gives others time to end what this machine collided with.
    fn rest(&self, time: Duration) -> impl Future<Output = ()> + Send;
    /// Where a snapshot begins; None when it cannot give one.
    fn snapshot_start(&self) -> impl Future<Output = Result<Option<SnapshotStart>, CentralError>> + Send {
        std::future::ready(Ok(None))
    }
    /// A page of a table. Only asked of a central that has told where a snapshot begins.
    fn table_page(
        &self,
        entity: &'static Entity,
        _after: Option<&Key>,
        _limit: usize,
    ) -> impl Future<Output = Result<TablePage, CentralError>> + Send {
        std::future::ready(Err(CentralError::Protocol(format!("there are no pages of {}", entity.name))))
    }
    /// Leaves no image of these rows in central's bookkeeping; a model has none that could be read.
    fn forget_images(&self, _rows: &[RowId]) -> impl Future<Output = Result<(), CentralError>> + Send {
        std::future::ready(Ok(()))
    }
    /// Records a sign of life.
    fn heartbeat(&self, heartbeat: &Heartbeat) -> impl Future<Output = Result<(), CentralError>> + Send;
}

impl Remote for Central {
    fn limits(&self) -> Limits {
        Central::limits(self)
    }
    fn versions(&self) -> Versions {
        Central::versions(self)
    }
    async fn recheck(&self) -> Result<(), CentralError> {
        Central::recheck(self).await
    }
    async fn clock_offset_us(&self, clock: &dyn Clock) -> Result<i64, CentralError> {
        Central::clock_offset_us(self, clock).await
    }
    async fn head(&self) -> Result<Head, CentralError> {
        Central::head(self).await
    }
    async fn sequence(&self) -> Result<Sequenced, CentralError> {
        Central::sequence(self).await
    }
    async fn feed(&self, after: u64, limit: usize) -> Result<Feed, CentralError> {
        Central::feed(self, after, limit).await
    }
    async fn feed_of(&self, tables: &[String], after: u64, limit: usize) -> Result<Feed, CentralError> {
        Central::feed_of(self, tables, after, limit).await
    }
    async fn rows(&self, ids: &[RowId]) -> Result<Vec<FeedRow>, CentralError> {
        Central::rows(self, ids).await
    }
    async fn push(&self, batch: &Batch) -> Result<Receipt, CentralError> {
        Central::push(self, batch).await
    }
    async fn resolve(&self, batch: &Batch) -> Result<Option<Receipt>, CentralError> {
        Central::resolve(self, batch).await
    }
    async fn batch_no(&self, replica_id: &str) -> Result<Option<u64>, CentralError> {
        Central::batch_no(self, replica_id).await.map(Some)
    }
    async fn definitions(&self, tables: &[&'static Entity]) -> Result<Vec<(&'static str, String)>, CentralError> {
        Central::definitions(self, tables).await
    }
    async fn relearn(&self) -> Result<(), CentralError> {
        Central::relearn(self).await
    }
    async fn rest(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
    async fn snapshot_start(&self) -> Result<Option<SnapshotStart>, CentralError> {
        Central::snapshot_start(self).await.map(Some)
    }
    async fn table_page(
        &self,
        entity: &'static Entity,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<TablePage, CentralError> {
        Central::table_page(self, entity, after, limit).await
    }
    async fn forget_images(&self, rows: &[RowId]) -> Result<(), CentralError> {
        Central::forget_images(self, rows).await
    }
    async fn heartbeat(&self, heartbeat: &Heartbeat) -> Result<(), CentralError> {
        Central::heartbeat(self, heartbeat).await
    }
}
