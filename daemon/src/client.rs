//! The command line's way to the daemon: one blocking request over the socket (or loopback), JSON both ways.

use std::time::Duration;

use hooks::home::Home;
use hooks::link::{Link, LinkError};
use hooks::wire::Request;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::api::special::health::Health;

/// For answers that are ready at once.
pub(crate) const SHORT: Duration = Duration::from_secs(3);
/// For work that takes its time: a round with central, a search in a large replica.
pub(crate) const LONG: Duration = Duration::from_mins(5);

/// Why the daemon did not do as asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    /// No daemon answers, or not in time.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// It answers that it cannot.
    #[error("{error}")]
    Refused { error: String, hint: String },
    /// It answers what this version does not understand.
    #[error("understand the daemon's answer: {0}")]
    Unreadable(#[from] serde_json::Error),
}

impl ClientError {
    /// True when there is nobody to ask.
    pub(crate) fn is_nobody(&self) -> bool {
        matches!(self, ClientError::Link(LinkError::Nobody(_)))
    }

    /// What its reader can do.
    pub(crate) fn hint(&self) -> &str {
        match self {
            ClientError::Refused { hint, .. } => hint,
            ClientError::Link(LinkError::Nobody(_)) => "start it: claudetools daemon --detach",
            ClientError::Link(_) => "run: claudetools doctor",
            ClientError::Unreadable(_) => "the daemon may be of another version; run: claudetools daemon restart",
        }
    }
}

/// The daemon in a line.
pub(crate) fn health(home: &Home) -> Result<Health, ClientError> {
    get(home, "/health", SHORT)
}

/// `GET`
pub(crate) fn get<A: DeserializeOwned>(home: &Home, path: &str, patience: Duration) -> Result<A, ClientError> {
    ask(home, &Request { method: "GET", path, headers: &[], body: b"" }, patience)
}

/// `POST` of a JSON body.
pub(crate) fn post<A: DeserializeOwned>(
    home: &Home,
    path: &str,
    body: &impl Serialize,
    patience: Duration,
) -> Result<A, ClientError> {
    send(home, "POST", path, body, patience)
}

/// `PUT` of a JSON body.
pub(crate) fn put<A: DeserializeOwned>(
    home: &Home,
    path: &str,
    body: &impl Serialize,
    patience: Duration,
) -> Result<A, ClientError> {
    send(home, "PUT", path, body, patience)
}

fn send<A: DeserializeOwned>(
    home: &Home,
    method: &str,
    path: &str,
    body: &impl Serialize,
    patience: Duration,
) -> Result<A, ClientError> {
    let body = serde_json::to_vec(body)?;
    let headers = [("Content-Type", "application/json")];
    ask(home, &Request { method, path, headers: &headers, body: &body }, patience)
}

fn ask<A: DeserializeOwned>(home: &Home, request: &Request<'_>, patience: Duration) -> Result<A, ClientError> {
    let answer = Link::open(home, patience)?.ask(request)?;
    if (200..300).contains(&answer.status) {
        return Ok(serde_json::from_slice(&answer.body)?);
    }
    let problem: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let text = |name: &str| problem[name].as_str().map(str::to_owned);
    let error = text("detail").unwrap_or_else(|| format!("the daemon answers with status {}", answer.status));
    Err(ClientError::Refused { error, hint: problem["details"]["hint"].as_str().unwrap_or_default().to_owned() })
}
