//! What a hook of Claude Code and the daemon must agree on: where things are ([`home`]), how a request looks ([`wire`]),
//! how it gets there ([`link`]), what is kept on disk while no daemon answers ([`spool`], [`outage`]), which client a
//! program is of ([`parent`]), and which events are installed ([`events`], [`install`]).
//!
//! Architecture invariant: this crate depends on no other crate of the workspace, and on neither an async runtime nor a
//! database, so that the client that stands on it starts in about a millisecond.

pub mod clock;
pub mod durable;
pub mod events;
pub mod home;
pub mod install;
pub mod link;
pub mod outage;
pub mod parent;
pub mod spool;
pub mod wire;
