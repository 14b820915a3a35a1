//! Sessions whose hooks did not fire are saved from their transcripts: of a client that was killed, of an interrupted
//! turn, of a client without our hooks.
//!
//! The folders of the client are watched ([`eyes`]); where the system cannot, they are looked through now and then. A file
//! is read once it has been quiet for a while ([`waiting`]), little by little and never while an import runs. What hooks
//! told is known by the same ids, so the two cannot make anything twice. When the daemon starts, it catches up with what
//! changed while it was away; what is older than the first start is left to `claudetools import --transcripts`.

mod board;
mod eyes;
mod folders;
mod round;
mod waiting;

use std::sync::Arc;
use std::time::Duration;

pub(crate) use board::{WatchBoard, WatchReport};

use crate::app::App;
use eyes::Eyes;
use round::Watch;

/// Between two looks at what has changed.
const TICK: Duration = Duration::from_secs(1);
/// How long a round waits for the replica.
const PATIENCE: Duration = Duration::from_secs(1);

/// Watches until the stop.
pub(crate) async fn run(app: Arc<App>) {
    if !app.watching.watch {
        return app.watched.off();
    }
    let mut watch = Watch::new(folders::of_client(&app.home), Eyes::open(), app.watching.quiet_seconds);
    while app.stop.pause(TICK).await {
        if app.imports.now().running {
            continue;
        }
        let Ok(core) = app.core(PATIENCE).await else { continue };
        let shared = Arc::clone(&app);
        let round = tokio::task::spawn_blocking(move || {
            let outcome = watch.step(&core.capture, shared.clock.now_us(), &|| shared.stop.is_requested());
            (watch, outcome)
        });
        match round.await {
            Ok((after, outcome)) => {
                watch = after;
                if let Err(error) = &outcome {
                    // Saving fails likewise, and is reported there; the files wait.
                    tracing::warn!(%error, "transcripts could not be taken in; it is tried again");
                }
                app.watched.set(watch.report());
            }
            // The task is made anew, and catches up.
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
    }
}
