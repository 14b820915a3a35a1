//! The deadline of the fast path. The work stays on the main thread, because a hand-over between threads costs more than
//! the rest of a run on a busy machine; a second thread only waits, and ends the process when its time has come.

use std::panic::{self, AssertUnwindSafe};
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

/// Runs `job` and returns its result. When it has not ended by `until`, or has panicked, `instead` runs at `until` on
/// another thread and the process ends with status 0.
///
/// Where no thread can be had the job runs unwatched: then the timeouts of its connection have to do.
pub(crate) fn watched<T>(until: Instant, job: impl FnOnce() -> T, instead: impl FnOnce() + Send + 'static) -> T {
    let decided = Arc::new(AtomicBool::new(false));
    let late = Arc::clone(&decided);
    let watching = thread::Builder::new().spawn(move || {
        #[expect(clippy::disallowed_methods, reason = "a deadline is the one thing that only time can bring")]
        thread::sleep(until.saturating_duration_since(Instant::now()));
        if !late.swap(true, Ordering::SeqCst) {
            // A panic has been reported on stderr; the session must not wait for ever because of it.
            let _ = panic::catch_unwind(AssertUnwindSafe(instead));
            process::exit(0);
        }
    });
    match panic::catch_unwind(AssertUnwindSafe(job)) {
        Ok(result) if !decided.swap(true, Ordering::SeqCst) => result,
        Err(panic) if watching.is_err() => panic::resume_unwind(panic),
        // The other thread is ending the process, or will.
        _ => loop {
            thread::park();
        },
    }
}
