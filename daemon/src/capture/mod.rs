//! Hook events become rows.
//!
//! An event is read tolerantly ([`payload`]), understood as what it means ([`deed`], pure), placed in a project
//! ([`project`]) and stripped of secrets, all before the store is asked for anything. Then one transaction enters the
//! event's id (so that it counts once, live or spooled) and its rows: machine, project and session ([`anchors`]), turns
//! ([`turn`]), tool runs ([`tool`]) with what they teach ([`lesson`]), the session's end ([`close`]). What is asked of memory
//! runs beside that write; a command about to be run is only asked about, nothing is written.
//!
//! Transcripts are read in the background ([`catch_up`]): they fill in what no hook told, after an interrupted turn or
//! a killed client. Transcripts of other times and machines are taken in on request ([`import`]).

mod anchors;
mod arrival;
mod catch_up;
mod close;
mod compose;
mod cursor;
mod decide;
mod deed;
mod digest;
mod exchange;
mod fit;
mod git;
mod import;
mod ledger;
mod lesson;
mod payload;
mod project;
mod reject;
mod remember;
mod reply;
mod scene;
mod settled;
mod stats;
mod take;
#[cfg(test)]
pub(crate) mod tests;
mod tool;
mod tool_run;
mod transcript;
mod turn;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use sync::{Store, StoreError};
use tokio::task::JoinSet;

use crate::coord::{self, Briefing, Session};
use crate::memory::index::Index;
use crate::memory::{Asker, Injected, Memory};
use crate::policy::Policy;
use crate::usage::judge::{self, Spoken};
use arrival::Arrival;
use deed::Deed;
use stats::Stats;
use take::Done;

pub(crate) use cursor::Cursor;
pub(crate) use decide::{Decided, Decision};
pub(crate) use digest::sha256;
pub(crate) use fit::Clean;
pub(crate) use import::{ImportedContext, Outcome as Imported, Part, Sitting};
pub(crate) use lesson::{name_of as name_of_command, pattern_without};
pub use project::Place;
pub(crate) use project::{name_of_slug, slug_of_remote};
pub use remember::{Note, Remembered};
pub use reply::{Reply, Taken};
pub use stats::EventStats;
pub(crate) use stats::kinds as redaction_kinds;
pub(crate) use transcript::{Exchange, Line, Lines, Reader};

/// This machine, as the operating system tells it.
#[derive(Debug, Clone)]
pub struct MachineInfo {
    /// As the system reports it.
    pub hostname: String,
    /// Who runs the daemon.
    pub username: String,
    /// `std::env::consts::OS`.
    pub platform: String,
    /// Name and version of the system, when known.
    pub os_version: Option<String>,
    /// The user's home directory: projects without a git remote are known by their path below it.
    pub home_directory: PathBuf,
}

/// One firing of a hook.
#[derive(Debug, Clone)]
pub struct Incoming {
    /// The event's name, as the hook was installed for it.
    pub event: String,
    /// 32 hexadecimal digits, the same when it is sent again.
    pub id: String,
    /// When the hook was started, in microseconds since the Unix epoch.
    pub sent_at_us: u64,
    /// The hook's stdin.
    pub body: Vec<u8>,
    /// False for an event from the spool: nobody waits for an answer.
    pub live: bool,
}

/// Takes hook events in. Clones share it.
#[derive(Debug, Clone)]
pub struct Capture {
    store: Store,
    machine: Arc<MachineInfo>,
    policy: Arc<Policy>,
    memory: Memory,
    stats: Arc<Stats>,
    background: Arc<Mutex<JoinSet<()>>>,
    catching_up: Arc<tokio::sync::Mutex<()>>,
}

impl Capture {
    /// A capture that writes to this replica, and recalls from its index, as the policy has it.
    pub(crate) fn new(store: Store, machine: MachineInfo, index: Arc<Index>, policy: Arc<Policy>) -> Self {
        recall::redact::prepare();
        Self {
            memory: Memory::new(store.clone(), index),
            store,
            machine: Arc::new(machine),
            policy,
            stats: Arc::default(),
            background: Arc::default(),
            catching_up: Arc::default(),
        }
    }

    /// Takes one event in. When this returns `Ok`, the event is durable (or durably set aside as rejected) and the
    /// reply says what to tell the client; on an error nothing was taken and it should be sent again.
    pub async fn handle(&self, incoming: Incoming) -> Result<Reply, StoreError> {
        let begun = Instant::now();
        let (event, sent_at_us) = (incoming.event.clone(), incoming.sent_at_us);
        let outcome = self.take_in(incoming).await;
        let failed = !matches!(&outcome, Ok(Reply { taken: Taken::New | Taken::Duplicate, .. }));
        self.stats.note(&event, sent_at_us, begun.elapsed(), failed);
        outcome
    }

    /// What came in since the replica was made, by event.
    pub async fn event_stats(&self) -> Result<Vec<EventStats>, StoreError> {
        self.stats.all(&self.store).await
    }

    /// Secrets that were taken out since the replica was made, by kind.
    pub(crate) async fn redactions(&self) -> Result<BTreeMap<String, u64>, StoreError> {
        self.stats.redactions(&self.store).await
    }

    /// Waits until what runs in the background (transcripts, records of what was injected) is done, and writes the
    /// figures that are kept in memory. For a clean stop, and for tests.
    pub async fn settle(&self) -> Result<(), StoreError> {
        let mut running = std::mem::take(&mut *self.background.lock().unwrap_or_else(PoisonError::into_inner));
        while running.join_next().await.is_some() {}
        self.memory.settle().await;
        self.stats.flush(&self.store).await
    }

    async fn take_in(&self, incoming: Incoming) -> Result<Reply, StoreError> {
        let (home, policy) = (self.machine.home_directory.clone(), Arc::clone(&self.policy));
        let prepared = tokio::task::spawn_blocking(move || Arrival::prepare(incoming, &home, &policy)).await;
        let arrival = match prepared.map_err(StoreError::other)? {
            Ok(arrival) => arrival,
            Err(refused) => return reject::keep(&self.store, refused).await,
        };
        let recall = self.recall(&arrival);
        if arrival.only_asks() {
            return Ok(Reply::new(Taken::New, recall.await));
        }
        let write = self.write(&arrival);
        let (done, recalled) = tokio::join!(write, recall);
        let done = match done {
            Err(error) if reject::is_hopeless(&error) => {
                return reject::keep(&self.store, arrival.refused(error.to_string())).await;
            }
            done => done?,
        };
        if arrival.deed.wants_transcript() {
            self.catch_up_in_background();
        }
        if let (Deed::Answer { text }, Taken::New) = (&arrival.deed, &done.taken) {
            self.judge_in_background(&arrival, text);
        }
        let briefing = self.briefing(&arrival, done.session).await;
        let tell =
            |told: Briefing| self.memory.tell_beside(&Self::asker(&arrival, 0), "SessionStart", told.text, &told.facts);
        let briefing = briefing.map(|told| told.map(tell));
        Ok(Reply::new(done.taken, recalled).with_news(done.news).with_briefing(briefing))
    }

    /// What a conversation that starts, or starts again, is told of the others; None when it was told the same last.
    async fn briefing(&self, arrival: &Arrival, session: Option<Session>) -> Result<Option<Briefing>, StoreError> {
        let (Some(session), Deed::Start { .. }, true) = (session, &arrival.deed, arrival.live) else { return Ok(None) };
        let (slug, clock, memory) = (arrival.place.slug.clone(), Arc::clone(self.store.clock()), self.memory.clone());
        let found = self.store.read_async(move |tx| {
            let told = memory.last_told_beside(tx, &session.claude_session_id)?;
            let briefing = coord::briefing(tx, &session, &slug, coord::now_us(tx, clock.as_ref())?)?;
            Ok(briefing.filter(|briefing| told.as_ref() != Some(&briefing.facts)))
        });
        found.await
    }

    /// Finds out what of the memories that the conversation was given its answer shows to be of use.
    fn judge_in_background(&self, arrival: &Arrival, answer: &str) {
        let (store, conversation, prompt_id) =
            (self.store.clone(), arrival.conversation.clone(), arrival.prompt_id.clone());
        let answer = answer.to_owned();
        let mut background = self.background.lock().unwrap_or_else(PoisonError::into_inner);
        while background.try_join_next().is_some() {}
        background.spawn(async move {
            let turn = store
                .read_async({
                    let conversation = conversation.clone();
                    move |tx| turn::of(tx.connection(), &conversation, prompt_id.as_deref())
                })
                .await;
            let judged = match turn {
                Ok(turn) => {
                    let (work_item, prompt) =
                        turn.map_or((None, String::new()), |turn| (Some(turn.work_item_id), turn.parts.prompt));
                    judge::judge(&store, Spoken { conversation, work_item, prompt, answer }).await
                }
                Err(error) => Err(error),
            };
            if let Err(error) = judged {
                tracing::warn!(%error, "it was not found out what of the memory was of use; `claudetools stats` shows less");
            }
        });
    }

    async fn write(&self, arrival: &Arc<Arrival>) -> Result<Done, StoreError> {
        let (arrival, machine) = (Arc::clone(arrival), Arc::clone(&self.machine));
        let (replica_id, stats) = (self.store.replica_id(), Arc::clone(&self.stats));
        self.store.write_async(move |tx| take::take(tx, &arrival, &machine, &replica_id, &stats)).await
    }

    fn asker(arrival: &Arrival, budget: usize) -> Asker {
        Asker { claude_session_id: arrival.conversation.clone(), project: arrival.place.slug.clone(), budget }
    }

    async fn recall(&self, arrival: &Arrival) -> Result<Option<Injected>, StoreError> {
        if !arrival.live {
            return Ok(None);
        }
        let terms = self.policy.of(&arrival.place.slug);
        let asker = |budget| Self::asker(arrival, budget);
        match &arrival.deed {
            Deed::Start { .. } => self.memory.at_start(asker(terms.start_tokens)).await,
            Deed::Prompt { text: Some(text), .. } => {
                self.memory.for_prompt(asker(terms.prompt_tokens), text.clone()).await
            }
            Deed::About { command } => self.memory.before_command(asker(terms.prompt_tokens), command.clone()).await,
            _ => Ok(None),
        }
    }
}
