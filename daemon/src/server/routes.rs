//! The one table of what can be called. Answers that are no hook answer are JSON; errors are
//! `{"error": "…", "hint": "…"}`.

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any, get, post};
use axum::{Json, Router};
use serde_json::json;

use super::api_error::ApiError;
use super::guard::{self, Scope};
use super::{auth, credentials, events, health, ledger, memory, sync, users, vault, verify};
use crate::app::App;
use crate::audit::request;
use crate::phase::Trouble;

/// The largest body of an API request, in bytes; the hooks have their own limit.
pub(crate) const API_BODY_LIMIT: usize = 4 * 1024 * 1024;

/// A line of the table: path, what it takes to call it, method and handler.
type Line = (&'static str, Scope, MethodRouter<Arc<App>>);

/// Everything that can be called. A path may have several lines.
fn table() -> Vec<Line> {
    use Scope::{Admin, Open, Read, Write};
    vec![
        ("/hooks/{event}", Write, post(events::receive).layer(DefaultBodyLimit::max(hooks::wire::BODY_LIMIT))),
        ("/health", Open, get(health::health)),
        ("/api/status", Read, get(health::status)),
        ("/api/auth/token", Open, post(auth::token)),
        ("/api/v1/auth/token", Open, post(auth::token)),
        ("/api/auth/refresh", Open, post(auth::refresh)),
        ("/api/auth/logout", Read, post(auth::logout)),
        ("/api/auth/me", Read, get(auth::me)),
        ("/api/auth/password", Read, post(auth::password)),
        ("/api/auth/issue", Admin, post(auth::issue)),
        ("/api/users", Admin, get(users::list).post(users::create)),
        ("/api/users/{id}", Admin, get(users::get).put(users::change).delete(users::remove)),
        ("/api/credentials/{id}/reveal", Write, post(credentials::reveal)),
        ("/api/integration-credentials/{id}/reveal", Admin, post(credentials::reveal_integration)),
        ("/api/credential-audit-logs/verify", Read, get(credentials::verify)),
        ("/api/recall", Read, post(memory::recall)),
        ("/api/remember", Write, post(memory::remember)),
        ("/api/sync", Write, post(sync::round)),
        ("/api/sync/verify", Read, get(verify::state)),
        ("/api/sync/verify", Write, post(verify::begin)),
        ("/api/sync/conflicts/restore", Write, post(ledger::restore)),
        ("/api/sync/identity/seen", Write, post(ledger::identity_seen)),
        ("/api/sync/conflicts/acknowledge", Write, post(ledger::acknowledge)),
        ("/api/sync/quarantine/retry", Write, post(ledger::retry)),
        ("/api/sync/quarantine/discard", Write, post(ledger::discard)),
        ("/api/vault", Read, get(vault::status)),
        ("/api/vault/init", Admin, post(vault::init)),
        ("/api/vault/join", Admin, post(vault::join)),
        ("/api/vault/rotate", Admin, post(vault::rotate)),
        ("/api/vault/passphrase", Admin, post(vault::passphrase)),
        ("/api/probe/forget", Write, post(memory::forget)),
    ]
}

/// The router of the daemon: who calls is found out first, then the route decides, then what it is is put on record.
pub(crate) fn router(app: Arc<App>) -> Router {
    let nothing = || async { ApiError::new(StatusCode::NOT_FOUND, "NOT_FOUND", "there is nothing at this path") };
    table()
        .into_iter()
        .fold(Router::new(), |router, (path, scope, method)| router.route(path, guard::behind(scope, method)))
        .fallback_service(guard::behind(Scope::Read, any(nothing)).with_state(Arc::clone(&app)))
        .layer(DefaultBodyLimit::max(API_BODY_LIMIT))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), request::audited))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), guard::identify))
        .with_state(app)
}

/// An error as a caller sees it.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    error: String,
    hint: String,
}

impl Problem {
    /// The error is a sentence without "error:"; the hint may be empty.
    pub(crate) fn new(status: StatusCode, error: impl Into<String>, hint: impl Into<String>) -> Problem {
        Problem { status, error: error.into(), hint: hint.into() }
    }
}

impl From<Trouble> for Problem {
    fn from(trouble: Trouble) -> Problem {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, trouble.reason, trouble.hint)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        (self.status, Json(json!({ "error": self.error, "hint": self.hint }))).into_response()
    }
}

/// A result as JSON.
pub(crate) type Answer<T> = Result<Json<T>, Problem>;
