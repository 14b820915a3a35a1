//! Locks as they are shown: rows that all machines share, and what only this one knows of them.

use merge::{Row, Value};
use migrations::catalogue::COORD_SESSION_LOCKS;
use rusqlite::OptionalExtension;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sync::local::ReadTx;
use sync::{StoreError, datetime_text};

use super::claims::{Record, State};

/// A lock on a resource of a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Lock {
    pub(crate) id: String,
    /// The project.
    pub(crate) project_key: String,
    /// Whose it is: a label.
    pub(crate) session_id: String,
    /// What is locked.
    pub(crate) resource: String,
    /// What for.
    pub(crate) description: Option<String>,
    pub(crate) acquired_at: String,
    /// When it ends without further activity; `null`: never by itself.
    pub(crate) expires_at: Option<String>,
    pub(crate) released_at: Option<String>,
    /// True while central does not know of it, or not that it goes on: another machine may get it.
    pub(crate) provisional: bool,
    /// Why it is provisional.
    pub(crate) note: Option<String>,
}

impl Lock {
    /// From its row, with what this machine knows.
    pub(super) fn of(row: &Row, record: Option<&Record>, now_us: u64) -> Self {
        let text = |column: &str| row.text(column).map(str::to_owned);
        let shared = text("expires_at");
        // What central has agreed to, its row says.
        let own = record.filter(|record| record.is_alive(now_us) && record.active_us > record.agreed_us);
        let own = own.map(Record::ends_us);
        let expires_at = match (shared, own) {
            (Some(shared), Some(Some(own))) => Some(shared.max(datetime_text(own))),
            (shared, _) => shared,
        };
        let has_run_out = row.text("expires_at").is_some_and(|end| end <= datetime_text(now_us).as_str());
        let provisional = own.is_some() && has_run_out;
        let note = "its session is active, but central could not be told in time that it goes on";
        Self {
            id: text("id").unwrap_or_default(),
            project_key: text("project_key").unwrap_or_default(),
            session_id: text("session_id").unwrap_or_default(),
            resource: text("resource").unwrap_or_default(),
            description: text("description"),
            acquired_at: text("acquired_at").unwrap_or_default(),
            expires_at,
            released_at: text("released_at"),
            provisional,
            note: provisional.then(|| note.to_owned()),
        }
    }

    /// One that only this machine knows.
    pub(super) fn provisional(record: &Record) -> Self {
        Self {
            id: record.lock_id.clone(),
            project_key: record.project_key.clone(),
            session_id: record.session_id.clone(),
            resource: record.resource.clone(),
            description: record.description.clone(),
            acquired_at: datetime_text(record.claimed_us),
            expires_at: record.ends_us().map(datetime_text),
            released_at: None,
            provisional: true,
            note: record.reason.clone(),
        }
    }

    /// Whether somebody has it.
    pub(crate) fn is_live(&self, now_us: u64) -> bool {
        let now = datetime_text(now_us);
        self.released_at.is_none() && self.expires_at.as_ref().is_none_or(|end| *end > now)
    }
}

/// Every lock that somebody has, the oldest first.
pub(crate) fn live(tx: &ReadTx<'_>, now_us: u64) -> Result<Vec<Lock>, StoreError> {
    let mut locks = gathered(tx, "WHERE released_at IS NULL ORDER BY acquired_at, id", &[], now_us)?;
    locks.retain(|lock| lock.is_live(now_us));
    Ok(locks)
}

/// Every lock that ever was, the oldest first.
pub(crate) fn all(tx: &ReadTx<'_>, now_us: u64) -> Result<Vec<Lock>, StoreError> {
    gathered(tx, "ORDER BY acquired_at, id", &[], now_us)
}

/// The project that a lock is in, whoever may see it, also one that only this machine knows.
pub(crate) fn project_of(tx: &ReadTx<'_>, id: &str) -> Result<Option<String>, StoreError> {
    let sql = "SELECT project_key FROM main.coord_session_locks WHERE id = ?1
               UNION ALL SELECT project_key FROM main.ct_coord_claims WHERE lock_id = ?1";
    Ok(tx.connection().prepare_cached(sql)?.query_row([id], |row| row.get(0)).optional()?)
}

/// The lock of that id.
pub(super) fn one(tx: &ReadTx<'_>, id: &str, now_us: u64) -> Result<Option<Lock>, StoreError> {
    let found = gathered(tx, "WHERE id = ?", &[id.into()], now_us)?;
    Ok(found.into_iter().find(|lock| lock.id == id))
}

/// The live lock of a resource that another session has.
pub(super) fn of_another(tx: &ReadTx<'_>, record: &Record, now_us: u64) -> Result<Option<Lock>, StoreError> {
    let found = live(tx, now_us)?.into_iter();
    Ok(found.filter(|lock| is_of(lock, record)).find(|lock| lock.session_id != record.session_id))
}

/// The live lock of a resource that this session has already.
pub(super) fn of_own(tx: &ReadTx<'_>, record: &Record, now_us: u64) -> Result<Option<Lock>, StoreError> {
    let found = live(tx, now_us)?.into_iter();
    Ok(found.filter(|lock| is_of(lock, record)).find(|lock| lock.session_id == record.session_id))
}

fn is_of(lock: &Lock, record: &Record) -> bool {
    lock.project_key == record.project_key && lock.resource == record.resource
}

fn gathered(tx: &ReadTx<'_>, clause: &str, bound: &[Value], now_us: u64) -> Result<Vec<Lock>, StoreError> {
    let records = Record::all(tx.connection())?;
    let record = |id: &str| records.iter().find(|record| record.lock_id == id);
    let rows = tx.select(COORD_SESSION_LOCKS, clause, bound)?;
    let shared = rows.iter().map(|row| Lock::of(row, row.text("id").and_then(record), now_us));
    let own = records.iter().filter(|record| record.state == State::Provisional && record.is_alive(now_us));
    let mut locks: Vec<Lock> = shared.collect();
    locks.extend(own.map(Lock::provisional));
    Ok(locks)
}
