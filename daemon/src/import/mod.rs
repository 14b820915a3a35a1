//! Import of folders: transcripts of Claude Code, and contexts and conversations as JSON or JSON lines.
//!
//! A folder is walked without leaving it ([`folder`]), each file is read record by record ([`records`]), each record is
//! understood ([`record`]) and written by capture, which knows what is there already ([`file`]). The client's own transcripts
//! have a way of their own ([`transcripts`]), by which each is read once. What cannot be read is
//! counted and named, and ends nothing but itself.

mod board;
mod file;
mod folder;
mod record;
mod records;
mod report;
mod transcripts;

use std::path::PathBuf;
use std::sync::Arc;

use sync::StoreError;

pub(crate) use board::{Board, ImportStatus};
pub(crate) use folder::{RootError, open as open_found, walk as files_of};
pub(crate) use report::ImportReport;
use report::Tally;

use crate::capture::{Capture, Place};

/// What is to be imported.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    /// A folder, or a file.
    pub(crate) path: PathBuf,
    /// Only say what would be new.
    pub(crate) dry_run: bool,
    /// It is a folder of the client's transcripts, or one of them: each is read on from where it was read last.
    pub(crate) transcripts: bool,
    /// The project of all of it; without it, each conversation's folder and each context tell.
    pub(crate) place: Option<Place>,
    /// `sessions.id` of contexts that name no session.
    pub(crate) session: Option<String>,
}

/// Why an import did not come to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImportError {
    #[error(transparent)]
    Root(#[from] RootError),
    #[error("save what was read: {0}")]
    Store(#[from] StoreError),
    #[error("go on: the daemon is stopping; the same import again goes on where this one ended")]
    Stopping,
}

/// Imports it all. Runs on a thread for blocking work, and shows on the board how far it is.
pub(crate) fn run(capture: &Capture, order: &Order, board: &Arc<Board>) -> Result<ImportReport, ImportError> {
    let found = folder::walk(&order.path)?;
    if order.transcripts {
        return transcripts::run(capture, order, found, board);
    }
    let mut tally = Tally::new(order, &found);
    board.show(&tally);
    for entry in &found.files {
        if board.is_stopping() {
            return Err(ImportError::Stopping);
        }
        file::import(capture, order, entry, &mut tally, board)?;
        tally.progress.files_processed += 1;
        board.show(&tally);
    }
    Ok(tally.report())
}
