//! All that can be called: the API, and the hooks beside it. Every route is behind the guard.

use std::sync::Arc;

use axum::Router;
use axum::middleware;
use axum::routing::{any, post};

use super::events;
use super::guard::{self, Scope};
use crate::api;
use crate::app::App;
use crate::audit::request;

/// The router of the daemon: who calls is found out first, then the route decides, then what it is is put on record.
pub(crate) fn router(app: Arc<App>) -> Router {
    api::router()
        .route("/hooks/{event}", guard::behind(Scope::Write, guard::unlimited(post(events::receive))))
        .fallback_service(guard::behind(Scope::Read, any(api::nothing)).with_state(Arc::clone(&app)))
        .method_not_allowed_fallback(api::no_such_method)
        .layer(middleware::from_fn_with_state(Arc::clone(&app), request::audited))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), guard::identify))
        .with_state(app)
}
