//! Who sees which rows, and who may change them: the one place where that is stated.
//!
//! **What a row belongs to.** A row belongs to the clients that its references lead to, followed upward through all foreign
//! keys of the catalogue; a reference of a table to itself is not followed. A client belongs to itself. What is kept for the
//! sessions of a project (locks, messages, states of components) belongs to the client of the project of that slug.
//!
//! **What a limited caller sees.** A user (viewer or tech) or a token may be limited to some clients. Such a caller sees a row
//! if none of the row's clients is outside that list, and no reference of it leads nowhere. Rows that belong to no client are
//! general and seen, except credentials and what hangs on them: those are seen only if they belong to one of the clients, or
//! if `credential_permissions` names the caller. A message to one session that names no project is not seen, as nobody knows
//! whose it is. The tables of the machine and of administration ([`refuses`]) are not seen at all.
//!
//! **What a limited caller changes.** Only rows that belong to at least one of the clients and to no other, both before and
//! after the change.
//!
//! **How it is kept.** Reads of a limited caller run on connections on which views of that rule stand in front of all tables
//! ([`views`]), so that no handler can forget it. Writes are judged by the rows that their transaction changed, and taken back
//! ([`owners`]); a row that a write found, and had not to change, is not given out unless it is seen. Bookkeeping of this
//! machine that has words of rows in it is behind views, too. Before either, what the request names (ids anywhere in it, and
//! slugs of projects) must be seen ([`admission`]).
//! A route that does neither is refused, unless it says that it keeps the rule itself ([`Treatment`]).
//! What is refused is answered with 403 `CLIENT_FORBIDDEN`, and is on record in `api_audit_log`, also when it was a read.
//!
//! **In the context of a project** another rule holds beside this one, for every caller: memories of a client are shown in
//! that client's projects only ([`crate::memory`], `visibility.rs`).

mod admission;
mod owners;
#[cfg(test)]
mod tests;
mod views;

use std::collections::BTreeSet;

use axum::http::StatusCode;
use migrations::Entity;
use migrations::catalogue as tables;
use sync::local::Shade;

pub(crate) use admission::admit;
pub(crate) use owners::{check_changes, check_reply, trimmed};

use crate::api::problem::Problem;

/// What is said of a row that is there and not seen.
const HIDDEN: &str = "this belongs to a client that you are not given";

/// The code of every refusal.
pub(crate) const REFUSED: &str = "CLIENT_FORBIDDEN";

/// The clients that a caller is limited to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Limit {
    /// Who calls, by e-mail address.
    pub(crate) user: String,
    /// Ids of clients; none: only what is general.
    pub(crate) clients: BTreeSet<String>,
}

impl Limit {
    pub(crate) fn new(user: &str, clients: impl IntoIterator<Item = String>) -> Limit {
        let clients = clients.into_iter().map(|client| client.to_ascii_lowercase()).collect();
        Limit { user: user.to_lowercase(), clients }
    }

    /// What such a caller sees.
    pub(crate) fn shade(&self) -> Shade {
        let clients = self.clients.iter().cloned().collect();
        Shade { views: &views::VIEWS, lists: vec![(views::ALLOWED, clients), (views::CALLER, vec![self.user.clone()])] }
    }
}

/// How a route keeps the rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Treatment {
    /// By its kind: a read sees the views, a write is judged, anything else is refused.
    ByKind,
    /// It gives out no rows of clients, or keeps the rule by its own means.
    Own,
    /// It is not for limited callers.
    Refused,
}

/// True for a table that limited callers do not see: it tells of the machine, of all clients at once, or of users.
pub(crate) fn refuses(entity: &Entity) -> bool {
    let all = [
        tables::API_AUDIT_LOG,
        tables::BACKUP_LOG,
        tables::USERS,
        tables::SCHEMA_MIGRATIONS,
        tables::ALEMBIC_VERSION,
        tables::INTEGRATION_CREDENTIALS,
        tables::FORGOTTEN,
    ];
    all.contains(&entity)
}

/// The answer to what a limited caller may not see or do.
pub(crate) fn forbidden(detail: &str) -> Problem {
    let hint = "ask an admin for it: claudetools users limit E-MAIL --client CLIENT-ID …";
    Problem::new(StatusCode::FORBIDDEN, detail, hint).coded(REFUSED)
}
