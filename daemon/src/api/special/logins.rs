//! `/api/auth/…`: logging in and out, and the tokens that come of it.

use std::sync::Arc;

use axum::http::{Method, StatusCode};
use clap::ValueEnum;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use sync::local::new_id;

use crate::api::OPENING_PATIENCE;
use crate::api::input::Id;
use crate::api::problem::Problem;
use crate::api::route::{Call, Content, Reply, Route, Scope, Work, typed};
use crate::app::App;
use crate::auth::clients_of;
use crate::auth::jwt::{ACCESS_SECONDS, Claims, TokenError};
use crate::auth::login::{self, Credentials};
use crate::auth::session::{self, Login, Traded};
use crate::isolation::Treatment;
use crate::secret::SecretText;
use crate::server::guard::Scopes;

/// A token for scripts holds this long at most: 90 days.
const LONGEST_SECONDS: u64 = 90 * 24 * 3600;

/// E-mail address and password.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct LoginRequest {
    #[schemars(length(max = 255), example = "ann@example.com")]
    email: String,
    password: SecretText,
}

/// The same as OAuth2 calls it; what else its clients send says nothing here.
#[derive(Deserialize, JsonSchema)]
#[schemars(extend("additionalProperties" = { "type": "string" }))]
struct LoginForm {
    /// The e-mail address.
    #[schemars(length(max = 255), example = "ann@example.com")]
    username: String,
    password: SecretText,
}

/// What a login gives.
#[derive(Serialize, JsonSchema)]
struct Tokens {
    access_token: String,
    /// Good for one use; the answer to it has the next one.
    #[schemars(with = "String")]
    refresh_token: SecretText,
    token_type: &'static str,
    /// Seconds until the access token ends.
    expires_in: u64,
    scopes: Vec<String>,
}

/// A refresh token that was given before.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RefreshRequest {
    refresh_token: SecretText,
}

/// Another password for who is logged in.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PasswordRequest {
    current_password: SecretText,
    #[schemars(length(min = 12, max = 128))]
    new_password: SecretText,
}

/// Who is calling.
#[derive(Serialize, JsonSchema)]
struct Me {
    /// E-mail address; `user@host` for this machine's own user.
    user: String,
    /// `msp:read`, `msp:write`, `msp:admin`
    scopes: Vec<String>,
    /// The machine that answers.
    machine: String,
    /// The clients that the caller is limited to; absent: it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    clients: Option<Vec<String>>,
}

/// What a token allows.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema, ValueEnum)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(crate) enum ScopeName {
    Read,
    Write,
    Admin,
}

/// A token for a script of who is calling.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct IssueRequest {
    /// What it allows.
    pub(crate) scopes: Vec<ScopeName>,
    /// Seconds until it ends.
    #[schemars(range(min = 1, max = 7_776_000))]
    pub(crate) expires_in: u64,
    /// The clients that it is limited to, by id; absent: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) clients: Option<Vec<Id>>,
}

/// A token for a script.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(crate) struct Issued {
    pub(crate) access_token: String,
    /// Seconds until it ends.
    pub(crate) expires_in: u64,
    pub(crate) scopes: Vec<String>,
}

pub(super) fn routes() -> Vec<Route> {
    vec![
        login("/api/auth/token", "auth_token", "Log in with e-mail address and password, as JSON or a form"),
        login("/api/v1/auth/token", "auth_token_v1", "Log in, under the path that it had once"),
        post("refresh", "auth_refresh", Work::Stranger(|app, body| Box::pin(refresh(app, body))))
            .about("auth", "Trade a refresh token in for the next pair; one that is shown twice ends its login")
            .scope(Scope::Open)
            .fails(StatusCode::UNAUTHORIZED)
            .fails(StatusCode::SERVICE_UNAVAILABLE)
            .takes(Content::of::<RefreshRequest>())
            .gives(StatusCode::OK, Content::of::<Tokens>()),
        post("logout", "auth_logout", Work::Task(|call| Box::pin(logout(call))))
            .treats(Treatment::Own)
            .about("auth", "End the login of a refresh token, and the one that is calling")
            .scope(Scope::Read)
            .takes(Content::of::<RefreshRequest>())
            .gives(StatusCode::NO_CONTENT, Content::None),
        Route::new(Method::GET, "/api/auth/me", "auth_me", Work::Now(me))
            .treats(Treatment::Own)
            .about("auth", "Who is calling, and what the token allows")
            .gives(StatusCode::OK, Content::of::<Me>()),
        post("password", "auth_password", Work::Task(|call| Box::pin(password(call))))
            .treats(Treatment::Own)
            .about("auth", "Change one's own password; all that was issued before is void")
            .scope(Scope::Read)
            .takes(Content::of::<PasswordRequest>())
            .gives(StatusCode::NO_CONTENT, Content::None)
            .fails(StatusCode::TOO_MANY_REQUESTS),
        post("issue", "auth_issue", Work::Now(issue))
            .about("auth", "A token for a script, in the name of who is calling")
            .scope(Scope::Admin)
            .takes(Content::of::<IssueRequest>())
            .fails(StatusCode::CONFLICT)
            .gives(StatusCode::OK, Content::of::<Issued>()),
    ]
}

fn post(end: &str, name: &str, work: Work) -> Route {
    Route::new(Method::POST, format!("/api/auth/{end}"), name, work)
}

fn login(path: &str, name: &str, summary: &str) -> Route {
    Route::new(Method::POST, path, name, Work::Stranger(|app, body| Box::pin(token(app, body))))
        .about("auth", summary)
        .scope(Scope::Open)
        .fails(StatusCode::UNAUTHORIZED)
        .fails(StatusCode::TOO_MANY_REQUESTS)
        .fails(StatusCode::SERVICE_UNAVAILABLE)
        .takes(Content::of_or_form::<LoginRequest, LoginForm>())
        .gives(StatusCode::OK, Content::of::<Tokens>())
}

async fn token(app: Arc<App>, body: Map<String, Json>) -> Result<Reply, Problem> {
    let credentials = credentials(body)?;
    let core = app.core(OPENING_PATIENCE).await?;
    let user = login::log_in(&app, &core, credentials).await?;
    let clients = user.client_ids.as_deref().map(clients_of);
    let begun =
        core.store.write_async(move |tx| session::begin(tx, &user.email, &user.role, user.token_version)).await?;
    tokens(&app, Login { clients, ..begun.0 }, begun.1)
}

fn credentials(body: Map<String, Json>) -> Result<Credentials, Problem> {
    let (field, email, password) = if body.contains_key("username") {
        let LoginForm { username, password } = typed(body)?;
        ("username", username, password)
    } else {
        let LoginRequest { email, password } = typed(body)?;
        ("email", email, password)
    };
    if email.chars().count() > 255 {
        return Err(Problem::field(field, "is longer than 255 characters"));
    }
    Ok(Credentials::new(&email, password))
}

async fn refresh(app: Arc<App>, body: Map<String, Json>) -> Result<Reply, Problem> {
    let RefreshRequest { refresh_token } = typed(body)?;
    let core = app.core(OPENING_PATIENCE).await?;
    match login::refresh(&app, &core, refresh_token).await? {
        Traded::Next(login, refresh_token) => tokens(&app, login, refresh_token),
        Traded::Reused(login) => {
            app.authority.end_login(&login, app.clock.now_us());
            tracing::warn!(login, "a refresh token was shown a second time: its login was ended");
            let why = "this refresh token was used before: the login was ended, log in again";
            Err(Problem::unauthenticated(why))
        }
        Traded::Unknown | Traded::Unheard(_) => {
            let why = "the refresh token has expired, or its login was ended: log in again";
            Err(Problem::unauthenticated(why))
        }
    }
}

async fn logout(call: Call) -> Result<Reply, Problem> {
    let RefreshRequest { refresh_token } = call.body()?;
    let ended = call.core.store.write_async(move |tx| session::end_of(tx, refresh_token.expose())).await?;
    for login in ended.iter().chain(&call.principal.login) {
        call.app.authority.end_login(login, call.app.clock.now_us());
    }
    Ok(Reply::empty())
}

#[expect(clippy::unnecessary_wraps, reason = "the form that a route's function has")]
fn me(call: &Call) -> Result<Reply, Problem> {
    let who = &call.principal;
    let clients = who.limit.as_ref().map(|limit| limit.clients.iter().cloned().collect());
    Ok(Reply::ok(Me { user: who.user.clone(), scopes: who.scopes.names(), machine: who.machine.clone(), clients }))
}

async fn password(call: Call) -> Result<Reply, Problem> {
    let PasswordRequest { current_password, new_password } = call.body()?;
    let credentials = Credentials::new(&call.principal.user, current_password);
    login::change_password(&call.app, &call.core, credentials, new_password).await?;
    Ok(Reply::empty())
}

fn issue(call: &Call) -> Result<Reply, Problem> {
    let IssueRequest { scopes: names, expires_in, clients } = call.body()?;
    if !(1..=LONGEST_SECONDS).contains(&expires_in) {
        return Err(Problem::field("expires_in", format!("must be 1 to {LONGEST_SECONDS} seconds")));
    }
    let mut scopes = Scopes::default();
    for name in names {
        match name {
            ScopeName::Read => scopes.read = true,
            ScopeName::Write => scopes.write = true,
            ScopeName::Admin => scopes.admin = true,
        }
    }
    let clients = clients.map(|clients| clients.into_iter().map(|Id(id)| id).collect());
    if clients.is_some() && scopes.admin {
        return Err(Problem::at_odds("clients limit read and write only, not admin"));
    }
    // It outlives a logout, but not that its user is locked or deleted, or changes the password.
    let version = call.principal.version;
    let claims = Claims { version, clients, ..claims(&call.app, call.principal.user.clone(), scopes, expires_in) };
    let access_token = call.app.authority.issue(claims).map_err(not_signed)?;
    Ok(Reply::ok(Issued { access_token, expires_in, scopes: scopes.names() }).secret())
}

/// What the hooks and the command line show where there is no socket; they read it from the file `http.token`.
pub(crate) fn own_token(app: &App) -> Result<String, TokenError> {
    const SECONDS: u64 = 30 * 24 * 3600;
    let user = format!("{}@{}", app.machine.username, app.machine.hostname);
    app.authority.issue(claims(app, user, Scopes::ALL, SECONDS))
}

fn tokens(app: &App, login: Login, refresh_token: SecretText) -> Result<Reply, Problem> {
    let scopes = crate::auth::scopes_of(&login.role);
    let claims = Claims {
        login: Some(login.id),
        version: Some(login.version),
        clients: login.clients,
        ..claims(app, login.email, scopes, ACCESS_SECONDS)
    };
    let access_token = app.authority.issue(claims).map_err(not_signed)?;
    let (token_type, expires_in) = ("bearer", ACCESS_SECONDS);
    Ok(Reply::ok(Tokens { access_token, refresh_token, token_type, expires_in, scopes: scopes.names() }).secret())
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

fn not_signed(error: TokenError) -> Problem {
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, format!("sign a token: {error}"), "see the daemon's log")
}
