//! One round: what has changed is noted, and some of what is quiet is read.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sync::StoreError;
use sync::datetime_text;

use super::board::WatchReport;
use super::eyes::Eyes;
use super::waiting::Waiting;
use crate::capture::Capture;
use crate::import::{RootError, files_of};
use crate::phase::Trouble;
use crate::transcripts::{Seen, Taking, Transcript, take};

/// How long the reading of one round may take, before it begins another file.
const ROUND: Duration = Duration::from_millis(200);
const SECOND_US: u64 = 1_000_000;
/// Between two looks through folders of which the system tells nothing.
const POLL_US: u64 = 10 * SECOND_US;
/// Between two looks through folders that are watched, for what was missed.
const LOOK_US: u64 = 3_600 * SECOND_US;
/// Looks through all folders that changes ask for come no more often.
const SOONEST_US: u64 = 3 * SECOND_US;

/// A folder of the client.
#[derive(Debug)]
struct Root {
    path: PathBuf,
    is_watched: bool,
    /// When it was looked through last; 0: never.
    looked_us: u64,
    /// Folders and files that the last look found.
    folders: u64,
    older: u64,
    troubles: Vec<Trouble>,
}

/// The watching, between two rounds.
pub(super) struct Watch {
    roots: Vec<Root>,
    eyes: Eyes,
    waiting: Waiting,
    /// Files that were not changed since are left to the import; None until it is known.
    since_us: Option<u64>,
    /// When something was told that asks for a look through all folders.
    asked_us: u64,
    blind: Option<String>,
    tidied_us: u64,
    captured: u64,
    last_captured_us: Option<u64>,
    /// What could not be read, by file.
    unreadable: Vec<(PathBuf, String)>,
}

impl Watch {
    pub(super) fn new(folders: Vec<PathBuf>, eyes: Eyes, quiet_seconds: u64) -> Self {
        let root = |path| Root { path, is_watched: false, looked_us: 0, folders: 0, older: 0, troubles: Vec::new() };
        Self {
            roots: folders.into_iter().map(root).collect(),
            eyes,
            waiting: Waiting::new(quiet_seconds),
            since_us: None,
            asked_us: 0,
            blind: None,
            tidied_us: 0,
            captured: 0,
            last_captured_us: None,
            unreadable: Vec::new(),
        }
    }

    /// Does one round; ends early when it `is_over`.
    pub(super) fn step(
        &mut self,
        capture: &Capture,
        now_us: u64,
        is_over: &dyn Fn() -> bool,
    ) -> Result<(), StoreError> {
        let since_us = match self.since_us {
            Some(since_us) => since_us,
            None => *self.since_us.insert(capture.watching_since()?),
        };
        self.listen(now_us);
        for at in 0..self.roots.len() {
            self.look(at, capture, since_us, now_us)?;
        }
        let begun = Instant::now();
        while begun.elapsed() < ROUND && !is_over() {
            let ended = |path: &Path| capture.has_ended(&session_of(path)).unwrap_or(false);
            let Some((path, tried)) = self.waiting.take_due(now_us, ended) else { break };
            self.read(capture, path, tried, now_us, is_over)?;
        }
        if now_us.saturating_sub(self.tidied_us) > LOOK_US {
            self.tidied_us = now_us;
            capture.end_abandoned()?;
        }
        Ok(())
    }

    /// Tells from now on when the system tells something.
    pub(super) fn told(&self) -> tokio::sync::watch::Receiver<()> {
        self.eyes.told()
    }

    /// True when there is nothing to do before the system tells something, or a folder is to be looked through.
    pub(super) fn is_idle(&self) -> bool {
        let was_looked_through = |root: &Root| root.looked_us > 0 && root.looked_us >= self.asked_us;
        self.waiting.count() == 0 && self.roots.iter().all(was_looked_through)
    }

    /// Takes note of what the system told.
    fn listen(&mut self, now_us: u64) {
        let seen = self.eyes.take();
        for path in seen.changed {
            self.waiting.changed(path, now_us);
        }
        if seen.look_through {
            self.asked_us = now_us;
        }
        if let Some(reason) = seen.blind {
            tracing::warn!(reason, "folders of transcripts cannot be watched; they are looked through now and then");
            self.blind = Some(reason);
        }
    }

    /// Looks through a folder when that is due, and has it watched from then on.
    fn look(&mut self, at: usize, capture: &Capture, since_us: u64, now_us: u64) -> Result<(), StoreError> {
        let is_told = self.roots[at].is_watched && self.blind.is_none();
        let every_us = match (self.asked_us > self.roots[at].looked_us, is_told) {
            (true, _) => SOONEST_US,
            (false, true) => LOOK_US,
            (false, false) => POLL_US,
        };
        let root = &mut self.roots[at];
        if root.looked_us > 0 && now_us.saturating_sub(root.looked_us) < every_us {
            return Ok(());
        }
        // The client's folder may be a link; what is within is never followed out of it.
        let Ok(path) = std::fs::canonicalize(&root.path) else {
            (root.is_watched, root.looked_us, root.folders, root.older) = (false, now_us, 0, 0);
            root.troubles.clear();
            return Ok(());
        };
        if !root.is_watched && self.blind.is_none() {
            // Before the look, so that nothing falls in between.
            match self.eyes.watch(&path) {
                Ok(()) => root.is_watched = true,
                Err(reason) => self.blind = Some(reason),
            }
        }
        root.looked_us = now_us;
        let known = capture.transcript_sizes()?;
        self.note_found(at, &path, &known, since_us);
        Ok(())
    }

    /// Notes the files of a folder that were changed since they were read.
    fn note_found(&mut self, at: usize, path: &Path, known: &HashMap<String, u64>, since_us: u64) {
        let root = &mut self.roots[at];
        root.troubles.clear();
        let found = match files_of(path) {
            Ok(found) => found,
            Err(RootError::Io { source, .. }) => return root.troubles.push(unreadable(path, &source.to_string())),
            Err(error) => return root.troubles.push(unreadable(path, &error.to_string())),
        };
        root.troubles.extend(found.errors.iter().map(|error| {
            let (name, why) = error.split_once(": ").unwrap_or((error, "for an unknown reason"));
            unreadable(&path.join(name), why)
        }));
        root.folders = found.folders;
        root.older = 0;
        for entry in found.files {
            match known.get(&*entry.path.to_string_lossy()) {
                _ if entry.path.extension().is_none_or(|end| end != "jsonl") => {}
                Some(size) if *size == entry.bytes => {}
                None if entry.modified_us < since_us => root.older += 1,
                _ => self.waiting.changed(entry.path, entry.modified_us),
            }
        }
    }

    fn read(
        &mut self,
        capture: &Capture,
        path: PathBuf,
        tried: u8,
        now_us: u64,
        is_over: &dyn Fn() -> bool,
    ) -> Result<(), StoreError> {
        let bytes = std::fs::metadata(&path).map_or(0, |metadata| metadata.len());
        self.unreadable.retain(|(known, _)| *known != path);
        let Some(file) = Transcript::of(&path, path.display().to_string(), bytes).filter(|_| bytes > 0) else {
            return Ok(());
        };
        let (mut new, mut stray, mut failed) = (0, 0, None);
        let outcome = take(capture, &[file], &Taking::default(), &mut |seen| {
            match seen {
                Seen::Part { outcome, .. } => {
                    new += outcome.new;
                    stray += outcome.stray;
                }
                Seen::Damaged { file, line, reason } => {
                    tracing::warn!(file = file.name, line, reason, "a line of a transcript was passed over");
                }
                Seen::Failed { reason, .. } => failed = Some(reason),
                Seen::Done { .. } => {}
            }
            !is_over()
        });
        if let Err(error) = outcome {
            self.waiting.changed(path, now_us);
            return Err(error);
        }
        if new > 0 {
            self.captured += new;
            self.last_captured_us = Some(now_us);
        }
        if stray > 0 {
            self.waiting.again(path, tried, now_us);
        } else if let Some(reason) = failed {
            tracing::warn!(file = %path.display(), reason, "a transcript could not be read");
            self.unreadable.push((path, reason));
        }
        Ok(())
    }

    /// How it goes.
    pub(super) fn report(&self) -> WatchReport {
        let folders = self.roots.iter().map(|root| root.folders).sum();
        let state = match (folders, &self.blind) {
            (0, _) => "waiting",
            (_, Some(_)) => "polling",
            _ => "watching",
        };
        let files = self.unreadable.iter().map(|(path, reason)| unreadable(path, reason));
        WatchReport {
            state: state.to_owned(),
            folders,
            waiting: self.waiting.count(),
            captured: self.captured,
            last_captured_at: self.last_captured_us.map(datetime_text),
            older: self.roots.iter().map(|root| root.older).sum(),
            polling_because: self.blind.clone(),
            troubles: self.roots.iter().flat_map(|root| root.troubles.clone()).chain(files).collect(),
        }
    }
}

/// The session that a conversation's file is named by; that of a helper is named by the folder above.
fn session_of(path: &Path) -> String {
    let mut names = path.iter().rev().map(|name| name.to_string_lossy());
    let (file, folder, above) = (names.next(), names.next(), names.next());
    let name = if folder.as_deref() == Some("subagents") { above } else { file };
    let name = name.unwrap_or_default();
    name.strip_suffix(".jsonl").unwrap_or(&name).to_owned()
}

fn unreadable(path: &Path, why: &str) -> Trouble {
    Trouble {
        reason: format!("{} cannot be read: {why}", path.display()),
        hint: "let the daemon's user read it, or turn the watching off: [capture] watch = false in config.toml"
            .to_owned(),
    }
}

#[cfg(test)]
mod tests;
