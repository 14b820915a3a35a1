//! A world of real parts for the tests: MariaDB servers, machines with a daemon and hooks, the Claude Code client.
//!
//! Nothing here imitates what it can start. Everything that a world starts dies with the test process, also when that is
//! killed ([`child`]), and leaves no directory behind that the next run would not sweep ([`scratch`]).

pub mod child;
pub mod mariadb;
pub mod scratch;
pub mod wait;

mod error;

pub use error::{Error, Result};
pub use mariadb::MariaDb;
pub use wait::eventually;
