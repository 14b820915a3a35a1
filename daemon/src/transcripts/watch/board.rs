//! How the watching goes, for `status` and `doctor`.

use std::sync::{Mutex, PoisonError};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::phase::Trouble;

/// The watching of Claude Code's transcripts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct WatchReport {
    /// `watching`; `polling`: looked through now and then; `waiting`: there is no folder yet; `off`.
    pub(crate) state: String,
    /// Folders that are watched, with those within.
    pub(crate) folders: u64,
    /// Files that have changed, and are read when they are quiet.
    pub(crate) waiting: u64,
    /// Prompts that no hook had told of, since the daemon started.
    pub(crate) captured: u64,
    /// When the latest of them was saved.
    pub(crate) last_captured_at: Option<String>,
    /// Files from before the watching began that were never imported.
    pub(crate) older: u64,
    /// Why the system does not tell what changes.
    pub(crate) polling_because: Option<String>,
    /// What cannot be read.
    pub(crate) troubles: Vec<Trouble>,
}

/// The latest report.
#[derive(Debug, Default)]
pub(crate) struct WatchBoard(Mutex<WatchReport>);

impl WatchBoard {
    /// It is not wanted.
    pub(super) fn off(&self) {
        self.set(WatchReport { state: "off".to_owned(), ..WatchReport::default() });
    }

    pub(super) fn set(&self, report: WatchReport) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = report;
    }

    /// How it goes.
    pub(crate) fn report(&self) -> WatchReport {
        let report = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let state = if report.state.is_empty() { "waiting".to_owned() } else { report.state };
        WatchReport { state, ..report }
    }
}
