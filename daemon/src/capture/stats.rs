//! Figures of the hooks for `status` and `doctor`: kept in memory, written along with the next event, so that counting
//! costs no commit of its own. What is written are totals, so that a write that fails is made good by the next.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use recall::redact::Kinds;
use rusqlite::Connection;
use serde::Serialize;
use sync::{Store, StoreError};

/// What came in of one event.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct EventStats {
    /// The event's name.
    pub event: String,
    /// How many came.
    pub count: u64,
    /// How many of them could not be taken.
    pub errors: u64,
    /// Secrets that were taken out.
    pub redactions: u64,
    /// When the latest was sent, in microseconds since the Unix epoch.
    pub last_us: u64,
    /// Time spent on all, in microseconds.
    pub latency_us_sum: u64,
    /// Time spent on the slowest, in microseconds.
    pub latency_us_max: u64,
}

/// The figures of this run on top of those of earlier ones.
#[derive(Debug, Default)]
pub(super) struct Stats {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    earlier: Option<HashMap<String, EventStats>>,
    now: HashMap<String, EventStats>,
    /// Secrets that were taken out in this run.
    kinds: Kinds,
    /// Those that were written in earlier runs.
    earlier_kinds: Option<BTreeMap<String, u64>>,
}

impl Stats {
    /// Notes an event and how long it took.
    pub(super) fn note(&self, event: &str, sent_at_us: u64, took: Duration, failed: bool) {
        self.with(event, |stats| {
            let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
            stats.count += 1;
            stats.errors += u64::from(failed);
            stats.last_us = stats.last_us.max(sent_at_us);
            stats.latency_us_sum = stats.latency_us_sum.saturating_add(took_us);
            stats.latency_us_max = stats.latency_us_max.max(took_us);
        });
    }

    /// Notes secrets that were taken out of an event.
    pub(super) fn redacted(&self, event: &str, kinds: &Kinds) {
        if kinds.total() > 0 {
            self.with(event, |stats| stats.redactions += kinds.total());
            self.state.lock().unwrap_or_else(PoisonError::into_inner).kinds.join(kinds);
        }
    }

    /// Writes the totals.
    pub(super) fn write(&self, db: &Connection) -> Result<(), StoreError> {
        let totals = self.totals(db)?;
        let mut upsert = db.prepare_cached(
            "INSERT INTO ct_hook_stats (event, count, errors, redactions, last_us, latency_us_sum, latency_us_max)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT (event) DO UPDATE SET count = excluded.count, errors = excluded.errors,
               redactions = excluded.redactions, last_us = excluded.last_us,
               latency_us_sum = excluded.latency_us_sum, latency_us_max = excluded.latency_us_max",
        )?;
        for stats in totals {
            upsert.execute((
                &stats.event,
                stats.count.cast_signed(),
                stats.errors.cast_signed(),
                stats.redactions.cast_signed(),
                stats.last_us.cast_signed(),
                stats.latency_us_sum.cast_signed(),
                stats.latency_us_max.cast_signed(),
            ))?;
        }
        let mut upsert = db.prepare_cached(
            "INSERT INTO ct_redactions (kind, count) VALUES (?1, ?2)
             ON CONFLICT (kind) DO UPDATE SET count = excluded.count WHERE count <> excluded.count",
        )?;
        for (kind, count) in self.kinds(db)? {
            upsert.execute((kind, count.cast_signed()))?;
        }
        Ok(())
    }

    /// Secrets that were taken out, by kind.
    pub(super) async fn redactions(
        self: &std::sync::Arc<Self>,
        store: &Store,
    ) -> Result<BTreeMap<String, u64>, StoreError> {
        let stats = std::sync::Arc::clone(self);
        store.read_async(move |tx| stats.kinds(tx.connection())).await
    }

    fn kinds(&self, db: &Connection) -> Result<BTreeMap<String, u64>, StoreError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.earlier_kinds.is_none() {
            state.earlier_kinds = Some(kinds(db)?);
        }
        let mut totals = state.earlier_kinds.clone().unwrap_or_default();
        for (kind, count) in state.kinds.iter() {
            *totals.entry(kind.to_owned()).or_default() += count;
        }
        Ok(totals)
    }

    /// Writes the totals in a transaction of their own.
    pub(super) async fn flush(self: &std::sync::Arc<Self>, store: &Store) -> Result<(), StoreError> {
        let stats = std::sync::Arc::clone(self);
        store.write_async(move |tx| stats.write(tx.connection())).await
    }

    /// All totals, by event.
    pub(super) async fn all(self: &std::sync::Arc<Self>, store: &Store) -> Result<Vec<EventStats>, StoreError> {
        let stats = std::sync::Arc::clone(self);
        store.read_async(move |tx| stats.totals(tx.connection())).await
    }

    fn totals(&self, db: &Connection) -> Result<Vec<EventStats>, StoreError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.earlier.is_none() {
            state.earlier = Some(read(db)?);
        }
        let mut totals = state.earlier.clone().unwrap_or_default();
        for (event, now) in &state.now {
            let total = totals.entry(event.clone()).or_default();
            total.event.clone_from(event);
            total.count += now.count;
            total.errors += now.errors;
            total.redactions += now.redactions;
            total.last_us = total.last_us.max(now.last_us);
            total.latency_us_sum = total.latency_us_sum.saturating_add(now.latency_us_sum);
            total.latency_us_max = total.latency_us_max.max(now.latency_us_max);
        }
        let mut totals: Vec<EventStats> = totals.into_values().collect();
        totals.sort_by(|a, b| a.event.cmp(&b.event));
        Ok(totals)
    }

    fn with(&self, event: &str, change: impl FnOnce(&mut EventStats)) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        change(state.now.entry(super::fit::chars(event, 100)).or_default());
    }
}

/// Secrets that were taken out, by kind, as they were written last.
pub(crate) fn kinds(db: &Connection) -> Result<BTreeMap<String, u64>, StoreError> {
    let mut statement = db.prepare_cached("SELECT kind, count FROM ct_redactions")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned())))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn read(db: &Connection) -> Result<HashMap<String, EventStats>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT event, count, errors, redactions, last_us, latency_us_sum, latency_us_max FROM ct_hook_stats",
    )?;
    let rows = statement.query_map([], |row| {
        let number = |at| row.get::<_, i64>(at).map(i64::cast_unsigned);
        Ok(EventStats {
            event: row.get(0)?,
            count: number(1)?,
            errors: number(2)?,
            redactions: number(3)?,
            last_us: number(4)?,
            latency_us_sum: number(5)?,
            latency_us_max: number(6)?,
        })
    })?;
    rows.map(|row| row.map(|stats| (stats.event.clone(), stats))).collect::<Result<_, _>>().map_err(Into::into)
}
