//! `GET /health` and `GET /api/status`.

use std::sync::Arc;

use axum::Json;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::problem::Problem;
use crate::api::route::{Content, Reply, Route, Scope, Work};
use crate::app::App;
use crate::phase::{Phase, Trouble};
use crate::report::{self, StatusReport};

/// The daemon in a line. It costs nothing to ask.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Health {
    /// `ready`, `opening`, `degraded`, `stopping`
    pub(crate) state: String,
    /// Process id.
    pub(crate) pid: u32,
    /// The daemon's version.
    pub(crate) version: String,
    /// Why it is degraded.
    pub(crate) trouble: Option<Trouble>,
}

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/health", "health", Work::Open(health))
            .about("health", "The daemon in a line; it costs nothing to ask")
            .scope(Scope::Open)
            .gives(StatusCode::OK, Content::of::<Health>()),
        Route::new(Method::GET, "/api/status", "status", Work::Always(|app| Box::pin(status(app))))
            .about("health", "The daemon, hooks, replica and sync in full, with what needs somebody")
            .gives(StatusCode::OK, Content::of::<StatusReport>()),
    ]
}

fn health(app: &App) -> Response {
    let phase = app.phase.borrow().clone();
    Json(Health {
        state: phase.name().to_owned(),
        pid: std::process::id(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        trouble: if let Phase::Degraded(trouble) = phase { Some(trouble) } else { None },
    })
    .into_response()
}

async fn status(app: Arc<App>) -> Result<Reply, Problem> {
    Ok(Reply::ok(report::live::gather(&app).await))
}
