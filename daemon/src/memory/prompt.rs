//! What is given with a prompt: the memories that have to do with it, cut to the lines that matter.

use std::collections::HashSet;

use recall::noise;
use recall::score::bar;
use rusqlite::OptionalExtension;
use sync::StoreError;
use sync::local::ReadTx;

use super::given::{Item, Source};
use super::hit::Hit;
use super::index::Index;
use super::pack::pack;
use super::search::{Query, entry, search_except, session_of};
use super::{Asker, Injection};

/// Hits that are considered.
const CONSIDERED: usize = 24;

/// What is asked, and what it means when that is known.
pub(super) struct Question<'a> {
    pub(super) prompt: &'a str,
    pub(super) meaning: Option<&'a [f32]>,
}

/// Searches for what the prompt is about, without what this conversation has had or made itself.
pub(super) fn gather(
    tx: &ReadTx<'_>,
    index: &Index,
    asker: &Asker,
    question: &Question<'_>,
    had: &HashSet<Source>,
    now_us: u64,
) -> Result<Injection, StoreError> {
    let Some(prompt) = noise::human(question.prompt) else { return Ok(Injection::default()) };
    let terms = recall::terms::query(&prompt).len();
    if terms == 0 {
        return Ok(Injection::default());
    }
    let session = session_of(tx, &asker.claude_session_id)?;
    let query = Query {
        text: &prompt,
        project: Some(&asker.project),
        limit: CONSIDERED,
        now_us,
        except_session: session.as_deref(),
        index: Some(index),
        meaning: question.meaning,
        ..Query::default()
    };
    let (hits, weighted) = search_except(tx, &query, &entries(tx, had)?)?;
    let told = sessions_told(tx, had)?;
    let hits = without_repetition(hits.into_iter().filter(|hit| passes(hit, terms)), &told);
    let packed = pack(hits, &weighted, &query.weights, asker.budget);
    let items = packed.memories.iter().zip(packed.shown).map(|(hit, (tokens, text))| item(hit, tokens, text)).collect();
    Ok(Injection { text: packed.text, items })
}

fn passes(hit: &Hit, asked: usize) -> bool {
    bar::passes(&hit.score, hit.found.len(), asked)
}

/// A session's summary repeats its turns, and a project's state is told at the start.
fn without_repetition(hits: impl Iterator<Item = Hit>, told: &HashSet<String>) -> Vec<Hit> {
    let (summaries, mut kept): (Vec<Hit>, Vec<Hit>) =
        hits.filter(|hit| hit.source_table != "project_states").partition(|hit| hit.kind == "session_summary");
    for summary in summaries {
        let is_told = summary.session_id.as_ref().is_some_and(|session| told.contains(session));
        if !is_told && !kept.iter().any(|hit| hit.is_turn() && hit.session_id == summary.session_id) {
            kept.push(summary);
        }
    }
    kept.sort_by(|a, b| b.score.total.total_cmp(&a.score.total));
    kept
}

/// The sessions of which this conversation was given something.
fn sessions_told(tx: &ReadTx<'_>, had: &HashSet<Source>) -> Result<HashSet<String>, StoreError> {
    let mut statement = tx.connection().prepare_cached("SELECT session_id FROM conversation_contexts WHERE id = ?1")?;
    let mut sessions = HashSet::new();
    for source in had.iter().filter(|source| source.table == "conversation_contexts") {
        let session: Option<Option<String>> = statement.query_row([&source.id], |row| row.get(0)).optional()?;
        sessions.extend(session.flatten());
    }
    Ok(sessions)
}

fn item(hit: &Hit, tokens: usize, text: String) -> Item {
    let source = Source { table: hit.source_table.clone(), id: hit.source_id.clone(), version: String::new() };
    Item { source, tokens, text }
}

/// What was given, as entries of the index: a source that was given in any version stays out.
fn entries(tx: &ReadTx<'_>, had: &HashSet<Source>) -> Result<HashSet<i64>, StoreError> {
    let mut ids = HashSet::new();
    for source in had {
        ids.extend(entry(tx, &source.table, &source.id)?);
    }
    Ok(ids)
}
