//! A decision that somebody makes a note of.

use std::path::Path;

use merge::Row;
use migrations::catalogue::DECISION_LOGS;
use recall::excerpt::title;
use serde::{Deserialize, Serialize};
use sync::StoreError;
use sync::local::{WriteTx, derived_id};

use super::anchors::{self, id_of};
use super::fit::{self, Clean};
use super::project::Place;
use super::remember::tags;
use super::settled::{Settled, settle};
use crate::machine;

const TITLE_CHARS: usize = 160;

/// A decision without secrets, in its place.
#[derive(Debug, Clone)]
pub(crate) struct Decision {
    text: Clean,
    rationale: Option<Clean>,
    impact: Option<String>,
    tags: Vec<String>,
    place: Place,
}

/// What was put on record.
#[derive(Debug, Clone, Serialize, Deserialize, schemars::JsonSchema)]
pub(crate) struct Decided {
    /// `decision_logs.id`.
    pub(crate) id: String,
    /// The project's slug.
    pub(crate) project: String,
    /// The title that it got.
    pub(crate) title: String,
    /// Secrets that were taken out.
    pub(crate) redactions: u64,
    /// Earlier decisions in whose place it is now.
    pub(crate) replaces: Vec<String>,
}

impl Decision {
    /// Reads the folder when no project is named, so it may block.
    pub(crate) fn new(text: &str, rationale: Option<&str>, project: Option<String>, folder: &Path) -> Decision {
        let home = machine::this_one().home_directory;
        let place = project.map_or_else(|| Place::of(folder, &home), |slug| Place::recorded(&slug));
        let rationale = rationale.map(str::trim).filter(|text| !text.is_empty()).map(Clean::new);
        Decision { text: Clean::new(text.trim()), rationale, impact: None, tags: Vec::new(), place }
    }

    /// With tags.
    pub(crate) fn tagged(self, given: &[String]) -> Decision {
        Decision { tags: tags(given), ..self }
    }

    /// With how much hangs on it.
    pub(crate) fn impact(self, impact: Option<String>) -> Decision {
        Decision { impact, ..self }
    }

    /// Writes it. The same fact again, in the same project, is the same decision, and weighs more; `apart` is one that it is
    /// not to be merged with. What it takes the place of is marked so.
    pub(crate) fn write(&self, tx: &mut WriteTx<'_>, apart: Option<&str>) -> Result<Decided, StoreError> {
        let project = anchors::project(tx, &self.place)?;
        let id = derived_id("decision_logs", &format!("{} {}", self.place.slug, self.text.text));
        let heading = title(&self.text.text, TITLE_CHARS);
        let redactions = self.text.redactions + self.rationale.as_ref().map_or(0, |text| text.redactions);
        let row = Row::new(DECISION_LOGS)
            .with("id", id.as_str())
            .with("project_id", id_of(&project))
            .with("title", if heading.is_empty() { "Decision".to_owned() } else { heading.clone() })
            .with("decision_text", fit::column(&self.text.text))
            .with("rationale", self.rationale.as_ref().map(|text| fit::column(&text.text)))
            .with("impact", self.impact.clone().unwrap_or_else(|| "medium".to_owned()))
            .with("tags", (!self.tags.is_empty()).then(|| serde_json::json!(self.tags).to_string()));
        let Settled { id, replaces } = settle(tx, row, apart)?;
        Ok(Decided { id, replaces, project: self.place.slug.clone(), title: heading, redactions })
    }
}
