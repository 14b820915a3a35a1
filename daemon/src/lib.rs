//! The per-machine daemon of ClaudeTools and its command line.
//!
//! `run` is the daemon's life; `server` answers HTTP on the socket and on loopback; `intake` puts hook events, live and
//! spooled, in order before `capture` (which turns them into rows) and `memory` (which finds them again). `cli` has one
//! file a command; what a command knows of a running daemon comes through `client`.

pub mod cli;

mod config;
mod files;
mod lock;
mod logging;
mod wait;
