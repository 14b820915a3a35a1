//! An empty replica to copy, so that its tables are made once a thread.

use std::cell::RefCell;
use std::sync::Arc;

use sync::{Store, StoreError};

use super::clock::{SkewedClock, Time};
use super::machine::Machine;
use super::model::Model;

thread_local! {
    static EMPTY: RefCell<Option<Store>> = const { RefCell::new(None) };
}

/// A machine with an empty replica and an identity of its own.
pub(crate) fn machine(time: &Time, model: &Model) -> Result<Machine, StoreError> {
    EMPTY.with_borrow_mut(|empty| {
        if empty.is_none() {
            *empty = Some(Store::in_memory(Arc::new(SkewedClock::new(Time::new())))?);
        }
        let Some(empty) = empty else { return Err(StoreError::Closed) };
        empty.forget_identity()?;
        Machine::from(empty, time, model)
    })
}
