//! `POST /api/sync/now`: a round of the reconciliation, now.

use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sync::engine::{RoundReport, SyncError};

use super::post;
use crate::api::problem::Problem;
use crate::api::route::{Call, Content, Reply, Route, Work};

/// What is asked for.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SyncRequest {
    /// Answer after the round, with what it did.
    pub(crate) wait: bool,
}

/// What was done.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct SyncAnswer {
    /// False: the round was only asked for.
    done: bool,
    /// What the round did.
    round: Option<RoundReport>,
}

pub(super) fn routes() -> Vec<Route> {
    let answer = Content::of::<SyncAnswer>();
    vec![
        post("now", "now", Work::Task(|call| Box::pin(round(call))), "A round with central now")
            .may_take(Content::of::<SyncRequest>())
            .gives(StatusCode::ACCEPTED, answer)
            .gives(StatusCode::OK, answer),
    ]
}

async fn round(call: Call) -> Result<Reply, Problem> {
    let request: SyncRequest = call.body()?;
    if call.app.central.is_none() {
        return Err(SyncError::Unconfigured.into());
    }
    if !request.wait {
        call.core.engine.nudge();
        return Ok(Reply::of(StatusCode::ACCEPTED, SyncAnswer { done: false, round: None }));
    }
    let round = call.core.engine.round().await?;
    Ok(Reply::ok(SyncAnswer { done: true, round: Some(round) }))
}
