//! A request's body: bounded bytes within bounded time, an object of JSON; or a form, where a route takes one.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode, header};
use serde_json::{Map, Value as Json};

use crate::api::problem::Problem;
use crate::api::route::{Content, Route};

/// The largest body of an API request, in bytes; the hooks have their own limit.
pub(crate) const BODY_LIMIT: usize = 4 * 1024 * 1024;

/// The largest body of somebody whom nobody knows, who may do no more than log in.
pub(crate) const STRANGERS_LIMIT: usize = 64 * 1024;

/// The media type of a form.
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

/// How long a body may take to arrive: nobody holds a place by sending a byte now and then.
const ARRIVES_WITHIN: Duration = Duration::from_secs(30);

/// Reads all of a body of an API request, unless it is too large or too slow.
pub(crate) async fn read(body: Body) -> Result<Bytes, Problem> {
    read_up_to(body, BODY_LIMIT).await
}

/// The same with another limit.
pub(crate) async fn read_up_to(body: Body, limit: usize) -> Result<Bytes, Problem> {
    let partial = || Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "the body did not arrive in full", "send it again");
    let arrived =
        tokio::time::timeout(ARRIVES_WITHIN, axum::body::to_bytes(body, limit)).await.map_err(|_| partial())?;
    arrived.map_err(|error| {
        let too_large = std::error::Error::source(&error).is_some_and(|cause| cause.to_string().contains("limit"));
        if too_large {
            let detail = format!("the body is larger than {} KiB", limit >> 10);
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail, "")
        } else {
            partial()
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A body of which nothing ever comes.
    struct Silent;

    impl hyper::body::Body for Silent {
        type Data = Bytes;
        type Error = std::io::Error;

        fn poll_frame(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, std::io::Error>>> {
            std::task::Poll::Pending
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_is_given_up() {
        assert_eq!(read(Body::new(Silent)).await.unwrap_err().status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(read_up_to(Body::from("four"), 3).await.unwrap_err().status, StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(read_up_to(Body::from("four"), 4).await.unwrap(), "four");
    }
}
