//! Forgetting on purpose: a memory, a text, a conversation or a project's memory is taken out, here, at central and on every
//! machine, and what is derived of it too.
//!
//! What is to go is found first ([`find`], reading only), so that it can be shown. Then it is done in transactions
//! ([`act`]): memories and what was done for them are deleted; work items and sessions, which time is billed by, stay without
//! their words; lines of a project's state go. Each row that went is named in the table `forgotten`, which travels and holds
//! no text. Every machine keeps to these names ([`names`]): capture, transcripts and imports bring nothing of it back, and
//! what another machine sends again is taken out again ([`sweep`]), with the images that the ledger of the reconciliation
//! holds, in the files of the replica and of the index, and in events that were set aside ([`leftovers`]).

mod act;
mod find;
mod leftovers;
pub(crate) mod names;
mod state;
pub(crate) mod sweep;
mod text;

use migrations::Entity;
use migrations::catalogue as tables;

pub(crate) use act::{carry_out, drop_records};
pub(crate) use find::{Found, Plan, Wanted, elsewhere, find};
pub(crate) use leftovers::drop_events;
pub(crate) use text::Needle;

/// The tables whose rows are deleted, those with memories first.
const DELETED: [&Entity; 8] = [
    tables::CONVERSATION_CONTEXTS,
    tables::CONTEXT_SNIPPETS,
    tables::DECISION_LOGS,
    tables::PROBLEM_SOLUTIONS,
    tables::PROJECT_STATES,
    tables::OPERATION_FAILURES,
    tables::COMMAND_RUNS,
    tables::FILE_CHANGES,
];

/// What stands where a text was that must not be empty.
pub(crate) const BLANK: &str = "(forgotten)";
