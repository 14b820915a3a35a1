//! A memory by hand: `claudetools remember`.

use std::path::PathBuf;

use merge::Row;
use migrations::catalogue::CONTEXT_SNIPPETS;
use recall::excerpt::title;
use serde::Serialize;
use sync::StoreError;
use sync::local::{WriteTx, derived_id};

use super::anchors::{self, id_of};
use super::fit::{self, Clean};
use super::project::Place;
use super::settled::{Settled, settle};
use super::{Capture, MachineInfo};

const TITLE_CHARS: usize = 160;
const TAG_CHARS: usize = 100;

/// What to remember, and where.
#[derive(Debug, Clone, Default)]
pub struct Note {
    /// The text.
    pub text: String,
    /// `decision`, `pattern`, `lesson`, `blocker` or `state`.
    pub kind: String,
    /// Tags; folded to lower case.
    pub tags: Vec<String>,
    /// The project's slug; without it, the folder decides.
    pub project: Option<String>,
    /// A folder of the project.
    pub folder: PathBuf,
}

/// What was remembered.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct Remembered {
    /// `context_snippets.id`.
    pub id: String,
    /// The project's slug.
    pub project: String,
    /// The title that it got.
    pub title: String,
    /// Secrets that were taken out.
    pub redactions: u64,
    /// Earlier decisions in whose place it is now.
    pub replaces: Vec<String>,
}

impl Capture {
    /// Saves a note. The same fact again, in the same project and of the same kind, is the same memory, and weighs more. A
    /// decision that takes another's place marks that as replaced.
    pub async fn remember(&self, note: Note) -> Result<Remembered, StoreError> {
        if note.text.trim().is_empty() {
            return Err(StoreError::other("there is nothing to remember: the text is empty"));
        }
        let home = self.machine.home_directory.clone();
        let prepared = tokio::task::spawn_blocking(move || {
            let place = match &note.project {
                Some(slug) => Place::recorded(slug),
                None => Place::of(&note.folder, &home),
            };
            (Clean::new(note.text.trim()), place, note)
        });
        let (clean, place, note) = prepared.await.map_err(StoreError::other)?;
        let (machine, replica_id) = (std::sync::Arc::clone(&self.machine), self.store.replica_id());
        self.store.write_async(move |tx| write(tx, &note, &clean, &place, &machine, &replica_id)).await
    }
}

fn write(
    tx: &mut WriteTx<'_>,
    note: &Note,
    clean: &Clean,
    place: &Place,
    machine: &MachineInfo,
    replica_id: &str,
) -> Result<Remembered, StoreError> {
    let now_us = tx.now_us();
    anchors::machine(tx, machine, replica_id, now_us)?;
    let project = anchors::project(tx, place)?;
    let id = derived_id("context_snippets", &format!("{} {} {}", place.slug, note.kind, clean.text));
    let heading = title(&clean.text, TITLE_CHARS);
    let tags = tags(&note.tags);
    let row = Row::new(CONTEXT_SNIPPETS)
        .with("id", id.as_str())
        .with("project_id", id_of(&project))
        .with("snippet_type", note.kind.as_str())
        .with("title", if heading.is_empty() { "Note".to_owned() } else { heading.clone() })
        .with("dense_content", fit::column(&clean.text))
        .with("tags", (!tags.is_empty()).then(|| serde_json::json!(tags).to_string()))
        .with("relevance_score", importance(&note.kind));
    let Settled { id, replaces } = settle(tx, row, None)?;
    Ok(Remembered { id, replaces, project: place.slug.clone(), title: heading, redactions: clean.redactions })
}

pub(super) fn tags(given: &[String]) -> Vec<String> {
    let mut tags: Vec<String> = given
        .iter()
        .map(|tag| fit::chars(&tag.trim().to_lowercase(), TAG_CHARS))
        .filter(|tag| !tag.is_empty())
        .collect();
    tags.sort_unstable();
    tags.dedup();
    tags
}

/// Importance in hundredths. What someone took the trouble to write down weighs more than what was captured.
fn importance(kind: &str) -> i64 {
    match kind {
        "decision" => 850,
        "lesson" | "blocker" => 800,
        "pattern" => 750,
        _ => 700,
    }
}
