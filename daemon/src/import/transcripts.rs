//! Import of the client's transcripts: what was found, what became of it, what was left out and why.

use std::sync::Arc;

use super::board::Board;
use super::folder::Found;
use super::report::{ImportReport, Preview, Tally, share};
use super::{ImportError, Order};
use crate::capture::{Capture, Part};
use crate::transcripts::{self, Seen, Taking, Transcript, in_order};

const RELEVANCE_OF_TURNS: f64 = 5.0;

/// Why something was left out, in the order of the report.
const UNCHANGED: &str = "files that were read before and have not changed";
const KNOWN: &str = "prompts that were saved before";
const COPIED: &str = "prompts that a fork has copied from another conversation";
const STRAY: &str = "reports of helpers whose prompt is not there";
const FORGOTTEN: &str = "prompts of conversations that were forgotten";
const OFF: &str = "prompts of projects that are off (config.toml, [memory])";
const GROWING: &str = "last lines that have no end yet";
const DAMAGED: &str = "damaged lines";
const BOOKKEEPING: &str = "lines that the client keeps for itself";
const OTHER: &str = "files that are no transcripts";

pub(super) fn run(
    capture: &Capture,
    order: &Order,
    mut found: Found,
    board: &Arc<Board>,
) -> Result<ImportReport, ImportError> {
    let all = found.files.len();
    let transcript = |entry: &super::folder::Entry| Transcript::of(&entry.path, entry.name.clone(), entry.bytes);
    let mut files: Vec<Transcript> = found.files.iter().filter_map(transcript).collect();
    found.files.retain(|entry| transcript(entry).is_some());
    in_order(&mut files);
    let mut work = Work { tally: Tally::new(order, &found), before: 0, prompts: 0, answered: 0, title: None };
    work.tally.skip(OTHER, (all - files.len()) as u64);
    board.show(&work.tally);
    let taking = Taking { dry_run: order.dry_run, place: order.place.clone(), in_bulk: true };
    transcripts::take(capture, &files, &taking, &mut |seen| {
        work.see(seen);
        board.show(&work.tally);
        !board.is_stopping()
    })?;
    if board.is_stopping() && work.tally.progress.files_processed < files.len() as u64 {
        return Err(ImportError::Stopping);
    }
    Ok(work.tally.report())
}

struct Work {
    tally: Tally,
    /// Bytes of the files before this one.
    before: u64,
    prompts: u64,
    answered: u64,
    /// What the first prompt of this file says, and of which project it is.
    title: Option<(String, String)>,
}

impl Work {
    fn see(&mut self, seen: Seen<'_>) {
        let tally = &mut self.tally;
        match seen {
            Seen::Part { file, part, outcome, bytes } => {
                tally.progress.bytes_processed = self.before + bytes.min(file.bytes);
                tally.progress.contexts_created += outcome.created;
                for (reason, count) in [
                    (KNOWN, outcome.known),
                    (COPIED, outcome.copied),
                    (STRAY, outcome.stray),
                    (FORGOTTEN, outcome.refused_by_user),
                    (OFF, outcome.switched_off),
                ] {
                    tally.skip(reason, count);
                }
                for reason in outcome.refused {
                    tally.error(format!("{}: the replica refuses a prompt of it: {reason}", file.name));
                }
                if outcome.created > 0 {
                    self.note(part);
                }
            }
            Seen::Damaged { file, line, reason } => {
                tally.skip(DAMAGED, 1);
                tally.error(format!("{}:{line}: {reason}", file.name));
            }
            Seen::Done { file, is_unchanged, is_growing, bookkeeping, redactions } => {
                tally.skip(UNCHANGED, u64::from(is_unchanged));
                tally.skip(GROWING, u64::from(is_growing));
                tally.skip(BOOKKEEPING, bookkeeping);
                tally.redactions += redactions;
                self.done(file);
            }
            Seen::Failed { file, reason } => {
                tally.error(format!("{}: {reason}", file.name));
                self.done(file);
            }
        }
    }

    fn note(&mut self, part: &Part) {
        self.prompts += part.exchanges.len() as u64;
        self.answered += part.exchanges.iter().filter(|exchange| exchange.is_complete).count() as u64;
        if let (None, Some(first)) = (&self.title, part.exchanges.first()) {
            self.title = Some((recall::excerpt::title(&first.prompt, 160), part.sitting.place.slug.clone()));
        }
    }

    fn done(&mut self, file: &Transcript) {
        self.before += file.bytes;
        self.tally.progress.bytes_processed = self.before;
        self.tally.progress.files_processed += 1;
        let (prompts, answered) = (std::mem::take(&mut self.prompts), std::mem::take(&mut self.answered));
        if let Some((title, category)) = self.title.take() {
            self.tally.preview(|| Preview {
                file: file.name.clone(),
                title,
                kind: "session_summary".to_owned(),
                category,
                message_count: prompts + answered,
                tags: Vec::new(),
                relevance_score: RELEVANCE_OF_TURNS,
                quality_score: share(answered, prompts),
            });
        }
    }
}
