//! HTTP on the Unix socket and on loopback: `listen` opens both, `accept` serves connections until the daemon stops,
//! `guard` decides who may call, `routes` is the one table of what can be called; the handlers are beside it.

pub(crate) mod accept;
pub(crate) mod api_error;
pub(crate) mod auth;
mod credentials;
mod events;
pub(crate) mod guard;
pub(crate) mod health;
pub(crate) mod ledger;
pub(crate) mod listen;
pub(crate) mod memory;
pub(crate) mod routes;
pub(crate) mod sync;
pub(crate) mod users;
pub(crate) mod vault;
pub(crate) mod verify;
