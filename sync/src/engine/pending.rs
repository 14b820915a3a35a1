//! Stand-ins until the central side lands.
#![allow(missing_docs, unused_variables, clippy::unused_async)]
use crate::central::*;
impl Central {
    pub async fn heartbeat(&self, replica_id: &str, hostname: &str, cursor: u64) -> Result<(), CentralError> { unimplemented!() }
    pub async fn resolve(&self, replica_id: &str, batch_no: u64) -> Result<Option<Receipt>, CentralError> { unimplemented!() }
    pub async fn sequence(&self) -> Result<u64, CentralError> { unimplemented!() }
    pub async fn push(&self, batch: &Batch) -> Result<Receipt, CentralError> { unimplemented!() }
    pub async fn clock_offset_us(&self, clock: &dyn crate::Clock) -> Result<i64, CentralError> { unimplemented!() }
}
