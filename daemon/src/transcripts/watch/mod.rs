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

use tokio::sync::watch;

use crate::app::App;
use crate::stop::Stop;
use eyes::Eyes;
use round::Watch;

/// Between two looks at what has changed.
const TICK: Duration = Duration::from_secs(1);
/// Between two rounds at most: a folder of which the system tells nothing is looked through so often.
const LONGEST: Duration = Duration::from_secs(10);
/// How long a round waits for the replica.
const PATIENCE: Duration = Duration::from_secs(1);

/// Watches until the stop.
pub(crate) async fn run(app: Arc<App>) {
    if !app.watching.watch {
        return app.watched.off();
    }
    let mut watch = Watch::new(folders::of_client(&app.home), Eyes::open(), app.watching.quiet_seconds);
    let mut told = watch.told();
    while pause(&app.stop, watch.is_idle().then_some(&mut told)).await {
        if app.imports.now().running {
            continue;
        }
        let Ok(core) = app.core(PATIENCE).await else { continue };
        told.mark_unchanged();
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

/// Waits for the next round: when there is nothing to do, until something is told. False when the stop came.
async fn pause(stop: &Stop, idle: Option<&mut watch::Receiver<()>>) -> bool {
    if !stop.pause(TICK).await {
        return false;
    }
    let Some(told) = idle else { return true };
    tokio::select! {
        () = stop.requested() => false,
        _ = tokio::time::timeout(LONGEST, told.changed()) => true,
    }
}
