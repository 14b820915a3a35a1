//! The way from here to central.
use super::{Batch, Central, CentralError, Receipt};

impl Central {
    /// Merges a batch with what is there now and writes the result, in one transaction, exactly once.
    ///
    /// A batch that was already done gives the receipt it had. Errors: [`CentralError::Rewound`] when this replica is an
    /// older copy of itself; [`CentralError::Deadlock`], [`CentralError::LockWait`] and [`CentralError::TooBig`] when
    /// nothing was done and half of the batch, under the same number, may succeed; [`CentralError::Unreachable`] when it is
    /// not known whether it was done: [`Central::resolve`] tells.
    pub async fn push(&self, batch: &Batch) -> Result<Receipt, CentralError> {
        unimplemented!("{batch:?}")
    }

    /// Whether a batch was done: its receipt, or None, and then it never will be, even if its transaction is still on its
    /// way: the number is used up and the next batch needs a greater one.
    pub async fn resolve(&self, batch: &Batch) -> Result<Option<Receipt>, CentralError> {
        unimplemented!("{batch:?}")
    }
}
