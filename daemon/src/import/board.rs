//! How far the import that runs is, and what became of the last one: for whoever asks.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::report::{ImportReport, Progress, Tally};

/// `GET /api/bulk-import/import-status`
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct ImportStatus {
    pub(crate) running: bool,
    /// Of the import that runs; empty when none does.
    pub(crate) progress: Option<Progress>,
    /// What became of the last one since the daemon started.
    pub(crate) last: Option<ImportReport>,
    /// Why the last one did not come to its end.
    pub(crate) last_error: Option<String>,
}

/// One import at a time.
#[derive(Debug, Default)]
pub(crate) struct Board {
    status: Mutex<ImportStatus>,
    stopping: AtomicBool,
}

impl Board {
    /// Whether an import may begin; it is then the one that runs.
    pub(crate) fn claim(&self) -> bool {
        let mut status = self.status();
        !std::mem::replace(&mut status.running, true)
    }

    /// The import that runs has ended.
    pub(crate) fn end(&self, outcome: Result<ImportReport, String>) {
        let mut status = self.status();
        status.running = false;
        status.progress = None;
        match outcome {
            Ok(report) => (status.last, status.last_error) = (Some(report), None),
            Err(error) => status.last_error = Some(error),
        }
    }

    /// How it stands.
    pub(crate) fn now(&self) -> ImportStatus {
        self.status().clone()
    }

    /// The import that runs ends after what it has in hand.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    pub(super) fn show(&self, tally: &Tally) {
        self.status().progress = Some(tally.progress.clone());
    }

    fn status(&self) -> MutexGuard<'_, ImportStatus> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
