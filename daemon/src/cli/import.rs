//! `import`: transcripts and contexts of other times and machines.

use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use clap::Args;
use hooks::home::Home;
use indicatif::{ProgressBar, ProgressStyle};

use super::{Failure, Outcome, output};
use crate::api::special::import::ImportFolder;
use crate::client::{self, ClientError};
use crate::import::{ImportReport, ImportStatus};
use crate::{setup, starter, transcripts};

/// Years of transcripts take their time; whoever waits sees it move.
const PATIENCE: Duration = Duration::from_hours(24);
/// Between two looks at how far it is.
const LOOK: Duration = Duration::from_millis(200);

/// Import transcripts of Claude Code, and contexts and conversations as JSON; what is there already is left as it is
#[derive(Args)]
pub(super) struct Arguments {
    /// Folders, or single .jsonl and .json files
    #[arg(value_name = "PATH", required_unless_present = "transcripts")]
    paths: Vec<PathBuf>,
    /// Claude Code's own transcripts, each read on from where it was read last (default: ~/.claude/projects)
    #[arg(long, value_name = "DIR", num_args = 0..=1, default_missing_value = "")]
    transcripts: Option<OsString>,
    /// Only say what would be new
    #[arg(long)]
    dry_run: bool,
    /// Print JSON: a report for each path
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, home: &Home) -> Result<Outcome, Failure> {
    let wanted = wanted(arguments)?;
    starter::ensure_running(home).map_err(|error| Failure::new(&error).hint(error.hint(home)))?;
    let mut reports = Vec::with_capacity(wanted.len());
    for (path, transcripts) in &wanted {
        // A link that the user names is meant; those within are looked at by the daemon.
        let folder_path =
            std::fs::canonicalize(path).map_err(|error| Failure::new(format!("import {}: {error}", path.display())))?;
        let request = ImportFolder {
            folder_path,
            dry_run: arguments.dry_run,
            transcripts: *transcripts,
            project_id: None,
            session_id: None,
        };
        let ask = || client::post(home, "/api/bulk-import/import-folder", &request, PATIENCE);
        let report: Result<ImportReport, ClientError> = if arguments.json { ask() } else { shown(home, ask) };
        let report = report.map_err(|error| failure(path, &error))?;
        if !arguments.json {
            print(&report);
        }
        reports.push(report);
    }
    if arguments.json {
        output::json(&reports);
    }
    Ok(if reports.iter().all(|report| report.errors_total == 0) { Outcome::Done } else { Outcome::NeedsUser })
}

/// What is to be read, and whether it is the client's own.
fn wanted(arguments: &Arguments) -> Result<Vec<(PathBuf, bool)>, Failure> {
    let mut wanted: Vec<(PathBuf, bool)> = arguments.paths.iter().map(|path| (path.clone(), false)).collect();
    if let Some(folder) = &arguments.transcripts {
        let folder = match folder {
            folder if !folder.is_empty() => PathBuf::from(folder),
            _ => setup::client_folder(None).map(|own| own.join(transcripts::FOLDER)).ok_or_else(|| {
                Failure::new(
                    "find the transcripts of Claude Code: neither CLAUDE_CONFIG_DIR nor a home directory is known",
                )
                .hint("name the folder: claudetools import --transcripts DIR")
            })?,
        };
        wanted.push((folder, true));
    }
    Ok(wanted)
}

fn failure(path: &Path, error: &ClientError) -> Failure {
    Failure::new(format!("import {}: {error}", path.display())).hint(error.hint())
}

/// Does it, and shows how far it is on standard error if that is a terminal.
fn shown<T>(home: &Home, job: impl FnOnce() -> T) -> T {
    if !std::io::stderr().is_terminal() {
        return job();
    }
    std::thread::scope(|scope| {
        let (done, ended) = channel::<()>();
        scope.spawn(move || {
            let bar = ProgressBar::new(1);
            let style = "{bar:30} {percent:>3} % {binary_bytes} of {binary_total_bytes}, {msg}";
            if let Ok(style) = ProgressStyle::with_template(style) {
                bar.set_style(style);
            }
            while ended.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                // What cannot be read for a moment is read the next time; the import itself says what is wrong.
                let status: Result<ImportStatus, _> =
                    client::get(home, "/api/bulk-import/import-status", client::SHORT);
                let Some(progress) = status.ok().and_then(|status| status.progress) else { continue };
                bar.set_length(progress.bytes.max(1));
                bar.set_position(progress.bytes_processed);
                bar.set_message(format!("{} new memories", progress.contexts_created));
            }
            bar.finish_and_clear();
        });
        let outcome = job();
        drop(done);
        outcome
    })
}

fn print(report: &ImportReport) {
    if report.dry_run {
        for preview in &report.contexts_preview {
            output::line(format!("  {}: {} ({})", preview.file, preview.title, preview.category));
        }
    }
    for error in &report.errors {
        output::line(format!("! {error}"));
    }
    let more = report.errors_total.saturating_sub(report.errors.len() as u64);
    if more > 0 {
        output::line(format!("! and {more} more"));
    }
    for skipped in &report.skipped {
        output::line(format!("  left out: {} {}", skipped.count, skipped.reason));
    }
    let mark = if report.errors_total == 0 { "✓" } else { "!" };
    output::line(format!("{mark} {}: {}", report.folder_path, report.summary));
}
