//! A [`Transaction`] on a connection: the statements of a push.
//!
//! Each row keeps its own time: the triggers read it from a user variable, which an INSERT of many rows sets from row to
//! row, in the expression of the first column.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use merge::{HybridTime, Key, Row, RowId};
use migrations::Entity;
use sqlx::Row as _;
use sqlx::mysql::MySqlConnection;

use super::codec::bind;
use super::feed::{entries_of, read_image};
use super::layout::{Layout, Table};
use super::refusal::{columns_in, refusal_of};
use super::rows::{KEYS_AT_ONCE, Lock, read_keys};
use super::sql::{bind_keys, padded, repeated, rounded_up, run, statement};
use super::transaction::{Locked, Logged, Machine, StoredReceipt, Taken, Transaction, Unnumbered};
use super::triggers::NOW_US;
use super::write::USUAL_INSERTS;
use super::{CentralError, Refusal, RefusalKind};

/// Receipts kept for each replica; only the latest is ever needed, the others are for people who look for a fault.
const RECEIPTS_KEPT: u64 = 8;

/// Commits, and takes the marks of a push off the session: other statements on this connection are not of that origin.
const COMMIT: &str = "COMMIT; SET @ct_sync_origin = NULL, @ct_sync_time = NULL";

/// A connection with an open transaction.
pub(super) struct Session<'c> {
    connection: &'c mut MySqlConnection,
    layout: Arc<Layout>,
    /// The session's `@ct_sync_time`.
    stamp: Option<HybridTime>,
}

impl<'c> Session<'c> {
    /// Opens a transaction.
    pub(super) async fn begin(connection: &'c mut MySqlConnection, layout: Arc<Layout>) -> Result<Self, CentralError> {
        run(connection, "START TRANSACTION").await?;
        Ok(Self { connection, layout, stamp: None })
    }

    /// Tells the triggers when the next row changed.
    async fn stamp(&mut self, time: HybridTime) -> Result<(), CentralError> {
        if self.stamp != Some(time) {
            sqlx::query("SET @ct_sync_time = ?").bind(time.0).execute(&mut *self.connection).await?;
            self.stamp = Some(time);
        }
        Ok(())
    }
}

impl Transaction for Session<'_> {
    async fn machine(&mut self, replica_id: &str) -> Result<Machine, CentralError> {
        let mark = self.layout.mark();
        // Subqueries of a locking statement lock nothing: the sequencer is not waited for.
        let counter = |column| format!("(SELECT {column} FROM ct_sync_counter WHERE id = 1)");
        let text = format!(
            "SELECT batch_no, {NOW_US}, {mark}, {}, {} FROM ct_sync_machines WHERE replica_id = ? FOR UPDATE",
            counter("epoch"),
            counter("last_seq")
        );
        for _ in 0..2 {
            let row = statement(text.clone()).bind(replica_id).fetch_optional(&mut *self.connection).await?;
            if let Some(row) = row {
                self.layout.require_same(&row.try_get_unchecked::<Option<String>, _>(2)?.unwrap_or_default())?;
                let now: i64 = row.try_get_unchecked(1)?;
                return Ok(Machine {
                    batch_no: row.try_get_unchecked(0)?,
                    now: HybridTime(now.max(0).unsigned_abs()),
                    epoch: row.try_get_unchecked::<Option<String>, _>(3)?.unwrap_or_default(),
                    head: row.try_get_unchecked::<Option<u64>, _>(4)?.unwrap_or_default(),
                });
            }
            let add =
                "INSERT INTO ct_sync_machines (replica_id) VALUES (?) ON DUPLICATE KEY UPDATE replica_id = replica_id";
            sqlx::query(add).bind(replica_id).execute(&mut *self.connection).await?;
        }
        Err(CentralError::Protocol("a machine's row that was just written is not there".into()))
    }

    async fn receipt(&mut self, replica_id: &str, batch_no: u64) -> Result<Option<StoredReceipt>, CentralError> {
        let text = "SELECT digest, outcomes FROM ct_sync_receipts WHERE replica_id = ? AND batch_no = ?";
        let query = sqlx::query(text).bind(replica_id).bind(batch_no);
        let Some(row) = query.fetch_optional(&mut *self.connection).await? else { return Ok(None) };
        Ok(Some(StoredReceipt { digest: row.try_get_unchecked(0)?, outcomes: row.try_get_unchecked(1)? }))
    }

    async fn use_up(&mut self, replica_id: &str, batch_no: u64) -> Result<(), CentralError> {
        let text = "UPDATE ct_sync_machines SET batch_no = ? WHERE replica_id = ?";
        sqlx::query(text).bind(batch_no).bind(replica_id).execute(&mut *self.connection).await?;
        Ok(())
    }

    async fn store(&mut self, replica_id: &str, batch_no: u64, receipt: &StoredReceipt) -> Result<(), CentralError> {
        self.use_up(replica_id, batch_no).await?;
        let text = format!(
            "INSERT INTO ct_sync_receipts (replica_id, batch_no, digest, outcomes, created_us) VALUES (?, ?, ?, ?, {NOW_US})"
        );
        let insert = statement(text).bind(replica_id).bind(batch_no);
        insert.bind(&receipt.digest).bind(&receipt.outcomes).execute(&mut *self.connection).await?;
        // Never by a scan of the table, which would wait for the receipts that other machines are writing.
        sqlx::query("DELETE r FROM ct_sync_receipts r FORCE INDEX (PRIMARY) WHERE replica_id = ? AND batch_no <= ?")
            .bind(replica_id)
            .bind(batch_no.saturating_sub(RECEIPTS_KEPT))
            .execute(&mut *self.connection)
            .await?;
        Ok(())
    }

    async fn sign(&mut self, replica_id: &str) -> Result<(), CentralError> {
        sqlx::query("SET @ct_sync_origin = ?").bind(replica_id).execute(&mut *self.connection).await?;
        Ok(())
    }

    /// Table by table in one order, and by key within each, so that two pushes wait for each other instead of deadlocking.
    async fn lock_rows(&mut self, ids: &[RowId]) -> Result<Locked, CentralError> {
        let mut sorted: Vec<&RowId> = ids.iter().collect();
        sorted.sort();
        let mut locked = Locked::with_capacity(ids.len());
        for table in sorted.chunk_by(|one, next| one.entity == next.entity) {
            let entity: &'static Entity = table[0].entity;
            let keys: Vec<Key> = table.iter().map(|id| id.key.clone()).collect();
            let Some(held) = self.layout.table(entity) else { continue };
            let found = read_keys(self.connection, held, &keys, Lock::ForUpdate).await?;
            locked.extend(found.into_iter().map(|(key, row)| (RowId::new(entity, key), row)));
        }
        Ok(locked)
    }

    async fn logged(&mut self, ids: &[RowId]) -> Result<HashMap<RowId, Logged>, CentralError> {
        let entries = entries_of(self.connection, ids).await?;
        let logged = entries.into_iter().map(|(id, entry)| {
            let image = entry.decoded_image(&self.layout);
            (id, Logged { seq: entry.seq, time: entry.time, image })
        });
        Ok(logged.collect())
    }

    /// The entries of the outbox for these rows. It has no index by key, which every writer would pay for; the sequencer
    /// keeps it short.
    async fn unnumbered(&mut self, ids: &[RowId]) -> Result<HashMap<RowId, Unnumbered>, CentralError> {
        let mut news: HashMap<RowId, Unnumbered> = HashMap::new();
        for ids in ids.chunks(KEYS_AT_ONCE) {
            let list = repeated("(?, ?)", rounded_up(ids.len()));
            let text = format!(
                "SELECT tbl, pk, op, time_us, image FROM ct_sync_outbox WHERE (tbl, pk) IN ({list}) ORDER BY id"
            );
            let mut query = statement(text);
            for id in padded(ids) {
                query = query.bind(id.entity.name).bind(id.key.as_str());
            }
            for row in query.fetch_all(&mut *self.connection).await? {
                let Some(entity) = migrations::entity(row.try_get_unchecked(0)?) else { continue };
                let id = RowId::new(entity, Key::new(row.try_get_unchecked::<String, _>(1)?));
                let image = read_image(&self.layout, &id, row.try_get_unchecked(4)?);
                let known = news.entry(id).or_default();
                known.time = known.time.max(HybridTime(row.try_get_unchecked::<i64, _>(3)?.max(0).unsigned_abs()));
                if row.try_get_unchecked::<&str, _>(2)? == "D" {
                    known.has_delete = true;
                    known.image = image;
                }
            }
        }
        Ok(news)
    }

    fn fitted(&self, row: &Row) -> Result<Option<Row>, Refusal> {
        let Some(table) = self.layout.table(row.entity()) else { return Err(unheld(row.entity())) };
        match table.fitted(row)? {
            Cow::Borrowed(_) => Ok(None),
            Cow::Owned(row) => Ok(Some(row)),
        }
    }

    async fn insert(&mut self, rows: &[(&Row, HybridTime)]) -> Result<Taken, CentralError> {
        let Some((first, _)) = rows.first() else { return Ok(Ok(())) };
        let layout = Arc::clone(&self.layout);
        let Some(table) = layout.table(first.entity()) else { return Ok(Err(unheld(first.entity()))) };
        let text = insert_text(table, rows);
        let usual = USUAL_INSERTS.contains(&rows.len()) && !text.contains("DEFAULT");
        let mut query = statement(text).persistent(usual);
        for (row, time) in rows {
            query = query.bind(time.0);
            for (at, column) in table.order().iter().map(|&at| (at, &table.entity.columns[at])) {
                if !is_default(table, row, at) {
                    query = bind(query, column.kind, row.at(at));
                }
            }
        }
        self.stamp = None;
        let result = query.execute(&mut *self.connection).await;
        sorted(result.map(drop), first, &layout)
    }

    async fn update(&mut self, before: &Row, after: &Row, time: HybridTime) -> Result<Taken, CentralError> {
        let layout = Arc::clone(&self.layout);
        let Some(table) = layout.table(after.entity()) else { return Ok(Err(unheld(after.entity()))) };
        let changed = |at: usize| before.at(at) != after.at(at);
        if !table.order().iter().any(|&at| changed(at)) {
            return Ok(Ok(()));
        }
        self.stamp(time).await?;
        let set = table.order().iter().filter_map(|&at| {
            let held = table.at(at)?;
            let place = held.quoted();
            match changed(at) {
                true if is_default(table, after, at) => Some(format!("{place} = DEFAULT")),
                true => Some(format!("{place} = ?")),
                // Named, it stays: what was not changed here is not to change there.
                false => held.moves_by_itself.then(|| format!("{place} = {place}")),
            }
        });
        let set: Vec<String> = set.collect();
        let text = format!("UPDATE {} SET {} WHERE {}", table.quoted(), set.join(", "), table.key_is());
        let mut query = statement(text);
        for &at in table.order().iter().filter(|&&at| changed(at) && !is_default(table, after, at)) {
            query = bind(query, table.entity.columns[at].kind, after.at(at));
        }
        let result = bind_keys(query, [&after.key()]).execute(&mut *self.connection).await;
        sorted(result.map(drop), after, &layout)
    }

    async fn delete(&mut self, before: &Row, time: HybridTime) -> Result<Taken, CentralError> {
        let layout = Arc::clone(&self.layout);
        let Some(table) = layout.table(before.entity()) else { return Ok(Err(unheld(before.entity()))) };
        self.stamp(time).await?;
        let text = format!("DELETE FROM {} WHERE {}", table.quoted(), table.key_is());
        let result = bind_keys(statement(text), [&before.key()]).execute(&mut *self.connection).await;
        sorted(result.map(drop), before, &layout)
    }

    async fn parent_of(
        &mut self,
        entity: &'static Entity,
        column: &'static str,
        key: &Key,
    ) -> Result<Option<Key>, CentralError> {
        let Some(table) = self.layout.table(entity) else { return Ok(None) };
        let Some(held) = table.column(column) else { return Ok(None) };
        let (column, table, key_is) = (held.to_read(""), table.quoted(), table.key_is());
        let text = format!("SELECT {column} FROM {table} WHERE {key_is} LOCK IN SHARE MODE");
        let row = bind_keys(statement(text), [key]).fetch_optional(&mut *self.connection).await?;
        let parent: Option<String> = row.map(|row| row.try_get_unchecked(0)).transpose()?.flatten();
        Ok(parent.map(Key::new))
    }

    async fn holder_of(&mut self, row: &Row, columns: &[&'static str]) -> Result<Option<RowId>, CentralError> {
        let entity = row.entity();
        let Some(table) = self.layout.table(entity) else { return Ok(None) };
        let Some(held) = columns.iter().map(|column| table.column(column)).collect::<Option<Vec<_>>>() else {
            return Ok(None);
        };
        let same: Vec<String> = held.iter().map(|held| format!("{} = ?", held.quoted())).collect();
        let (key, same) = (table.key_text(""), same.join(" AND "));
        let text = format!("SELECT {key} FROM {} WHERE {same} LIMIT 1", table.quoted());
        let mut query = statement(text);
        for column in columns {
            let kind = entity.column(column).map_or(migrations::Kind::Text, |column| column.kind);
            query = bind(query, kind, row.get(column));
        }
        let Some(found) = query.fetch_optional(&mut *self.connection).await? else { return Ok(None) };
        Ok(Some(RowId::new(entity, Key::new(found.try_get_unchecked::<String, _>(0)?))))
    }

    async fn columns_of_check(
        &mut self,
        entity: &'static Entity,
        name: &str,
    ) -> Result<Vec<&'static str>, CentralError> {
        if let Some(check) = entity.checks.iter().find(|check| check.name == name) {
            return Ok(columns_in(entity, check.sql));
        }
        // A condition that an adopted schema has of its own.
        let text = "SELECT CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS \
                    WHERE CONSTRAINT_SCHEMA = DATABASE() AND TABLE_NAME = ? AND CONSTRAINT_NAME = ?";
        let Some(table) = self.layout.table(entity) else { return Ok(Vec::new()) };
        let query = sqlx::query(text).bind(&table.name).bind(name);
        let found = query.fetch_optional(&mut *self.connection).await?;
        let clause: Option<String> = found.map(|row| row.try_get_unchecked(0)).transpose()?;
        Ok(clause.map(|clause| table.columns_in(&clause)).unwrap_or_default())
    }

    async fn mark(&mut self) -> Result<(), CentralError> {
        Ok(run(self.connection, "SAVEPOINT ct_sync_mark").await?)
    }

    async fn back_to_mark(&mut self) -> Result<(), CentralError> {
        Ok(run(self.connection, "ROLLBACK TO SAVEPOINT ct_sync_mark").await?)
    }

    async fn commit(&mut self) -> Result<(), CentralError> {
        Ok(run(self.connection, COMMIT).await?)
    }

    async fn rollback(&mut self) -> Result<(), CentralError> {
        Ok(run(self.connection, "ROLLBACK").await?)
    }
}

/// A value that is missing where there must be one is left to its default.
fn is_default(table: &Table, row: &Row, at: usize) -> bool {
    !table.is_key(at) && row.at(at).is_null() && table.at(at).is_some_and(|held| !held.nullable)
}

fn insert_text(table: &Table, rows: &[(&Row, HybridTime)]) -> String {
    let (_, rest) = table.order().split_at(1);
    let values: Vec<String> = rows
        .iter()
        .map(|(row, _)| {
            let rest = rest.iter().map(|&at| if is_default(table, row, at) { ", DEFAULT" } else { ", ?" });
            format!("(IF((@ct_sync_time := ?) IS NULL, NULL, ?){})", rest.collect::<String>())
        })
        .collect();
    let columns: Vec<String> = table.order().iter().filter_map(|&at| Some(table.at(at)?.quoted())).collect();
    format!("INSERT INTO {} ({}) VALUES {}", table.quoted(), columns.join(", "), values.join(", "))
}

/// A row of a table that central does not hold.
fn unheld(entity: &Entity) -> Refusal {
    Refusal::unsent(RefusalKind::Other, format!("central has no table for {}", entity.name))
}

/// The statement's success, the row's own fault, or the end of the batch.
fn sorted(result: Result<(), sqlx::Error>, row: &Row, layout: &Layout) -> Result<Taken, CentralError> {
    match result {
        Ok(()) => Ok(Ok(())),
        Err(error) => refusal_of(error, row, layout).map(Err),
    }
}
