//! Central: the MariaDB database that replicas reconcile with.
//!
//! - [`CentralUrl`] says where it is; [`Central`] is a small pool of connections to it, each set up the same way.
//! - [`init`] makes or upgrades the schema and installs the capture triggers; [`check`] looks whether all is well.
//! - [`Central::sequence`], [`Central::feed`] and [`Central::rows`] are the way from there to here; [`Central::push`] and
//!   [`Central::resolve`] the way from here to there. [`Central::claim`] is for what only one of all machines may have.
//!
//! Architecture invariants:
//! - Entity tables hold nothing of ours, and anyone may write them with SQL: bookkeeping lives in tables of the prefix
//!   `ct_sync_`, filled by triggers that no writer waits for.
//! - Changes are never numbered by their writers. An auto-increment log read by its number misses transactions that
//!   commit out of order; here whoever pulls first numbers what is committed (see [`Central::sequence`]).
//! - A connection on which anything failed is closed, never used again: no transaction, lock or session variable of
//!   ours can outlive its purpose.
//! - Identifiers in SQL come from the catalogue, or from the database itself and are quoted ([`layout`]); values are always
//!   bound, and no error text holds a value.

mod adopt;
mod batch;
mod cascade;
mod check;
mod circle;
mod claim;
mod codec;
mod connect;
mod definer;
mod definition;
mod digest;
mod enrol;
mod error;
mod feed;
mod findings;
mod forgotten;
mod grants;
mod heartbeat;
mod init;
mod introspect;
mod layout;
mod look;
mod machines;
mod pool;
mod push;
mod receipt;
mod refusal;
mod retention;
mod rows;
mod schema;
mod sequencer;
mod session;
mod sides;
mod snapshot;
mod sql;
mod standing;
mod steps;
mod transaction;
mod triggers;
mod url;
mod users;
mod vault;
mod versions;
mod watch;
mod write;

pub use adopt::{Adoption, GivenName, Survey, release, survey};
pub use batch::{Batch, Known, Limits, PushItem, PushState};
pub use check::{CheckReport, Finding, MachineSeen, Severity, check};
pub use claim::{Claim, Claimed};
pub(crate) use codec::unscaled;
pub use connect::Central;
pub use error::CentralError;
pub use feed::{Feed, FeedRow, FeedState, Head};
pub use grants::{NewUser, grants_sql};
pub use heartbeat::Heartbeat;
pub use init::{InitOptions, InitProgress, InitReport, init, init_with};
pub use layout::{Mapping, TableReport};
pub use look::Look;
pub use machines::Peer;
pub use receipt::{ItemOutcome, Receipt};
pub use refusal::{Refusal, RefusalKind};
pub use retention::{KEPT, Pruned};
pub use sequencer::Sequenced;
pub use snapshot::{SnapshotStart, TablePage};
pub(crate) use standing::{Missing, Stand};
pub use url::{CentralUrl, UrlError};
pub use users::{UserError, UserRow};
pub use vault::StoredKey;
pub use versions::Versions;
pub(crate) use watch::Restored;

/// The logic of central without SQL, for a central that is simulated.
#[doc(hidden)]
pub mod logic {
    pub use super::codec::Unreadable;
    pub use super::push::{push, resolve};
    pub use super::refusal::columns_in;
    pub use super::sequencer::{Change, OutboxEntry, coalesced};
    pub use super::transaction::{Locked, Logged, Machine, StoredReceipt, Taken, Transaction, Unnumbered};
}
