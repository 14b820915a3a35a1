//! What is imported becomes the same rows as what is captured: same ids, so that a conversation that was captured, or
//! imported before, is not there twice. What is known already is left as it is.
//!
//! Runs on a thread for blocking work.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use merge::{Key, Row};
use migrations::catalogue::{CONVERSATION_CONTEXTS, PROJECTS, SESSIONS};
use sync::local::{WriteTx, derived_id};
use sync::{StoreError, datetime_text};

use super::anchors::{self, id_of};
use super::catch_up::ABANDONED_US;
use super::cursor::Cursor;
use super::exchange::{self, Standing};
use super::ledger::Conversation;
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
    /// Exchanges that told something new.
    pub(crate) new: u64,
    /// Exchanges that were told by hooks, or by an earlier import.
    pub(crate) known: u64,
    /// Exchanges that belong to the conversation that this one was forked from.
    pub(crate) copied: u64,
    /// Reports of helpers whose prompt is not known.
    pub(crate) stray: u64,
    /// Exchanges of conversations that must not come in.
    pub(crate) refused_by_user: u64,
    /// Prompts of a project that is off.
    pub(crate) switched_off: u64,
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

/// Exchanges of a conversation, in order, and how far its file is read with them.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) sitting: Sitting,
    pub(crate) exchanges: Arc<Vec<Exchange>>,
    /// The last of the file: the conversation's summary is made.
    pub(crate) is_last: bool,
    /// True when an earlier part of this reading told something new.
    pub(crate) has_begun: bool,
    /// Many more follow: the text is indexed afterwards.
    pub(crate) in_bulk: bool,
    pub(crate) cursor: Option<Cursor>,
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

type Job<T> = fn(&mut WriteTx<'_>, &T, &MachineInfo, &str) -> Result<Outcome, StoreError>;

impl Capture {
    /// Takes in a part of a conversation; with `dry_run` only says what would be new. Of a project that is off only how far
    /// its transcript was read is kept.
    pub(crate) fn import_part(&self, mut part: Part, dry_run: bool) -> Result<Outcome, StoreError> {
        if !self.policy.of(&part.sitting.place.slug).capture {
            let switched_off = std::mem::take(&mut part.exchanges).len() as u64;
            part.has_begun = false;
            return Ok(Outcome { switched_off, ..self.import_part_that_is_on(part, dry_run)? });
        }
        let Sitting { place, cwd, .. } = &part.sitting;
        let ignores = |file: Option<&str>| file.is_some_and(|file| self.policy.ignores(&place.slug, cwd, file));
        if part.exchanges.iter().flat_map(|exchange| &exchange.runs).any(|run| ignores(run.deed.file_path())) {
            for exchange in Arc::make_mut(&mut part.exchanges) {
                exchange.runs.retain(|run| !ignores(run.deed.file_path()));
            }
        }
        self.import_part_that_is_on(part, dry_run)
    }

    fn import_part_that_is_on(&self, part: Part, dry_run: bool) -> Result<Outcome, StoreError> {
        let job: Job<Part> = |tx, part, machine, replica| take(tx, part, machine, replica);
        let (whole, last) = (part.clone(), part.exchanges.len().saturating_sub(1));
        let each = move || {
            let one = |(number, exchange): (usize, &Exchange)| Part {
                exchanges: Arc::new(vec![exchange.clone()]),
                is_last: part.is_last && number == last,
                has_begun: part.has_begun || number > 0,
                cursor: part.cursor.clone().filter(|_| number == last),
                ..part.clone()
            };
            part.exchanges.iter().enumerate().map(one).collect()
        };
        self.import(whole, each, job, dry_run)
    }

    /// Takes in memories.
    pub(crate) fn import_contexts(&self, contexts: &[ImportedContext], dry_run: bool) -> Result<Outcome, StoreError> {
        let job: Job<Vec<ImportedContext>> = |tx, contexts, machine, replica| {
            let mut outcome = Outcome::default();
            for context in contexts {
                outcome.created += u64::from(keep(tx, context, machine, replica)?);
            }
            Ok(outcome)
        };
        let each = || contexts.iter().map(|context| vec![context.clone()]).collect();
        self.import(contexts.to_vec(), each, job, dry_run)
    }

    /// How far a transcript was read.
    pub(crate) fn cursor(&self, path: &str) -> Result<Option<Cursor>, StoreError> {
        self.store.read(|tx| Cursor::load(tx.connection(), path))
    }

    /// The project on record of a conversation that is known.
    pub(crate) fn place_of_conversation(&self, id: &str) -> Result<Option<Place>, StoreError> {
        let known = self.store.read(|tx| Conversation::load(tx.connection(), id))?;
        let slug = known.map(|conversation| conversation.project_slug).filter(|slug| !slug.is_empty());
        Ok(slug.map(|slug| Place::recorded(&slug)))
    }

    /// Bytes of every transcript that was read to its end, by its path.
    pub(crate) fn transcript_sizes(&self) -> Result<HashMap<String, u64>, StoreError> {
        self.store.read(|tx| Cursor::sizes(tx.connection()))
    }

    /// Whether hooks told that a conversation has ended.
    pub(crate) fn has_ended(&self, id: &str) -> Result<bool, StoreError> {
        let known = self.store.read(|tx| Conversation::load(tx.connection(), id))?;
        Ok(known.is_some_and(|conversation| conversation.ended_us > 0))
    }

    /// Since when transcripts are watched here, in microseconds since the Unix epoch: from the first call on.
    pub(crate) fn watching_since(&self) -> Result<u64, StoreError> {
        self.store.write(|tx| {
            let (db, now) = (tx.connection(), tx.now_us().cast_signed());
            let note = "INSERT OR IGNORE INTO ct_sync_state (name, value) VALUES ('transcripts_since_us', ?1)";
            db.execute(note, [now])?;
            let since = "SELECT value FROM ct_sync_state WHERE name = 'transcripts_since_us'";
            Ok(db.query_row(since, [], |row| row.get::<_, i64>(0))?.cast_unsigned())
        })
    }

    /// Ends the conversations that nobody ended, and that will not go on.
    pub(crate) fn end_abandoned(&self) -> Result<(), StoreError> {
        let found = self.store.write(|tx| {
            let before_us = tx.now_us().saturating_sub(ABANDONED_US);
            let silent = Conversation::silent(tx.connection(), "", before_us)?;
            let found = !silent.is_empty();
            for mut conversation in silent {
                conversation.transcript_due = true;
                conversation.save(tx.connection())?;
            }
            Ok(found)
        })?;
        if found {
            self.catch_up_in_background();
        }
        Ok(())
    }

    /// The project of that id.
    pub(crate) fn place_of_project(&self, id: &str) -> Result<Option<Place>, StoreError> {
        let key = Key::new(id);
        let row = self.store.read(|tx| tx.get(PROJECTS, &key))?;
        Ok(row.and_then(|row| row.text("slug").map(Place::recorded)))
    }

    /// Where the user's projects are known by their paths from.
    pub(crate) fn place_of_folder(&self, folder: &Path) -> Place {
        Place::of(folder, &self.machine.home_directory)
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
            Err(error) if reject::is_hopeless(&error) => {}
            outcome => return outcome,
        }
        let mut outcome = Outcome::default();
        for part in each() {
            match self.attempt(part, job, dry_run) {
                Ok(one) => outcome.add(one),
                Err(error) if reject::is_hopeless(&error) => outcome.refused.push(error.to_string()),
                Err(error) => return Err(error),
            }
        }
        Ok(outcome)
    }

    /// A dry run does it all, and takes it back.
    fn attempt<T: Send + 'static>(&self, what: T, job: Job<T>, dry_run: bool) -> Result<Outcome, StoreError> {
        let (machine, replica_id) = (Arc::clone(&self.machine), self.store.replica_id());
        let seen = Arc::new(Mutex::new(None));
        let told = Arc::clone(&seen);
        let written = self.store.write(move |tx| {
            let outcome = job(tx, &what, &machine, &replica_id)?;
            if dry_run {
                *told.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
                return Err(StoreError::other("a dry run is taken back"));
            }
            Ok(outcome)
        });
        let seen = seen.lock().unwrap_or_else(PoisonError::into_inner).take();
        seen.map_or(written, Ok)
    }
}

impl Outcome {
    /// This and what became of more.
    pub(crate) fn add(&mut self, more: Self) {
        self.created += more.created;
        self.new += more.new;
        self.known += more.known;
        self.copied += more.copied;
        self.stray += more.stray;
        self.refused_by_user += more.refused_by_user;
        self.switched_off += more.switched_off;
        self.refused.extend(more.refused);
    }
}

/// Exchanges into turns.
fn take(tx: &mut WriteTx<'_>, part: &Part, machine: &MachineInfo, replica_id: &str) -> Result<Outcome, StoreError> {
    let mut outcome = Outcome::default();
    let sitting = &part.sitting;
    let mut wanted = Vec::new();
    for exchange in part.exchanges.iter() {
        match exchange::standing(tx, (&sitting.id, &sitting.place.slug), exchange)? {
            Standing::New => wanted.push(exchange),
            Standing::Known => outcome.known += 1,
            Standing::Copied => outcome.copied += 1,
            Standing::Stray => outcome.stray += 1,
            Standing::Forgotten => outcome.refused_by_user += 1,
        }
    }
    let ends = part.is_last && (part.has_begun || !wanted.is_empty() || is_left_open(tx, &sitting.id)?);
    outcome.new = wanted.len() as u64;
    if ends || !wanted.is_empty() {
        bulk(tx, part.in_bulk)?;
        outcome.created = write(tx, part, &wanted, machine, replica_id)?;
        bulk_ends(tx, part.in_bulk)?;
    }
    // What a helper reports of a prompt that may still come is looked at again.
    if let Some(cursor) = part.cursor.as_ref().filter(|_| outcome.stray == 0) {
        cursor.save(tx.connection(), tx.now_us())?;
    }
    Ok(outcome)
}

/// Writes what is new, and ends what is over; returns how many memories that made.
fn write(
    tx: &mut WriteTx<'_>,
    part: &Part,
    wanted: &[&Exchange],
    machine: &MachineInfo,
    replica_id: &str,
) -> Result<u64, StoreError> {
    let (sitting, exchanges) = (&part.sitting, part.exchanges.as_slice());
    let Some(last) = exchanges.last() else { return Ok(0) };
    let at_us = wanted.first().map_or(last.at_us, |first| first.at_us);
    let cwd = sitting.cwd.to_string_lossy();
    let visit = Visit { conversation: &sitting.id, place: &sitting.place, cwd: &cwd, transcript: None, at_us };
    let mut scene = Scene::enter(tx, &visit, machine, replica_id)?;
    let before = memories(&scene)?;
    for exchange in wanted {
        scene.exchange(exchange)?;
    }
    let conversation = &mut scene.conversation;
    conversation.last_event_us = conversation.last_event_us.max(last.at_us).max(last.answered_us);
    let silent_us = scene.tx.now_us().saturating_sub(conversation.last_event_us);
    if part.is_last && (conversation.ended_us > 0 || silent_us > ABANDONED_US) {
        let ended_us = conversation.last_event_us;
        conversation.ended_us = ended_us;
        scene.at_us = ended_us;
        scene.close(if last.is_complete { "completed" } else { "abandoned" })?;
    }
    let created = memories(&scene)?.saturating_sub(before);
    scene.leave()?;
    Ok(created)
}

/// Whether a conversation that an import began, and that was killed before its end, waits to be ended.
fn is_left_open(tx: &WriteTx<'_>, id: &str) -> Result<bool, StoreError> {
    let known = Conversation::load(tx.connection(), id)?;
    let is_silent = |at: u64| tx.now_us().saturating_sub(at) > ABANDONED_US;
    Ok(known.is_some_and(|conversation| conversation.ended_us == 0 && is_silent(conversation.last_event_us)))
}

/// Until [`bulk_ends`], text is put into the queue of what is indexed later (`0010_bulk.sql`).
fn bulk(tx: &WriteTx<'_>, in_bulk: bool) -> Result<(), StoreError> {
    if in_bulk {
        tx.connection().prepare_cached("INSERT INTO ct_memory_bulk (id) VALUES (1)")?.execute([])?;
    }
    Ok(())
}

fn bulk_ends(tx: &WriteTx<'_>, in_bulk: bool) -> Result<(), StoreError> {
    if in_bulk {
        tx.connection().prepare_cached("DELETE FROM ct_memory_bulk")?.execute([])?;
    }
    Ok(())
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
