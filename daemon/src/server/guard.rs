//! Who may call, and what. Over the socket the kernel has said that it is the same user; over loopback any program of any
//! user (and any web page, through a browser) may connect, so there a token, `Host` and `Origin` are checked. Each route
//! then says what it takes to call it ([`pass`]).

use std::sync::Arc;

use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::MethodRouter;

use crate::api::problem::Problem;
use crate::api::{self, OPENING_PATIENCE};
use crate::app::App;
use crate::audit::request::{self, Entry};
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

/// What is known of a request when its route is reached.
#[derive(Clone, Default)]
pub(crate) struct Visit {
    /// Who calls; None for strangers, who reach open routes only.
    pub(crate) principal: Option<Arc<Principal>>,
    /// What goes on record of it, if anything does.
    pub(crate) entry: Option<Arc<Entry>>,
}

impl Visit {
    /// True for a caller that is limited to clients.
    pub(crate) fn is_limited(&self) -> bool {
        self.principal.as_ref().is_some_and(|principal| principal.limit.is_some())
    }
}

/// The way of every request to its route: who calls is found out, what it is goes on record, and the scope decides. One
/// function and no layers around the router, each of which would box every request anew.
pub(crate) async fn pass<F>(
    app: &Arc<App>,
    scope: Scope,
    request: Request,
    work: impl FnOnce(Request, Visit) -> F,
) -> Response
where
    F: Future<Output = Response>,
{
    // Whatever listens says how a request came in.
    let Some(&caller) = request.extensions().get::<Caller>() else {
        return Problem::unauthenticated(TokenError::Missing.to_string()).into_response();
    };
    let found = match identify(app, caller, request.headers(), request.uri().path()).await {
        Ok(found) => found,
        Err(refusal) => {
            tracing::warn!(?refusal, path = request.uri().path(), "a request was refused");
            return refusal.into_response();
        }
    };
    let refused = admit(scope, &found).err();
    request::audited(app, found.ok(), request, |request, visit| async {
        match refused {
            Some(problem) => problem.into_response(),
            None => work(request, visit).await,
        }
    })
    .await
}

/// Finds out who calls. A token that does not hold is no reason to refuse what anybody may call, so that the route decides.
async fn identify(
    app: &Arc<App>,
    caller: Caller,
    headers: &HeaderMap,
    path: &str,
) -> Result<Result<Arc<Principal>, TokenError>, Refusal> {
    let agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    let agent = agent.map(|agent| agent.chars().take(500).collect());
    let machine = app.machine.hostname.clone();
    let found = match caller {
        Caller::SameUser => {
            let user = format!("{}@{machine}", app.machine.username);
            Ok(Principal { user, scopes: Scopes::ALL, machine, agent, login: None, version: None, limit: None })
        }
        Caller::Loopback { port } => {
            check_headers(port, headers)?;
            claims(app, headers, path).await.map(|claims| {
                let limit = app.authority.limit(&claims).map(|clients| Arc::new(Limit::new(&claims.sub, clients)));
                let Claims { sub: user, login, version, .. } = claims;
                Principal { user, scopes: Scopes::of(&claims.scopes), machine, agent, login, version, limit }
            })
        }
    };
    Ok(found.map(Arc::new))
}

fn admit(scope: Scope, found: &Result<Arc<Principal>, TokenError>) -> Result<(), Problem> {
    match found {
        _ if scope == Scope::Open => Ok(()),
        Ok(principal) if principal.scopes.allow(scope) => Ok(()),
        Ok(_) => Err(Problem::new(StatusCode::FORBIDDEN, wanting(scope), "")),
        Err(error @ TokenError::Unlearned) => Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string(), "")),
        Err(error) => Err(Problem::unauthenticated(error.to_string())),
    }
}

/// A route beside those of the API, which takes this scope and is not for callers that are limited to clients.
pub(crate) fn unlimited(app: &Arc<App>, scope: Scope, route: MethodRouter<Arc<App>>) -> MethodRouter<Arc<App>> {
    let app = Arc::clone(app);
    route.layer(middleware::from_fn(move |request: Request, next: Next| {
        let app = Arc::clone(&app);
        async move {
            pass(&app, scope, request, |request, visit| async move {
                if visit.is_limited() {
                    return isolation::forbidden("this is not for callers that are limited to clients").into_response();
                }
                next.run(request).await
            })
            .await
        }
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
