//! Every write request of the API in `api_audit_log`, and every request that was refused to a caller limited to clients:
//! who, from which machine, what, which fields, and how it ended. Names only: what a field was set to, and what a caller
//! calls a field that could not be one, is not on record.
//!
//! A route that writes the replica writes this row in its own transaction ([`Entry::put`]): neither is there without the
//! other, whatever happens after the commit. What was refused, and what is done elsewhere, is put on record afterwards,
//! before the answer is given.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use axum::body::Body;
use axum::extract::{MatchedPath, Request};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use merge::{Row, Value};
use migrations::catalogue::API_AUDIT_LOG;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use sync::local::{WriteTx, new_id};
use sync::{StoreError, datetime_text};

use crate::api::input::body;
use crate::api::problem::ErrorCode;
use crate::app::App;
use crate::isolation;
use crate::server::guard::{Principal, Visit};

/// Names of fields on record for one request.
const FIELDS: usize = 100;

/// What asks, or moves this machine along, and changes no data by itself.
const NO_WRITES: [&str; 4] = ["/api/recall", "/api/sync/now", "/api/sync/verify", "/api/probe/forget"];

/// What is known of a request before it is done.
pub(crate) struct Entry {
    row: Row,
    started: Instant,
    /// It is on record, for good.
    is_written: AtomicBool,
}

impl Entry {
    /// Puts a request that has succeeded on record, with what it wrote. It counts once that is committed: [`Entry::written`].
    pub(crate) fn put(&self, tx: &mut WriteTx<'_>, status: StatusCode) -> Result<(), StoreError> {
        let row = self.ended(status, None);
        let row = row.with("id", new_id(tx.now_us())).with("created_at", datetime_text(tx.now_us()));
        tx.put(row)
    }

    /// What [`Entry::put`] wrote is committed.
    pub(crate) fn written(&self) {
        self.is_written.store(true, Ordering::Release);
    }

    fn ended(&self, status: StatusCode, code: Option<&str>) -> Row {
        let took = i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX).min(i64::from(i32::MAX));
        self.row
            .clone()
            .with("status_code", i64::from(status.as_u16()))
            .with("response_time_ms", took)
            .with("error_code", code.map_or(Value::Null, Value::from))
    }
}

/// Lets a request on to its work; the row is written before the answer is given.
pub(crate) async fn audited<F>(
    app: &App,
    principal: Option<Arc<Principal>>,
    request: Request,
    work: impl FnOnce(Request, Visit) -> F,
) -> Response
where
    F: Future<Output = Response>,
{
    let is_write = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let path = request.uri().path();
    let is_audited = is_write && path.starts_with("/api/") && !NO_WRITES.contains(&path);
    let visit = Visit { principal, entry: None };
    if !is_audited && !visit.is_limited() {
        return work(request, visit).await;
    }
    let started = Instant::now();
    let (parts, body) = request.into_parts();
    // The body is read before anybody is turned away, so that what was tried is on record: of strangers, not much of it.
    let limit = if visit.principal.is_some() { body::BODY_LIMIT } else { body::STRANGERS_LIMIT };
    let body = match body::read_up_to(body, limit).await {
        Ok(body) => body,
        Err(problem) => return problem.into_response(),
    };
    let row = begun(&parts, &body, visit.principal.as_deref());
    let entry = Arc::new(Entry { row, started, is_written: AtomicBool::new(false) });
    let visit = Visit { entry: is_audited.then(|| Arc::clone(&entry)), ..visit };
    let response = work(Request::from_parts(parts, Body::from(body)), visit).await;
    if entry.is_written.load(Ordering::Acquire) {
        return response;
    }
    let code = response.extensions().get::<ErrorCode>().map(|code| code.0);
    if !is_audited && code != Some(isolation::REFUSED) {
        return response;
    }
    if let Err(reason) = write(app, entry.ended(response.status(), code)).await {
        tracing::error!(reason, "a write request could not be put on record");
        app.notices.add(format!(
            "ClaudeTools: a write request is missing in the audit log: {reason} (run: claudetools doctor)"
        ));
    }
    response
}

/// Who asks for what.
fn begun(parts: &Parts, body: &[u8], principal: Option<&Principal>) -> Row {
    let text = |name: header::HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let template = parts.extensions.get::<MatchedPath>().map_or("(none)", MatchedPath::as_str);
    let mut row = Row::new(API_AUDIT_LOG)
        .with("http_method", parts.method.as_str().chars().take(10).collect::<String>())
        .with("endpoint", template)
        .with("entity_id", id_in(parts.uri.path()).map_or(Value::Null, Value::from))
        .with("request_fields", fields(body, text(header::CONTENT_TYPE)).map_or(Value::Null, Value::from));
    if let Some(Principal { user, machine, agent, .. }) = principal {
        row.set("user_id", user.as_str());
        row.set("machine", machine.as_str());
        row.set("user_agent", agent.clone().map_or(Value::Null, Value::from));
    }
    row
}

async fn write(app: &App, row: Row) -> Result<(), String> {
    let core = app.core(std::time::Duration::from_secs(1)).await.map_err(|trouble| trouble.reason)?;
    let written = core.store.write_async(move |tx| {
        let row = row.with("id", new_id(tx.now_us())).with("created_at", datetime_text(tx.now_us()));
        tx.put(row)
    });
    written.await.map_err(|error| error.to_string())
}

/// The names of a body's fields, as a JSON array.
fn fields(body: &[u8], content_type: Option<&str>) -> Option<String> {
    let is_form = content_type.is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    let names: Vec<String> = if is_form {
        let pairs =
            body.split(|byte| *byte == b'&').map(|pair| pair.split(|byte| *byte == b'=').next().unwrap_or(pair));
        pairs.map(|name| String::from_utf8_lossy(name).into_owned()).collect()
    } else {
        let object: Names = serde_json::from_slice(body).ok()?;
        object.0
    };
    let mut names: Vec<String> = names.into_iter().take(FIELDS).map(shown).collect();
    names.sort();
    serde_json::to_string(&names).ok()
}

/// The names of an object's fields; their values are passed over.
struct Names(Vec<String>);

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Names, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Names;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Names, A::Error> {
                let mut names = Vec::new();
                while let Some((name, _)) = object.next_entry::<String, IgnoredAny>()? {
                    names.push(name);
                }
                Ok(Names(names))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// A name that no field has may be anything, such as a secret in the wrong place.
fn shown(name: String) -> String {
    let is_name = !name.is_empty() && name.len() <= 64 && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    if is_name { name } else { "(not a name)".to_owned() }
}

/// The id in a path, if any.
fn id_in(path: &str) -> Option<String> {
    let is_id = |part: &&str| {
        part.len() == 36
            && part.bytes().enumerate().all(|(at, byte)| match at {
                8 | 13 | 18 | 23 => byte == b'-',
                _ => byte.is_ascii_hexdigit(),
            })
    };
    path.split('/').find(is_id).map(str::to_ascii_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_named_and_never_their_values() {
        let names = |body: &str, kind: &str| fields(body.as_bytes(), Some(kind));
        let json = r#"{"password":"hunter2","notes":{"inner":"x"},"Hunter2 is my password":1}"#;
        assert_eq!(names(json, "application/json").unwrap(), r#"["(not a name)","notes","password"]"#);
        let form = "username=a%40b.c&password=hunter2";
        assert_eq!(names(form, "application/x-www-form-urlencoded").unwrap(), r#"["password","username"]"#);
        assert_eq!(names("hunter2", "application/json"), None);
        assert_eq!(names("[1]", "application/json"), None);
    }

    #[test]
    fn the_id_of_a_path_is_found() {
        let id = "0190d3c2-0000-7000-8000-00000000000A";
        assert_eq!(id_in(&format!("/api/credentials/{id}/reveal")), Some(id.to_lowercase()));
        assert_eq!(id_in("/api/sync"), None);
    }
}
