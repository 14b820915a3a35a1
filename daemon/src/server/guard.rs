//! Who may call. Over the socket the kernel has said that it is the same user; over loopback any program of any user
//! (and any web page, through a browser) may connect, so there the token, `Host` and `Origin` are checked.

use std::io;
use std::path::Path;
use std::sync::Arc;

use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::api;
use crate::api::problem::Problem;
use crate::files;

/// How a request came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caller {
    /// Over the socket, and the kernel says it is the daemon's own user.
    SameUser,
    /// Over TCP from this machine, to this port.
    Loopback { port: u16 },
}

/// The secret that a caller over loopback must know. No `Debug`, no `Display`.
#[derive(Clone)]
pub(crate) struct Token(Arc<str>);

impl Token {
    /// Reads the token file of a home; makes it when it is missing.
    pub(crate) fn load_or_create(path: &Path) -> io::Result<Token> {
        match std::fs::read_to_string(path) {
            Ok(text) if files::foreign_bits(path)? != 0 => {
                drop(text);
                Err(io::Error::other("other users may read the token; run: claudetools doctor --fix"))
            }
            Ok(text) if text.trim().len() >= 32 => Ok(Token(text.trim().into())),
            Ok(_) => Token::create(path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Token::create(path),
            Err(error) => Err(error),
        }
    }

    fn create(path: &Path) -> io::Result<Token> {
        let mut random = [0; 32];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let text = hex(&random);
        files::write_private(path, text.as_bytes())?;
        Ok(Token(text.into()))
    }

    /// Compares in a time that depends on the lengths only.
    fn matches(&self, offered: &str) -> bool {
        let differences = self.0.bytes().zip(offered.bytes()).fold(0, |found, (a, b)| found | (a ^ b));
        self.0.len() == offered.len() && differences == 0
    }
}

/// Lower-case hexadecimal text of some bytes.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // writing to a String cannot fail
        text
    })
}

/// Why a request is turned away.
#[derive(Debug, PartialEq, Eq)]
enum Refusal {
    Host,
    Origin,
    Token,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, detail, hint) = match self {
            Refusal::Host => (StatusCode::MISDIRECTED_REQUEST, "the Host header must name this address", ""),
            Refusal::Origin => (StatusCode::FORBIDDEN, "requests of other origins are refused", ""),
            Refusal::Token => (StatusCode::UNAUTHORIZED, "a bearer token is needed", "see http.token in the home"),
        };
        Problem::new(status, detail, hint).into_response()
    }
}

/// The middleware around every route.
pub(crate) async fn check(token: Token, caller: Caller, request: Request, next: Next) -> Response {
    match caller {
        Caller::SameUser => next.run(request).await,
        Caller::Loopback { port } => match check_loopback(&token, port, request.headers()) {
            Err(Refusal::Token) if api::routes::is_open(request.method(), request.uri().path()) => {
                next.run(request).await
            }
            Ok(()) => next.run(request).await,
            Err(refusal) => {
                tracing::warn!(?refusal, path = request.uri().path(), "a request was refused");
                refusal.into_response()
            }
        },
    }
}

fn check_loopback(token: &Token, port: u16, headers: &HeaderMap) -> Result<(), Refusal> {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or(""));
    if !text(header::HOST).is_some_and(|host| is_own(host, port)) {
        return Err(Refusal::Host);
    }
    let own_origin = |origin: &str| origin.strip_prefix("http://").is_some_and(|host| is_own(host, port));
    if text(header::ORIGIN).is_some_and(|origin| !own_origin(origin)) {
        return Err(Refusal::Origin);
    }
    let offered = text(header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
    if offered.is_some_and(|offered| token.matches(offered)) { Ok(()) } else { Err(Refusal::Token) }
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
    fn a_loopback_caller_needs_the_host_the_origin_and_the_token() {
        let token = Token("secret-secret".into());
        let ours = (header::HOST, "127.0.0.1:7391");
        let bearer = (header::AUTHORIZATION, "Bearer secret-secret");
        let check = |pairs: &[_]| check_loopback(&token, 7391, &headers(pairs));
        assert_eq!(check(&[ours.clone(), bearer.clone()]), Ok(()));
        assert_eq!(check(&[ours.clone(), bearer.clone(), (header::ORIGIN, "http://localhost:7391")]), Ok(()));
        assert_eq!(
            check(&[ours.clone(), bearer.clone(), (header::ORIGIN, "http://evil.example")]),
            Err(Refusal::Origin)
        );
        assert_eq!(check(&[ours.clone(), bearer.clone(), (header::ORIGIN, "null")]), Err(Refusal::Origin));
        assert_eq!(check(&[(header::HOST, "evil.example:7391"), bearer.clone()]), Err(Refusal::Host));
        assert_eq!(check(&[(header::HOST, "127.0.0.1:80"), bearer.clone()]), Err(Refusal::Host));
        assert_eq!(check(&[bearer]), Err(Refusal::Host));
        assert_eq!(check(std::slice::from_ref(&ours)), Err(Refusal::Token));
        for wrong in ["Bearer secret-secres", "Bearer secret", "Bearer secret-secret2", "secret-secret", "Bearer "] {
            assert_eq!(check(&[ours.clone(), (header::AUTHORIZATION, wrong)]), Err(Refusal::Token), "{wrong}");
        }
    }

    #[test]
    fn the_token_is_made_once_and_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("http.token");
        let first = Token::load_or_create(&path).unwrap();
        assert_eq!(files::foreign_bits(&path).unwrap(), 0);
        assert_eq!(first.0.len(), 64);
        assert_eq!(Token::load_or_create(&path).unwrap().0, first.0);
    }

    #[cfg(unix)]
    #[test]
    fn a_token_that_others_may_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("http.token");
        Token::load_or_create(&path).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).unwrap();
        assert!(Token::load_or_create(&path).is_err());
    }
}
