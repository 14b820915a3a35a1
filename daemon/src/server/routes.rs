//! All that can be called: the API, and the hooks beside it. Every route is behind the guard ([`guard::pass`]).

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;

use super::events;
use super::guard::{self, Scope};
use crate::api;
use crate::api::problem::Problem;
use crate::app::App;

/// The router of the daemon.
pub(crate) fn router(app: Arc<App>) -> Router {
    api::router()
        .route("/hooks/{event}", guard::unlimited(&app, Scope::Write, post(events::receive)))
        .fallback(async |State(app): State<Arc<App>>, request: Request| {
            refused(&app, Scope::Read, request, api::nothing()).await
        })
        .method_not_allowed_fallback(async |State(app): State<Arc<App>>, request: Request| {
            refused(&app, Scope::Open, request, api::no_such_method()).await
        })
        .with_state(app)
}

/// What finds no route is put on record too.
async fn refused(app: &Arc<App>, scope: Scope, request: Request, why: Problem) -> Response {
    guard::pass(app, scope, request, |_, _| async { why.into_response() }).await
}
