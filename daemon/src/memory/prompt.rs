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
use super::prospects::Prospects;
use super::search::{Query, entry, session_of};
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
    let prospects = Prospects::find(tx, &query, &entries(tx, had)?)?;
    let told = sessions_told(tx, had)?;
    let packed = pack(prospects, &query.weights, asker.budget, |prospects, at| {
        Ok(passes(prospects, at, terms)?.is_some() && is_news(prospects, at, terms, &told)?)
    })?;
    let items = packed.memories.iter().zip(packed.shown).map(|(hit, (tokens, text))| item(hit, tokens, text)).collect();
    Ok(Injection { text: packed.text, items })
}

/// The memory at a place, if it passes the bar. A project's state is told at the start.
fn passes<'h>(prospects: &'h mut Prospects<'_>, at: usize, asked: usize) -> Result<Option<&'h Hit>, StoreError> {
    let passes = |hit: &&Hit| hit.source_table != "project_states" && bar::passes(&hit.score, hit.found.len(), asked);
    Ok(prospects.hit(at)?.filter(passes))
}

/// False for a session's summary of which something was told, or would be: it repeats its turns.
fn is_news(prospects: &mut Prospects<'_>, at: usize, asked: usize, told: &HashSet<String>) -> Result<bool, StoreError> {
    let Some(hit) = prospects.read(at).filter(|hit| hit.kind == "session_summary") else { return Ok(true) };
    let Some(session) = hit.session_id.clone() else { return Ok(true) };
    if told.contains(&session) {
        return Ok(false);
    }
    for other in prospects.of_session(at) {
        let turn = passes(prospects, other, asked)?;
        if turn.is_some_and(|turn| turn.is_turn() && turn.session_id.as_ref() == Some(&session)) {
            return Ok(false);
        }
    }
    Ok(true)
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
