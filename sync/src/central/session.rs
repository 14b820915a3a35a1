//! A [`Transaction`] on a connection: the statements of a push.
//!
//! Each row keeps its own time: the triggers read it from a user variable, which an INSERT of many rows sets from row to
//! row, in the expression of the first column.

use std::collections::HashMap;

use merge::{HybridTime, Key, Row, RowId};
use migrations::Entity;
use sqlx::Row as _;
use sqlx::mysql::MySqlConnection;

use super::CentralError;
use super::codec::bind;
use super::feed::{entries_of, read_image};
use super::refusal::{columns_in, refusal_of};
use super::rows::{KEYS_AT_ONCE, Lock, read_keys};
use super::schema::{LATEST_STEP, require_step};
use super::sql::{bind_keys, key_is, key_text, name, names, padded, repeated, rounded_up, run, statement};
use super::transaction::{Locked, Logged, Machine, StoredReceipt, Taken, Transaction, Unnumbered};
use super::triggers::NOW_US;
use super::write::INSERT_SIZES;

/// Receipts kept for each replica; only the latest is ever needed, the others are for people who look for a fault.
const RECEIPTS_KEPT: u64 = 8;

/// Commits, and takes the marks of a push off the session: other statements on this connection are not of that origin.
const COMMIT: &str = "COMMIT; SET @ct_sync_origin = NULL, @ct_sync_time = NULL";

/// A connection with an open transaction.
pub(super) struct Session<'c> {
    connection: &'c mut MySqlConnection,
    /// The session's `@ct_sync_time`.
    stamp: Option<HybridTime>,
}

impl<'c> Session<'c> {
    /// Opens a transaction.
    pub(super) async fn begin(connection: &'c mut MySqlConnection) -> Result<Self, CentralError> {
        run(connection, "START TRANSACTION").await?;
        Ok(Self { connection, stamp: None })
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
        let text =
            format!("SELECT batch_no, {NOW_US}, {LATEST_STEP} FROM ct_sync_machines WHERE replica_id = ? FOR UPDATE");
        for _ in 0..2 {
            let row = statement(text.clone()).bind(replica_id).fetch_optional(&mut *self.connection).await?;
            if let Some(row) = row {
                require_step(row.try_get_unchecked(2)?)?;
                let now: i64 = row.try_get_unchecked(1)?;
                return Ok(Machine { batch_no: row.try_get_unchecked(0)?, now: HybridTime(now.max(0).unsigned_abs()) });
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
            let found = read_keys(self.connection, entity, &keys, Lock::ForUpdate).await?;
            locked.extend(found.into_iter().map(|(key, row)| (RowId::new(entity, key), row)));
        }
        Ok(locked)
    }

    async fn logged(&mut self, ids: &[RowId]) -> Result<HashMap<RowId, Logged>, CentralError> {
        let entries = entries_of(self.connection, ids).await?;
        let logged = entries.into_iter().map(|(id, entry)| {
            let image = entry.decoded_image();
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
                let image = read_image(&id, row.try_get_unchecked(4)?);
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

    /// A value that is missing where there must be one is left to its default.
    async fn insert(&mut self, rows: &[(&Row, HybridTime)]) -> Result<Taken, CentralError> {
        let Some((first, _)) = rows.first() else { return Ok(Ok(())) };
        let entity = first.entity();
        let is_default = |row: &Row, at: usize| at > 0 && row.at(at).is_null() && !entity.columns[at].nullable;
        let values: Vec<String> = rows
            .iter()
            .map(|(row, _)| {
                let rest = (1..entity.columns.len()).map(|at| if is_default(row, at) { ", DEFAULT" } else { ", ?" });
                format!("(IF((@ct_sync_time := ?) IS NULL, NULL, ?){})", rest.collect::<String>())
            })
            .collect();
        let text = format!(
            "INSERT INTO {} ({}) VALUES {}",
            name(entity.name),
            names(entity.columns.iter().map(|column| column.name)),
            values.join(", ")
        );
        let usual = INSERT_SIZES.contains(&rows.len()) && !text.contains("DEFAULT");
        let mut query = statement(text).persistent(usual);
        for (row, time) in rows {
            query = query.bind(time.0);
            for (at, column) in entity.columns.iter().enumerate().filter(|(at, _)| !is_default(row, *at)) {
                query = bind(query, column.kind, row.at(at));
            }
        }
        self.stamp = None;
        let result = query.execute(&mut *self.connection).await;
        sorted(result.map(drop), first)
    }

    async fn update(&mut self, before: &Row, after: &Row, time: HybridTime) -> Result<Taken, CentralError> {
        let entity = after.entity();
        let changed: Vec<usize> = (0..entity.columns.len()).filter(|&at| before.at(at) != after.at(at)).collect();
        if changed.is_empty() {
            return Ok(Ok(()));
        }
        self.stamp(time).await?;
        let set: Vec<String> = changed.iter().map(|&at| format!("{} = ?", name(entity.columns[at].name))).collect();
        let text = format!("UPDATE {} SET {} WHERE {}", name(entity.name), set.join(", "), key_is(entity));
        let mut query = statement(text);
        for &at in &changed {
            query = bind(query, entity.columns[at].kind, after.at(at));
        }
        let result = bind_keys(query, [&after.key()]).execute(&mut *self.connection).await;
        sorted(result.map(drop), after)
    }

    async fn delete(&mut self, before: &Row, time: HybridTime) -> Result<Taken, CentralError> {
        self.stamp(time).await?;
        let entity = before.entity();
        let text = format!("DELETE FROM {} WHERE {}", name(entity.name), key_is(entity));
        let result = bind_keys(statement(text), [&before.key()]).execute(&mut *self.connection).await;
        sorted(result.map(drop), before)
    }

    async fn parent_of(
        &mut self,
        entity: &'static Entity,
        column: &'static str,
        key: &Key,
    ) -> Result<Option<Key>, CentralError> {
        let (column, table) = (name(column), name(entity.name));
        let text = format!("SELECT {column} FROM {table} WHERE {} LOCK IN SHARE MODE", key_is(entity));
        let row = bind_keys(statement(text), [key]).fetch_optional(&mut *self.connection).await?;
        let parent: Option<String> = row.map(|row| row.try_get_unchecked(0)).transpose()?.flatten();
        Ok(parent.map(Key::new))
    }

    async fn holder_of(&mut self, row: &Row, columns: &[&'static str]) -> Result<Option<RowId>, CentralError> {
        let entity = row.entity();
        let same: Vec<String> = columns.iter().map(|column| format!("{} = ?", name(column))).collect();
        let text =
            format!("SELECT {} FROM {} WHERE {} LIMIT 1", key_text(entity, ""), name(entity.name), same.join(" AND "));
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
        let query = sqlx::query(text).bind(entity.name).bind(name);
        let found = query.fetch_optional(&mut *self.connection).await?;
        let clause: Option<String> = found.map(|row| row.try_get_unchecked(0)).transpose()?;
        Ok(clause.map(|clause| columns_in(entity, &clause)).unwrap_or_default())
    }

    async fn commit(&mut self) -> Result<(), CentralError> {
        Ok(run(self.connection, COMMIT).await?)
    }

    async fn rollback(&mut self) -> Result<(), CentralError> {
        Ok(run(self.connection, "ROLLBACK").await?)
    }
}

/// The statement's success, the row's own fault, or the end of the batch.
fn sorted(result: Result<(), sqlx::Error>, row: &Row) -> Result<Taken, CentralError> {
    match result {
        Ok(()) => Ok(Ok(())),
        Err(error) => refusal_of(error, row).map(Err),
    }
}
