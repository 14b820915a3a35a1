//! `/api/auth/…`: logging in and out, and the tokens that come of it.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use sync::local::new_id;

use super::api_error::ApiError;
use super::guard::{Principal, Scopes, unauthenticated};
use crate::app::App;
use crate::auth::jwt::{ACCESS_SECONDS, Claims, TokenError};
use crate::auth::login::{self, Credentials};
use crate::auth::session::{self, Login, Traded};
use crate::secret::SecretText;

const OPENING_PATIENCE: Duration = Duration::from_secs(30);
/// A token for scripts holds this long at most: 90 days.
const LONGEST_SECONDS: u64 = 90 * 24 * 3600;

/// What a login gives.
#[derive(Serialize)]
pub(super) struct Tokens {
    access_token: String,
    refresh_token: SecretText,
    token_type: &'static str,
    /// Seconds until the access token ends.
    expires_in: u64,
    scopes: Vec<String>,
}

/// A refresh token that was given before.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RefreshRequest {
    refresh_token: SecretText,
}

/// Another password for who is logged in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PasswordRequest {
    current_password: SecretText,
    new_password: SecretText,
}

/// Who is calling.
#[derive(Serialize)]
pub(super) struct Me {
    user: String,
    scopes: Vec<String>,
    machine: String,
}

/// A token for a script of this machine's own user.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IssueRequest {
    /// `read`, `write`, `admin`
    pub(crate) scopes: Vec<String>,
    /// Seconds until it ends.
    pub(crate) expires_in: u64,
}

/// The token.
#[derive(Serialize, Deserialize)]
pub(crate) struct Issued {
    pub(crate) access_token: String,
    pub(crate) expires_in: u64,
    pub(crate) scopes: Vec<String>,
}

pub(super) async fn token(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Tokens>, ApiError> {
    let credentials = Credentials::read(headers.get(header::CONTENT_TYPE), &body)?;
    let core = app.core(OPENING_PATIENCE).await?;
    let user = login::log_in(&app.central_link, &app.authority, credentials, app.clock.now_us()).await?;
    let begun =
        core.store.write_async(move |tx| session::begin(tx, &user.email, &user.role, user.token_version)).await?;
    tokens(&app, begun.0, begun.1)
}

pub(super) async fn refresh(
    State(app): State<Arc<App>>,
    Json(request): Json<RefreshRequest>,
) -> Result<Json<Tokens>, ApiError> {
    let core = app.core(OPENING_PATIENCE).await?;
    let traded = core.store.write_async(move |tx| session::trade(tx, request.refresh_token.expose())).await?;
    match traded {
        Traded::Next(login, refresh_token) => tokens(&app, login, refresh_token),
        Traded::Reused(login) => {
            app.authority.end_login(&login, app.clock.now_us());
            tracing::warn!(login, "a refresh token was shown a second time: its login was ended");
            Err(unauthenticated("this refresh token was used before: the login was ended, log in again"))
        }
        Traded::Unknown => Err(unauthenticated("the refresh token has expired, or its login was ended: log in again")),
    }
}

pub(super) async fn logout(
    State(app): State<Arc<App>>,
    Extension(principal): Extension<Principal>,
    Json(request): Json<RefreshRequest>,
) -> Result<StatusCode, ApiError> {
    let core = app.core(OPENING_PATIENCE).await?;
    let ended = core.store.write_async(move |tx| session::end_of(tx, request.refresh_token.expose())).await?;
    for login in ended.iter().chain(&principal.login) {
        app.authority.end_login(login, app.clock.now_us());
    }
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn me(Extension(principal): Extension<Principal>) -> Json<Me> {
    Json(Me { user: principal.user, scopes: principal.scopes.names(), machine: principal.machine })
}

pub(super) async fn password(
    State(app): State<Arc<App>>,
    Extension(principal): Extension<Principal>,
    Json(request): Json<PasswordRequest>,
) -> Result<StatusCode, ApiError> {
    let PasswordRequest { current_password, new_password } = request;
    let credentials = Credentials::new(&principal.user, current_password);
    login::change_password(&app.central_link, &app.authority, credentials, new_password, app.clock.now_us()).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn issue(
    State(app): State<Arc<App>>,
    Extension(principal): Extension<Principal>,
    Json(request): Json<IssueRequest>,
) -> Result<Json<Issued>, ApiError> {
    if request.expires_in == 0 || request.expires_in > LONGEST_SECONDS {
        return Err(ApiError::invalid("expires_in", format!("must be 1 to {LONGEST_SECONDS} seconds")));
    }
    let mut scopes = Scopes::default();
    for name in &request.scopes {
        match name.as_str() {
            "read" => scopes.read = true,
            "write" => scopes.write = true,
            "admin" => scopes.admin = true,
            _ => return Err(ApiError::invalid("scopes", "must be among read, write, admin")),
        }
    }
    let claims = claims(&app, principal.user, scopes, request.expires_in);
    let access_token = app.authority.issue(claims).map_err(not_signed)?;
    Ok(Json(Issued { access_token, expires_in: request.expires_in, scopes: scopes.names() }))
}

/// What the hooks and the command line show where there is no socket; they read it from the file `http.token`.
pub(crate) fn own_token(app: &App) -> Result<String, TokenError> {
    const SECONDS: u64 = 30 * 24 * 3600;
    let user = format!("{}@{}", app.machine.username, app.machine.hostname);
    app.authority.issue(claims(app, user, Scopes::ALL, SECONDS))
}

fn tokens(app: &App, login: Login, refresh_token: SecretText) -> Result<Json<Tokens>, ApiError> {
    let scopes = crate::auth::scopes_of(&login.role);
    let claims = Claims {
        login: Some(login.id),
        version: Some(login.version),
        ..claims(app, login.email, scopes, ACCESS_SECONDS)
    };
    let access_token = app.authority.issue(claims).map_err(not_signed)?;
    let expires_in = ACCESS_SECONDS;
    Ok(Json(Tokens { access_token, refresh_token, token_type: "bearer", expires_in, scopes: scopes.names() }))
}

fn claims(app: &App, user: String, scopes: Scopes, seconds: u64) -> Claims {
    let now_us = app.clock.now_us();
    Claims {
        sub: user,
        scopes: scopes.names(),
        exp: now_us / 1_000_000 + seconds,
        jti: new_id(now_us),
        ..Claims::default()
    }
}

fn not_signed(error: TokenError) -> ApiError {
    ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR", format!("sign a token: {error}"))
}
