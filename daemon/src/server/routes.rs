//! The one table of what can be called. Answers that are no hook answer are JSON; errors are
//! `{"error": "…", "hint": "…"}`.

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Request};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{Extension, Json, Router};
use serde_json::json;

use super::guard::{self, Caller, Token};
use super::{events, health, ledger, memory, sync, vault, verify};
use crate::app::App;
use crate::phase::Trouble;

/// The largest body of an API request, in bytes; the hooks have their own limit.
const API_BODY_LIMIT: usize = 4 * 1024 * 1024;

/// Path, method and handler of everything that can be called.
fn table() -> Vec<(&'static str, MethodRouter<Arc<App>>)> {
    vec![
        ("/hooks/{event}", post(events::receive).layer(DefaultBodyLimit::max(hooks::wire::BODY_LIMIT))),
        ("/health", get(health::health)),
        ("/api/status", get(health::status)),
        ("/api/recall", post(memory::recall)),
        ("/api/remember", post(memory::remember)),
        ("/api/sync", post(sync::round)),
        ("/api/sync/verify", get(verify::state).post(verify::begin)),
        ("/api/sync/conflicts/restore", post(ledger::restore)),
        ("/api/sync/identity/seen", post(ledger::identity_seen)),
        ("/api/sync/conflicts/acknowledge", post(ledger::acknowledge)),
        ("/api/sync/quarantine/retry", post(ledger::retry)),
        ("/api/sync/quarantine/discard", post(ledger::discard)),
        ("/api/vault", get(vault::status)),
        ("/api/vault/init", post(vault::init)),
        ("/api/vault/join", post(vault::join)),
        ("/api/vault/rotate", post(vault::rotate)),
        ("/api/vault/passphrase", post(vault::passphrase)),
        ("/api/probe/forget", post(memory::forget)),
    ]
}

/// The router of the daemon; every route is behind the guard.
pub(crate) fn router(app: Arc<App>, token: Token) -> Router {
    let guarded = move |Extension(caller): Extension<Caller>, request: Request, next: Next| {
        let token = token.clone();
        async move { guard::check(token, caller, request, next).await }
    };
    table()
        .into_iter()
        .fold(Router::new(), |router, (path, method)| router.route(path, method))
        .fallback(|| async { Problem::new(StatusCode::NOT_FOUND, "there is nothing at this path", "") })
        .layer(DefaultBodyLimit::max(API_BODY_LIMIT))
        .layer(middleware::from_fn(guarded))
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
