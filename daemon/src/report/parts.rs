//! The parts of a report that come from the replica and the spool, whoever gathers them.

use std::collections::BTreeMap;
use std::fs;

use hooks::home::Home;
use hooks::{outage, spool};
use sync::engine::VerifyStatus;
use sync::local::ReadTx;
use sync::{StoreError, datetime_text};

use super::{ComparedReport, EventReport, HooksReport, LeftReport, ReplicaReport, SpoolReport};
use crate::backup::note;
use crate::capture::{EventStats, redaction_kinds};
use crate::intake;
use crate::memory::late;

/// The rows of the replica, counted on one snapshot.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counted {
    rows: u64,
    memories: u64,
    unindexed: u64,
    sessions: u64,
    projects: u64,
}

pub(super) fn count(tx: &ReadTx<'_>) -> Result<Counted, StoreError> {
    let of = |table: &str| -> Result<u64, StoreError> {
        // The name comes from the catalogue, or is written here.
        Ok(tx.connection().prepare_cached(&format!("SELECT count(*) FROM {table}"))?.query_row([], |row| row.get(0))?)
    };
    let shared = migrations::ENTITIES.iter().filter(|entity| entity.is_replicated());
    let rows = shared.map(|entity| of(entity.name)).sum::<Result<u64, StoreError>>()?;
    Ok(Counted {
        rows,
        memories: of("ct_memory")?,
        unindexed: late::unindexed(tx)?,
        sessions: of("sessions")?,
        projects: of("projects")?,
    })
}

pub(super) fn replica(home: &Home, counted: Option<Counted>) -> ReplicaReport {
    let path = home.replica();
    let size = |suffix: &str| {
        let mut name = path.clone().into_os_string();
        name.push(suffix);
        fs::metadata(name).map_or(0, |metadata| metadata.len())
    };
    let state = match counted {
        Some(_) => "ok",
        None if path.exists() => "unreadable",
        None => "missing",
    };
    let Counted { rows, memories, unindexed, sessions, projects } = counted.unwrap_or_default();
    let bytes = size("") + size("-wal");
    let (state, last_backup) = (state.to_owned(), note::last(home));
    ReplicaReport {
        path,
        state,
        bytes,
        rows,
        memories,
        unindexed,
        sessions,
        projects,
        index: None,
        meaning: None,
        last_backup,
    }
}

pub(super) fn spool(home: &Home) -> SpoolReport {
    let folder = home.spool();
    let broken = fs::read_dir(&folder).into_iter().flatten().flatten();
    SpoolReport {
        pending: spool::pending(&folder).map_or(0, |paths| paths.len() as u64),
        rejected: intake::rejected_count(&folder),
        broken: broken.filter(|entry| entry.path().extension().is_some_and(|end| end == "broken")).count() as u64,
        outage_since: outage::since(&folder).ok().flatten().map(datetime_text),
    }
}

/// How the replica compared with central.
pub(super) fn compared(status: VerifyStatus) -> ComparedReport {
    let (uncaptured, because, remedy) =
        status.blind.map_or((Vec::new(), None, None), |blind| (blind.tables, Some(blind.reason), Some(blind.remedy)));
    ComparedReport {
        complete_since: status.complete_since_us.map(datetime_text),
        healed: status.healed,
        left: status.found.into_iter().map(|it| LeftReport { table: it.table, rows: it.found }).collect(),
        uncaptured,
        uncaptured_because: because,
        uncaptured_remedy: remedy,
        trouble: status.trouble,
    }
}

/// The sums of each event, as capture saved them.
pub(super) fn events(tx: &ReadTx<'_>) -> Result<Vec<EventReport>, StoreError> {
    let sql = "SELECT event, count, errors, redactions, last_us, latency_us_sum, latency_us_max
                 FROM ct_hook_stats ORDER BY event";
    let mut statement = tx.connection().prepare_cached(sql)?;
    let rows = statement.query_map([], |row| {
        Ok(event(EventStats {
            event: row.get(0)?,
            count: row.get(1)?,
            errors: row.get(2)?,
            redactions: row.get(3)?,
            last_us: row.get(4)?,
            latency_us_sum: row.get(5)?,
            latency_us_max: row.get(6)?,
        }))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Secrets that were taken out, by kind; none of a replica that is older than their table.
pub(super) fn kinds(tx: &ReadTx<'_>) -> Result<BTreeMap<String, u64>, StoreError> {
    let db = tx.connection();
    if !db.prepare_cached("SELECT 1 FROM sqlite_master WHERE name = 'ct_redactions'")?.exists([])? {
        return Ok(BTreeMap::new());
    }
    redaction_kinds(db)
}

/// The sums of one event, for a report.
pub(super) fn event(stats: EventStats) -> EventReport {
    EventReport {
        last_at: (stats.last_us > 0).then(|| datetime_text(stats.last_us)),
        mean_ms: millis(stats.latency_us_sum.checked_div(stats.count).unwrap_or(0)),
        max_ms: millis(stats.latency_us_max),
        event: stats.event,
        count: stats.count,
        errors: stats.errors,
        redactions: stats.redactions,
    }
}

pub(super) fn hooks(events: Vec<EventReport>, home: &Home) -> HooksReport {
    let latest = events.iter().max_by(|one, other| one.last_at.cmp(&other.last_at));
    let (last_event, last_fired_at) =
        latest.map_or((None, None), |event| (Some(event.event.clone()), event.last_at.clone()));
    let redactions = BTreeMap::new();
    HooksReport { last_fired_at, last_event, events, redactions, last_error: None, spool: spool(home) }
}

/// Milliseconds to a hundredth, from microseconds.
fn millis(micros: u64) -> f64 {
    let hundredths = u32::try_from(micros / 10).unwrap_or(u32::MAX);
    f64::from(hundredths) / 100.0
}
