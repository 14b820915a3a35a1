//! All that can be called: the hooks, the logins, the vault, and the API. Every route is behind the guard.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::{MethodRouter, any, get, post};

use super::guard::{self, Scope};
use super::{auth, credentials, events, users, vault};
use crate::api;
use crate::app::App;
use crate::audit::request;

/// The largest body of an API request, in bytes; the hooks have their own limit.
pub(crate) const API_BODY_LIMIT: usize = 4 * 1024 * 1024;

/// A line of the table: path, what it takes to call it, method and handler.
type Line = (&'static str, Scope, MethodRouter<Arc<App>>);

/// What can be called beside the API of the entities. A path may have several lines.
fn table() -> Vec<Line> {
    use Scope::{Admin, Open, Read, Write};
    vec![
        ("/hooks/{event}", Write, post(events::receive).layer(DefaultBodyLimit::max(hooks::wire::BODY_LIMIT))),
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
        ("/api/vault", Read, get(vault::status)),
        ("/api/vault/init", Admin, post(vault::init)),
        ("/api/vault/join", Admin, post(vault::join)),
        ("/api/vault/rotate", Admin, post(vault::rotate)),
        ("/api/vault/passphrase", Admin, post(vault::passphrase)),
    ]
}

/// The router of the daemon: who calls is found out first, then the route decides, then what it is is put on record.
pub(crate) fn router(app: Arc<App>) -> Router {
    table()
        .into_iter()
        .fold(api::router(), |router, (path, scope, method)| router.route(path, guard::behind(scope, method)))
        .fallback_service(guard::behind(Scope::Read, any(api::nothing)).with_state(Arc::clone(&app)))
        .method_not_allowed_fallback(api::no_such_method)
        .layer(DefaultBodyLimit::max(API_BODY_LIMIT))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), request::audited))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), guard::identify))
        .with_state(app)
}
