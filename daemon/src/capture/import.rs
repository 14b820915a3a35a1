//! What is imported becomes the same rows as what is captured: same ids, so that a conversation that was captured, or
//! imported before, is not there twice. What is known already is left as it is.
//!
//! Runs on a thread for blocking work.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use merge::{Key, Row};
use migrations::catalogue::{CONVERSATION_CONTEXTS, PROJECTS, SESSIONS};
use sync::local::{WriteTx, derived_id};
use sync::{StoreError, datetime_text};

use super::anchors::{self, id_of};
use super::catch_up::ABANDONED_US;
use super::ledger::Turn;
use super::project::Place;
use super::scene::{Scene, Visit};
use super::transcript::Exchange;
use super::{Capture, MachineInfo, fit, reject};
use crate::forget::names;

/// What became of something that was to be imported.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Memories that are new.
    pub(crate) created: u64,
    /// What could not be taken, and why.
    pub(crate) refused: Vec<String>,
}

/// A conversation that exchanges belong to.
#[derive(Debug, Clone)]
pub(crate) struct Sitting {
    /// The client's session id.
    pub(crate) id: String,
    /// Where it took place, on whatever machine.
    pub(crate) cwd: PathBuf,
    pub(crate) place: Place,
}

/// A memory that was saved elsewhere, without secrets.
#[derive(Debug, Clone)]
pub(crate) struct ImportedContext {
    /// Its own id, when it has one.
    pub(crate) id: Option<String>,
    pub(crate) place: Place,
    /// `sessions.id`, or the client's session id; one that is not known is left out.
    pub(crate) session: Option<String>,
    pub(crate) kind: &'static str,
    pub(crate) title: String,
    pub(crate) text: String,
    /// In hundredths.
    pub(crate) relevance: i64,
    pub(crate) tags: Vec<String>,
    pub(crate) metadata: serde_json::Value,
    pub(crate) created_us: u64,
}

type Job<T> = fn(&mut WriteTx<'_>, &T, &MachineInfo, &str) -> Result<u64, StoreError>;

impl Capture {
    /// Takes in exchanges of a conversation, in order; with `dry_run` only says what would be new.
    pub(crate) fn import_exchanges(
        &self,
        sitting: &Sitting,
        exchanges: &[Exchange],
        dry_run: bool,
    ) -> Result<Outcome, StoreError> {
        let job: Job<(Sitting, Vec<Exchange>)> =
            |tx, (sitting, exchanges), machine, replica| take(tx, sitting, exchanges, machine, replica);
        let whole = (sitting.clone(), exchanges.to_vec());
        let each = || exchanges.iter().map(|exchange| (sitting.clone(), vec![exchange.clone()])).collect();
        self.import(whole, each, job, dry_run)
    }

    /// Takes in memories.
    pub(crate) fn import_contexts(&self, contexts: &[ImportedContext], dry_run: bool) -> Result<Outcome, StoreError> {
        let job: Job<Vec<ImportedContext>> = |tx, contexts, machine, replica| {
            contexts.iter().try_fold(0, |new, context| Ok(new + u64::from(keep(tx, context, machine, replica)?)))
        };
        let each = || contexts.iter().map(|context| vec![context.clone()]).collect();
        self.import(contexts.to_vec(), each, job, dry_run)
    }

    /// The project of that id.
    pub(crate) fn place_of_project(&self, id: &str) -> Result<Option<Place>, StoreError> {
        let key = Key::new(id);
        let row = self.store.read(|tx| tx.get(PROJECTS, &key))?;
        Ok(row.and_then(|row| row.text("slug").map(Place::recorded)))
    }

    /// All at once; where the replica refuses something of it, each by itself, so that only that is left out.
    fn import<T: Clone + Send + Sync + 'static>(
        &self,
        whole: T,
        each: impl Fn() -> Vec<T>,
        job: Job<T>,
        dry_run: bool,
    ) -> Result<Outcome, StoreError> {
        match self.attempt(whole, job, dry_run) {
            Ok(created) => return Ok(Outcome { created, refused: Vec::new() }),
            Err(error) if !reject::is_hopeless(&error) => return Err(error),
            Err(_) => {}
        }
        let mut outcome = Outcome::default();
        for part in each() {
            match self.attempt(part, job, dry_run) {
                Ok(created) => outcome.created += created,
                Err(error) if reject::is_hopeless(&error) => outcome.refused.push(error.to_string()),
                Err(error) => return Err(error),
            }
        }
        Ok(outcome)
    }

    /// A dry run does it all, and takes it back.
    fn attempt<T: Send + 'static>(&self, what: T, job: Job<T>, dry_run: bool) -> Result<u64, StoreError> {
        let (machine, replica_id) = (Arc::clone(&self.machine), self.store.replica_id());
        let (created, seen) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let (told, done) = (Arc::clone(&created), Arc::clone(&seen));
        let written = self.store.write(move |tx| {
            told.store(job(tx, &what, &machine, &replica_id)?, Ordering::Relaxed);
            if dry_run {
                done.store(1, Ordering::Relaxed);
                return Err(StoreError::other("a dry run is taken back"));
            }
            Ok(())
        });
        match written {
            Err(error) if seen.load(Ordering::Relaxed) == 0 => Err(error),
            _ => Ok(created.load(Ordering::Relaxed)),
        }
    }
}

/// Exchanges into turns; returns how many memories are new.
fn take(
    tx: &mut WriteTx<'_>,
    sitting: &Sitting,
    exchanges: &[Exchange],
    machine: &MachineInfo,
    replica_id: &str,
) -> Result<u64, StoreError> {
    let mut wanted = Vec::new();
    for exchange in exchanges {
        if is_new(tx, sitting, exchange)? {
            wanted.push(exchange);
        }
    }
    let (Some(first), Some(last)) = (wanted.first(), wanted.last()) else { return Ok(0) };
    let cwd = sitting.cwd.to_string_lossy();
    let visit =
        Visit { conversation: &sitting.id, place: &sitting.place, cwd: &cwd, transcript: None, at_us: first.at_us };
    let mut scene = Scene::enter(tx, &visit, machine, replica_id)?;
    let before = memories(&scene)?;
    for exchange in &wanted {
        scene.exchange(exchange)?;
    }
    let conversation = &mut scene.conversation;
    conversation.last_event_us = conversation.last_event_us.max(last.at_us).max(last.answered_us);
    let silent_us = scene.tx.now_us().saturating_sub(conversation.last_event_us);
    if conversation.ended_us > 0 || silent_us > ABANDONED_US {
        conversation.ended_us = conversation.last_event_us;
        scene.close(if last.is_complete { "completed" } else { "abandoned" })?;
    }
    let created = memories(&scene)?.saturating_sub(before);
    scene.leave()?;
    Ok(created)
}

/// Whether an exchange says something that neither a hook nor an earlier import told. What was told and then forgotten by the
/// bookkeeping is still there as a memory.
fn is_new(tx: &WriteTx<'_>, sitting: &Sitting, exchange: &Exchange) -> Result<bool, StoreError> {
    let db = tx.connection();
    let known = match &exchange.prompt_id {
        Some(id) => Turn::load(db, id)?,
        None => Turn::all(db, &sitting.id)?.into_iter().find(|turn| turn.parts.prompt == exchange.prompt),
    };
    if let Some(turn) = known {
        return Ok(turn.conversation == sitting.id && turn.state.is_waiting() && turn.parts.answers.is_empty());
    }
    let id = exchange.prompt_id.clone().unwrap_or_else(|| format!("{}:{}", sitting.id, exchange.at_us));
    if names::covers(db, &sitting.id, &sitting.place.slug, exchange.at_us)? || names::is_turn_forgotten(db, &id)? {
        return Ok(false);
    }
    let memory = Key::new(derived_id("conversation_contexts", &id));
    Ok(tx.get(CONVERSATION_CONTEXTS, &memory)?.is_none())
}

fn memories(scene: &Scene<'_, '_>) -> Result<u64, StoreError> {
    let sql = "SELECT count(*) FROM conversation_contexts WHERE session_id = ?1";
    Ok(scene.tx.connection().prepare_cached(sql)?.query_row([scene.session_id()], |row| row.get(0))?)
}

/// A memory into its row; false when it is there already.
fn keep(
    tx: &mut WriteTx<'_>,
    context: &ImportedContext,
    machine: &MachineInfo,
    replica_id: &str,
) -> Result<bool, StoreError> {
    let id = context.id.clone().unwrap_or_else(|| {
        let said = format!("import {} {} {} {}", context.place.slug, context.kind, context.title, context.text);
        derived_id("conversation_contexts", &said)
    });
    let is_forgotten = names::until(tx.connection(), "conversation_contexts", &id)?.is_some()
        || names::covers(
            tx.connection(),
            context.session.as_deref().unwrap_or_default(),
            &context.place.slug,
            context.created_us,
        )?;
    if is_forgotten || tx.get(CONVERSATION_CONTEXTS, &Key::new(id.as_str()))?.is_some() {
        return Ok(false);
    }
    let (machine_id, _) = anchors::machine(tx, machine, replica_id, tx.now_us())?;
    let project = anchors::project(tx, &context.place)?;
    let session = session(tx, context.session.as_deref())?;
    let tags = (!context.tags.is_empty()).then(|| serde_json::json!(context.tags).to_string());
    let row = Row::new(CONVERSATION_CONTEXTS)
        .with("id", id)
        .with("session_id", session)
        .with("project_id", id_of(&project))
        .with("machine_id", machine_id)
        .with("context_type", context.kind)
        .with("title", fit::chars(&context.title, 500))
        .with("dense_summary", fit::column(&context.text))
        .with("tags", tags)
        .with("metadata", context.metadata.to_string())
        .with("relevance_score", context.relevance)
        .with("created_at", datetime_text(context.created_us.min(tx.now_us())));
    tx.put(row)?;
    Ok(true)
}

fn session(tx: &WriteTx<'_>, named: Option<&str>) -> Result<Option<String>, StoreError> {
    let Some(named) = named else { return Ok(None) };
    let row = match tx.get(SESSIONS, &Key::new(named))? {
        None => tx.find(SESSIONS, "claude_session_id", &named.into())?,
        row => row,
    };
    Ok(row.as_ref().map(id_of))
}
