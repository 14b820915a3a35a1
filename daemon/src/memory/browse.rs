//! Memories by their ids, what came before and after one, and what is open in a project: for who looks further into what
//! recall has found. What may be seen is the same as in recall.

use rusqlite::OptionalExtension;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sync::StoreError;
use sync::local::ReadTx;

use super::hit::Hit;
use super::search::entry;
use super::visibility::Scopes;

/// The tables of memories.
const TABLES: [&str; 5] =
    ["conversation_contexts", "context_snippets", "decision_logs", "problem_solutions", "project_states"];
/// The sessions of a project, which its solutions are of.
const SESSIONS: &str = "(SELECT id FROM sessions WHERE project_id = ?1)";

/// Those of these memories that a caller in the project may see, in the order of their ids.
pub(crate) fn load(tx: &ReadTx<'_>, project: Option<&str>, ids: &[&str]) -> Result<Vec<Hit>, StoreError> {
    let scopes = Scopes::of(tx, project)?;
    let mut hits = Vec::new();
    for id in ids {
        for table in TABLES {
            hits.extend(seen(tx, &scopes, table, id)?);
        }
    }
    Ok(hits)
}

/// A memory, unless it is not for the caller.
fn seen(tx: &ReadTx<'_>, scopes: &Scopes, table: &str, id: &str) -> Result<Option<Hit>, StoreError> {
    let Some(memory) = entry(tx, table, id)?.filter(|memory| scopes.sees(*memory)) else { return Ok(None) };
    let mut hit = Hit::load(tx, table, id)?;
    if let Some(hit) = &mut hit {
        hit.same_project = scopes.owns(memory);
    }
    Ok(hit)
}

/// Where in time.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Around<'a> {
    /// The memory of that id: its session, or its project when it has none.
    Memory(&'a str),
    /// That moment, 27 characters, UTC: the caller's project.
    Moment(&'a str),
}

/// What came before and after, oldest first, the memory itself between; None when there is no such memory.
pub(crate) fn timeline(
    tx: &ReadTx<'_>,
    project: Option<&str>,
    around: Around<'_>,
    each: usize,
) -> Result<Option<Vec<Hit>>, StoreError> {
    let scopes = Scopes::of(tx, project)?;
    let (middle, at, within) = match around {
        Around::Moment(at) => (None, at.to_owned(), Within::Project(scopes.project_id.clone().unwrap_or_default())),
        Around::Memory(id) => {
            let Some(hit) = load(tx, project, &[id])?.into_iter().next() else { return Ok(None) };
            let within = match &hit.session_id {
                Some(session) => Within::Session(session.clone()),
                None => Within::Project(project_of(tx, &hit)?.unwrap_or_default()),
            };
            (Some(hit.clone()), hit.created_at, within)
        }
    };
    let mut told = within.beside(tx, &scopes, &at, false, each)?;
    told.reverse();
    told.extend(middle);
    told.extend(within.beside(tx, &scopes, &at, true, each)?);
    Ok(Some(told))
}

fn project_of(tx: &ReadTx<'_>, hit: &Hit) -> Result<Option<String>, StoreError> {
    let sql = "SELECT project_id FROM ct_memory_source WHERE source_table = ?1 AND source_id = ?2";
    let found = tx.connection().prepare_cached(sql)?.query_row((&hit.source_table, &hit.source_id), |row| row.get(0));
    Ok(found.optional()?.flatten())
}

/// What a timeline is of.
enum Within {
    Session(String),
    Project(String),
}

impl Within {
    /// The memories next to a moment, the nearest first.
    fn beside(
        &self,
        tx: &ReadTx<'_>,
        scopes: &Scopes,
        at: &str,
        after: bool,
        most: usize,
    ) -> Result<Vec<Hit>, StoreError> {
        let (column, id) = match self {
            Within::Session(id) => ("session_id", id),
            Within::Project(id) => ("project_id", id),
        };
        let (compared, order) = if after { (">", "ASC") } else { ("<", "DESC") };
        let part = |table: &str, of: &str| {
            format!("SELECT '{table}' AS t, id, created_at FROM {table} WHERE {of} AND created_at {compared} ?2")
        };
        let is_of = format!("{column} = ?1");
        let mut parts = vec![part("conversation_contexts", &is_of), part("decision_logs", &is_of)];
        match self {
            Within::Session(_) => parts.push(part("problem_solutions", &is_of)),
            Within::Project(_) => {
                parts.push(part("context_snippets", &is_of));
                parts.push(part("problem_solutions", &format!("session_id IN {SESSIONS}")));
            }
        }
        let sql = format!("{} ORDER BY created_at {order} LIMIT ?3", parts.join(" UNION ALL "));
        let mut statement = tx.connection().prepare_cached(&sql)?;
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let found = statement.query_map((id, at, most), |row| Ok((row.get(0)?, row.get(1)?)))?;
        let mut hits = Vec::new();
        for found in found {
            let (table, id): (String, String) = found?;
            hits.extend(seen(tx, scopes, &table, &id)?);
        }
        Ok(hits)
    }
}

/// Something that is open in a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct OpenEnd {
    /// `task`, `next` or `blocker`.
    pub(crate) kind: String,
    /// The row's id, where it has one of its own.
    pub(crate) id: Option<String>,
    /// What is open.
    pub(crate) text: String,
}

/// Most of each kind.
const OPEN: i64 = 20;

/// What is open in a project: pending tasks, the last session's open ends, blockers.
pub(crate) fn open_ends(tx: &ReadTx<'_>, project: &str) -> Result<Vec<OpenEnd>, StoreError> {
    let Some(project) = Scopes::of(tx, Some(project))?.project_id else { return Ok(Vec::new()) };
    let db = tx.connection();
    let mut tasks = db.prepare_cached(
        "SELECT id, title || ' (' || status || ', ' || priority || coalesce(', due ' || due_on, '')
                || coalesce(', waits for ' || blocked_by, '') || ')'
           FROM pending_tasks WHERE project_id = ?1 AND status IN ('pending', 'in_progress', 'blocked')
          ORDER BY CASE priority WHEN 'critical' THEN 0 WHEN 'high' THEN 1 WHEN 'medium' THEN 2 ELSE 3 END, created_at
          LIMIT ?2",
    )?;
    let open = |kind: &str, id, text| OpenEnd { kind: kind.to_owned(), id, text };
    let tasks = tasks.query_map((&project, OPEN), |row| Ok(open("task", row.get(0)?, row.get(1)?)))?;
    let mut ends: Vec<OpenEnd> = tasks.collect::<Result<_, _>>()?;
    let mut states = db.prepare_cached("SELECT next_actions, blockers FROM project_states WHERE project_id = ?1")?;
    let mut states = states.query([&project])?;
    while let Some(state) = states.next()? {
        for (at, kind) in ["next", "blocker"].into_iter().enumerate() {
            let list: Option<String> = state.get(at)?;
            let texts: Vec<String> = list.and_then(|json| serde_json::from_str(&json).ok()).unwrap_or_default();
            ends.extend(texts.into_iter().map(|text| open(kind, None, text)));
        }
    }
    let mut blockers = db.prepare_cached(
        "SELECT id, title FROM context_snippets WHERE project_id = ?1 AND snippet_type = 'blocker'
          ORDER BY created_at DESC LIMIT ?2",
    )?;
    let blockers = blockers.query_map((&project, OPEN), |row| Ok(open("blocker", row.get(0)?, row.get(1)?)))?;
    for blocker in blockers {
        ends.push(blocker?);
    }
    Ok(ends)
}
