//! `GET /api/openapi.json`: the API described in OpenAPI 3.1, made from the plan and the table of routes.

mod bodies;
mod example;
mod operation;
mod value;

use std::sync::LazyLock;

use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value as Json, json};

use super::plan;
use super::problem::Envelope;
use super::route::{Content, Route, Scope, Work};
use super::routes;
use crate::app::App;

pub(crate) use value::YEAR;

/// What the routes that are about no single table are about.
const GROUPS: &[(&str, &str)] = &[
    ("sync", "The exchange with central: state, conflicts, quarantine, duplicates, comparison."),
    ("coord", "Sessions of all machines: who is there, locks, messages, states of components."),
    ("auth", "Logging in and out, and the tokens that come of it."),
    ("users", "The people who may log in; they are kept at central."),
    ("vault", "The keys of sealed secrets on this machine, and their way to others."),
    ("bulk-import", "Folders of transcripts and contexts, imported."),
    ("memory", "What was saved, found again; and memories by hand."),
    ("health", "How the daemon is."),
    ("hooks", "What the hooks of Claude Code send."),
    ("docs", "This description."),
];

/// The description's own route.
pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/api/openapi.json", "openapi", Work::Open(serve))
            .about("docs", "The API described in OpenAPI 3.1")
            .scope(Scope::Open)
            .gives(StatusCode::OK, Content::Type(|_| schemars::json_schema!({ "type": "object" }))),
    ]
}

fn serve(_: &App) -> Response {
    static TEXT: LazyLock<String> = LazyLock::new(|| document().to_string());
    ([(header::CONTENT_TYPE, "application/json")], TEXT.as_str()).into_response()
}

/// The whole description.
pub(crate) fn document() -> Json {
    let mut generator = SchemaSettings::draft2020_12()
        .with(|settings| settings.definitions_path = "/components/schemas".into())
        .into_generator();
    generator.subschema_for::<Envelope>();
    let mut paths: Map<String, Json> = Map::new();
    for route in routes::all() {
        let path = paths.entry(&route.path).or_insert_with(|| json!({}));
        path[route.method.as_str().to_lowercase()] = operation::of(route, &mut generator);
    }
    let mut schemas: Map<String, Json> = plan::all().iter().flat_map(bodies::schemas).collect();
    schemas.extend(types(&mut generator));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "ClaudeTools",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Memory, work records and documentation, served from this machine's replica.",
            "description": include_str!("description.md"),
            "license": { "name": "MIT", "identifier": "MIT" },
        },
        "servers": [{ "url": "/", "description": "This machine's daemon" }],
        "tags": tags(),
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": operation::errors(),
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "Needed over TCP. A caller of the daemon's own user needs none on its Unix socket.",
                },
            },
        },
    })
}

/// The types that are no tables.
fn types(generator: &mut SchemaGenerator) -> Map<String, Json> {
    generator.take_definitions(true)
}

fn tags() -> Vec<Json> {
    let tables = plan::all().iter().map(|resource| (resource.offer.path, resource.entity.purpose));
    tables.chain(GROUPS.iter().copied()).map(|(name, about)| json!({ "name": name, "description": about })).collect()
}

#[cfg(test)]
mod tests;
