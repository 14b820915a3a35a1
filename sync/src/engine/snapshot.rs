//! Taking whole tables instead of reading the feed: when a machine is new, or was away for longer than deletes are
//! remembered.
//!
//! While one page is stored, the next one is on its way. A page is a transaction of its own and small, so that hooks, whose
//! writes take turns with it, hardly wait.

use merge::{Key, RowId};
use migrations::Entity;
use tracing::info;

use super::exchange::{incoming, state_here};
use super::remote::Remote;
use super::round::Round;
use super::status::SyncError;
use crate::central::TablePage;
use crate::local::{self, Page};

/// From how many changes on a new machine takes a snapshot: up to here the feed costs no more.
pub(super) const WORTH_IT: u64 = 5_000;
/// Rows of a page: at most, and of the first one.
const MOST_ROWS: usize = 2_000;
const FIRST_ROWS: usize = 250;
/// Bytes that a page is to have, about.
const PAGE_BYTES: usize = 2 << 20;
/// How long a page may take to be stored, about, in microseconds: hooks wait for it.
const PAGE_US: u64 = 20_000;
/// Rows that are read once more at a time, to see whether they are gone.
const ASKED_AT_ONCE: usize = 250;

impl<R: Remote> Round<'_, R> {
    /// Goes on with a snapshot that is under way, unless central is not what it was. Returns rows to read again.
    pub(super) async fn resume_snapshot(&mut self) -> Result<Vec<RowId>, SyncError> {
        let Some(snapshot) = self.store.write_async(|tx| local::under_way(tx)).await? else { return Ok(Vec::new()) };
        let head = self.central.head().await?;
        let (epoch, _) = self.store.write_async(|tx| local::cursor(tx)).await?;
        if epoch.as_ref() != Some(&head.epoch) || head.seq < snapshot.head {
            self.store.write_async(|tx| local::abandon(tx)).await?;
            return Ok(Vec::new());
        }
        self.carry_on().await
    }

    /// Takes a snapshot from its beginning; None when central cannot give one. `again`: this replica has rows already.
    pub(super) async fn take_snapshot(&mut self, again: bool) -> Result<Option<Vec<RowId>>, SyncError> {
        let Some(start) = self.central.snapshot_start().await? else { return Ok(None) };
        info!(head = start.head, again, "taking a snapshot of all tables");
        let begin = move |tx: &mut local::WriteTx<'_>| local::begin(tx, (start.head, start.now), again, &start.tables);
        self.store.write_async(begin).await?;
        self.carry_on().await.map(Some)
    }

    async fn carry_on(&mut self) -> Result<Vec<RowId>, SyncError> {
        let mut needs = Vec::new();
        while let Some(snapshot) = self.store.write_async(|tx| local::under_way(tx)).await? {
            self.report.cursor = snapshot.head;
            match snapshot.next {
                Some((entity, after)) => needs.extend(Box::pin(self.take_table(entity, after, snapshot.again)).await?),
                None => self.store.write_async(move |tx| local::finish(tx, snapshot.head)).await?,
            }
        }
        Ok(needs)
    }

    async fn take_table(
        &mut self,
        entity: &'static Entity,
        after: Option<Key>,
        again: bool,
    ) -> Result<Vec<RowId>, SyncError> {
        let central = self.central;
        let clock = std::sync::Arc::clone(self.store.clock());
        let mut needs = Vec::new();
        let (mut limit, mut latest) = (FIRST_ROWS, Pace::default());
        let mut page = central.table_page(entity, after.as_ref(), limit).await?;
        loop {
            let (last, rows) = (page.last.clone(), page.rows.len());
            if page.complete {
                needs.extend(self.store_page(entity, page, again).await?);
                break;
            }
            limit = next_limit(limit, page.bytes, latest);
            let next = central.table_page(entity, last.as_ref(), limit);
            let started_us = clock.now_us();
            let store = async {
                let stored = self.store_page(entity, page, again).await;
                (stored, Pace { rows, micros: clock.now_us().saturating_sub(started_us) })
            };
            let (next, (stored, stored_in)) = tokio::join!(next, store);
            needs.extend(stored?);
            latest = stored_in;
            page = next?;
        }
        if again {
            needs.extend(self.delete_unseen(entity).await?);
        }
        self.store.write_async(move |tx| local::table_done(tx, entity)).await?;
        Ok(needs)
    }

    /// Stores a page; rows that both sides may have changed are read by their keys and planned.
    async fn store_page(
        &mut self,
        entity: &'static Entity,
        page: TablePage,
        again: bool,
    ) -> Result<Vec<RowId>, SyncError> {
        let rows: Vec<_> = page.rows.into_iter().map(|(id, state)| (id, state_here(state))).collect();
        let last = page.last;
        let take = move |tx: &mut local::WriteTx<'_>| local::take_page(tx, entity, rows, last.as_ref(), again);
        let applied = self.store.apply_page_async(take).await?;
        self.report.add(&applied);
        let mut needs = Vec::new();
        for ids in applied.needs.chunks(ASKED_AT_ONCE) {
            needs.extend(self.read_now(ids).await?);
        }
        Ok(needs)
    }

    /// Rows as central has them now. Returns those that must be read once more.
    async fn read_now(&mut self, ids: &[RowId]) -> Result<Vec<RowId>, SyncError> {
        let rows = self.central.rows(ids).await?.into_iter().map(incoming).collect();
        Ok(self.apply(Page { rows, cursor: None }).await?.needs)
    }

    /// Deletes what was deleted at central so long ago that no tombstone tells of it.
    async fn delete_unseen(&mut self, entity: &'static Entity) -> Result<Vec<RowId>, SyncError> {
        let mut needs = Vec::new();
        let mut after: Option<Key> = None;
        loop {
            let from = after.clone();
            let unseen = move |tx: &mut local::WriteTx<'_>| local::unseen(tx, entity, from.as_ref(), ASKED_AT_ONCE);
            let ids = self.store.write_async(unseen).await?;
            let Some(last) = ids.last() else { return Ok(needs) };
            after = Some(last.key.clone());
            needs.extend(self.read_now(&ids).await?);
        }
    }
}

/// How long the latest page took to be stored.
#[derive(Clone, Copy, Default)]
struct Pace {
    rows: usize,
    micros: u64,
}

impl Pace {
    /// So many rows are stored in the time that a page may take.
    fn rows_in_time(self) -> usize {
        let rows = (self.rows as u64).saturating_mul(PAGE_US).checked_div(self.micros);
        rows.map_or(MOST_ROWS, |rows| usize::try_from(rows).unwrap_or(MOST_ROWS))
    }
}

/// So many rows that they have about the bytes that a page is to have, and are stored in the time that it may take.
fn next_limit(limit: usize, bytes: usize, pace: Pace) -> usize {
    let fitting = limit.saturating_mul(PAGE_BYTES) / bytes.max(1);
    // One that took long because the machine had something else to do says little: pages never shrink to nothing by that.
    let timely = pace.rows_in_time().max(FIRST_ROWS).max(limit / 2);
    fitting.min(timely).clamp(1, MOST_ROWS).min(limit.saturating_mul(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(limit: usize, bytes: usize) -> usize {
        next_limit(limit, bytes, Pace::default())
    }

    #[test]
    fn pages_keep_to_their_bytes() {
        assert_eq!(limit(250, 100_000), 500);
        assert_eq!(limit(2_000, 1_000_000), MOST_ROWS);
        assert_eq!(limit(500, PAGE_BYTES * 4), 125);
        assert_eq!(limit(1, PAGE_BYTES * 4), 1);
        assert_eq!(limit(4, 0), 8);
    }

    #[test]
    fn pages_keep_to_their_time() {
        let after = |limit, rows, micros| next_limit(limit, 1, Pace { rows, micros });
        assert_eq!(after(1_000, 1_000, PAGE_US), 1_000);
        assert_eq!(after(1_000, 500, PAGE_US), 500);
        assert_eq!(after(1_000, 1_000, PAGE_US * 5 / 4), 800);
        assert_eq!(after(1_000, 1_000, PAGE_US / 4), 2_000);
        assert_eq!(after(1_000, 1_000, PAGE_US * 100), 500, "not at once to a hundredth");
        assert_eq!(after(300, 300, PAGE_US * 100), FIRST_ROWS);
        let slow = Pace { rows: 300, micros: PAGE_US * 100 };
        assert_eq!(next_limit(300, PAGE_BYTES * 300, slow), 1, "bytes are no matter of chance");
    }
}
