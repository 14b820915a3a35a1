//! `POST /api/sync`: a round of the reconciliation, now.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use sync::StoreError;
use sync::engine::{RoundReport, SyncError};

use super::routes::{Answer, Problem};
use crate::app::App;

const OPENING_PATIENCE: Duration = Duration::from_secs(30);

/// What is asked for.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SyncRequest {
    /// Answer after the round, with what it did.
    pub(crate) wait: bool,
}

/// What was done.
#[derive(Debug, Serialize)]
pub(super) struct SyncAnswer {
    /// False: the round was only asked for.
    done: bool,
    /// What the round did.
    round: Option<RoundReport>,
}

pub(super) async fn round(State(app): State<Arc<App>>, Json(request): Json<SyncRequest>) -> Answer<SyncAnswer> {
    let core = app.core(OPENING_PATIENCE).await?;
    if app.central.is_none() {
        return Err(problem(&SyncError::Unconfigured));
    }
    if !request.wait {
        core.engine.nudge();
        return Ok(Json(SyncAnswer { done: false, round: None }));
    }
    let round = core.engine.round().await.map_err(|error| problem(&error))?;
    Ok(Json(SyncAnswer { done: true, round: Some(round) }))
}

pub(super) fn problem(error: &SyncError) -> Problem {
    let status = match error {
        SyncError::Unconfigured
        | SyncError::Comparing
        | SyncError::Store(StoreError::Declined { .. } | StoreError::HasChildren { .. }) => StatusCode::CONFLICT,
        SyncError::Central(_) => StatusCode::BAD_GATEWAY,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    let hint = error.hint().unwrap_or_else(|| "nothing is lost: it goes on by itself when central is back".to_owned());
    Problem::new(status, error.to_string(), hint)
}
