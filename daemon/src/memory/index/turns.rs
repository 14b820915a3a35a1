//! As many searches at a time as there are cores: more would only make each other wait in the middle.

use std::sync::{Condvar, Mutex, PoisonError};

/// Turns that can be taken.
pub(super) struct Turns {
    free: Mutex<usize>,
    given_back: Condvar,
}

/// A turn; given back when it goes out of scope.
pub(super) struct Turn<'a>(&'a Turns);

impl Turns {
    /// One for each core.
    pub(super) fn of_this_machine() -> Turns {
        let free = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        Turns { free: Mutex::new(free), given_back: Condvar::new() }
    }

    /// Waits for a turn.
    pub(super) fn take(&self) -> Turn<'_> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let mut free = self.given_back.wait_while(free, |free| *free == 0).unwrap_or_else(PoisonError::into_inner);
        *free -= 1;
        Turn(self)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *self.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.given_back.notify_one();
    }
}
