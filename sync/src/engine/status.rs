//! What the engine is doing, for people and programs.

use serde::Serialize;

use super::round::Pulling;
use super::verify::{Blind, VerifyState};
use crate::central::{CentralError, CentralUrl, Versions};
use crate::local::{Counts, SnapshotProgress, StoreError, Verified};

/// In short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SyncState {
    /// No central is configured.
    Unconfigured,
    /// The first connection is being made.
    Connecting,
    /// Connected, nothing to do.
    Idle,
    /// A round is running.
    Syncing,
    /// Central cannot be reached; the journal collects, and it is tried again.
    Offline,
    /// The user wants no exchange for the moment; the journal collects.
    Paused,
    /// Central answers but does not let this machine in, or is of another version. Somebody must act.
    Refused,
}

/// The engine's state.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct SyncStatus {
    /// In short.
    pub state: SyncState,
    /// Where central is, without the password.
    pub central: Option<String>,
    /// End of the last round that went through, microseconds since the Unix epoch.
    pub last_success_us: Option<u64>,
    /// Why the last round did not go through.
    pub last_error: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
    /// Rows that central has not got yet.
    pub pending: u64,
    /// Rows refused by one side.
    pub quarantined: u64,
    /// Conflicts flagged for review.
    pub conflicts: u64,
    /// References that point at nothing for the moment.
    pub parked: u64,
    /// The last central change that was pulled.
    pub cursor: u64,
    /// When it is tried again, microseconds since the Unix epoch.
    pub retry_at_us: Option<u64>,
    /// The snapshot that is being taken.
    pub snapshot: Option<SnapshotProgress>,
    /// The pull that is under way, if it takes more than a page.
    pub pulling: Option<Pulling>,
    /// How the replica compared with central.
    pub verify: VerifyStatus,
    /// Rows, of those that central has not got, of tables for which it has no place.
    pub waiting: u64,
    /// How this build and central stand to each other, once they have met.
    pub versions: Option<VersionReport>,
}

/// How the replica compared with central.
#[derive(Debug, Clone, Default, Serialize, schemars::JsonSchema)]
pub struct VerifyStatus {
    /// Since when every table that has rows was compared, microseconds since the Unix epoch; None: not yet.
    pub complete_since_us: Option<u64>,
    /// Rows healed so far.
    pub healed: u64,
    /// The tables with rows that were left different.
    pub found: Vec<Verified>,
    /// Tables of which changes are not captured at the moment.
    pub blind: Option<Blind>,
    /// Why the latest comparison by itself did not get through.
    pub trouble: Option<String>,
}

impl VerifyStatus {
    /// From what the replica remembers, and what the engine knows.
    pub fn new(verified: Vec<Verified>, state: &VerifyState) -> Self {
        let oldest = verified.iter().map(|table| table.verified_us).min();
        Self {
            complete_since_us: oldest.filter(|us| *us > 0),
            healed: verified.iter().map(|table| table.healed).sum(),
            found: verified.into_iter().filter(|table| !table.found.is_empty()).collect(),
            blind: state.blind.clone(),
            trouble: state.trouble.clone(),
        }
    }
}

/// How this build and central stand to each other.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct VersionReport {
    /// Version of central's schema.
    pub central: u32,
    /// Version of this build's.
    pub known: u32,
    /// False when central says that this build is too old to write to it.
    pub may_write: bool,
    /// True when the tables at central are another program's.
    pub is_adopted: bool,
    /// Tables for which central has no place: their rows wait here.
    pub missing_tables: Vec<String>,
    /// Columns for which it has none, as `table.column`: their values stay here.
    pub missing_columns: Vec<String>,
    /// All of it in a sentence, None when there is nothing to say.
    pub notice: Option<String>,
    /// What to do about it; empty when nothing needs to be done.
    pub remedy: String,
}

impl From<&Versions> for VersionReport {
    fn from(versions: &Versions) -> Self {
        let tables = versions.extent.missing_tables();
        Self {
            central: versions.central,
            known: versions.known,
            may_write: versions.may_write,
            is_adopted: versions.is_adopted,
            missing_tables: tables.into_iter().map(|entity| entity.name.to_owned()).collect(),
            missing_columns: versions.extent.missing_columns(),
            notice: versions.notice(),
            remedy: versions.remedy().to_owned(),
        }
    }
}

/// Why a round did not go through.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SyncError {
    /// There is nothing to sync with.
    #[error("no central database is configured")]
    Unconfigured,
    /// Central's side.
    #[error(transparent)]
    Central(#[from] CentralError),
    /// This machine's side.
    #[error("{}", of_store(.0))]
    Store(#[from] StoreError),
    /// The user wants no exchange for the moment.
    #[error("the exchange with central is paused")]
    Paused,
    /// A comparison runs already.
    #[error("a comparison with central is running already")]
    Comparing,
    /// The engine has been stopped.
    #[error("the sync engine is stopped")]
    Stopped,
}

/// A request that was declined speaks for itself.
fn of_store(error: &StoreError) -> String {
    match error {
        StoreError::Declined { reason, .. } => reason.clone(),
        other => format!("the replica: {other}"),
    }
}

impl SyncError {
    /// What the user can do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unconfigured => Some("run `claudetools setup --central URL`".into()),
            Self::Central(error) => error.hint().map(Into::into),
            Self::Store(StoreError::Declined { remedy, .. }) => Some(remedy.clone()),
            Self::Store(StoreError::HasChildren { child, .. }) => {
                Some(format!("delete those rows of {child}, or move them, first"))
            }
            Self::Store(_) => Some("run `claudetools doctor`".into()),
            Self::Paused => Some("resume it: `claudetools sync resume`".into()),
            Self::Comparing => Some("wait for its end: `claudetools status` shows it".into()),
            Self::Stopped => Some("start the daemon again: `claudetools daemon`".into()),
        }
    }

    /// True when somebody must act before it can go on.
    fn is_refusal(&self) -> bool {
        matches!(self, Self::Central(error) if !error.is_retryable())
    }
}

/// What the task publishes; the counts are added when somebody asks.
#[derive(Debug, Clone)]
pub(super) struct Progress {
    state: SyncState,
    central: Option<String>,
    last_success_us: Option<u64>,
    last_error: Option<String>,
    hint: Option<String>,
    cursor: u64,
    retry_at_us: Option<u64>,
    versions: Option<VersionReport>,
    pulling: Option<Pulling>,
}

impl Progress {
    pub(super) fn new(central: Option<&CentralUrl>) -> Self {
        Self {
            state: if central.is_some() { SyncState::Connecting } else { SyncState::Unconfigured },
            central: central.map(ToString::to_string),
            last_success_us: None,
            last_error: None,
            hint: None,
            cursor: 0,
            retry_at_us: None,
            versions: None,
            pulling: None,
        }
    }

    /// What it is doing.
    pub(super) fn state(&self) -> SyncState {
        self.state
    }

    /// By hand.
    pub(super) fn paused(&mut self, paused: bool) {
        if paused {
            self.state = SyncState::Paused;
        } else if self.state == SyncState::Paused {
            self.state = SyncState::Connecting;
        }
        self.retry_at_us = None;
    }

    pub(super) fn syncing(&mut self) {
        self.state = SyncState::Syncing;
        self.retry_at_us = None;
    }

    pub(super) fn succeeded(&mut self, now_us: u64, cursor: u64) {
        let (central, versions) = (self.central.take(), self.versions.take());
        *self = Self { central, versions, last_success_us: Some(now_us), cursor, ..Self::new(None) };
        self.state = SyncState::Idle;
    }

    /// So far the pull has come.
    pub(super) fn pulled(&mut self, pulling: Option<Pulling>) {
        self.pulling = pulling;
    }

    /// Central was met.
    pub(super) fn met(&mut self, versions: &Versions) {
        self.versions = Some(versions.into());
    }

    /// A look told that nothing is new, which is as good as a round.
    pub(super) fn looked(&mut self, now_us: u64) {
        self.last_success_us = Some(now_us);
    }

    pub(super) fn failed(&mut self, error: &SyncError, retry_at_us: u64) {
        self.state = if error.is_refusal() { SyncState::Refused } else { SyncState::Offline };
        self.last_error = Some(error.to_string());
        self.hint = error.hint();
        self.retry_at_us = Some(retry_at_us);
        self.pulling = None;
    }

    pub(super) fn status(&self, counts: Result<(Counts, Option<SnapshotProgress>), StoreError>) -> SyncStatus {
        let ((counts, snapshot), unread) = match counts {
            Ok(counts) => (counts, None),
            Err(error) => (Default::default(), Some(error.to_string())),
        };
        SyncStatus {
            state: self.state,
            central: self.central.clone(),
            last_success_us: self.last_success_us,
            last_error: self.last_error.clone().or(unread),
            hint: self.hint.clone(),
            pending: counts.pending,
            quarantined: counts.quarantined,
            conflicts: counts.conflicts,
            parked: counts.parked,
            cursor: self.cursor,
            retry_at_us: self.retry_at_us,
            snapshot,
            pulling: self.pulling,
            verify: VerifyStatus::default(),
            waiting: counts.waiting,
            versions: self.versions.clone(),
        }
    }
}
