//! Who works where, and who has what: locks, presence, messages and states of components, for sessions on all machines.
//!
//! A lock is a row of `coord_session_locks`. It is claimed at central, where one of all machines gets it ([`claiming`]);
//! while central is away it is provisional, known here only ([`claims`]), until [`keep`] has asked. A session's hooks renew
//! its locks and tell it of those that it lost ([`activity`]); when a session starts, it is told who else is there
//! ([`briefing`]). What ended long ago is removed everywhere ([`prune`]).
//!
//! Architecture invariant: a lock is advisory. Nothing here stops anybody; it says who is in the way.

mod activity;
mod briefing;
mod claiming;
mod claims;
pub(crate) mod keep;
mod lock;
mod losing;
pub(crate) mod messages;
mod presence;
mod prune;

use sync::local::ReadTx;
use sync::{Clock, StoreError, local};

pub(crate) use activity::{Session, note_activity, take_news};
pub(crate) use briefing::{Briefing, briefing};
pub(crate) use claiming::{Outcome, Release, Wanted, claim, release, renew};
pub(crate) use claims::standing;
pub(crate) use lock::{Lock, all, live, project_of};
pub(crate) use presence::{Present, present};
pub(crate) use prune::prune;

/// How long a lock lasts without activity, unless its claimant says otherwise, in hours.
pub(crate) const DEFAULT_TTL_HOURS: f64 = 2.0;

const HOUR_US: u64 = 3_600 * 1_000_000;

/// What a session is called where sessions are named: its machine, and the end of the client's session id. Ids that
/// begin with a time begin alike.
pub(crate) fn label(hostname: &str, claude_session_id: &str) -> String {
    let all_but = claude_session_id.chars().count().saturating_sub(LABEL_CHARS);
    let end: String = claude_session_id.chars().skip(all_but).collect();
    format!("{hostname}/{end}")
}

/// Characters of the client's session id in a label.
const LABEL_CHARS: usize = 8;

/// Now by central's clock, as far as it is known.
pub(crate) fn now_us(tx: &ReadTx<'_>, clock: &dyn Clock) -> Result<u64, StoreError> {
    Ok(clock.now_us().saturating_add_signed(local::clock_offset_us(tx)?))
}
