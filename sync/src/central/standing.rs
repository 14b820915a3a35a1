//! How rows stand at central, for a comparison that is to be exact; and the entry of changes that nothing captured.
//!
//! [`Central::standing`] reads rows, change log and outbox in one snapshot. A difference is one only when it is older
//! than what the replica has pulled: every captured change shows either in the outbox or with a number.
//!
//! [`Central::enter`] appends to the outbox what the triggers would have, had they been there. A change that is entered
//! twice, by two machines that found it at the same time, is one more number and nothing else; a delete whose row is
//! there after all is none (see [`Central::sequence`]).

use std::collections::{HashMap, HashSet};

use merge::{Key, Row, RowId, encode};
use migrations::Entity;
use sqlx::Row as _;
use sqlx::mysql::MySqlConnection;

use super::codec::Unreadable;
use super::connect::BATCH_WITHIN;
use super::digest::row_hash;
use super::layout::{Layout, Table};
use super::pool::within;
use super::rows::{Found, KEYS_AT_ONCE, Lock, read_keys};
use super::sql::{bind_keys, padded, repeated, rounded_up, run, statement};
use super::triggers::NOW_US;
use super::{Central, CentralError};

/// Entries of one statement; an image counts by its bytes as well.
const ENTRIES_AT_ONCE: usize = 128;
const BYTES_AT_ONCE: usize = 1 << 20;

/// How rows stand, in one snapshot.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    /// Names central's numbering.
    pub(crate) epoch: String,
    /// The rows asked for, in no order.
    pub(crate) rows: HashMap<RowId, Stand>,
}

/// How one row stands.
#[derive(Debug, Default)]
pub(crate) struct Stand {
    /// The row; None: it is not there.
    pub(crate) row: Option<Result<Row, Unreadable>>,
    /// Its hash; None: it is not there.
    pub(crate) hash: Option<u64>,
    /// The number of its last captured change; 0: there is none.
    pub(crate) seq: u64,
    /// True when that change was a delete.
    pub(crate) deleted: bool,
    /// True when a change of it has no number yet.
    pub(crate) waiting: bool,
}

/// A change that nothing captured.
#[derive(Debug)]
pub(crate) struct Missing {
    pub(crate) id: RowId,
    /// Some: the row was deleted, and was this.
    pub(crate) deleted: Option<Row>,
    /// When it changed, microseconds since the epoch; None, and what lies in central's future, is now.
    pub(crate) time_us: Option<u64>,
}

impl Central {
    /// How these rows stand.
    pub(crate) async fn standing(&self, ids: &[RowId]) -> Result<Standing, CentralError> {
        let layout = self.layout();
        let mut lease = self.lease().await?;
        let standing = within(BATCH_WITHIN, standing(lease.connection(), &layout, ids)).await?;
        lease.keep();
        Ok(standing)
    }

    /// Enters changes that nothing captured.
    pub(crate) async fn enter(&self, changes: &[Missing]) -> Result<(), CentralError> {
        let mut lease = self.lease().await?;
        let mut rest = changes;
        while !rest.is_empty() {
            let images = rest.iter().map(|change| change.deleted.as_ref().map(encode));
            let mut bytes = 0;
            let images: Vec<Option<Vec<u8>>> = images
                .take(ENTRIES_AT_ONCE)
                .take_while(|image| {
                    let first = bytes == 0;
                    bytes += image.as_ref().map_or(0, Vec::len) + 1;
                    first || bytes <= BYTES_AT_ONCE
                })
                .collect();
            let (these, others) = rest.split_at(images.len());
            within(BATCH_WITHIN, enter(lease.connection(), these, images)).await?;
            rest = others;
        }
        lease.keep();
        Ok(())
    }
}

async fn enter(
    connection: &mut MySqlConnection,
    changes: &[Missing],
    images: Vec<Option<Vec<u8>>>,
) -> Result<(), CentralError> {
    let row = format!("(?, ?, ?, LEAST(COALESCE(?, {NOW_US}), {NOW_US}), ?)");
    let text =
        format!("INSERT INTO ct_sync_outbox (tbl, pk, op, time_us, image) VALUES {}", repeated(&row, changes.len()));
    let mut query = statement(text).persistent(changes.len() == ENTRIES_AT_ONCE);
    for (change, image) in changes.iter().zip(images) {
        let op = if change.deleted.is_some() { "D" } else { "U" };
        query = query.bind(change.id.entity.name).bind(change.id.key.as_str()).bind(op);
        query = query.bind(change.time_us).bind(image);
    }
    query.execute(connection).await?;
    Ok(())
}

async fn standing(connection: &mut MySqlConnection, layout: &Layout, ids: &[RowId]) -> Result<Standing, CentralError> {
    // A consistent snapshot needs REPEATABLE READ; the session itself is READ COMMITTED.
    run(
        connection,
        "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
    )
    .await?;
    let epoch = sqlx::query("SELECT epoch FROM ct_sync_counter WHERE id = 1").fetch_one(&mut *connection).await?;
    let mut standing = Standing { epoch: epoch.try_get_unchecked(0)?, rows: HashMap::with_capacity(ids.len()) };
    let mut tables: HashMap<&'static str, (&'static Entity, Vec<Key>)> = HashMap::new();
    for id in ids {
        standing.rows.insert(id.clone(), Stand::default());
        tables.entry(id.entity.name).or_insert((id.entity, Vec::new())).1.push(id.key.clone());
    }
    for (entity, keys) in tables.into_values() {
        let table = layout.held(entity)?;
        let rows = read_keys(connection, table, &keys, Lock::No).await?;
        let hashes = hashes_of(connection, table, &rows).await?;
        for (key, row) in rows {
            let hash = hashes.get(&key).copied();
            if let Some(stand) = standing.rows.get_mut(&RowId::new(entity, key)) {
                stand.row = Some(row);
                stand.hash = hash;
            }
        }
    }
    log_of(connection, ids, &mut standing).await?;
    for id in waiting(connection, ids).await? {
        if let Some(stand) = standing.rows.get_mut(&id) {
            stand.waiting = true;
        }
    }
    run(connection, "COMMIT").await?;
    Ok(standing)
}

/// The hashes of rows that are there.
async fn hashes_of(
    connection: &mut MySqlConnection,
    table: &Table,
    rows: &Found,
) -> Result<HashMap<Key, u64>, CentralError> {
    let keys: Vec<Key> = rows.keys().cloned().collect();
    let mut hashes = HashMap::with_capacity(keys.len());
    for keys in keys.chunks(KEYS_AT_ONCE) {
        let text = format!(
            "SELECT {}, {} FROM {} WHERE {}",
            table.key_text(""),
            row_hash(table),
            table.quoted(),
            table.key_in(rounded_up(keys.len()))
        );
        for row in bind_keys(statement(text), padded(keys)).fetch_all(&mut *connection).await? {
            hashes.insert(Key::new(row.try_get_unchecked::<String, _>(0)?), row.try_get_unchecked(1)?);
        }
    }
    Ok(hashes)
}

async fn log_of(connection: &mut MySqlConnection, ids: &[RowId], standing: &mut Standing) -> Result<(), CentralError> {
    for ids in ids.chunks(KEYS_AT_ONCE) {
        let list = repeated("(?, ?)", rounded_up(ids.len()));
        let text = format!("SELECT tbl, pk, seq, deleted FROM ct_sync_rows WHERE (tbl, pk) IN ({list})");
        let mut query = statement(text);
        for id in padded(ids) {
            query = query.bind(id.entity.name).bind(id.key.as_str());
        }
        for row in query.fetch_all(&mut *connection).await? {
            let Some(entity) = migrations::entity(row.try_get_unchecked(0)?) else { continue };
            let id = RowId::new(entity, Key::new(row.try_get_unchecked::<String, _>(1)?));
            if let Some(stand) = standing.rows.get_mut(&id) {
                stand.seq = row.try_get_unchecked(2)?;
                stand.deleted = row.try_get_unchecked::<i64, _>(3)? != 0;
            }
        }
    }
    Ok(())
}

/// Those of these rows that have a change in the outbox. It has no index by key; the sequencer keeps it short.
async fn waiting(connection: &mut MySqlConnection, ids: &[RowId]) -> Result<HashSet<RowId>, CentralError> {
    let mut waiting = HashSet::new();
    for ids in ids.chunks(KEYS_AT_ONCE) {
        let list = repeated("(?, ?)", rounded_up(ids.len()));
        let text = format!("SELECT DISTINCT tbl, pk FROM ct_sync_outbox WHERE (tbl, pk) IN ({list})");
        let mut query = statement(text);
        for id in padded(ids) {
            query = query.bind(id.entity.name).bind(id.key.as_str());
        }
        for row in query.fetch_all(&mut *connection).await? {
            let Some(entity) = migrations::entity(row.try_get_unchecked(0)?) else { continue };
            waiting.insert(RowId::new(entity, Key::new(row.try_get_unchecked::<String, _>(1)?)));
        }
    }
    Ok(waiting)
}
