//! What is given when a conversation starts: where the project stands and what is open, the last session (or, when it
//! never came to its end, the latest turns), and the decisions and lessons that weigh most.

use std::collections::HashSet;

use recall::beginnings::Beginnings;
use recall::budget::tokens;
use recall::excerpt::Excerpts;
use recall::render::{Note, Section, block, render};
use sync::StoreError;
use sync::local::ReadTx;

use super::given::{Item, Source};
use super::hit::Hit;
use super::search::session_of;
use super::visibility::Scopes;
use super::{Asker, Injection};

/// Memories of the project that are looked through for its latest sessions and turns.
const LOOKED_THROUGH: i64 = 200;
/// Sessions that are told of.
const SESSIONS: usize = 2;
/// Turns that are told of when they are newer than the last session summary.
const TURNS: usize = 3;
/// Decisions and lessons that are told of.
const KNOWLEDGE: i64 = 6;
/// Importance from which a snippet is worth telling unasked, in hundredths.
const WEIGHTY: i64 = 700;
/// Tokens of one note of each kind.
const STATE_TOKENS: usize = 350;
const SESSION_TOKENS: usize = 300;
const TURN_TOKENS: usize = 150;
const KNOWLEDGE_TOKENS: usize = 90;
/// Tokens that the marker line and the headings cost.
const FRAME_TOKENS: usize = 60;

/// Collects what fits the budget, without what this conversation has had.
pub(super) fn gather(tx: &ReadTx<'_>, asker: &Asker, had: &HashSet<Source>) -> Result<Injection, StoreError> {
    let scopes = Scopes::of(tx, Some(&asker.project))?;
    let Some(project) = scopes.project_id.as_deref() else { return Ok(Injection::default()) };
    let session = session_of(tx, &asker.claude_session_id)?;
    let (sessions, turns) = latest(tx, &scopes, session.as_deref())?;
    let mut packer = Packer { had, left: asker.budget.saturating_sub(FRAME_TOKENS), items: Vec::new() };
    let sections = vec![
        packer.section("Where the project stands", state(tx, project)?, STATE_TOKENS),
        packer.section("Last session", sessions, SESSION_TOKENS),
        packer.section("Latest turns, session not closed", turns, TURN_TOKENS),
        packer.section("Decisions and lessons", knowledge(tx, project)?, KNOWLEDGE_TOKENS),
    ];
    Ok(Injection { text: block(&sections), items: packer.items })
}

/// Takes notes as long as they fit and were not given.
struct Packer<'a> {
    had: &'a HashSet<Source>,
    left: usize,
    items: Vec<Item>,
}

impl Packer<'_> {
    fn section(&mut self, heading: &str, hits: Vec<Hit>, limit: usize) -> Section {
        let notes = hits.into_iter().filter_map(|hit| self.take(&hit, limit)).collect();
        Section { heading: heading.to_owned(), notes }
    }

    fn take(&mut self, hit: &Hit, limit: usize) -> Option<Note> {
        let source = Source {
            table: hit.source_table.clone(),
            id: hit.source_id.clone(),
            version: if hit.source_table == "project_states" { hit.updated_at.clone() } else { String::new() },
        };
        let note = hit.note(Excerpts::new(&[], &Beginnings::of(&[])).of(&hit.text, limit));
        let text = render(&note);
        let cost = tokens(&text) + 1;
        if self.had.contains(&source) || cost > self.left {
            return None;
        }
        self.left -= cost;
        self.items.push(Item { source, tokens: cost, text });
        Some(note)
    }
}

/// The project's state with its open ends.
fn state(tx: &ReadTx<'_>, project: &str) -> Result<Vec<Hit>, StoreError> {
    let mut statement = tx
        .connection()
        .prepare_cached("SELECT id, next_actions, blockers FROM project_states WHERE project_id = ?1")?;
    let rows = statement.query_map([project], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, Option<String>>(1)?, row.get::<_, Option<String>>(2)?))
    })?;
    let mut hits = Vec::new();
    for row in rows {
        let (id, open, blockers) = row?;
        if let Some(mut hit) = Hit::load(tx, "project_states", &id)? {
            hit.same_project = true;
            for (heading, list) in [("Open:", open), ("Blocked by:", blockers)] {
                append(&mut hit.text, heading, list.as_deref());
            }
            hits.push(hit);
        }
    }
    hits.retain(|hit| !hit.text.trim().is_empty());
    Ok(hits)
}

/// Adds a JSON array of texts as a list under a heading.
fn append(text: &mut String, heading: &str, list: Option<&str>) {
    let entries: Vec<String> = list.and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
    for (at, entry) in entries.iter().enumerate() {
        if at == 0 {
            text.push('\n');
            text.push_str(heading);
        }
        text.push_str("\n- ");
        text.push_str(entry);
    }
}

/// The last sessions' summaries, and the turns that are newer than any of them; both newest first.
fn latest(tx: &ReadTx<'_>, scopes: &Scopes, session: Option<&str>) -> Result<(Vec<Hit>, Vec<Hit>), StoreError> {
    let (mut sessions, mut turns) = (Vec::new(), Vec::new());
    for &scope in &scopes.own {
        let (first, last) = Scopes::range(scope);
        let mut statement = tx.connection().prepare_cached(
            "SELECT context.id, context.context_type = 'session_summary'
               FROM (SELECT id, source_id FROM ct_memory
                      WHERE id BETWEEN ?1 AND ?2 AND source_table = 'conversation_contexts'
                      ORDER BY id DESC LIMIT ?3) AS memory
               JOIN conversation_contexts AS context ON context.id = memory.source_id
              WHERE context.session_id IS NOT ?4
              ORDER BY memory.id DESC",
        )?;
        let rows = statement.query_map((first, last, LOOKED_THROUGH, session), |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, bool>(1)?))
        })?;
        for row in rows {
            let (id, is_summary) = row?;
            let wanted =
                if is_summary { sessions.len() < SESSIONS } else { sessions.is_empty() && turns.len() < TURNS };
            if wanted && let Some(mut hit) = Hit::load(tx, "conversation_contexts", &id)? {
                hit.same_project = true;
                if is_summary { sessions.push(hit) } else { turns.push(hit) }
            }
        }
    }
    Ok((sessions, turns))
}

/// Decisions, lessons and the like that weigh enough to be told unasked, weightiest first.
fn knowledge(tx: &ReadTx<'_>, project: &str) -> Result<Vec<Hit>, StoreError> {
    let mut statement = tx.connection().prepare_cached(
        "SELECT source_table, id FROM (
           SELECT 'context_snippets' AS source_table, id, relevance_score AS weight, created_at
             FROM context_snippets WHERE project_id = ?1
              AND CASE WHEN structured_data IS NULL THEN 1 WHEN json_valid(structured_data)
                    THEN json_extract(structured_data, '$.superseded_by') IS NULL ELSE 1 END
           UNION ALL
           SELECT 'decision_logs', id, CASE impact WHEN 'high' THEN 900 WHEN 'low' THEN 600 ELSE 750 END, created_at
             FROM decision_logs WHERE project_id = ?1 AND superseded_by_id IS NULL)
          WHERE weight >= ?2 ORDER BY weight DESC, created_at DESC LIMIT ?3",
    )?;
    let rows = statement.query_map((project, WEIGHTY, KNOWLEDGE), |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut hits = Vec::new();
    for row in rows {
        let (table, id): (String, String) = row?;
        if let Some(mut hit) = Hit::load(tx, &table, &id)? {
            hit.same_project = true;
            hits.push(hit);
        }
    }
    Ok(hits)
}
