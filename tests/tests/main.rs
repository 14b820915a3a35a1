//! All integration tests, as one binary: one link, one shared MariaDB server.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

// What tests work with.
mod compare;
mod conversation;
mod record;
mod replica;

// The parts, each against the real thing.
mod adopt;
mod breakdown;
mod central;
mod ledger;
mod reconcile;
mod schema;
mod simulation;
mod skew;
mod verify;
mod world_itself;

// The whole, as its users have it.
mod backup;
mod bad_input;
mod billing;
mod capture;
mod coord;
mod exhaustion;
mod faults;
mod forgetting;
mod import;
mod installation;
mod keyboard;
mod large_import;
mod mcp;
mod predecessor;
mod rest;
mod secrets;
mod soak;
mod story;
mod talk;
mod transcripts;
mod writers;
