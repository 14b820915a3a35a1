//! `GET /health` and `GET /api/status`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::phase::{Phase, Trouble};
use crate::report::{self, StatusReport};

/// The daemon in a line. It costs nothing to ask.
#[derive(Debug, Serialize, Deserialize)]
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

pub(super) async fn health(State(app): State<Arc<App>>) -> Json<Health> {
    let phase = app.phase.borrow().clone();
    Json(Health {
        state: phase.name().to_owned(),
        pid: std::process::id(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        trouble: if let Phase::Degraded(trouble) = phase { Some(trouble) } else { None },
    })
}

pub(super) async fn status(State(app): State<Arc<App>>) -> Json<StatusReport> {
    Json(report::live::gather(&app).await)
}
