//! What is to go: found on a snapshot, as data, so that it can be shown before it is done.

use std::collections::{BTreeMap, BTreeSet};

use merge::{Key, Row, RowId, Value};
use migrations::catalogue as tables;
use migrations::{ENTITIES, Entity};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sync::StoreError;
use sync::local::{ReadTx, decompress};

use super::state::{Lines, without};
use super::text::{self, Needle};
use super::{BLANK, DELETED, names};

/// What a user wants forgotten; all of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted {
    /// Rows by their ids.
    pub(crate) ids: Vec<String>,
    /// A text, wherever it stands.
    pub(crate) text: Option<Needle>,
    /// Conversations, by the client's session id or by `sessions.id`.
    pub(crate) sessions: Vec<String>,
    /// Projects, by their slugs.
    pub(crate) projects: Vec<String>,
}

/// What is to go.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// Rows to delete.
    pub(crate) deleted: BTreeSet<RowId>,
    /// Work items and sessions to empty of their words; of a session the notes too, or only what retells its turns.
    pub(crate) emptied: BTreeMap<RowId, bool>,
    /// Lines of projects' states.
    pub(crate) trimmed: Vec<(RowId, Lines)>,
    /// Conversations and projects of which nothing that was before is taken in any more.
    pub(crate) scopes: BTreeSet<(&'static str, String)>,
}

/// A row that is to go, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Found {
    /// The table.
    pub(crate) table: String,
    /// The row's id.
    pub(crate) id: String,
    /// When it was made.
    pub(crate) created_at: String,
    /// Its first words.
    pub(crate) line: String,
}

const LINE_CHARS: usize = 100;

/// Finds it. `Err` in the result names what there is not.
pub(crate) fn find(tx: &ReadTx<'_>, wanted: &Wanted) -> Result<Result<Plan, String>, StoreError> {
    let mut plan = Plan::default();
    for id in &wanted.ids {
        if !plan.add_id(tx, id)? {
            return Ok(Err(format!("there is no memory {id}")));
        }
    }
    for name in &wanted.sessions {
        match session(tx, name)? {
            Some(session) => plan.add_session(tx, &session)?,
            None => return Ok(Err(format!("there is no session {name}"))),
        }
    }
    for slug in &wanted.projects {
        match tx.find(tables::PROJECTS, "slug", &slug.as_str().into())? {
            Some(project) => plan.add_project(tx, &project)?,
            None => return Ok(Err(format!("there is no project {slug}"))),
        }
    }
    if let Some(needle) = &wanted.text {
        plan.add_text(tx, needle)?;
    }
    let deleted = &plan.deleted;
    plan.trimmed.retain(|(state, _)| !deleted.contains(state));
    plan.trimmed.dedup();
    Ok(Ok(plan))
}

fn session(tx: &ReadTx<'_>, name: &str) -> Result<Option<Row>, StoreError> {
    match tx.find(tables::SESSIONS, "claude_session_id", &name.into())? {
        None => tx.get(tables::SESSIONS, &Key::new(name)),
        found => Ok(found),
    }
}

impl Plan {
    fn add_id(&mut self, tx: &ReadTx<'_>, id: &str) -> Result<bool, StoreError> {
        let key = Key::new(id);
        for entity in DELETED {
            if let Some(row) = tx.get(entity, &key)? {
                self.add_row(tx, &row)?;
                return Ok(true);
            }
        }
        if let Some(work) = tx.get(tables::WORK_ITEMS, &key)? {
            self.add_work(tx, &work)?;
            return Ok(true);
        }
        let session = tx.get(tables::SESSIONS, &key)?;
        session.as_ref().map_or(Ok(()), |session| self.add_session(tx, session))?;
        Ok(session.is_some())
    }

    /// A row, with what is derived of it or of which it is.
    fn add_row(&mut self, tx: &ReadTx<'_>, row: &Row) -> Result<(), StoreError> {
        if !self.deleted.insert(row.id()) || row.entity() != tables::CONVERSATION_CONTEXTS {
            return Ok(());
        }
        let session = row.text("session_id").map(|id| tx.get(tables::SESSIONS, &Key::new(id))).transpose()?.flatten();
        let Some(session) = session else { return Ok(()) };
        if row.text("context_type") == Some("session_summary") {
            self.emptied.entry(session.id()).or_default();
            return self.add_lines(tx, &session, row.text("title"));
        }
        // The work item of a turn was made with it, in the same moment.
        for work in tx.find_all(tables::WORK_ITEMS, "session_id", session.get("id"))? {
            if work.get("created_at") == row.get("created_at") {
                self.add_work_of(tx, &work)?;
            }
        }
        // So was what its prompt settled.
        for settled in tx.find_all(tables::DECISION_LOGS, "session_id", session.get("id"))? {
            if settled.get("created_at") == row.get("created_at") {
                self.deleted.insert(settled.id());
            }
        }
        self.add_retold(tx, &session, row.text("title"))
    }

    /// A work item, with the turn that it was made of.
    fn add_work(&mut self, tx: &ReadTx<'_>, work: &Row) -> Result<(), StoreError> {
        self.add_work_of(tx, work)?;
        for turn in tx.find_all(tables::CONVERSATION_CONTEXTS, "session_id", work.get("session_id"))? {
            if turn.get("created_at") == work.get("created_at") && turn.text("context_type") == Some("general_context")
            {
                self.add_row(tx, &turn)?;
            }
        }
        Ok(())
    }

    /// A work item and what was done for it.
    fn add_work_of(&mut self, tx: &ReadTx<'_>, work: &Row) -> Result<(), StoreError> {
        self.emptied.insert(work.id(), true);
        for entity in
            [tables::FILE_CHANGES, tables::COMMAND_RUNS, tables::OPERATION_FAILURES, tables::PROBLEM_SOLUTIONS]
        {
            let rows = tx.find_all(entity, "work_item_id", work.get("id"))?;
            self.deleted.extend(rows.iter().map(Row::id));
        }
        Ok(())
    }

    /// What retells a turn: its session's summary and title, and the project's state. Summary and title are made anew of what
    /// stays when the session goes on.
    fn add_retold(&mut self, tx: &ReadTx<'_>, session: &Row, title: Option<&str>) -> Result<(), StoreError> {
        self.emptied.entry(session.id()).or_default();
        for context in tx.find_all(tables::CONVERSATION_CONTEXTS, "session_id", session.get("id"))? {
            if context.text("context_type") == Some("session_summary") {
                self.deleted.insert(context.id());
            }
        }
        self.add_lines(tx, session, title)
    }

    /// The lines of the project's state that tell of this session or turn.
    fn add_lines(&mut self, tx: &ReadTx<'_>, session: &Row, title: Option<&str>) -> Result<(), StoreError> {
        let Some(state) = tx.find(tables::PROJECT_STATES, "project_id", session.get("project_id"))? else {
            return Ok(());
        };
        let titles = [session.text("title"), title].into_iter().flatten().filter(|title| !title.is_empty());
        for title in titles {
            self.add_lines_of(&state, Lines::Of(recall::excerpt::title(title, TITLE_CHARS)));
        }
        Ok(())
    }

    fn add_lines_of(&mut self, state: &Row, lines: Lines) {
        if without(state, &lines).is_some() {
            self.trimmed.push((state.id(), lines));
        }
    }

    /// All of a conversation.
    fn add_session(&mut self, tx: &ReadTx<'_>, session: &Row) -> Result<(), StoreError> {
        self.emptied.insert(session.id(), true);
        self.scopes.extend(session.text("claude_session_id").map(|id| (names::CONVERSATION, id.to_owned())));
        self.add_lines(tx, session, None)?;
        for entity in DELETED.into_iter().filter(|entity| entity.position("session_id").is_some()) {
            for row in tx.find_all(entity, "session_id", session.get("id"))? {
                if entity == tables::CONVERSATION_CONTEXTS {
                    self.add_lines(tx, session, row.text("title"))?;
                }
                self.deleted.insert(row.id());
            }
        }
        for work in tx.find_all(tables::WORK_ITEMS, "session_id", session.get("id"))? {
            self.add_work_of(tx, &work)?;
        }
        Ok(())
    }

    /// All of a project's memory.
    fn add_project(&mut self, tx: &ReadTx<'_>, project: &Row) -> Result<(), StoreError> {
        self.scopes.extend(project.text("slug").map(|slug| (names::PROJECT, slug.to_owned())));
        for session in tx.find_all(tables::SESSIONS, "project_id", project.get("id"))? {
            self.add_session(tx, &session)?;
        }
        for entity in DELETED.into_iter().filter(|entity| entity.position("project_id").is_some()) {
            let rows = tx.find_all(entity, "project_id", project.get("id"))?;
            self.deleted.extend(rows.iter().map(Row::id));
        }
        Ok(())
    }

    /// A text wherever it stands in memory.
    fn add_text(&mut self, tx: &ReadTx<'_>, needle: &Needle) -> Result<(), StoreError> {
        for entity in DELETED.into_iter().filter(|entity| *entity != tables::PROJECT_STATES) {
            for id in text::rows(tx, entity, needle)? {
                let row = tx.get(entity, &id.key)?;
                row.map_or(Ok(()), |row| self.add_row(tx, &row))?;
            }
        }
        for id in text::rows(tx, tables::WORK_ITEMS, needle)? {
            let work = tx.get(tables::WORK_ITEMS, &id.key)?;
            work.map_or(Ok(()), |work| self.add_work(tx, &work))?;
        }
        for id in text::rows(tx, tables::SESSIONS, needle)? {
            let session = tx.get(tables::SESSIONS, &id.key)?;
            let Some(session) = session else { continue };
            self.add_retold(tx, &session, None)?;
            if session.text("notes").is_some_and(|notes| needle.is_in(notes)) {
                self.emptied.insert(session.id(), true);
            }
        }
        for id in text::rows(tx, tables::PROJECT_STATES, needle)? {
            let state = tx.get(tables::PROJECT_STATES, &id.key)?;
            if let Some(state) = &state {
                self.add_lines_of(state, Lines::With(needle.clone()));
            }
        }
        self.add_turns(tx, needle)
    }

    /// Turns that have said it in what their memory leaves out.
    fn add_turns(&mut self, tx: &ReadTx<'_>, needle: &Needle) -> Result<(), StoreError> {
        let mut statement = tx.connection().prepare("SELECT context_id, parts FROM ct_hook_turns")?;
        let mut turns = statement.query([])?;
        while let Some(turn) = turns.next()? {
            let parts = decompress(turn.get_ref(1)?.as_blob().unwrap_or_default());
            if parts.is_ok_and(|parts| needle.is_in_bytes(&parts)) {
                let memory = tx.get(tables::CONVERSATION_CONTEXTS, &Key::new(turn.get::<_, String>(0)?))?;
                memory.map_or(Ok(()), |memory| self.add_row(tx, &memory))?;
            }
        }
        Ok(())
    }

    /// Rows by table: deleted, and emptied or trimmed.
    pub(crate) fn counts(&self) -> (BTreeMap<String, u64>, BTreeMap<String, u64>) {
        let trimmed: BTreeSet<&RowId> = self.trimmed.iter().map(|(state, _)| state).collect();
        (count(self.deleted.iter()), count(self.emptied.keys().chain(trimmed)))
    }

    /// The first of what is to be deleted, memories first.
    pub(crate) fn shown(&self, tx: &ReadTx<'_>, most: usize) -> Result<Vec<Found>, StoreError> {
        let in_order = DELETED.into_iter().flat_map(|entity| self.deleted.iter().filter(move |id| id.entity == entity));
        let mut shown = Vec::new();
        for id in in_order.take(most) {
            if let Some(row) = tx.get(id.entity, &id.key)? {
                shown.push(found(&row));
            }
        }
        Ok(shown)
    }
}

/// Characters of a title, as capture makes it of a prompt.
const TITLE_CHARS: usize = 160;

fn count<'r>(rows: impl Iterator<Item = &'r RowId>) -> BTreeMap<String, u64> {
    rows.fold(BTreeMap::new(), |mut counts, row| {
        *counts.entry(row.entity.name.to_owned()).or_default() += 1;
        counts
    })
}

fn found(row: &Row) -> Found {
    let words = ["title", "context_summary", "command_text", "file_path", "operation_description"];
    let line = words.iter().find_map(|column| row.entity().position(column).and_then(|_| row.text(column)));
    Found {
        table: row.entity().name.to_owned(),
        id: row.key().to_string(),
        created_at: row.text("created_at").unwrap_or_default().to_owned(),
        line: recall::excerpt::title(line.unwrap_or(BLANK), LINE_CHARS),
    }
}

/// The other tables that hold the text, and how often: records of their own, which stay.
pub(crate) fn elsewhere(tx: &ReadTx<'_>, needle: &Needle) -> Result<BTreeMap<String, u64>, StoreError> {
    let own = [tables::WORK_ITEMS, tables::SESSIONS, tables::FORGOTTEN, tables::CONTEXT_TAGS];
    let others = |entity: &&&'static Entity| !DELETED.contains(entity) && !own.contains(entity);
    let mut held = BTreeMap::new();
    for entity in ENTITIES.iter().filter(others) {
        let rows = text::count(tx, entity, needle)?;
        if rows > 0 {
            held.insert(entity.name.to_owned(), rows);
        }
    }
    Ok(held)
}

/// The value of a column of time that is after all that is to go.
pub(super) fn made(row: &Row) -> &str {
    row.get("created_at").as_text().unwrap_or_default()
}

/// NULL.
pub(super) const NOTHING: Value = Value::Null;
