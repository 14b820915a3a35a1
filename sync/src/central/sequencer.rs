//! Numbers what is committed.
use super::{Central, CentralError};

/// What one call of [`Central::sequence`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sequenced {
    /// Keys that got a new number.
    pub numbered: u64,
    /// True when another machine was at it: its numbers are ours to pull as well.
    pub elsewhere: bool,
}

impl Central {
    /// Numbers all committed changes, or leaves it to another machine that is at it.
    pub async fn sequence(&self) -> Result<Sequenced, CentralError> {
        unimplemented!()
    }
}
