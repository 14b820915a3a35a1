//! One route as an operation of the description.

use axum::http::{Method, StatusCode};
use schemars::SchemaGenerator;
use serde_json::{Map, Value as Json, json};

use super::bodies::content;
use super::value::of_parameter;
use crate::api::route::{Content, Parameter, Place, Route, Scope};
use crate::api::routes;

/// Errors by status: the name of the response, and what it means.
const ERRORS: &[(u16, &str, &str)] = &[
    (401, "Unauthenticated", "There is no valid token."),
    (403, "Forbidden", "The token does not allow this, or the request comes from a page of another origin."),
    (404, "NotFound", "There is no such row."),
    (409, "Conflict", "It does not fit what is there: `error_code` and `details` tell what is in the way."),
    (412, "PreconditionFailed", "The row has another version by now; `details.etag` is the one that it has."),
    (413, "TooLarge", "The body is too large."),
    (415, "UnsupportedMediaType", "The body is not JSON."),
    (421, "WrongHost", "The `Host` header names another address than that of this daemon."),
    (
        422,
        "ValidationError",
        "Fields or parameters cannot be taken as they are: `details.fields` tells what is wrong with each.",
    ),
    (429, "TooManyAttempts", "Too many attempts to log in; `Retry-After` tells when it is worth trying again."),
    (503, "Unavailable", "The replica, central or the vault cannot be used at the moment."),
    (507, "DiskFull", "The disk is full; nothing was written."),
];

/// The operation of a route.
pub(super) fn of(route: &Route, generator: &mut SchemaGenerator) -> Json {
    let mut operation = json!({
        "operationId": route.name,
        "tags": [route.tag],
        "summary": route.summary,
        "responses": responses(route, generator),
        "security": route.scope.name().map_or_else(|| json!([]), |scope| json!([{ "bearer": [scope] }])),
    });
    if !route.parameters.is_empty() {
        operation["parameters"] = route.parameters.iter().map(parameter).collect();
    }
    if !matches!(route.takes, Content::None) {
        operation["requestBody"] =
            json!({ "required": !route.body_optional, "content": content(route.takes, generator) });
    }
    operation
}

fn parameter(parameter: &Parameter) -> Json {
    let place = match parameter.place {
        Place::Path => "path",
        Place::Query => "query",
        Place::Header => "header",
    };
    json!({
        "name": parameter.column.name,
        "in": place,
        "required": parameter.required,
        "description": parameter.description,
        "schema": of_parameter(parameter),
    })
}

fn responses(route: &Route, generator: &mut SchemaGenerator) -> Json {
    let mut responses: Map<String, Json> = Map::new();
    for (status, gives) in &route.gives {
        let mut response = json!({ "description": status.canonical_reason().unwrap_or("Done") });
        let content = content(*gives, generator);
        if !content.is_empty() {
            response["content"] = content.into();
        }
        if *status == StatusCode::CREATED {
            response["links"] = links(route);
        }
        if matches!(gives, Content::Row(_)) {
            response["headers"] =
                json!({ "ETag": { "description": "The row's version.", "schema": { "type": "string" } } });
        }
        responses.insert(status.as_str().to_owned(), response);
    }
    for status in errors_of(route) {
        let named = ERRORS.iter().find(|(code, ..)| *code == status.as_u16());
        if let Some((code, name, _)) = named {
            responses.insert(code.to_string(), json!({ "$ref": format!("#/components/responses/{name}") }));
        }
    }
    Json::Object(responses)
}

/// What can be done with what was just made.
fn links(made_by: &Route) -> Json {
    let place = made_by.resource.map_or_else(|| made_by.path.clone(), |made| format!("/api/{}", made.offer.path));
    let routes = routes::all().iter().filter(|route| route.path == format!("{place}/{{id}}"));
    let link = |route: &Route| {
        let parameters = json!({ "id": "$response.body#/id" });
        (route.name.clone(), json!({ "operationId": route.name, "parameters": parameters }))
    };
    routes.map(link).collect::<Map<_, _>>().into()
}

/// What a route can answer with besides success: by its kind, and what it says itself.
fn errors_of(route: &Route) -> Vec<StatusCode> {
    let mut errors = vec![StatusCode::FORBIDDEN, StatusCode::MISDIRECTED_REQUEST, StatusCode::UNPROCESSABLE_ENTITY];
    if route.scope != Scope::Open {
        errors.extend([StatusCode::UNAUTHORIZED, StatusCode::SERVICE_UNAVAILABLE]);
    }
    if !matches!(route.takes, Content::None) {
        errors.extend([StatusCode::PAYLOAD_TOO_LARGE, StatusCode::UNSUPPORTED_MEDIA_TYPE]);
    }
    if route.method != Method::GET {
        errors.extend([StatusCode::CONFLICT, StatusCode::INSUFFICIENT_STORAGE]);
    }
    errors.extend(&route.errors);
    errors.sort_unstable();
    errors.dedup();
    errors
}

/// The responses that stand for errors.
pub(super) fn errors() -> Json {
    let response = |(code, name, about): &(u16, &str, &str)| {
        let example = example(*code, about);
        let schema = json!({ "$ref": "#/components/schemas/Problem" });
        let mut response = json!({
            "description": about,
            "content": { "application/json": { "schema": schema, "example": example } },
        });
        if matches!(*code, 429 | 503) {
            let retry = json!({ "description": "Seconds after which it is worth trying again.", "schema": { "type": "string" } });
            response["headers"] = json!({ "Retry-After": retry });
        }
        ((*name).to_owned(), response)
    };
    ERRORS.iter().map(response).collect::<Map<_, _>>().into()
}

fn example(code: u16, about: &str) -> Json {
    let (error_code, detail, details) = match code {
        401 => ("UNAUTHENTICATED", "a bearer token is needed", json!({})),
        403 => ("FORBIDDEN", "requests of other origins are refused", json!({})),
        404 => ("NOT_FOUND", "there is no client of this id", json!({})),
        409 => (
            "DUPLICATE_KEY",
            "name is held by another row",
            json!({ "existing_id": "0190f5b2-7c3e-7d4a-8b21-3f6e5d4c2b1a" }),
        ),
        412 => ("PRECONDITION_FAILED", "the row has changed since it was read", json!({ "etag": "\"5f0c\"" })),
        413 => ("TOO_LARGE", "the body is larger than 4 MiB", json!({})),
        415 => ("UNSUPPORTED_MEDIA_TYPE", "the body must be JSON, with Content-Type: application/json", json!({})),
        421 => ("WRONG_HOST", "the Host header must name this address", json!({})),
        422 => ("VALIDATION_ERROR", "name must be given", json!({ "fields": { "name": "must be given" } })),
        429 => ("RATE_LIMITED", "too many attempts to log in", json!({ "hint": "try again in 42 s" })),
        507 => ("DISK_FULL", "the disk that holds the replica is full", json!({})),
        _ => ("DATABASE_BUSY", about, json!({})),
    };
    json!({ "detail": detail, "error_code": error_code, "status_code": code, "details": details })
}
