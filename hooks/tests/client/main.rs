//! The real binary against real sockets, files and pipes.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "clippy takes the helpers of an integration test for code")]

mod answers;
mod outages;
mod start;
mod strange_calls;
mod world;
