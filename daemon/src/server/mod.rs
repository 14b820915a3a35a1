//! HTTP on the Unix socket and on loopback: `listen` opens both, `accept` serves connections until the daemon stops,
//! `crowd` bounds their number, `delivery` finds out whether answers arrive, `guard` decides who may call, `routes` puts the hooks and the API together.

pub(crate) mod accept;
pub(crate) mod crowd;
mod delivery;
mod events;
pub(crate) mod guard;
pub(crate) mod listen;
pub(crate) mod routes;
