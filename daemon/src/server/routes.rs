//! All that can be called: the hooks, and the API. Every route is behind the guard.

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::{self, Next};
use axum::routing::post;
use axum::{Extension, Router};

use super::events;
use super::guard::{self, Caller, Token};
use crate::api;
use crate::app::App;

/// The router of the daemon.
pub(crate) fn router(app: Arc<App>, token: Token) -> Router {
    let guarded = move |Extension(caller): Extension<Caller>, request: Request, next: Next| {
        let token = token.clone();
        async move { guard::check(token, caller, request, next).await }
    };
    api::router()
        .route("/hooks/{event}", post(events::receive).layer(DefaultBodyLimit::max(hooks::wire::BODY_LIMIT)))
        .fallback(api::nothing)
        .method_not_allowed_fallback(api::no_such_method)
        .layer(middleware::from_fn(guarded))
        .with_state(app)
}
