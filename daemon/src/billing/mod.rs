//! Billable time that writes itself: what was captured for a client becomes drafts, which a person confirms.
//!
//! A draft is an entry that is not billable and carries [`DRAFT`] in place of an invoice's reference: programs that know
//! nothing of drafts, those that read central among them, see time that is not to be billed. Nobody has a reason to write
//! that column before there is an invoice, so editing a draft's text does not hide that it is one; to make it billable, in
//! whatever way, is to confirm it.
//!
//! Drafts are made from work that was captured on this machine ([`read`]), by a pure plan ([`plan`], [`rule`]), and again
//! whenever more is known, until a person has changed, confirmed or deleted them ([`draft`]). That time is then settled: what
//! is captured of it later becomes a draft of its own.

mod draft;
mod plan;
mod read;
mod rule;
#[cfg(test)]
mod tests;

use merge::Row;

pub(crate) use draft::make;
pub(crate) use rule::{Rate, Rounding, Rule};

/// How a draft says that drafts of the same user from other machines lie in the same time: both wait for one person, who
/// was at one place.
pub(crate) const OVERLAP: &str = "Overlaps drafts of another machine: ";
/// What a draft carries as its invoice's reference.
pub(crate) const DRAFT: &str = "draft";
/// The condition that a row of `billable_time` is a draft.
pub(crate) const IS_DRAFT: &str = "(NOT is_billable AND NOT is_invoiced AND invoice_reference IS 'draft')";

/// Whether an entry is a draft.
pub(crate) fn is_draft(entry: &Row) -> bool {
    let is = |column| entry.int(column) == Some(1);
    !is("is_billable") && !is("is_invoiced") && entry.text("invoice_reference") == Some(DRAFT)
}
