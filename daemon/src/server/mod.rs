//! HTTP on the Unix socket and on loopback: `listen` opens both, `accept` serves connections until the daemon stops,
//! `guard` decides who may call, `routes` puts the hooks and the API together.

pub(crate) mod accept;
mod events;
pub(crate) mod guard;
pub(crate) mod listen;
pub(crate) mod routes;
