//! The way from central to here: what changed after a number, and the rows as they are.
//!
//! The change log says only that a row was touched; what it is now, and whether it is there at all, its own table tells,
//! in the same snapshot. So the order of two changes of one row never matters, and a replica that was away for months
//! reads each row once.

use std::collections::HashMap;

use merge::{HybridTime, Key, Row, RowId};
use migrations::Entity;
use sqlx::Row as _;
use sqlx::mysql::{MySqlConnection, MySqlRow};

use super::batch::bytes_of_row;
use super::codec::{self, Unreadable};
use super::connect::{ANSWER_WITHIN, BATCH_WITHIN};
use super::layout::Layout;
use super::pool::within;
use super::rows::{Found, KEYS_AT_ONCE, Lock, read_keys};
use super::schema::RETENTION;
use super::sql::{padded, places, repeated, rounded_up, run, statement};
use super::{Central, CentralError};

/// Bytes of rows after which a page ends early: a page is held in memory.
const PAGE_BYTES: usize = 4 << 20;

/// A page of changes, read in one snapshot of central.
#[derive(Clone, Debug)]
pub struct Feed {
    /// Names central's numbering; another one means another database, to be reconciled from the start.
    pub epoch: String,
    /// The last number that was given out. Below the replica's cursor: central was restored from a backup.
    pub head: u64,
    /// Up to this number deletes are not remembered any more: a replica that has not come so far takes a snapshot.
    pub floor: u64,
    /// The cursor after this page.
    pub next: u64,
    /// True when nothing is left after `next` in this snapshot.
    pub complete: bool,
    /// The rows, by ascending number, each key once.
    pub rows: Vec<FeedRow>,
    /// Changes of tables that this build does not know, or cannot read; they are skipped.
    pub unknown: u64,
}

/// One changed row.
#[derive(Clone, Debug)]
pub struct FeedRow {
    /// Which row.
    pub id: RowId,
    /// Its number; 0 when central has none for it (see [`Central::rows`]).
    pub seq: u64,
    /// The replica that pushed it; None for other writers of SQL, and when several changed it since its last number.
    pub origin: Option<String>,
    /// The latest change; the server's clock for other writers of SQL.
    pub time: HybridTime,
    /// The row as it is now.
    pub state: FeedState,
}

/// A row at central.
#[derive(Clone, Debug)]
pub enum FeedState {
    /// The row.
    Present(Row),
    /// There is none.
    Deleted {
        /// As it was when it was deleted, when that is known.
        image: Option<Row>,
    },
    /// There is one, with a value that has no canonical form.
    Unreadable {
        /// The column.
        column: &'static str,
        /// What is wrong, without the value.
        reason: String,
    },
}

/// Where the numbering stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// As in [`Feed`].
    pub epoch: String,
    /// The last number that was given out.
    pub seq: u64,
    /// True when changes wait for [`Central::sequence`].
    pub outbox: bool,
}

impl Central {
    /// Where the numbering stands: one small query, for looking often whether there is something to pull.
    pub async fn head(&self) -> Result<Head, CentralError> {
        let layout = self.layout();
        let mut lease = self.lease().await?;
        let head = within(ANSWER_WITHIN, read_head(lease.connection(), &layout)).await?;
        lease.keep();
        Ok(head)
    }

    /// Up to `limit` changes after the number `after`, with the rows as they are, in one snapshot.
    pub async fn feed(&self, after: u64, limit: usize) -> Result<Feed, CentralError> {
        let layout = self.layout();
        let mut lease = self.lease().await?;
        let feed =
            within(BATCH_WITHIN, read_feed(lease.connection(), &layout, Pages { after, limit, tables: None })).await?;
        lease.keep();
        Ok(feed)
    }

    /// [`Central::feed`] of these tables only.
    pub async fn feed_of(&self, tables: &[String], after: u64, limit: usize) -> Result<Feed, CentralError> {
        let layout = self.layout();
        let mut lease = self.lease().await?;
        let pages = Pages { after, limit, tables: Some(tables) };
        let feed = within(BATCH_WITHIN, read_feed(lease.connection(), &layout, pages)).await?;
        lease.keep();
        Ok(feed)
    }

    /// These rows as they are now, in the same form and in the order of `ids`. One that is neither there nor in the change
    /// log is `Deleted` without an image and with time 0. Those of tables that central does not hold are left out.
    pub async fn rows(&self, ids: &[RowId]) -> Result<Vec<FeedRow>, CentralError> {
        let layout = self.layout();
        let mut lease = self.lease().await?;
        let rows = within(BATCH_WITHIN, read_ids(lease.connection(), &layout, ids)).await?;
        lease.keep();
        Ok(rows)
    }
}

/// What of the feed is read.
#[derive(Clone, Copy)]
struct Pages<'t> {
    after: u64,
    limit: usize,
    tables: Option<&'t [String]>,
}

/// A consistent snapshot needs REPEATABLE READ; the session itself is READ COMMITTED.
const SNAPSHOT: &str =
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY";

async fn read_head(connection: &mut MySqlConnection, layout: &Layout) -> Result<Head, CentralError> {
    let text = format!(
        "SELECT epoch, last_seq, EXISTS (SELECT 1 FROM ct_sync_outbox), {} FROM ct_sync_counter WHERE id = 1",
        layout.mark()
    );
    let row = statement(text).fetch_optional(connection).await?;
    let row = row.ok_or_else(|| CentralError::NotInitialised("the row of ct_sync_counter".into()))?;
    layout.require_same(&row.try_get_unchecked::<Option<String>, _>(3)?.unwrap_or_default())?;
    let outbox: i64 = row.try_get_unchecked(2)?;
    Ok(Head { epoch: row.try_get_unchecked(0)?, seq: row.try_get_unchecked(1)?, outbox: outbox != 0 })
}

async fn read_feed(connection: &mut MySqlConnection, layout: &Layout, pages: Pages<'_>) -> Result<Feed, CentralError> {
    let Pages { after, limit, tables } = pages;
    run(connection, SNAPSHOT).await?;
    let Head { epoch, seq: head, .. } = read_head(connection, layout).await?;
    let floor = floor(connection, layout).await?;
    let mut feed = Feed { epoch, head, floor, next: after, complete: false, rows: Vec::new(), unknown: 0 };
    let (mut taken, mut bytes) = (0, 0);
    while !feed.complete && taken < limit && bytes < PAGE_BYTES {
        let wanted = KEYS_AT_ONCE.min(limit - taken);
        let entries = entries_after(connection, feed.next, wanted, tables).await?;
        taken += entries.len();
        feed.complete = entries.len() < wanted;
        feed.next = entries.last().map_or(feed.next, |entry| entry.seq);
        let is_known = |entry: &&Entry| entry.entity.is_some_and(|entity| layout.table(entity).is_some());
        feed.unknown += (entries.len() - entries.iter().filter(is_known).count()) as u64;
        let rows = with_states(connection, layout, entries).await?;
        bytes += rows.iter().map(bytes_of).sum::<usize>();
        feed.rows.extend(rows);
    }
    run(connection, "COMMIT").await?;
    if feed.complete {
        feed.next = feed.next.max(feed.head);
    }
    Ok(feed)
}

/// The number up to which deletes are forgotten; a schema from before forgets none.
async fn floor(connection: &mut MySqlConnection, layout: &Layout) -> Result<u64, CentralError> {
    if layout.version < RETENTION {
        return Ok(0);
    }
    let text = "SELECT floor_seq FROM ct_sync_counter WHERE id = 1";
    Ok(sqlx::query(text).fetch_one(connection).await?.try_get_unchecked(0)?)
}

fn bytes_of(row: &FeedRow) -> usize {
    match &row.state {
        FeedState::Present(row) | FeedState::Deleted { image: Some(row) } => bytes_of_row(row),
        FeedState::Deleted { image: None } | FeedState::Unreadable { .. } => 0,
    }
}

/// An entry of the change log.
pub(super) struct Entry {
    /// None for a table that this build does not know.
    pub entity: Option<&'static Entity>,
    pub key: Key,
    pub seq: u64,
    pub origin: Option<String>,
    pub time: HybridTime,
    /// Of a tombstone.
    pub image: Option<Vec<u8>>,
}

const ENTRY_COLUMNS: &str = "tbl, pk, seq, origin, time_us, IF(deleted, image, NULL)";

impl Entry {
    fn read(row: &MySqlRow) -> Result<Self, CentralError> {
        let table: String = row.try_get_unchecked(0)?;
        Ok(Self {
            entity: migrations::entity(&table).filter(|entity| entity.is_replicated()),
            key: Key::new(row.try_get_unchecked::<String, _>(1)?),
            seq: row.try_get_unchecked(2)?,
            origin: row.try_get_unchecked(3)?,
            time: HybridTime(row.try_get_unchecked::<i64, _>(4)?.max(0).unsigned_abs()),
            image: row.try_get_unchecked(5)?,
        })
    }

    /// The tombstone's image, if it has one that can be read.
    pub(super) fn decoded_image(&self, layout: &Layout) -> Option<Row> {
        read_image(layout, &RowId::new(self.entity?, self.key.clone()), self.image.as_deref())
    }
}

/// A tombstone's image; None too when it cannot be read, as a delete needs none.
pub(super) fn read_image(layout: &Layout, id: &RowId, image: Option<&[u8]>) -> Option<Row> {
    codec::read_image(layout.table(id.entity)?, image?).filter(|row| row.key() == id.key)
}

async fn entries_after(
    connection: &mut MySqlConnection,
    after: u64,
    limit: usize,
    tables: Option<&[String]>,
) -> Result<Vec<Entry>, CentralError> {
    let of = tables.map_or(String::new(), |tables| format!(" AND tbl IN ({})", places(tables.len())));
    let text = format!("SELECT {ENTRY_COLUMNS} FROM ct_sync_rows WHERE seq > ?{of} ORDER BY seq LIMIT ?");
    let mut query = statement(text).bind(after);
    for table in tables.into_iter().flatten() {
        query = query.bind(table);
    }
    let rows = query.bind(limit as u64).fetch_all(connection).await?;
    rows.iter().map(Entry::read).collect()
}

/// The entries of the change log for these rows, of those that have one.
pub(super) async fn entries_of(
    connection: &mut MySqlConnection,
    ids: &[RowId],
) -> Result<HashMap<RowId, Entry>, CentralError> {
    let mut entries = HashMap::with_capacity(ids.len());
    for ids in ids.chunks(KEYS_AT_ONCE) {
        let list = repeated("(?, ?)", rounded_up(ids.len()));
        let text = format!("SELECT {ENTRY_COLUMNS} FROM ct_sync_rows WHERE (tbl, pk) IN ({list})");
        let mut query = statement(text);
        for id in padded(ids) {
            query = query.bind(id.entity.name).bind(id.key.as_str());
        }
        for row in query.fetch_all(&mut *connection).await? {
            let entry = Entry::read(&row)?;
            if let Some(entity) = entry.entity {
                entries.insert(RowId::new(entity, entry.key.clone()), entry);
            }
        }
    }
    Ok(entries)
}

/// Adds what each row is now; entries of unknown tables are left out.
async fn with_states(
    connection: &mut MySqlConnection,
    layout: &Layout,
    entries: Vec<Entry>,
) -> Result<Vec<FeedRow>, CentralError> {
    let ids = entries.iter().filter_map(|entry| Some(RowId::new(entry.entity?, entry.key.clone())));
    let mut found = read_tables(connection, layout, ids).await?;
    let rows = entries.into_iter().filter_map(|entry| {
        let id = RowId::new(entry.entity?, entry.key.clone());
        let state = state(found.get_mut(id.entity.name)?.remove(&id.key), || entry.decoded_image(layout));
        Some(FeedRow { id, seq: entry.seq, origin: entry.origin, time: entry.time, state })
    });
    Ok(rows.collect())
}

async fn read_ids(
    connection: &mut MySqlConnection,
    layout: &Layout,
    ids: &[RowId],
) -> Result<Vec<FeedRow>, CentralError> {
    run(connection, SNAPSHOT).await?;
    let entries = entries_of(connection, ids).await?;
    let found = read_tables(connection, layout, ids.iter().cloned()).await?;
    run(connection, "COMMIT").await?;
    let held = ids.iter().filter(|id| layout.table(id.entity).is_some());
    let rows = held.map(|id| {
        let entry = entries.get(id);
        let there = found.get(id.entity.name).and_then(|table| table.get(&id.key)).cloned();
        FeedRow {
            id: id.clone(),
            seq: entry.map_or(0, |entry| entry.seq),
            origin: entry.and_then(|entry| entry.origin.clone()),
            time: entry.map(|entry| entry.time).unwrap_or_default(),
            state: state(there, || entry?.decoded_image(layout)),
        }
    });
    Ok(rows.collect())
}

fn state(there: Option<Result<Row, Unreadable>>, image: impl FnOnce() -> Option<Row>) -> FeedState {
    match there {
        Some(Ok(row)) => FeedState::Present(row),
        Some(Err(why)) => FeedState::Unreadable { column: why.column, reason: why.reason.to_owned() },
        None => FeedState::Deleted { image: image() },
    }
}

/// The rows that exist of these, by table; tables that are not held are left out.
async fn read_tables(
    connection: &mut MySqlConnection,
    layout: &Layout,
    ids: impl IntoIterator<Item = RowId>,
) -> Result<HashMap<&'static str, Found>, CentralError> {
    let mut keys: HashMap<&'static str, (&'static Entity, Vec<Key>)> = HashMap::new();
    for id in ids {
        keys.entry(id.entity.name).or_insert((id.entity, Vec::new())).1.push(id.key);
    }
    let mut found = HashMap::with_capacity(keys.len());
    for (name, (entity, keys)) in keys {
        if let Some(table) = layout.table(entity) {
            found.insert(name, read_keys(connection, table, &keys, Lock::No).await?);
        }
    }
    Ok(found)
}
