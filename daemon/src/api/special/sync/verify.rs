//! `POST /api/sync/verify` begins a comparison with central, `GET` tells how far it is and what it found.

use axum::http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sync::engine::{Heal, SyncError, VerifyRequest, VerifyState};

use super::post;
use crate::api::problem::Problem;
use crate::api::route::{Call, Content, Reply, Route, Work};

/// What is asked for.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct CompareRequest {
    /// The tables; empty: all that travel.
    #[schemars(extend("items" = serde_json::json!({ "enum": *super::TABLES })))]
    pub(crate) tables: Vec<String>,
    /// What is done about differences.
    pub(crate) heal: Heal,
}

/// A comparison has begun.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Begun {
    /// Its number, which the state shows.
    pub(crate) number: u64,
}

pub(super) fn routes() -> Vec<Route> {
    vec![
        post("verify", "verify", Work::Now(begin), "Begin a comparison with central")
            .may_take(Content::of::<CompareRequest>())
            .gives(StatusCode::ACCEPTED, Content::of::<Begun>()),
        Route::new(Method::GET, "/api/sync/verify", "sync_verify_state", Work::Now(state))
            .about("sync", "How far the comparison with central is, and what it found")
            .gives(StatusCode::OK, Content::of::<VerifyState>()),
    ]
}

fn begin(call: &Call) -> Result<Reply, Problem> {
    let request: CompareRequest = call.body()?;
    if call.app.central.is_none() {
        return Err(SyncError::Unconfigured.into());
    }
    let mut tables = Vec::with_capacity(request.tables.len());
    for name in &request.tables {
        tables.push(super::table(name)?);
    }
    let number = call.core.engine.begin_verify(VerifyRequest { tables, heal: request.heal })?;
    Ok(Reply::of(StatusCode::ACCEPTED, Begun { number }))
}

#[expect(clippy::unnecessary_wraps, reason = "the form that a route's function has")]
fn state(call: &Call) -> Result<Reply, Problem> {
    Ok(Reply::ok(call.core.engine.verify_state()))
}
