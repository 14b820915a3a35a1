//! The report when no daemon answers: what the files and the replica say.

use hooks::home::Home;
use hooks::link::DaemonFile;
use sync::engine::{VerifyState, VerifyStatus};
use sync::{StoreError, datetime_text, local};

use super::{DaemonReport, HooksReport, IdentityReport, LocksReport, StatusReport, SyncReport, parts, problems};
use crate::config::Config;
use crate::coord;
use crate::lock;
use crate::vault;

/// Gathers it. Nothing is created, written or started.
pub(crate) fn gather(home: &Home) -> StatusReport {
    let path = home.replica();
    let looked = local::inspect(&path, |tx| {
        let sync =
            (local::counts(tx)?, local::verified(tx)?, local::snapshot_progress(tx)?, Some(local::identity(tx)?));
        let keys = vault::look(home, &vault::known::keys(tx.connection())?);
        let vault = vault::report::gather(tx, keys)?;
        let locks = coord::standing(tx.connection())?;
        let events = (parts::events(tx)?, parts::kinds(tx)?);
        Ok::<_, StoreError>((parts::count(tx)?, events, sync, locks, vault))
    });
    let (counted, (events, redactions), (counts, verified, snapshot, identity), locks, vault, unreadable) = match looked
    {
        Ok((counted, events, sync, locks, vault)) => (Some(counted), events, sync, locks, Some(vault), None),
        Err(error) => (None, Default::default(), Default::default(), LocksReport::default(), None, Some(error)),
    };
    let config = Config::load(&home.config());
    let central = config.as_ref().ok().and_then(|config| config.central_url(&home.config()).ok().flatten());
    let mut report = StatusReport {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        home: home.root().to_path_buf(),
        problems: Vec::new(),
        daemon: daemon(home),
        hooks: HooksReport { redactions, ..parts::hooks(events, home) },
        replica: parts::replica(home, counted),
        sync: SyncReport {
            state: if central.is_some() { "stopped" } else { "unconfigured" }.to_owned(),
            central: central.map(|url| url.to_string()),
            pending: counts.pending,
            quarantined: counts.quarantined,
            conflicts: counts.conflicts,
            parked: counts.parked,
            compared: parts::compared(VerifyStatus::new(verified, &VerifyState::default())),
            waiting: counts.waiting,
            snapshot,
            another_machine: identity.and_then(IdentityReport::of),
            ..SyncReport::default()
        },
        locks,
        vault,
        transcripts: None,
    };
    report.problems = problems::of_offline(&report, config.err().as_ref(), unreadable.as_ref());
    report
}

fn daemon(home: &Home) -> DaemonReport {
    let holder = lock::holder(&home.lock());
    let file = DaemonFile::read(home).ok().flatten().filter(|_| holder.is_some()).unwrap_or_default();
    DaemonReport {
        state: if holder.is_some() { "silent" } else { "down" }.to_owned(),
        pid: holder.and_then(|holder| holder.pid).or(file.pid),
        version: file.version,
        started_at: file.started_at_us.map(datetime_text),
        socket: file.socket,
        http: file.http.map(|address| address.to_string()),
        tasks: Vec::new(),
    }
}
