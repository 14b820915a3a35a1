//! Waiting for a condition, with a deadline. The only place of the tests that sleeps.

use std::time::{Duration, Instant};

use crate::{Error, Result};

const POLL: Duration = Duration::from_millis(10);

/// Polls `condition` until it holds.
///
/// # Errors
/// When it does not hold within `deadline`; `what` names the condition in the error.
pub fn eventually(what: &str, deadline: Duration, mut condition: impl FnMut() -> bool) -> Result<()> {
    eventually_some(what, deadline, || condition().then_some(()))
}

/// Polls `probe` until it returns a value, and returns that.
///
/// # Errors
/// When it returns none within `deadline`; `what` names what was waited for in the error.
pub fn eventually_some<T>(what: &str, deadline: Duration, mut probe: impl FnMut() -> Option<T>) -> Result<T> {
    let started = Instant::now();
    loop {
        if let Some(value) = probe() {
            return Ok(value);
        }
        if started.elapsed() >= deadline {
            return Err(Error::new(format!("see {what} within {deadline:?}")));
        }
        pause(POLL);
    }
}

/// The interval between two looks at a condition, or the pace of a load that is part of a test's subject.
pub fn pause(interval: Duration) {
    #[expect(clippy::disallowed_methods, reason = "the one sleep: between two looks at a condition")]
    std::thread::sleep(interval);
}
