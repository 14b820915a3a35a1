//! The per-machine daemon of ClaudeTools and its command line.
//!
//! `run` is the daemon's life; `server` answers HTTP on the socket and on loopback, `api` is
//! what it answers; `intake` puts hook events, live and
//! spooled, in order before `capture` (which turns them into rows) and `memory` (which finds them again). `billing` drafts
//! billable time from what was captured, `import` takes in what was saved elsewhere, `transcripts`
//! what the client itself keeps, `usage` is the ledger of what was injected and used, `coord` is what sessions on several
//! machines tell each other. `cli` has one
//! file a command; what a command knows of a running daemon comes through `client`, what `status` shows is a `report`.

pub mod capture;
pub mod cli;
pub mod memory;

mod api;
mod app;
mod audit;
mod auth;
mod backup;
mod billing;
mod central_link;
mod client;
mod clients;
mod config;
mod coord;
mod doctor;
mod files;
mod forget;
mod import;
mod intake;
mod isolation;
mod keeper;
mod lock;
mod logging;
mod machine;
mod mcp;
mod meaning;
mod news;
mod notices;
mod permission;
mod phase;
mod policy;
mod redaction;
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
mod transcripts;
mod usage;
mod vault;
mod wait;
