//! All integration tests, as one binary: one link, one shared MariaDB server.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod reconcile;
mod schema;
mod world_itself;
