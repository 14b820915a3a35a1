//! What recall stands on: the text index of what came by the thousand, the impact index, and the vectors.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use super::OPENING_PATIENCE;
use crate::app::App;
use crate::memory::late;
use crate::news::{News, Next};

const LONGEST_INDEX_RETRY: Duration = Duration::from_mins(5);
const LONGEST_VECTORS_RETRY: Duration = Duration::from_mins(1);
pub(super) const KEEP_VECTORS: &str = "keep-vectors";

/// Indexes what was stored by the thousand, so that recall finds it.
pub(super) async fn index_memories(app: Arc<App>) {
    let mut last_end = 0;
    let (mut news, mut next) = (News::default(), Next::In(OPENING_PATIENCE));
    while news.wait(&app.stop, next).await {
        next = Next::In(OPENING_PATIENCE);
        let Ok(core) = app.core(OPENING_PATIENCE).await else { continue };
        news.look(&core.store);
        match late::step(&core.store, &mut last_end).await {
            Ok(then) => next = then,
            // Saving fails likewise, and is reported there; the queue stays as it is.
            Err(error) => tracing::warn!(%error, "what came from central could not be indexed; it is tried again"),
        }
    }
}

/// Opens or builds the impact index, and keeps it up with the replica.
pub(super) async fn keep_index(app: Arc<App>) {
    let (mut news, mut next, mut longer) = (News::default(), Next::NOW, OPENING_PATIENCE);
    while news.wait(&app.stop, next).await {
        next = Next::In(OPENING_PATIENCE);
        let Ok(core) = app.core(OPENING_PATIENCE).await else { continue };
        let index = Arc::clone(&core.index);
        news.look(&core.store).and_for(index.nudge());
        drop(core);
        let stepping = Arc::clone(&index);
        match stepped(&app, move || stepping.step(), || index.stop()).await {
            Ok(Ok(then)) => (next, longer) = (then, OPENING_PATIENCE),
            Ok(Err(error)) => {
                tracing::warn!(%error, retry_in_s = longer.as_secs(), "the memory index could not be kept; recall is slower meanwhile");
                (next, longer) = (Next::In(longer), (longer * 2).min(LONGEST_INDEX_RETRY));
            }
            Err(panic) => app.tasks.failed("keep-index", &panic),
        }
    }
}

/// Makes vectors of memories, and keeps them up with the replica, when there is something to make them with.
pub(super) async fn keep_vectors(app: Arc<App>) {
    if app.meaning.is_none() {
        return;
    }
    let (mut news, mut next, mut longer) = (News::default(), Next::NOW, OPENING_PATIENCE);
    while news.wait(&app.stop, next).await {
        next = Next::In(OPENING_PATIENCE);
        let Ok(core) = app.core(OPENING_PATIENCE).await else { continue };
        let Some(meaning) = core.index.meaning().cloned() else { continue };
        news.look(&core.store);
        drop(core);
        let stepping = Arc::clone(&meaning);
        match stepped(&app, move || stepping.step(), || meaning.stop()).await {
            Ok(Ok(then)) => (next, longer) = (then, OPENING_PATIENCE),
            Ok(Err(error)) => {
                tracing::warn!(%error, retry_in_s = longer.as_secs(), "vectors of memories could not be kept; recall goes by words meanwhile");
                (next, longer) = (Next::In(longer), (longer * 2).min(LONGEST_VECTORS_RETRY));
            }
            Err(panic) => app.tasks.failed(KEEP_VECTORS, &panic),
        }
    }
}

/// Does a step that blocks, and has it end soon when the stop comes. The outer error is what it said when it panicked.
async fn stepped<E: Display + Send + 'static>(
    app: &App,
    step: impl FnOnce() -> Result<Next, E> + Send + 'static,
    end: impl FnOnce(),
) -> Result<Result<Next, E>, String> {
    let mut step = tokio::task::spawn_blocking(step);
    let stepped = tokio::select! {
        stepped = &mut step => stepped,
        () = app.stop.requested() => {
            end();
            step.await
        }
    };
    stepped.map_err(crate::tasks::panic_text)
}
