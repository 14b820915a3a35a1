//! A request's body: bounded bytes, an object of JSON; or a form, where a route takes one.

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode, header};
use serde_json::{Map, Value as Json};

use crate::api::problem::Problem;
use crate::api::route::{Content, Route};

/// The largest body of an API request, in bytes; the hooks have their own limit.
pub(crate) const BODY_LIMIT: usize = 4 * 1024 * 1024;

/// The media type of a form.
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

/// Reads all of a body, unless it is too large.
pub(crate) async fn read(body: Body) -> Result<Bytes, Problem> {
    axum::body::to_bytes(body, BODY_LIMIT).await.map_err(|error| {
        let too_large = std::error::Error::source(&error).is_some_and(|cause| cause.to_string().contains("limit"));
        if too_large {
            let detail = format!("the body is larger than {} MiB", BODY_LIMIT >> 20);
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail, "")
        } else {
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "the body did not arrive in full", "send it again")
        }
    })
}

/// The object in a body, as the route expects one. Deeper nesting than 128 levels is refused by the parser.
pub(crate) fn object(route: &Route, headers: &HeaderMap, bytes: &Bytes) -> Result<Map<String, Json>, Problem> {
    let expected = !matches!(route.takes, Content::None);
    if bytes.is_empty() {
        return if expected && !route.body_optional {
            Err(Problem::field("body", "must be given"))
        } else {
            Ok(Map::new())
        };
    }
    let kind = media_type(headers);
    if kind == FORM && matches!(route.takes, Content::TypeOrForm(..)) {
        return form(bytes);
    }
    if !is_json(&kind) {
        let detail = "the body must be JSON, with Content-Type: application/json";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail, ""));
    }
    let json: Json = serde_json::from_slice(bytes).map_err(|error| {
        let place = format!("is not JSON that can be taken: {} in line {}", category(&error), error.line());
        Problem::field("body", place)
    })?;
    match json {
        Json::Object(fields) if expected || fields.is_empty() => Ok(fields),
        Json::Null if !expected => Ok(Map::new()),
        _ if expected => Err(Problem::field("body", "must be an object")),
        _ => Err(Problem::field("body", "is not expected here")),
    }
}

/// The parser's words may quote the body.
fn category(error: &serde_json::Error) -> &'static str {
    match error.classify() {
        serde_json::error::Category::Eof => "it ends too soon",
        _ if error.to_string().starts_with("recursion limit") => "it is nested too deeply",
        _ => "a mistake",
    }
}

/// The fields of a form, each of them a text.
fn form(bytes: &[u8]) -> Result<Map<String, Json>, Problem> {
    let (mut fields, mut wrong) = (Map::new(), Vec::new());
    for (name, text) in form_urlencoded::parse(bytes) {
        if fields.insert(name.to_string(), Json::String(text.into_owned())).is_some() {
            wrong.push((name.into_owned(), "is given more than once".to_owned()));
        }
    }
    if wrong.is_empty() { Ok(fields) } else { Err(Problem::fields(&wrong)) }
}

fn media_type(headers: &HeaderMap) -> String {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn is_json(kind: &str) -> bool {
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}
