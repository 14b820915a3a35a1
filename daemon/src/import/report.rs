//! What an import found and made.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Order;
use super::folder::Found;

/// Errors and previews that a report names; the rest is counted.
const NAMED: usize = 200;
const PREVIEWED: usize = 100;

/// How far an import is.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ImportProgress")]
pub(crate) struct Progress {
    pub(crate) folder_path: String,
    pub(crate) files_scanned: u64,
    pub(crate) files_processed: u64,
    pub(crate) bytes: u64,
    pub(crate) bytes_processed: u64,
    pub(crate) contexts_created: u64,
    pub(crate) errors: u64,
}

/// What became of an import.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct ImportReport {
    /// Nothing was written: it is what would be done.
    pub(crate) dry_run: bool,
    pub(crate) folder_path: String,
    /// Files that were found.
    pub(crate) files_scanned: u64,
    /// Files that were read.
    pub(crate) files_processed: u64,
    /// Memories that are new; what was there already is not counted.
    pub(crate) contexts_created: u64,
    /// What could not be taken, by file and line, and why; the first of them.
    pub(crate) errors: Vec<String>,
    /// How many there are.
    pub(crate) errors_total: u64,
    /// Secrets that were taken out.
    pub(crate) redactions: u64,
    /// What was left out, and why; of transcripts only.
    #[serde(default)]
    pub(crate) skipped: Vec<Skipped>,
    /// What was read, the first of it.
    pub(crate) contexts_preview: Vec<Preview>,
    /// All of it in a sentence.
    pub(crate) summary: String,
}

/// What was left out for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ImportSkipped")]
pub(crate) struct Skipped {
    /// What it was, and so why.
    pub(crate) reason: String,
    /// How much of it there was.
    pub(crate) count: u64,
}

/// A conversation or context that was read.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ImportPreview")]
pub(crate) struct Preview {
    pub(crate) file: String,
    pub(crate) title: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// The project, by slug.
    pub(crate) category: String,
    pub(crate) message_count: u64,
    pub(crate) tags: Vec<String>,
    /// Stored importance, 0 to 10.
    pub(crate) relevance_score: f64,
    /// The share of its prompts that were answered, 0 to 10.
    pub(crate) quality_score: f64,
}

/// A report in the making.
pub(super) struct Tally {
    dry_run: bool,
    pub(super) progress: Progress,
    pub(super) redactions: u64,
    errors: Vec<String>,
    previews: Vec<Preview>,
    skipped: Vec<Skipped>,
}

impl Tally {
    pub(super) fn new(order: &Order, found: &Found) -> Self {
        let mut tally = Self {
            dry_run: order.dry_run,
            progress: Progress {
                folder_path: order.path.display().to_string(),
                files_scanned: found.files.len() as u64,
                bytes: found.files.iter().map(|file| file.bytes).sum(),
                ..Progress::default()
            },
            redactions: 0,
            errors: Vec::new(),
            previews: Vec::new(),
            skipped: Vec::new(),
        };
        found.errors.iter().for_each(|error| tally.error(error.clone()));
        tally
    }

    pub(super) fn error(&mut self, error: String) {
        self.progress.errors += 1;
        self.name(error);
    }

    /// Names what is counted elsewhere.
    pub(super) fn name(&mut self, error: String) {
        if self.errors.len() < NAMED {
            self.errors.push(error);
        }
    }

    /// Counts what is left out.
    pub(super) fn skip(&mut self, reason: &str, count: u64) {
        match self.skipped.iter_mut().find(|known| known.reason == reason) {
            _ if count == 0 => {}
            Some(known) => known.count += count,
            None => self.skipped.push(Skipped { reason: reason.to_owned(), count }),
        }
    }

    pub(super) fn preview(&mut self, preview: impl FnOnce() -> Preview) {
        if self.previews.len() < PREVIEWED {
            self.previews.push(preview());
        }
    }

    pub(super) fn report(self) -> ImportReport {
        let Progress { folder_path, files_scanned, files_processed, contexts_created, errors, .. } = self.progress;
        let would = if self.dry_run { "would be " } else { "" };
        let summary = format!(
            "{contexts_created} new memories {would}made from {files_processed} of {files_scanned} files; \
             {errors} problems, {} secrets taken out",
            self.redactions
        );
        ImportReport {
            dry_run: self.dry_run,
            folder_path,
            files_scanned,
            files_processed,
            contexts_created,
            errors: self.errors,
            errors_total: errors,
            redactions: self.redactions,
            skipped: self.skipped,
            contexts_preview: self.previews,
            summary,
        }
    }
}

/// A share, between 0 and 10.
#[expect(clippy::cast_precision_loss, reason = "a score needs no more than a few digits")]
pub(super) fn share(part: u64, whole: u64) -> f64 {
    (part as f64 / whole.max(1) as f64 * 100.0).round() / 10.0
}
