//! The report of a running daemon.

use std::collections::BTreeMap;

use sync::engine::{SyncState, SyncStatus};
use sync::{datetime_text, local};

use super::parts::{self, Counted};
use super::{
    DaemonReport, EventReport, HooksReport, IdentityReport, LocksReport, PullReport, ReplicaReport, StatusReport,
    SyncReport, VersionReport, problems,
};
use crate::app::App;
use crate::coord;
use crate::meaning::MeaningReport;
use crate::memory::index::IndexReport;
use crate::phase::{Core, Phase};
use crate::vault::report::{self as vault_report, VaultReport};

/// What is known of the replica and what stands on it.
#[derive(Default)]
struct Seen {
    counted: Option<Counted>,
    events: Vec<EventReport>,
    kinds: BTreeMap<String, u64>,
    sync: SyncReport,
    locks: LocksReport,
    vault: Option<VaultReport>,
    index: Option<IndexReport>,
    meaning: Option<MeaningReport>,
}

/// Gathers it.
pub(crate) async fn gather(app: &App) -> StatusReport {
    let phase = app.phase.borrow().clone();
    let seen = match &phase {
        Phase::Ready(core) => look(core, app.clock.now_us()).await,
        _ => Seen::default(),
    };
    let mut report = StatusReport {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        home: app.home.root().to_path_buf(),
        problems: Vec::new(),
        daemon: daemon(app, &phase),
        hooks: HooksReport {
            last_error: app.last_error(),
            redactions: seen.kinds,
            ..parts::hooks(seen.events, &app.home)
        },
        replica: ReplicaReport { index: seen.index, meaning: seen.meaning, ..parts::replica(&app.home, seen.counted) },
        sync: seen.sync,
        locks: seen.locks,
        vault: seen.vault,
        transcripts: Some(app.watched.report()),
    };
    report.problems = problems::of_live(app, &phase, &report);
    report
}

async fn look(core: &Core, now_us: u64) -> Seen {
    let (engine, vault) = (core.engine.clone(), std::sync::Arc::clone(&core.vault));
    let keys =
        move |tx: &local::ReadTx<'_>| vault_report::gather(tx, vault.ring().map_err(|it| vault_report::said(&it)));
    let (counted, identity, locks, events, kinds, vault, status) = tokio::join!(
        core.store.read_async(parts::count),
        core.store.read_async(local::identity),
        core.store.read_async(|tx| coord::standing(tx.connection())),
        core.capture.event_stats(),
        core.capture.redactions(),
        core.store.read_async(keys),
        tokio::task::spawn_blocking(move || engine.status()),
    );
    if let Some(error) = counted.as_ref().err().or(events.as_ref().err()) {
        tracing::warn!(%error, "the replica could not be read for the status");
    }
    Seen {
        locks: locks.unwrap_or_default(),
        counted: counted.ok(),
        events: events.unwrap_or_default().into_iter().map(parts::event).collect(),
        kinds: kinds.unwrap_or_default(),
        sync: SyncReport {
            another_machine: identity.ok().and_then(IdentityReport::of),
            ..status.map_or_else(|_| SyncReport::default(), |status| sync(status, now_us))
        },
        vault: vault.ok(),
        index: Some(core.index.report()),
        meaning: core.index.meaning().map(|meaning| meaning.report()),
    }
}

fn daemon(app: &App, phase: &Phase) -> DaemonReport {
    let addresses = app.addresses.get().cloned().unwrap_or_default();
    DaemonReport {
        state: phase.name().to_owned(),
        pid: Some(std::process::id()),
        version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        started_at: Some(datetime_text(app.started_us)),
        socket: addresses.socket,
        http: addresses.http.map(|address| address.to_string()),
        tasks: app.tasks.reports(),
    }
}

fn sync(status: SyncStatus, now_us: u64) -> SyncReport {
    SyncReport {
        state: state_name(status.state).to_owned(),
        central: status.central,
        last_success_at: status.last_success_us.map(datetime_text),
        lag_seconds: status.last_success_us.map(|then| now_us.saturating_sub(then) / 1_000_000),
        last_error: status.last_error,
        hint: status.hint,
        retry_at: status.retry_at_us.map(datetime_text),
        pending: status.pending,
        quarantined: status.quarantined,
        conflicts: status.conflicts,
        parked: status.parked,
        cursor: status.cursor,
        snapshot: status.snapshot,
        another_machine: None,
        pulling: status.pulling.map(|pulling| PullReport { done: pulling.done, of: pulling.of }),
        compared: parts::compared(status.verify),
        waiting: status.waiting,
        versions: status.versions.map(versions),
    }
}

fn versions(found: sync::engine::VersionReport) -> VersionReport {
    VersionReport {
        central_version: found.central,
        known_version: found.known,
        may_write: found.may_write,
        adopted: found.is_adopted,
        missing_tables: found.missing_tables,
        missing_columns: found.missing_columns,
        notice: found.notice,
        remedy: found.remedy,
    }
}

fn state_name(state: SyncState) -> &'static str {
    match state {
        SyncState::Unconfigured => "unconfigured",
        SyncState::Connecting => "connecting",
        SyncState::Idle => "idle",
        SyncState::Syncing => "syncing",
        SyncState::Offline => "offline",
        SyncState::Paused => "paused",
        SyncState::Refused => "refused",
    }
}
