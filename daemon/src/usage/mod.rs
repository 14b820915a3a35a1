//! What memory costs and what it is worth: a ledger of what was injected, and whether it was used.
//!
//! Each injection is entered after its answer has gone out ([`record`]). When the assistant has answered, what was given to
//! the conversation is looked for in the answer and in what the tools were told ([`judge`]); a memory that was used counts
//! for recall's bounded use signal. Sums of each day and project are kept ([`days`]) and told by `claudetools stats`
//! ([`stats`]). All of it is of this machine and never travels, but for the count of uses in the memories themselves.

mod days;
pub(crate) mod judge;
pub(crate) mod record;
pub(crate) mod stats;

pub(crate) use days::note_prompt;

#[cfg(test)]
mod tests;
