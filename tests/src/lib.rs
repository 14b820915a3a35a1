//! A world of real parts for the tests: MariaDB servers, machines with a daemon and hooks, the Claude Code client.
//!
//! Nothing here imitates what it can start; only the model behind the client is a stand-in ([`model`]). Everything that a
//! world starts dies with the test process, also when that is killed ([`child`]), and leaves no directory behind that the
//! next run would not sweep ([`scratch`]).

pub mod api;
pub mod arguments;
pub mod binaries;
pub mod child;
pub mod claude;
pub mod git;
pub mod goals;
pub mod machine;
pub mod mariadb;
pub mod model;
pub mod planted;
pub mod proxy;
pub mod random;
pub mod run;
pub mod scratch;
pub mod sim;
pub mod toolbox;
pub mod wait;

mod error;
mod strays;

pub use api::Api;
pub use error::{Error, Result};
pub use machine::Machine;
pub use mariadb::MariaDb;
pub use wait::eventually;
