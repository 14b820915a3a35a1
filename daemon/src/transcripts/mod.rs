//! The transcripts that Claude Code keeps of every conversation, taken in on request (`claudetools import --transcripts`)
//! and by watching: what hooks told already is known, and nothing comes in twice.
//!
//! [`file`] reads one file from where it was read last, in parts; [`stream`] reads many on one thread while another
//! writes, and keeps each transaction short, so that hooks need not wait; [`watch`] finds what hooks did not bring.

mod file;
mod stream;
pub(crate) mod watch;

use std::path::{Path, PathBuf};

pub(crate) use stream::{Seen, Taking, take};

/// A transcript that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Transcript {
    pub(crate) path: PathBuf,
    /// For people: below the folder that was looked into.
    pub(crate) name: String,
    pub(crate) bytes: u64,
    /// What a helper of the assistant did, rather than a conversation.
    pub(crate) of_helper: bool,
}

impl Transcript {
    /// A file of the client's folder; None for one that is no transcript by its name. Helpers have theirs in
    /// `SESSION/subagents/`, those of earlier versions of the client beside the conversations'.
    pub(crate) fn of(path: &Path, name: String, bytes: u64) -> Option<Self> {
        if path.extension().is_none_or(|end| !end.eq_ignore_ascii_case("jsonl")) {
            return None;
        }
        let is_named = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("agent-"));
        let lies = path.parent().and_then(Path::file_name).is_some_and(|folder| folder == "subagents");
        Some(Self { path: path.to_owned(), name, bytes, of_helper: is_named || lies })
    }
}

/// The folder in the client's own folder where it keeps them.
pub(crate) const FOLDER: &str = "projects";

/// Conversations before their helpers, whose prompts they hold.
pub(crate) fn in_order(transcripts: &mut [Transcript]) {
    transcripts.sort_by(|a, b| (a.of_helper, &a.name).cmp(&(b.of_helper, &b.name)));
}

#[cfg(test)]
mod tests;
