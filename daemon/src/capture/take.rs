//! The transaction of one event: its id first, then its rows.

use sync::StoreError;
use sync::local::WriteTx;

use super::MachineInfo;
use super::arrival::Arrival;
use super::deed::Deed;
use super::ledger;
use super::reply::Taken;
use super::scene::{Scene, Visit};
use super::stats::Stats;
use crate::coord::{self, Session};
use crate::forget::names;
use crate::usage;

/// A conversation that has been silent for so long may have been killed: what its transcript holds is read when another
/// one starts. In microseconds.
const SILENT_US: u64 = 2 * 60 * 1_000_000;

/// What became of an event, and what its conversation is to hear.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) taken: Taken,
    /// Who sent it; None when it says nothing to keep.
    pub(super) session: Option<Session>,
    /// Locks that were lost.
    pub(super) news: Option<String>,
}

impl Done {
    fn only(taken: Taken) -> Self {
        Self { taken, session: None, news: None }
    }
}

/// Writes an event's rows, once.
pub(super) fn take(
    tx: &mut WriteTx<'_>,
    arrival: &Arrival,
    machine: &MachineInfo,
    replica_id: &str,
    stats: &Stats,
) -> Result<Done, StoreError> {
    let now_us = tx.now_us();
    // A clock that ran ahead when the event was sent must not place it in the future.
    let at_us = if arrival.sent_at_us == 0 { now_us } else { arrival.sent_at_us.min(now_us) };
    if !ledger::admit(tx.connection(), &arrival.id, &arrival.event, at_us)? {
        return Ok(Done::only(Taken::Duplicate));
    }
    if let Deed::Prompt { text: Some(_) } = &arrival.deed {
        usage::note_prompt(tx.connection(), &arrival.place.slug, at_us)?;
    }
    stats.redacted(&arrival.event, &arrival.redactions);
    stats.write(tx.connection())?;
    if arrival.deed == Deed::Seen || arrival.conversation.is_empty() {
        return Ok(Done::only(Taken::New));
    }
    if names::covers(tx.connection(), &arrival.conversation, &arrival.place.slug, at_us)? {
        if let (Deed::Prompt { .. }, Some(turn)) = (&arrival.deed, &arrival.prompt_id) {
            names::refuse_turn(tx, turn)?;
        }
        return Ok(Done::only(Taken::New));
    }
    let visit = Visit {
        conversation: &arrival.conversation,
        place: &arrival.place,
        cwd: &arrival.cwd,
        transcript: arrival.transcript.as_deref(),
        at_us,
    };
    let mut scene = Scene::enter(tx, &visit, machine, replica_id)?;
    scene.apply(arrival)?;
    let session = scene.name();
    scene.leave()?;
    coord::note_activity(tx.connection(), &session, tx.corrected_us().saturating_sub(now_us.saturating_sub(at_us)))?;
    let hears = arrival.live && matches!(arrival.deed, Deed::Start { .. } | Deed::Prompt { .. });
    let news = if hears { coord::take_news(tx.connection(), &session)? } else { None };
    Ok(Done { taken: Taken::New, session: Some(session), news })
}

impl Scene<'_, '_> {
    fn apply(&mut self, arrival: &Arrival) -> Result<(), StoreError> {
        let prompt_id = arrival.prompt_id.as_deref();
        match &arrival.deed {
            Deed::Start { source } => self.start(source),
            Deed::Prompt { text } => {
                self.reopen();
                match text {
                    Some(text) => self.prompt(prompt_id, text),
                    None => Ok(()),
                }
            }
            Deed::Answer { text } => self.answer(prompt_id, text),
            Deed::Failed { error, text } => self.fail(prompt_id, error, text),
            Deed::Help { agent, text } => self.help(prompt_id, agent, text),
            Deed::Tool(run) => self.tool(prompt_id, run, &arrival.id, &arrival.cwd),
            Deed::Compact => {
                self.conversation.transcript_due = self.conversation.transcript_path.is_some();
                Ok(())
            }
            Deed::End => self.end(),
            Deed::About { .. } | Deed::Seen => Ok(()),
        }
    }

    /// A conversation begins or goes on. Others that fell silent are looked after, and old bookkeeping is dropped.
    fn start(&mut self, source: &str) -> Result<(), StoreError> {
        self.reopen();
        if source == "fork" {
            self.conversation.copied_until_us = self.at_us;
        }
        // After a resume nobody works on the old prompt any more; a compaction happens in the middle of one.
        if source != "compact" {
            self.interrupt_open_turns()?;
        }
        let before_us = self.at_us.saturating_sub(SILENT_US);
        for mut silent in ledger::Conversation::silent(self.tx.connection(), &self.conversation.id, before_us)? {
            silent.transcript_due = true;
            silent.save(self.tx.connection())?;
        }
        ledger::prune(self.tx.connection(), self.tx.now_us())
    }
}
