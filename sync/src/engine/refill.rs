//! Reading tables again, after central has come to hold more of them.
//!
//! Rows that were taken in before have not the values of the new columns, and those of new tables were skipped. The feed
//! is read again from its beginning, of these tables only, beside the cursor and in the same steps: it may be interrupted
//! at any page.

use tracing::info;

use super::exchange::incoming;
use super::remote::Remote;
use super::round::Round;
use super::status::SyncError;
use crate::local::{self, Page, Refill};

/// Rows of a page.
const PAGE: usize = 500;

impl<R: Remote> Round<'_, R> {
    /// Takes note of what central holds.
    pub(super) async fn adapt(&mut self) -> Result<(), SyncError> {
        let extent = self.central.versions().extent;
        Ok(self.store.write_async(move |tx| local::hold(tx, &extent)).await?)
    }

    /// Reads again what is still to be read again. Like every pull, not before the batch in flight is
    /// resolved; and not before a pull has found out whether central is still the same.
    pub(super) async fn refill(&mut self) -> Result<(), SyncError> {
        match self.store.write_async(|tx| local::refill(tx)).await? {
            Some(refill) => self.read_again(refill).await,
            None => Ok(()),
        }
    }

    async fn read_again(&mut self, mut refill: Refill) -> Result<(), SyncError> {
        info!(tables = refill.tables.join(", "), "central holds more than it did: reading these tables again");
        let mut needs = Vec::new();
        loop {
            let feed = self.central.feed_of(&refill.tables, refill.after, PAGE).await?;
            let rows = feed.rows.into_iter().map(incoming).collect();
            needs.extend(self.apply(Page { rows, cursor: None }).await?.needs);
            refill.after = feed.next;
            let left = (!feed.complete).then(|| refill.clone());
            self.store.write_async(move |tx| local::set_refill(tx, left.as_ref())).await?;
            if feed.complete {
                return self.reread(needs).await;
            }
        }
    }
}
