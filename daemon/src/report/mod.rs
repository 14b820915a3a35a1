//! The state of one machine, as `status` shows it: gathered by the running daemon (`live`), or from files when there is
//! none (`offline`).
//!
//! The shape of these structs is the shape of `status --json`, which programs rely on: fields are added, never renamed
//! or removed. Moments are UTC text (`2026-01-31T23:59:59.000000Z`).

pub(crate) mod live;
pub(crate) mod offline;
mod parts;
pub(crate) mod problems;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sync::datetime_text;
use sync::local::{Identity, SnapshotProgress};

use crate::backup::note::LastBackup;
use crate::meaning::MeaningReport;
use crate::memory::index::IndexReport;
use crate::tasks::TaskReport;
use crate::transcripts::watch::WatchReport;
use crate::vault::report::VaultReport;

/// `claudetools status --json`
#[derive(Debug, Clone, Serialize, Deserialize, schemars::JsonSchema)]
pub(crate) struct StatusReport {
    /// Version of the program that made this report: the daemon's, or the command's when no daemon answers.
    pub(crate) version: String,
    /// The folder of this machine.
    pub(crate) home: PathBuf,
    /// What needs somebody, the worst first; empty when all is well.
    pub(crate) problems: Vec<Problem>,
    pub(crate) daemon: DaemonReport,
    pub(crate) hooks: HooksReport,
    pub(crate) replica: ReplicaReport,
    pub(crate) sync: SyncReport,
    /// Locks that this machine's sessions claimed.
    #[serde(default)]
    pub(crate) locks: LocksReport,
    /// The keys that secrets are sealed with; `null` while the replica cannot be read.
    #[serde(default)]
    pub(crate) vault: Option<VaultReport>,
    /// The watching of Claude Code's transcripts; `null` while no daemon answers.
    #[serde(default)]
    pub(crate) transcripts: Option<WatchReport>,
}

/// Locks that this machine's sessions claimed; those that central has agreed to need nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub(crate) struct LocksReport {
    /// Of which central does not know yet, so that another machine may get them.
    pub(crate) provisional: u64,
    /// Lost to others, of which their sessions were not told yet.
    pub(crate) lost: u64,
}

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Severity {
    /// Memory is not saved, not found or not shared.
    Fail,
    /// It works, but something needs a look.
    Warn,
}

/// The part of ClaudeTools that a problem is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Area {
    Daemon,
    Spool,
    Replica,
    Sync,
    Vault,
}

/// Something that is wrong, and what helps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[schemars(rename = "StatusProblem")]
pub(crate) struct Problem {
    /// `daemon`, `spool`, `replica`, `sync` or `vault`
    pub(crate) area: Area,
    /// `fail` or `warn`
    pub(crate) severity: Severity,
    /// A sentence.
    pub(crate) what: String,
    /// What to do; empty when it heals by itself.
    pub(crate) remedy: String,
}

/// The daemon.
#[derive(Debug, Clone, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub(crate) struct DaemonReport {
    /// `ready`, `opening`, `degraded`, `stopping`; `silent`: it runs and does not answer; `down`.
    pub(crate) state: String,
    /// Process id.
    pub(crate) pid: Option<u32>,
    /// Its version.
    pub(crate) version: Option<String>,
    /// When it started.
    pub(crate) started_at: Option<String>,
    /// Its socket, when it has one.
    pub(crate) socket: Option<PathBuf>,
    /// Its loopback address, when it has one.
    pub(crate) http: Option<String>,
    /// Its background tasks.
    pub(crate) tasks: Vec<TaskReport>,
}

/// The hooks of Claude Code.
#[derive(Debug, Clone, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub(crate) struct HooksReport {
    /// When the latest event was taken.
    pub(crate) last_fired_at: Option<String>,
    /// Which one that was.
    pub(crate) last_event: Option<String>,
    /// Sums by event.
    pub(crate) events: Vec<EventReport>,
    /// Secrets that were taken out before anything was saved, by kind.
    #[serde(default)]
    pub(crate) redactions: BTreeMap<String, u64>,
    /// The latest event that was not taken, since the daemon started.
    pub(crate) last_error: Option<EventError>,
    pub(crate) spool: SpoolReport,
}

/// All firings of one event on this machine.
#[derive(Debug, Clone, Serialize, Deserialize, schemars::JsonSchema)]
pub(crate) struct EventReport {
    /// Claude Code's name of it.
    pub(crate) event: String,
    /// Firings that reached the daemon.
    pub(crate) count: u64,
    /// Firings that were not taken, or rejected.
    pub(crate) errors: u64,
    /// Secrets that were taken out before anything was saved.
    pub(crate) redactions: u64,
    /// When the latest came.
    pub(crate) last_at: Option<String>,
    /// From the request to the answer, milliseconds.
    pub(crate) mean_ms: f64,
    /// The longest so far, milliseconds.
    pub(crate) max_ms: f64,
}

/// An event that was not taken.
#[derive(Debug, Clone, Serialize, Deserialize, schemars::JsonSchema)]
pub(crate) struct EventError {
    pub(crate) event: String,
    pub(crate) at: String,
    pub(crate) reason: String,
}

/// Events on disk.
#[derive(Debug, Clone, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub(crate) struct SpoolReport {
    /// Waiting for the daemon.
    pub(crate) pending: u64,
    /// Set aside in `spool/rejected/`, each with its reason.
    pub(crate) rejected: u64,
    /// Half-written by a hook that was killed, kept as `.broken`.
    pub(crate) broken: u64,
    /// When the outage that the user was told of began; `null` when there is none.
    pub(crate) outage_since: Option<String>,
}

/// The local database.
#[derive(Debug, Clone, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub(crate) struct ReplicaReport {
    /// The file.
    pub(crate) path: PathBuf,
    /// `ok`, `missing` or `unreadable`.
    pub(crate) state: String,
    /// Its size with the write-ahead log.
    pub(crate) bytes: u64,
    /// Rows of all shared tables.
    pub(crate) rows: u64,
    /// What recall can find.
    pub(crate) memories: u64,
    /// About how many rows recall does not find yet: they came by the thousand and are indexed one after another.
    #[serde(default)]
    pub(crate) unindexed: u64,
    pub(crate) sessions: u64,
    pub(crate) projects: u64,
    /// The index that recall searches; `null` while no daemon answers.
    #[serde(default)]
    pub(crate) index: Option<IndexReport>,
    /// Recall by meaning; `null` while there is no sentence model, or no daemon answers.
    #[serde(default)]
    pub(crate) meaning: Option<MeaningReport>,
    /// The last backup of this machine; `null` when none was made.
    #[serde(default)]
    pub(crate) last_backup: Option<LastBackup>,
}

/// The reconciliation with central.
#[derive(Debug, Clone, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub(crate) struct SyncReport {
    /// `unconfigured`, `connecting`, `idle`, `syncing`, `offline`, `refused`; `stopped` without a daemon.
    pub(crate) state: String,
    /// Where central is, without the password.
    pub(crate) central: Option<String>,
    /// When the last round went through.
    pub(crate) last_success_at: Option<String>,
    /// Seconds since then.
    pub(crate) lag_seconds: Option<u64>,
    /// Why the last round did not go through.
    pub(crate) last_error: Option<String>,
    /// What to do about it.
    pub(crate) hint: Option<String>,
    /// When it is tried again.
    pub(crate) retry_at: Option<String>,
    /// Rows that central has not got yet.
    pub(crate) pending: u64,
    /// Rows that one side refused.
    pub(crate) quarantined: u64,
    /// Conflicts flagged for review.
    pub(crate) conflicts: u64,
    /// References that point at nothing for the moment.
    pub(crate) parked: u64,
    /// The last central change that was pulled.
    pub(crate) cursor: u64,
    /// Rows, of those that central has not got, of tables for which it has no place yet.
    #[serde(default)]
    pub(crate) waiting: u64,
    /// How this build and central stand to each other, once they have met.
    #[serde(default)]
    pub(crate) versions: Option<VersionReport>,
    /// How the replica compared with central.
    #[serde(default)]
    pub(crate) compared: ComparedReport,
    /// How far the copy of all tables has come that a new machine takes, or one that was away for months; else `null`.
    #[serde(default)]
    pub(crate) snapshot: Option<SnapshotProgress>,
    /// Why central knows this machine by another name than before, until `sync status` has shown it; else `null`.
    #[serde(default)]
    pub(crate) another_machine: Option<IdentityReport>,
    /// How far the changes of central have come that are being pulled; `null` when none are.
    #[serde(default)]
    pub(crate) pulling: Option<PullReport>,
}

/// This replica was copied from another machine, or restored from a backup.
#[derive(Debug, Clone, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub(crate) struct IdentityReport {
    /// Why it is another machine to central now.
    pub(crate) reason: String,
    /// Since when.
    pub(crate) since: String,
}

impl IdentityReport {
    /// None when there is nothing that its user has not seen.
    pub(crate) fn of(identity: Identity) -> Option<Self> {
        let since = identity.since_us.and_then(|us| u64::try_from(us).ok()).map_or(String::new(), datetime_text);
        identity.reason.filter(|_| !identity.seen).map(|reason| Self { reason, since })
    }
}

/// How far a pull has come.
#[derive(Debug, Clone, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub(crate) struct PullReport {
    /// Changes that were looked at.
    pub(crate) done: u64,
    /// Of about so many.
    pub(crate) of: u64,
}

/// How the replica compared with central.
#[derive(Debug, Clone, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub(crate) struct ComparedReport {
    /// Since when every table was compared; `null`: not all were yet.
    pub(crate) complete_since: Option<String>,
    /// Rows healed so far.
    pub(crate) healed: u64,
    /// Tables with rows that were left different.
    pub(crate) left: Vec<LeftReport>,
    /// Tables of which changes by other programs are not captured.
    pub(crate) uncaptured: Vec<String>,
    /// Why not.
    pub(crate) uncaptured_because: Option<String>,
    /// What to do about it.
    pub(crate) uncaptured_remedy: Option<String>,
    /// Why the latest comparison by itself did not get through.
    pub(crate) trouble: Option<String>,
}

/// A table with rows that differ from central's.
#[derive(Debug, Clone, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub(crate) struct LeftReport {
    pub(crate) table: String,
    /// Rows by kind: `differs`, `missing_here`, `deleted_there`, `vanished`, `never_uploaded`, `orphaned`.
    pub(crate) rows: std::collections::BTreeMap<String, u64>,
}

/// Versions, and what one has and the other has not.
#[derive(Debug, Clone, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub(crate) struct VersionReport {
    /// Version of central's schema.
    pub(crate) central_version: u32,
    /// Version of the daemon's.
    pub(crate) known_version: u32,
    /// False when central takes no changes from a build as old as this.
    pub(crate) may_write: bool,
    /// True when the tables at central are another program's.
    pub(crate) adopted: bool,
    /// Tables for which central has no place: their rows wait here.
    pub(crate) missing_tables: Vec<String>,
    /// Columns for which it has none, as `table.column`: their values stay here.
    pub(crate) missing_columns: Vec<String>,
    /// All of it in a sentence, None when there is nothing to say.
    pub(crate) notice: Option<String>,
    /// What to do about it; empty when nothing needs to be done.
    pub(crate) remedy: String,
}
