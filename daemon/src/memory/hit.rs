//! A memory as it is shown: its text from the source row, where it comes from, and why it was found.

use std::collections::HashMap;

use rusqlite::OptionalExtension;
use serde::Serialize;
use sync::StoreError;
use sync::local::ReadTx;

use recall::render::Note;
use recall::score::Parts;

use super::index::source;

/// A memory that a search found.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct Hit {
    /// `conversation_contexts`, `context_snippets`, `decision_logs`, `problem_solutions` or `project_states`.
    pub source_table: String,
    /// The row's id there.
    pub source_id: String,
    /// What it is: a context type, a snippet type, `decision`, `solution` or `state`.
    pub kind: String,
    /// Its title.
    pub title: String,
    /// Its whole text.
    pub text: String,
    /// Slug of its project.
    pub project: Option<String>,
    /// Host name of the machine that made it.
    pub machine: Option<String>,
    /// `sessions.id` of the session that made it.
    pub session_id: Option<String>,
    /// Tags, as the JSON array that the row holds.
    #[serde(skip)]
    pub(super) tags: Option<String>,
    /// When it was made, 27 characters, UTC.
    pub created_at: String,
    /// When it was last changed.
    pub updated_at: String,
    /// Stored importance, 0 to 10.
    pub importance: f64,
    /// How often it was of use.
    pub usage_count: u32,
    /// True when it is of the caller's project.
    pub same_project: bool,
    /// The query's terms that stand in it.
    pub found: Vec<String>,
    /// Relevance (`total`, 0 upwards), and what it is made of.
    pub score: Parts,
    /// What its whole text costs, in tokens.
    pub tokens: usize,
}

impl Hit {
    /// The memory of a source row, not scored yet; None when the row is gone.
    pub(super) fn load(tx: &ReadTx<'_>, table: &str, id: &str) -> Result<Option<Self>, StoreError> {
        Self::load_named(tx, table, id, &mut Names::default())
    }

    /// The same, with names that others have looked up.
    pub(super) fn load_named(
        tx: &ReadTx<'_>,
        table: &str,
        id: &str,
        names: &mut Names,
    ) -> Result<Option<Self>, StoreError> {
        let mut statement = tx.connection().prepare_cached(
            // No join: with one, SQLite would build the view's rows in a table of their own first (80 µs a hit).
            "SELECT kind, title, body,
                    project_id, machine_id,
                    session_id, tags, created_at, updated_at, importance, usage_count
               FROM ct_memory_source WHERE source_table = ?1 AND source_id = ?2",
        )?;
        let hit = statement.query_row((table, id), |row| {
            let text: String = row.get(2)?;
            let hundredths: i32 = row.get(9)?;
            Ok(Self {
                source_table: table.to_owned(),
                source_id: id.to_owned(),
                kind: row.get(0)?,
                title: row.get(1)?,
                tokens: recall::budget::tokens(&text),
                text,
                project: row.get(3)?,
                machine: row.get(4)?,
                session_id: row.get(5)?,
                tags: row.get(6)?,
                created_at: row.get(7)?,
                updated_at: row.get(8)?,
                importance: f64::from(hundredths) / 100.0,
                usage_count: row.get::<_, i64>(10)?.try_into().unwrap_or(0),
                same_project: false,
                found: Vec::new(),
                score: Parts::default(),
            })
        });
        let Some(mut hit) = hit.optional()? else { return Ok(None) };
        hit.project = names.projects.of(tx, hit.project)?;
        hit.machine = names.machines.of(tx, hit.machine)?;
        Ok(Some(hit))
    }

    /// The source row behind an entry of the index.
    pub(super) fn load_indexed(tx: &ReadTx<'_>, memory: i64, names: &mut Names) -> Result<Option<Self>, StoreError> {
        source(tx, memory)?.map_or(Ok(None), |(table, id)| Self::load_named(tx, &table, &id, names))
    }

    /// What the model is told of it; `text` is the part that is worth its tokens.
    pub(super) fn note(&self, text: String) -> Note {
        let mut source: Vec<String> = self.machine.iter().cloned().collect();
        if !self.same_project {
            source.extend(self.project.clone());
        }
        Note {
            date: self.dated().get(..10).unwrap_or_default().to_owned(),
            kind: label(&self.kind).to_owned(),
            source,
            title: self.title.clone(),
            text,
        }
    }

    /// A state is as old as its last change, anything else as old as what it tells.
    fn dated(&self) -> &str {
        if self.source_table == "project_states" { &self.updated_at } else { &self.created_at }
    }

    /// True for a part of a conversation, whose neighbours tell something about it.
    pub(super) fn is_turn(&self) -> bool {
        self.kind == "general_context"
    }
}

/// What projects and machines are called: the memories of an answer are of few, and each need be looked up once.
#[derive(Debug)]
pub(super) struct Names {
    projects: Known,
    machines: Known,
}

impl Default for Names {
    fn default() -> Self {
        let known = |sql| Known { sql, names: HashMap::new() };
        Self {
            projects: known("SELECT slug FROM projects WHERE id = ?1"),
            machines: known("SELECT hostname FROM machines WHERE id = ?1"),
        }
    }
}

/// The names of one kind, by id.
#[derive(Debug)]
struct Known {
    sql: &'static str,
    names: HashMap<String, Option<String>>,
}

impl Known {
    fn of(&mut self, tx: &ReadTx<'_>, id: Option<String>) -> Result<Option<String>, StoreError> {
        let Some(id) = id else { return Ok(None) };
        if let Some(name) = self.names.get(&id) {
            return Ok(name.clone());
        }
        let name: Option<Option<String>> =
            tx.connection().prepare_cached(self.sql)?.query_row([&id], |row| row.get(0)).optional()?;
        Ok(self.names.entry(id).or_insert(name.flatten()).clone())
    }
}

/// The kinds in a reader's words.
fn label(kind: &str) -> &str {
    match kind {
        "general_context" => "",
        "session_summary" => "session",
        "project_state" | "state" => "state",
        "technical_decision" => "decision",
        other => other,
    }
}
