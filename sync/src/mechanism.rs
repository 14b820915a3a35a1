//! Switches for the mechanisms of the reconciliation, all on.
//!
//! They are for the proof that the simulation notices when one is missing, and for nothing else: a checker that passes
//! without a mechanism would pass with a broken one. A switch is of its thread, so that a simulation that works without
//! one leaves everything else in the process alone.

use std::cell::Cell;

use merge::{Case, Decision, Outcome};

/// Without any one of these, something is lost or the sides drift apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// Central remembers which batches it has done.
    Receipts,
    /// The batch in flight is settled before anything is pulled.
    Resolve,
    /// Each row of a batch is settled by its own outcome.
    Outcomes,
    /// A row that was edited while it was in flight stays in the journal.
    Generations,
    /// References whose parent is missing wait, and are settled.
    Parking,
    /// What referred to a row that was given up refers to the row that stands for it.
    Aliases,
    /// Rows are read again for the sake of a neighbour.
    Reread,
    /// A tombstone knows the row as it was last.
    TombstoneImages,
    /// An edit stands against a delete that it did not know of.
    Resurrection,
    /// A merge that a condition refuses gives up only what the condition is about.
    CheckFallback,
    /// What a foreign key's action does at central is captured.
    CascadeCapture,
}

impl Mechanism {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Receipts,
        Self::Resolve,
        Self::Outcomes,
        Self::Generations,
        Self::Parking,
        Self::Aliases,
        Self::Reread,
        Self::TombstoneImages,
        Self::Resurrection,
        Self::CheckFallback,
        Self::CascadeCapture,
    ];
}

thread_local! {
    static OFF: Cell<Option<Mechanism>> = const { Cell::new(None) };
}

/// True unless this thread works without it.
pub fn is_on(mechanism: Mechanism) -> bool {
    OFF.get() != Some(mechanism)
}

/// Runs a job without a mechanism; what it does on other threads has it.
pub fn without<T>(mechanism: Option<Mechanism>, job: impl FnOnce() -> T) -> T {
    let before = OFF.replace(mechanism);
    let result = job();
    OFF.set(before);
    result
}

/// A decision, without its resurrection when that is off.
pub(crate) fn resurrected(mut decision: Decision) -> Decision {
    if decision.case == Case::Revive && !is_on(Mechanism::Resurrection) {
        (decision.write_local, decision.write_remote) = (decision.write_remote, decision.write_local);
        decision.outcome = Outcome::Gone;
    }
    decision
}
