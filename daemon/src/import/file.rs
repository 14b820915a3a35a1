//! One file: its records into conversations and contexts, a few at a time.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use serde_json::{Value, json};
use sync::StoreError;

use super::board::Board;
use super::folder::{self, Entry};
use super::record::{self, Kind, Said};
use super::records::{self, Found};
use super::report::{Preview, Tally, share};
use super::{ImportError, Order};
use crate::capture::{Capture, Exchange, Imported, ImportedContext, Part, Place, Reader, Sitting};
use crate::machine;

/// Exchanges and contexts that are written at once.
const BATCH: usize = 64;
/// Problems of one file that are named.
const NAMED: u64 = 20;
const RELEVANCE_OF_TURNS: f64 = 5.0;

/// What ends a file: its disk, or something that ends the whole import.
enum End {
    Io(io::Error),
    Import(ImportError),
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> Self {
        End::Io(error)
    }
}

impl From<StoreError> for End {
    fn from(error: StoreError) -> Self {
        End::Import(error.into())
    }
}

/// Imports a file. Only what ends the whole import is an error.
pub(super) fn import(
    capture: &Capture,
    order: &Order,
    entry: &Entry,
    tally: &mut Tally,
    board: &Board,
) -> Result<(), ImportError> {
    let before = tally.progress.bytes_processed;
    let mut work = Work {
        capture,
        order,
        name: &entry.name,
        folder: entry.path.parent().unwrap_or(Path::new("/")).to_owned(),
        modified_us: 0,
        talk: Talk::default(),
        contexts: Vec::new(),
        problems: 0,
        tally,
    };
    let outcome = work.file(entry, before, board);
    tally.progress.bytes_processed = before + entry.bytes;
    match outcome {
        Ok(()) => Ok(()),
        Err(End::Import(error)) => Err(error),
        Err(End::Io(error)) => {
            tally.error(format!("{}: {error}", entry.name));
            Ok(())
        }
    }
}

/// A conversation that is being read.
#[derive(Default)]
struct Talk {
    reader: Reader,
    session: Option<String>,
    cwd: Option<PathBuf>,
    sitting: Option<Sitting>,
    title: String,
    /// True when something of it was new.
    has_begun: bool,
    exchanges: u64,
    answered: u64,
    /// The latest time that a record told.
    at_us: u64,
}

struct Work<'a> {
    capture: &'a Capture,
    order: &'a Order,
    name: &'a str,
    folder: PathBuf,
    modified_us: u64,
    talk: Talk,
    contexts: Vec<Said>,
    problems: u64,
    tally: &'a mut Tally,
}

impl Work<'_> {
    fn file(&mut self, entry: &Entry, before: u64, board: &Board) -> Result<(), End> {
        let file = folder::open(&entry.path)?;
        let modified = file.metadata()?.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        self.modified_us = u64::try_from(modified.as_micros()).unwrap_or(0);
        let is_lines = entry.path.extension().is_some_and(|end| end.eq_ignore_ascii_case("jsonl"));
        let mut each = |found: Found| {
            if board.is_stopping() {
                return Err(End::Import(ImportError::Stopping));
            }
            self.record(found.record.as_ref(), &found.place, found.offset)?;
            self.tally.progress.bytes_processed = before + found.offset;
            board.show(self.tally);
            Ok(())
        };
        if is_lines {
            records::lines(file, &mut each)?;
        } else {
            records::document(file, &mut each)?;
        }
        self.end_talk()?;
        self.write_contexts()?;
        if self.problems > NAMED {
            self.tally.name(format!("{}: and {} more of its records", self.name, self.problems - NAMED));
        }
        Ok(())
    }

    fn record(&mut self, record: Result<&Value, &String>, place: &str, offset: u64) -> Result<(), End> {
        let record = match record {
            Ok(record) => record,
            Err(reason) => {
                self.problem(place, reason);
                return Ok(());
            }
        };
        match record::kind(record) {
            Kind::Message(message) => self.message(&message, offset)?,
            Kind::Conversation(messages) => {
                self.end_talk()?;
                self.talk.session = record["session_id"].as_str().map(str::to_owned);
                for (number, message) in messages.iter().enumerate() {
                    match record::kind(message) {
                        Kind::Message(message) => self.message(&message, offset)?,
                        _ => self.problem(place, &format!("message {} is none", number + 1)),
                    }
                }
                self.end_talk()?;
            }
            Kind::Context => {
                self.contexts.push(record::said(record));
                if self.contexts.len() >= BATCH {
                    self.write_contexts()?;
                }
            }
            Kind::Bookkeeping => self.talk.note(record),
            Kind::Unknown => self.problem(place, "is neither a message nor a context"),
        }
        Ok(())
    }

    /// Names what cannot be taken. The first ones are enough to see what is wrong with a file.
    fn problem(&mut self, place: &str, reason: &str) {
        self.problems += 1;
        self.tally.progress.errors += 1;
        if self.problems <= NAMED {
            self.tally.name(format!("{}: {place}: {reason}", self.name));
        }
    }

    fn message(&mut self, message: &Value, offset: u64) -> Result<(), End> {
        let (session, of) = (message["sessionId"].as_str(), self.talk.session.as_deref());
        if session.is_some() && of.is_some() && session != of {
            self.end_talk()?;
        }
        self.talk.note(message);
        self.talk.reader.value(message, offset);
        if self.talk.reader.waiting().0 > BATCH { self.write_exchanges(false) } else { Ok(()) }
    }

    fn end_talk(&mut self) -> Result<(), End> {
        self.write_exchanges(true)?;
        let talk = std::mem::take(&mut self.talk);
        self.tally.redactions += talk.reader.redactions();
        let Some(sitting) = talk.sitting else { return Ok(()) };
        self.tally.preview(|| Preview {
            file: self.name.to_owned(),
            title: talk.title,
            kind: "session_summary".to_owned(),
            category: sitting.place.slug,
            message_count: talk.exchanges + talk.answered,
            tags: Vec::new(),
            relevance_score: RELEVANCE_OF_TURNS,
            quality_score: share(talk.answered, talk.exchanges),
        });
        Ok(())
    }

    fn write_exchanges(&mut self, all: bool) -> Result<(), End> {
        let exchanges = self.talk.reader.taken(all);
        if exchanges.is_empty() {
            return Ok(());
        }
        if self.talk.sitting.is_none() {
            self.talk.sitting = Some(self.sitting(&exchanges[0]));
            self.talk.title = recall::excerpt::title(&exchanges[0].prompt, 160);
        }
        let Some(sitting) = self.talk.sitting.clone() else { return Ok(()) };
        let exchanges: Vec<Exchange> =
            exchanges.into_iter().map(|exchange| self.talk.timed(exchange, &sitting.id, self.modified_us)).collect();
        let part = Part {
            sitting,
            exchanges: Arc::new(exchanges),
            is_last: all,
            has_begun: self.talk.has_begun,
            in_bulk: false,
            cursor: None,
        };
        let outcome = self.capture.import_part(part, self.order.dry_run)?;
        self.talk.has_begun |= outcome.created > 0;
        self.count(outcome);
        Ok(())
    }

    /// The conversation that an exchange begins. One without a session of its own is known by what it begins with.
    fn sitting(&self, first: &Exchange) -> Sitting {
        let id = self.talk.session.clone().unwrap_or_else(|| {
            let begun = format!("{} {}", first.at_us, first.prompt);
            sync::local::derived_id("sessions", &format!("import {begun}"))
        });
        let cwd = self.talk.cwd.clone().unwrap_or_else(|| self.folder.clone());
        let place = self.order.place.clone().unwrap_or_else(|| place_of(&cwd));
        Sitting { id: recall::excerpt::cut(&id, 99), cwd, place }
    }

    fn write_contexts(&mut self) -> Result<(), End> {
        let mut contexts = Vec::with_capacity(self.contexts.len());
        for said in std::mem::take(&mut self.contexts) {
            self.tally.redactions += said.redactions;
            let place = self.place(&said)?;
            self.tally.preview(|| Preview {
                file: self.name.to_owned(),
                title: said.title.clone(),
                kind: said.kind.to_owned(),
                category: place.slug.clone(),
                message_count: 1,
                tags: said.tags.clone(),
                #[expect(clippy::cast_precision_loss, reason = "at most 1000")]
                relevance_score: said.relevance as f64 / 100.0,
                quality_score: share(1, 1),
            });
            contexts.push(ImportedContext {
                id: said.id,
                place,
                session: said.session.or_else(|| self.order.session.clone()),
                kind: said.kind,
                title: said.title,
                text: said.text,
                relevance: said.relevance,
                tags: said.tags,
                metadata: json!({ "source": "import", "file": self.name }),
                created_us: said.created_us.unwrap_or(self.modified_us),
            });
        }
        let outcome = self.capture.import_contexts(&contexts, self.order.dry_run)?;
        self.count(outcome);
        Ok(())
    }

    /// The project of a context: the one that was asked for, the one that it names, else that of its folder.
    fn place(&self, said: &Said) -> Result<Place, StoreError> {
        if let Some(place) = &self.order.place {
            return Ok(place.clone());
        }
        if let Some(id) = &said.project_id
            && let Some(place) = self.capture.place_of_project(id)?
        {
            return Ok(place);
        }
        Ok(said.project.as_deref().map_or_else(|| place_of(&self.folder), Place::named_by))
    }

    fn count(&mut self, outcome: Imported) {
        self.tally.progress.contexts_created += outcome.created;
        for reason in outcome.refused {
            self.problem("a record", &format!("the replica refuses it: {reason}"));
        }
    }
}

impl Talk {
    /// What records tell of their conversation.
    fn note(&mut self, record: &Value) {
        let text = |name: &str| record[name].as_str().filter(|text| !text.is_empty());
        if self.session.is_none() {
            self.session = text("sessionId").map(str::to_owned);
        }
        if self.cwd.is_none() {
            self.cwd = text("cwd").map(PathBuf::from);
        }
    }

    /// An exchange with a time: its own, or one behind the last that was told.
    fn timed(&mut self, mut exchange: Exchange, session: &str, modified_us: u64) -> Exchange {
        self.exchanges += 1;
        self.answered += u64::from(exchange.is_complete);
        if exchange.at_us == 0 {
            exchange.at_us = if self.at_us == 0 { modified_us } else { self.at_us + 1 };
            // Its time may be another the next time.
            exchange.prompt_id.get_or_insert_with(|| format!("{session}:import {}", self.exchanges));
        }
        self.at_us = exchange.at_us.max(exchange.answered_us);
        exchange
    }
}

fn place_of(folder: &Path) -> Place {
    Place::of(folder, &machine::this_one().home_directory)
}
