//! `POST /api/sync/verify` begins a comparison with central, `GET` tells how far it is and what it found.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use sync::engine::{Heal, SyncError, VerifyRequest, VerifyState};

use super::routes::{Answer, Problem};
use super::sync::problem;
use crate::app::App;

const OPENING_PATIENCE: Duration = Duration::from_secs(30);

/// What is asked for.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct CompareRequest {
    /// The tables; empty: all that travel.
    pub(crate) tables: Vec<String>,
    /// What is done about differences.
    pub(crate) heal: Heal,
}

/// A comparison has begun.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Begun {
    /// Its number, which the state shows.
    pub(crate) number: u64,
}

pub(super) async fn begin(State(app): State<Arc<App>>, Json(request): Json<CompareRequest>) -> Answer<Begun> {
    let core = app.core(OPENING_PATIENCE).await?;
    if app.central.is_none() {
        return Err(problem(&SyncError::Unconfigured));
    }
    let mut tables = Vec::with_capacity(request.tables.len());
    for name in &request.tables {
        let table = migrations::entity(name).filter(|table| table.is_replicated());
        tables.push(table.ok_or_else(|| unknown(name))?);
    }
    let number = core.engine.begin_verify(VerifyRequest { tables, heal: request.heal });
    Ok(Json(Begun { number: number.map_err(|error| problem(&error))? }))
}

pub(super) async fn state(State(app): State<Arc<App>>) -> Answer<VerifyState> {
    let core = app.core(OPENING_PATIENCE).await?;
    Ok(Json(core.engine.verify_state()))
}

fn unknown(name: &str) -> Problem {
    let tables: Vec<&str> =
        migrations::ENTITIES.iter().filter(|table| table.is_replicated()).map(|table| table.name).collect();
    let hint = format!("the tables are: {}", tables.join(", "));
    Problem::new(StatusCode::BAD_REQUEST, format!("no table {name} travels between machines"), hint)
}
