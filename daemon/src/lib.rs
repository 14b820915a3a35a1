//! The per-machine daemon of ClaudeTools and its command line.
//!
//! `run` is the daemon's life; `server` answers HTTP on the socket and on loopback; `intake` puts hook events, live and
//! spooled, in order before `capture` (which turns them into rows) and `memory` (which finds them again). `cli` has one
//! file a command; what a command knows of a running daemon comes through `client`, what `status` shows is a `report`.

pub mod capture;
pub mod cli;
pub mod memory;

mod app;
mod audit;
mod auth;
mod central_link;
mod client;
mod config;
mod doctor;
mod files;
mod intake;
mod keeper;
mod lock;
mod logging;
mod machine;
mod notices;
mod permission;
mod phase;
mod render;
mod report;
mod run;
mod secret;
mod server;
mod service;
mod setup;
mod starter;
mod stop;
mod tasks;
mod vault;
mod wait;
