//! Who may call, and what. Over the socket the kernel has said that it is the same user; over loopback any program of any
//! user (and any web page, through a browser) may connect, so there a token, `Host` and `Origin` are checked. Each route
//! then says what it takes to call it ([`behind`]).

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::MethodRouter;

use crate::api::problem::Problem;
use crate::api::{self, OPENING_PATIENCE};
use crate::app::App;
use crate::auth;
use crate::auth::jwt::{Claims, TokenError};
use crate::isolation::{self, Limit};

/// How a request came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caller {
    /// Over the socket, and the kernel says it is the daemon's own user.
    SameUser,
    /// Over TCP from this machine, to this port.
    Loopback { port: u16 },
}

/// What a caller must be allowed to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Nothing: no login is needed.
    Open,
    /// `msp:read`
    Read,
    /// `msp:write`
    Write,
    /// `msp:admin`
    Admin,
}

impl Scope {
    /// Its name in a token; None for what is open.
    pub(crate) fn name(self) -> Option<&'static str> {
        match self {
            Scope::Open => None,
            Scope::Read => Some("msp:read"),
            Scope::Write => Some("msp:write"),
            Scope::Admin => Some("msp:admin"),
        }
    }
}

/// What a caller may do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Scopes {
    pub(crate) read: bool,
    pub(crate) write: bool,
    pub(crate) admin: bool,
}

impl Scopes {
    /// Everything.
    pub(crate) const ALL: Scopes = Scopes { read: true, write: true, admin: true };

    /// Out of a token; names that mean nothing here give nothing.
    pub(crate) fn of(names: &[String]) -> Scopes {
        let has = |name: &str| names.iter().any(|given| given == name);
        Scopes { read: has("msp:read"), write: has("msp:write"), admin: has("msp:admin") }
    }

    /// For a token.
    pub(crate) fn names(self) -> Vec<String> {
        let all = [(self.read, "msp:read"), (self.write, "msp:write"), (self.admin, "msp:admin")];
        all.into_iter().filter(|(has, _)| *has).map(|(_, name)| name.to_owned()).collect()
    }

    /// True when that is enough for the route.
    pub(crate) fn allow(self, scope: Scope) -> bool {
        match scope {
            Scope::Open => true,
            Scope::Read => self.read,
            Scope::Write => self.write,
            Scope::Admin => self.admin,
        }
    }
}

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Principal {
    /// E-mail address; `user@host` for the daemon's own user over the socket.
    pub(crate) user: String,
    pub(crate) scopes: Scopes,
    /// This machine's name.
    pub(crate) machine: String,
    /// What the program calls itself.
    pub(crate) agent: Option<String>,
    /// The login that its token belongs to.
    pub(crate) login: Option<String>,
    /// The user's `token_version`, for tokens of users.
    pub(crate) version: Option<i64>,
    /// The clients that it is limited to, if it is.
    pub(crate) limit: Option<Arc<Limit>>,
}

/// Lower-case hexadecimal text of some bytes.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |half: u8| char::from(DIGITS[usize::from(half)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Why a request is turned away before its route is looked at.
#[derive(Debug, PartialEq, Eq)]
enum Refusal {
    Host,
    Origin,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, code, detail) = match self {
            Refusal::Host => (StatusCode::MISDIRECTED_REQUEST, "WRONG_HOST", "the Host header must name this address"),
            Refusal::Origin => (StatusCode::FORBIDDEN, "WRONG_ORIGIN", "requests of other origins are refused"),
        };
        Problem::new(status, detail, "").coded(code).into_response()
    }
}

/// The middleware around everything: finds out who calls. A token that does not hold is no reason to refuse what anybody
/// may call, so that the route decides.
pub(crate) async fn identify(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    mut request: Request,
    next: Next,
) -> Response {
    let agent = request.headers().get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    let agent = agent.map(|agent| agent.chars().take(500).collect());
    let machine = app.machine.hostname.clone();
    let found = match caller {
        Caller::SameUser => {
            let user = format!("{}@{machine}", app.machine.username);
            Ok(Principal { user, scopes: Scopes::ALL, machine, agent, login: None, version: None, limit: None })
        }
        Caller::Loopback { port } => {
            if let Err(refusal) = check_headers(port, request.headers()) {
                tracing::warn!(?refusal, path = request.uri().path(), "a request was refused");
                return refusal.into_response();
            }
            claims(&app, request.headers(), request.uri().path()).await.map(|claims| {
                let limit = app.authority.limit(&claims).map(|clients| Arc::new(Limit::new(&claims.sub, clients)));
                let Claims { sub: user, login, version, .. } = claims;
                Principal { user, scopes: Scopes::of(&claims.scopes), machine, agent, login, version, limit }
            })
        }
    };
    if let Ok(principal) = &found {
        request.extensions_mut().insert(principal.clone());
    }
    request.extensions_mut().insert(found);
    next.run(request).await
}

/// A route that takes this scope.
pub(crate) fn behind(scope: Scope, route: MethodRouter<Arc<App>>) -> MethodRouter<Arc<App>> {
    route.layer(middleware::from_fn(move |request: Request, next: Next| admit(scope, request, next)))
}

async fn admit(scope: Scope, request: Request, next: Next) -> Response {
    let found = request.extensions().get::<Result<Principal, TokenError>>();
    match found.cloned().unwrap_or(Err(TokenError::Missing)) {
        _ if scope == Scope::Open => next.run(request).await,
        Ok(principal) if principal.scopes.allow(scope) => next.run(request).await,
        Ok(_) => Problem::new(StatusCode::FORBIDDEN, wanting(scope), "").into_response(),
        Err(error @ TokenError::Unlearned) => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string(), "").into_response()
        }
        Err(error) => Problem::unauthenticated(error.to_string()).into_response(),
    }
}

/// A route that is not for callers that are limited to clients.
pub(crate) fn unlimited(route: MethodRouter<Arc<App>>) -> MethodRouter<Arc<App>> {
    route.layer(middleware::from_fn(async |request: Request, next: Next| {
        let found = request.extensions().get::<Principal>();
        if found.is_some_and(|principal| principal.limit.is_some()) {
            return isolation::forbidden("this is not for callers that are limited to clients").into_response();
        }
        next.run(request).await
    }))
}

/// What a caller lacks.
pub(crate) fn wanting(scope: Scope) -> String {
    format!("this takes the scope {}", scope.name().unwrap_or_default())
}

/// The claims of the token that is shown. The first user's token after a start may have to wait for the replica, though not
/// for what anybody may call.
async fn claims(app: &App, headers: &HeaderMap, path: &str) -> Result<Claims, TokenError> {
    let token = bearer(headers)?;
    let checked = app.authority.check(token, app.clock.now_us());
    if checked != Err(TokenError::Unlearned) || api::is_open(path) {
        return checked;
    }
    let core = app.core(OPENING_PATIENCE).await.map_err(|_| TokenError::Unlearned)?;
    if let Err(error) = auth::learn(app, &core).await {
        tracing::warn!(%error, "who may log in could not be read");
    }
    app.authority.check(token, app.clock.now_us())
}

fn bearer(headers: &HeaderMap) -> Result<&str, TokenError> {
    let value = headers.get(header::AUTHORIZATION).ok_or(TokenError::Missing)?;
    let token = value.to_str().ok().and_then(|value| value.strip_prefix("Bearer "));
    token.ok_or(TokenError::Missing)
}

fn check_headers(port: u16, headers: &HeaderMap) -> Result<(), Refusal> {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or(""));
    if !text(header::HOST).is_some_and(|host| is_own(host, port)) {
        return Err(Refusal::Host);
    }
    let own_origin = |origin: &str| origin.strip_prefix("http://").is_some_and(|host| is_own(host, port));
    if text(header::ORIGIN).is_some_and(|origin| !own_origin(origin)) {
        return Err(Refusal::Origin);
    }
    Ok(())
}

/// A page of another site that had its name re-bound to 127.0.0.1 still sends its own name.
fn is_own(host: &str, port: u16) -> bool {
    host.rsplit_once(':')
        .is_some_and(|(name, given)| matches!(name, "127.0.0.1" | "localhost" | "[::1]") && given.parse() == Ok(port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(header::HeaderName, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    #[test]
    fn a_loopback_caller_names_this_host_and_comes_from_no_other_page() {
        let ours = (header::HOST, "127.0.0.1:7391");
        let check = |pairs: &[_]| check_headers(7391, &headers(pairs));
        assert_eq!(check(std::slice::from_ref(&ours)), Ok(()));
        assert_eq!(check(&[ours.clone(), (header::ORIGIN, "http://localhost:7391")]), Ok(()));
        assert_eq!(check(&[ours.clone(), (header::ORIGIN, "http://evil.example")]), Err(Refusal::Origin));
        assert_eq!(check(&[ours, (header::ORIGIN, "null")]), Err(Refusal::Origin));
        assert_eq!(check(&[(header::HOST, "evil.example:7391")]), Err(Refusal::Host));
        assert_eq!(check(&[(header::HOST, "127.0.0.1:80")]), Err(Refusal::Host));
        assert_eq!(check(&[]), Err(Refusal::Host));
    }

    #[test]
    fn only_a_bearer_token_is_one() {
        let token = |value: &str| bearer(&headers(&[(header::AUTHORIZATION, value)])).map(str::to_owned);
        assert_eq!(token("Bearer a.b.c"), Ok("a.b.c".to_owned()));
        for wrong in ["a.b.c", "Basic a.b.c", "bearer a.b.c"] {
            assert_eq!(token(wrong), Err(TokenError::Missing), "{wrong}");
        }
    }

    #[test]
    fn scopes_are_what_a_token_names() {
        let scopes = Scopes::of(&["msp:read".to_owned(), "msp:everything".to_owned()]);
        assert_eq!(scopes, Scopes { read: true, ..Scopes::default() });
        assert!(scopes.allow(Scope::Open) && scopes.allow(Scope::Read));
        assert!(!scopes.allow(Scope::Write) && !scopes.allow(Scope::Admin));
        assert_eq!(Scopes::of(&Scopes::ALL.names()), Scopes::ALL);
    }
}
