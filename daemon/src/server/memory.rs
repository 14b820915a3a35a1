//! `POST /api/recall` and `POST /api/remember`: memory by hand; `POST /api/probe/forget`: what setup's proof left.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use sync::StoreError;

use super::routes::{Answer, Problem};
use crate::app::App;
use crate::capture::{Place, Remembered};
use crate::machine;
use crate::memory::{self, Packed, Query};
use crate::phase::Trouble;
use crate::setup::forget;

const OPENING_PATIENCE: Duration = Duration::from_secs(30);
const DEFAULT_LIMIT: usize = 10;
/// The most hits that one call gives.
const MAX_LIMIT: usize = 200;

/// What to look for.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RecallRequest {
    /// Words or a question; empty: the newest.
    pub(crate) text: String,
    /// The project's slug; it decides what may be seen. Without it, `cwd` does.
    pub(crate) project: Option<String>,
    /// A folder of the project.
    pub(crate) cwd: Option<PathBuf>,
    /// Only memories with one of these.
    pub(crate) tags: Vec<String>,
    /// The most tokens of text.
    pub(crate) budget: Option<usize>,
    /// The most memories.
    pub(crate) limit: Option<usize>,
}

/// What was found.
#[derive(Debug, Serialize)]
pub(super) struct RecallAnswer {
    /// The project that asked, by slug.
    project: Option<String>,
    /// The text that a hook would inject, what it costs, and the memories in it, each with its score and what it is
    /// made of.
    #[serde(flatten)]
    packed: Packed,
}

pub(super) async fn recall(State(app): State<Arc<App>>, Json(request): Json<RecallRequest>) -> Answer<RecallAnswer> {
    let core = app.core(OPENING_PATIENCE).await?;
    let now_us = app.clock.now_us();
    let found = core.store.read_async(move |tx| {
        let project = project(request.project.as_deref(), request.cwd.as_deref());
        let query = Query {
            text: &request.text,
            project: project.as_deref(),
            tags: &request.tags,
            limit: request.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT),
            now_us,
            ..Query::default()
        };
        let packed = memory::recall(tx, &query, request.budget.unwrap_or(usize::MAX))?;
        Ok::<_, StoreError>(RecallAnswer { project, packed })
    });
    Ok(Json(found.await.map_err(|error| problem(&error))?))
}

fn project(named: Option<&str>, cwd: Option<&Path>) -> Option<String> {
    let home = machine::this_one().home_directory;
    named.map(str::to_owned).or_else(|| cwd.map(|cwd| Place::of(cwd, &home).slug))
}

fn problem(error: &StoreError) -> Problem {
    let Trouble { reason, hint } = Trouble::of_store(error);
    let status = match error {
        StoreError::Full => StatusCode::INSUFFICIENT_STORAGE,
        StoreError::Invalid { .. } => StatusCode::UNPROCESSABLE_ENTITY,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    Problem::new(status, reason, hint)
}

/// A memory by hand.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RememberRequest {
    pub(crate) text: String,
    /// `decision`, `pattern`, `lesson`, `blocker` or `state`
    pub(crate) kind: String,
    pub(crate) tags: Vec<String>,
    /// The project's slug; without it, `cwd` tells.
    pub(crate) project: Option<String>,
    /// A folder of the project.
    pub(crate) cwd: Option<PathBuf>,
}

pub(super) async fn remember(State(app): State<Arc<App>>, Json(request): Json<RememberRequest>) -> Answer<Remembered> {
    let core = app.core(OPENING_PATIENCE).await?;
    let RememberRequest { text, kind, tags, project, cwd } = request;
    if text.trim().is_empty() {
        return Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "there is nothing to remember",
            "give it some text",
        ));
    }
    let folder = cwd.unwrap_or_else(|| machine::this_one().home_directory);
    let saved = core.capture.remember(crate::capture::Note { text, kind, tags, project, folder }).await;
    Ok(Json(saved.map_err(|error| problem(&error))?))
}

/// The conversations (client's session ids) of a setup probe.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ForgetRequest {
    pub(crate) sessions: Vec<String>,
}

/// What was removed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ForgetAnswer {
    pub(crate) removed_rows: u64,
}

pub(super) async fn forget(State(app): State<Arc<App>>, Json(request): Json<ForgetRequest>) -> Answer<ForgetAnswer> {
    let core = app.core(OPENING_PATIENCE).await?;
    // What capture does in the background may still write rows of these conversations.
    core.capture.settle().await.map_err(|error| problem(&error))?;
    let removed = core.store.write_async(move |tx| forget::forget(tx, &request.sessions)).await;
    Ok(Json(ForgetAnswer { removed_rows: removed.map_err(|error| problem(&error))? }))
}
