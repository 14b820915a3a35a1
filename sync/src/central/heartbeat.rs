//! What central knows of each machine, and how far its clock is from ours.
use super::{Central, CentralError};
use crate::Clock;

/// A machine's sign of life.
#[derive(Clone, Debug)]
pub struct Heartbeat {
    /// The replica.
    pub replica_id: String,
    /// For people.
    pub hostname: String,
    /// The build's version.
    pub version: String,
    /// How far it has pulled.
    pub cursor: u64,
}

impl Central {
    /// Records a machine's sign of life. Tombstones are kept for machines that give one.
    pub async fn heartbeat(&self, heartbeat: &Heartbeat) -> Result<(), CentralError> {
        unimplemented!("{heartbeat:?}")
    }

    /// Microseconds that central's clock is ahead of ours (negative: behind); the best of a few round trips.
    pub async fn clock_offset_us(&self, clock: &dyn Clock) -> Result<i64, CentralError> {
        unimplemented!("{}", clock.now_us())
    }
}
