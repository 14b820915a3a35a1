//! What a transcript tells of a prompt, put beside what is known of it: only what no hook told is taken.
//!
//! A turn is found by the client's prompt id, a tool's run by the client's id of it, so that hooks, the import and the
//! watching of transcripts make the same rows in whatever order they come. A turn that was answered is left as it is.

use merge::Key;
use migrations::catalogue::{COMMAND_RUNS, CONVERSATION_CONTEXTS, FILE_CHANGES, OPERATION_FAILURES};
use rusqlite::Connection;
use sync::StoreError;
use sync::local::{WriteTx, derived_id};

use super::ledger::{State, Turn};
use super::scene::Scene;
use super::settled::choices_of;
use super::transcript::{Exchange, Run};
use crate::forget::names;

/// Two prompts of the same words within this are one, where the client gave them no ids; in microseconds.
const SAME_US: u64 = 2 * 60 * 1_000_000;

/// What an exchange of a transcript is to the replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It tells something that is not known.
    New,
    /// All of it is known.
    Known,
    /// It belongs to the conversation that this one was forked from.
    Copied,
    /// A helper reports, and the prompt that it worked for is not known.
    Stray,
    /// It was forgotten on purpose.
    Forgotten,
}

/// How an exchange stands in a conversation of this project.
pub(super) fn standing(
    tx: &WriteTx<'_>,
    (conversation, project): (&str, &str),
    exchange: &Exchange,
) -> Result<Standing, StoreError> {
    if exchange.is_copied {
        return Ok(Standing::Copied);
    }
    let db = tx.connection();
    // A record that does not say when it was made may be older than anything.
    if names::covers(db, conversation, project, exchange.at_us)?
        || names::is_turn_forgotten(db, &turn_id(conversation, exchange))?
    {
        return Ok(Standing::Forgotten);
    }
    let Some(turn) = turn_of(db, conversation, exchange)? else {
        if exchange.helper.is_some() {
            return Ok(Standing::Stray);
        }
        // What was told and then forgotten by the bookkeeping is still there as a memory.
        let memory = Key::new(derived_id("conversation_contexts", &turn_id(conversation, exchange)));
        let is_kept = tx.get(CONVERSATION_CONTEXTS, &memory)?.is_some();
        return Ok(if is_kept { Standing::Known } else { Standing::New });
    };
    if turn.conversation != conversation {
        return Ok(Standing::Copied);
    }
    let says_more = match exchange.report() {
        Some((_, text)) => !turn.parts.has_report(text),
        None if exchange.helper.is_some() => false,
        None if !turn.state.is_waiting() && !turn.parts.prompt.is_empty() => return Ok(Standing::Known),
        None => exchange.is_complete || turn.parts.prompt.is_empty() || !turn.parts.has_answer(&exchange.answer),
    };
    let is_new = says_more
        || exchange
            .runs
            .iter()
            .try_fold(false, |new, run| Ok::<_, StoreError>(new || !is_there(tx, conversation, run)?))?;
    Ok(if is_new { Standing::New } else { Standing::Known })
}

/// The turn that an exchange tells of: the one of its prompt id, else the one of its moment, else one of the same words
/// about that time; a helper's is the one that it worked in.
fn turn_of(db: &Connection, conversation: &str, exchange: &Exchange) -> Result<Option<Turn>, StoreError> {
    let named = Turn::load(db, &turn_id(conversation, exchange))?;
    if named.is_some() {
        return Ok(named);
    }
    if exchange.helper.is_some() {
        return Turn::at(db, conversation, exchange.at_us);
    }
    if exchange.prompt_id.is_some() {
        return Ok(None);
    }
    let about = |turn: &Turn| exchange.at_us == 0 || turn.started_us.abs_diff(exchange.at_us) < SAME_US;
    let turns = Turn::all(db, conversation)?;
    Ok(turns.into_iter().rev().find(|turn| turn.parts.prompt == exchange.prompt && about(turn)))
}

/// The id of the turn that an exchange becomes where there is none.
fn turn_id(conversation: &str, exchange: &Exchange) -> String {
    match (&exchange.prompt_id, &exchange.uuid) {
        (Some(id), _) => id.clone(),
        (None, Some(uuid)) if exchange.at_us == 0 => format!("{conversation}:{uuid}"),
        (None, _) => format!("{conversation}:{}", exchange.at_us),
    }
}

/// Whether a run's rows are there.
fn is_there(tx: &WriteTx<'_>, conversation: &str, run: &Run) -> Result<bool, StoreError> {
    // A run without an id of the client's cannot be told from another one.
    let Some(id) = &run.deed.id else { return Ok(true) };
    let key = format!("{conversation} {id}");
    let tables = [
        (FILE_CHANGES, run.deed.file.is_some()),
        (COMMAND_RUNS, run.deed.command.is_some()),
        (OPERATION_FAILURES, run.deed.failure.is_some()),
    ];
    for (table, _) in tables.into_iter().filter(|(_, is_told)| *is_told) {
        if tx.get(table, &Key::new(derived_id(table.name, &key)))?.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

impl Scene<'_, '_> {
    /// Takes in what an exchange tells that is not known.
    pub(super) fn exchange(&mut self, exchange: &Exchange) -> Result<Standing, StoreError> {
        let conversation = self.conversation.id.clone();
        let project = self.conversation.project_slug.clone();
        let standing = standing(self.tx, (&conversation, &project), exchange)?;
        if standing != Standing::New {
            return Ok(standing);
        }
        let known = turn_of(self.tx.connection(), &conversation, exchange)?;
        let is_missed = known.is_none();
        let mut turn = match known {
            Some(turn) => turn,
            None if exchange.at_us <= self.conversation.copied_until_us && self.conversation.copied_until_us > 0 => {
                return Ok(Standing::Copied);
            }
            None => self.missed(exchange),
        };
        let before = choices_of(&turn);
        if exchange.helper.is_some() {
            let report = exchange.report().filter(|(_, text)| !turn.parts.has_report(text));
            turn.parts.helpers.extend(report.map(|(who, text)| (who.to_owned(), text.to_owned())));
        } else {
            self.hear(&mut turn, exchange);
        }
        self.write_turn_with(&turn, |scene| scene.runs(&turn, &exchange.runs))?;
        if is_missed {
            self.stances(&turn)?;
        }
        self.choices(&turn, &before)?;
        Ok(Standing::New)
    }

    /// What the prompt and the answer add to a turn.
    fn hear(&self, turn: &mut Turn, exchange: &Exchange) {
        if turn.parts.prompt.is_empty() {
            turn.parts.prompt.clone_from(&exchange.prompt);
        }
        if !exchange.answer.trim().is_empty() {
            turn.drop_partial_answer();
        }
        turn.parts.add_answer(&exchange.answer);
        if exchange.is_complete {
            turn.state = State::Answered;
            turn.parts.answered_us = turn.parts.answered_us.max(exchange.answered_us);
        } else if self.conversation.ended_us > 0 && turn.state == State::Open {
            turn.state = State::Interrupted;
        }
    }

    /// The runs that no hook told of, each at its own time.
    fn runs(&mut self, turn: &Turn, runs: &[Run]) -> Result<(), StoreError> {
        let event_us = self.at_us;
        for run in runs {
            if !is_there(self.tx, &turn.conversation, run)? {
                self.at_us = if run.at_us == 0 { turn.started_us } else { run.at_us };
                self.rows_of(turn, &run.deed, &run.cwd)?;
            }
        }
        self.at_us = event_us;
        Ok(())
    }

    /// A prompt that no hook told of.
    fn missed(&mut self, exchange: &Exchange) -> Turn {
        let at_us = if exchange.at_us == 0 { self.at_us } else { exchange.at_us };
        let id = turn_id(&self.conversation.id, exchange);
        let event_us = std::mem::replace(&mut self.at_us, at_us);
        let turn = self.new_turn(id, &exchange.prompt);
        self.at_us = event_us;
        turn
    }
}

impl Exchange {
    /// What a helper reported, and which kind of helper; None for a person's prompt, and while it works.
    fn report(&self) -> Option<(&str, &str)> {
        let who = self.helper.as_deref().filter(|who| !who.is_empty())?;
        (self.is_complete && !self.answer.trim().is_empty()).then_some((who, self.answer.as_str()))
    }
}
