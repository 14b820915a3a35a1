//! What a route is: where it is, who may call it, what it takes and gives, and the function behind it.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use merge::{Row, Value};
use migrations::Column;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json};
use sync::local::{ReadTx, WriteTx};

use super::input::shown_in;
use super::input::value::as_whole;
use super::plan::Resource;
use super::problem::Problem;
use crate::app::App;
use crate::audit::request::Entry;
use crate::isolation::Treatment;
use crate::phase::Core;
use crate::server::guard::Principal;
pub(crate) use crate::server::guard::Scope;

/// A route of the API.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) method: Method,
    /// `/api/clients/{id}`
    pub(crate) path: String,
    /// Unique name for programs: `clients_get`.
    pub(crate) name: String,
    /// What it is about: the resource's path, or a group of special routes.
    pub(crate) tag: &'static str,
    /// What it does, for people.
    pub(crate) summary: String,
    pub(crate) scope: Scope,
    /// A parameter that, when it is `true`, needs another scope.
    pub(crate) raised: Option<(&'static str, Scope)>,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) takes: Content,
    /// A call without a body is one with an empty object.
    pub(crate) body_optional: bool,
    /// Answers of success.
    pub(crate) gives: Vec<(StatusCode, Content)>,
    /// Further errors that it can answer with, besides those of its kind.
    pub(crate) errors: Vec<StatusCode>,
    /// The resource that it is about.
    pub(crate) resource: Option<&'static Resource>,
    /// How it keeps callers apart that are limited to clients.
    pub(crate) treatment: Treatment,
    /// Its answer is made of rows of the replica alone, and may be given again while those stand ([`super::kept`]).
    pub(crate) kept: bool,
    pub(crate) work: Work,
}

impl Route {
    /// A route that takes no body and gives nothing, until more is said of it. Reading needs the scope to read, all else the
    /// scope to write.
    pub(crate) fn new(method: Method, path: impl Into<String>, name: impl Into<String>, work: Work) -> Self {
        let scope = if method == Method::GET { Scope::Read } else { Scope::Write };
        Self {
            method,
            path: path.into(),
            name: name.into(),
            tag: "",
            summary: String::new(),
            scope,
            raised: None,
            parameters: Vec::new(),
            takes: Content::None,
            body_optional: false,
            gives: Vec::new(),
            errors: Vec::new(),
            resource: None,
            treatment: Treatment::ByKind,
            kept: false,
            work,
        }
    }

    /// What it is about and does, for people.
    pub(crate) fn about(mut self, tag: &'static str, summary: impl Into<String>) -> Self {
        self.tag = tag;
        self.summary = summary.into();
        self
    }

    /// The resource that it is about.
    pub(crate) fn of(mut self, resource: &'static Resource) -> Self {
        self.resource = Some(resource);
        self
    }

    /// How it keeps callers apart that are limited to clients, if not by its kind.
    pub(crate) fn treats(mut self, treatment: Treatment) -> Self {
        self.treatment = treatment;
        self
    }

    /// Its answer may be given again while the rows stand.
    pub(crate) fn keeps(mut self) -> Self {
        self.kept = true;
        self
    }

    /// What a caller must be allowed to do.
    pub(crate) fn scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    /// With this parameter `true`, another scope is needed.
    pub(crate) fn raised_by(mut self, parameter: &'static str, scope: Scope) -> Self {
        self.raised = Some((parameter, scope));
        self
    }

    /// One more parameter.
    pub(crate) fn with(mut self, parameter: Parameter) -> Self {
        self.parameters.push(parameter);
        self
    }

    /// The body that it takes.
    pub(crate) fn takes(mut self, content: Content) -> Self {
        self.takes = content;
        self
    }

    /// The body that it takes, which may be left out.
    pub(crate) fn may_take(mut self, content: Content) -> Self {
        self.body_optional = true;
        self.takes(content)
    }

    /// An answer of success.
    pub(crate) fn gives(mut self, status: StatusCode, content: Content) -> Self {
        self.gives.push((status, content));
        self
    }

    /// An error that it may answer with, besides those of its kind.
    pub(crate) fn fails(mut self, status: StatusCode) -> Self {
        self.errors.push(status);
        self
    }
}

impl Parameter {
    /// An optional part of the query.
    pub(crate) fn query(column: Column, description: impl Into<String>) -> Self {
        Self { place: Place::Query, column, range: (None, None), description: description.into(), required: false }
    }

    /// A part of the path.
    pub(crate) fn path(column: Column, description: impl Into<String>) -> Self {
        Self { place: Place::Path, required: true, ..Self::query(column, description) }
    }

    /// A number within these bounds, both included.
    pub(crate) fn within(mut self, low: i64, high: i64) -> Self {
        self.range = (Some(low), Some(high));
        self
    }

    /// It must be given.
    pub(crate) fn required(mut self) -> Self {
        self.required = true;
        self
    }
}

/// A part of the URL or a header.
#[derive(Debug, Clone)]
pub(crate) struct Parameter {
    pub(crate) place: Place,
    /// Its name, kind and closed list.
    pub(crate) column: Column,
    /// The least and the greatest value of a number.
    pub(crate) range: (Option<i64>, Option<i64>),
    pub(crate) description: String,
    pub(crate) required: bool,
}

/// Where a parameter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Path,
    Query,
    Header,
}

/// What a body holds.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Content {
    /// Nothing.
    None,
    /// A row.
    Row(&'static Resource),
    /// A list of rows with its total.
    Page(&'static Resource),
    /// A new row.
    New(&'static Resource),
    /// Some fields of a row, to be changed.
    Change(&'static Resource),
    /// These fields of a row; the second list names those that must be there.
    Some(&'static Resource, &'static [&'static str], &'static [&'static str]),
    /// A type of its own.
    Type(fn(&mut SchemaGenerator) -> Schema),
    /// JSON of a type of its own, or a form of another one.
    TypeOrForm(fn(&mut SchemaGenerator) -> Schema, fn(&mut SchemaGenerator) -> Schema),
    /// A row, or a type of its own.
    RowOr(&'static Resource, fn(&mut SchemaGenerator) -> Schema),
    /// Text of this media type.
    Text(&'static str),
    /// Text of this media type, or JSON if that is asked for.
    TextOr(&'static str, fn(&mut SchemaGenerator) -> Schema),
}

impl Content {
    /// JSON of a type of its own.
    pub(crate) fn of<T: JsonSchema>() -> Self {
        Content::Type(SchemaGenerator::subschema_for::<T>)
    }

    /// JSON of a type of its own, or a form that says the same.
    pub(crate) fn of_or_form<T: JsonSchema, F: JsonSchema>() -> Self {
        Content::TypeOrForm(SchemaGenerator::subschema_for::<T>, SchemaGenerator::subschema_for::<F>)
    }
}

type Answer = Pin<Box<dyn Future<Output = Result<Reply, Problem>> + Send>>;

/// The function behind a route.
#[derive(Clone, Copy)]
pub(crate) enum Work {
    /// Needs no replica.
    Open(fn(&App) -> Response),
    /// Answers also while the replica cannot be opened.
    Always(fn(Arc<App>) -> Answer),
    /// Anything, with the body, for somebody who is not known yet.
    Stranger(fn(Arc<App>, Map<String, Json>) -> Answer),
    /// Neither waits nor reads the replica.
    Now(fn(&Call) -> Result<Reply, Problem>),
    /// Reads one snapshot.
    Read(fn(&ReadTx<'_>, &Call) -> Result<Reply, Problem>),
    /// The same, for what takes no more than a row that is found by its id.
    ReadRow(fn(&ReadTx<'_>, &Call) -> Result<Reply, Problem>),
    /// Writes in one transaction; nothing of it remains when it fails.
    Write(fn(&mut WriteTx<'_>, &Call) -> Result<Reply, Problem>),
    /// Anything else.
    Task(fn(Call) -> Answer),
}

impl std::fmt::Debug for Work {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Work::Open(_) => "Open",
            Work::Always(_) => "Always",
            Work::Stranger(_) => "Stranger",
            Work::Now(_) => "Now",
            Work::Read(_) => "Read",
            Work::ReadRow(_) => "ReadRow",
            Work::Write(_) => "Write",
            Work::Task(_) => "Task",
        })
    }
}

/// A request, checked against its route.
pub(crate) struct Call {
    pub(crate) app: Arc<App>,
    pub(crate) core: Arc<Core>,
    pub(crate) route: &'static Route,
    /// Parameters of path and query that were given, by name, in canonical form.
    pub(crate) parameters: HashMap<&'static str, Value>,
    pub(crate) headers: HeaderMap,
    /// Who calls.
    pub(crate) principal: Arc<Principal>,
    /// The body; an empty object when there was none.
    pub(crate) body: Map<String, Json>,
    /// What goes on record of a write; None where nothing does.
    pub(crate) entry: Option<Arc<Entry>>,
}

impl Call {
    /// The text of a parameter.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).and_then(Value::as_text)
    }

    /// The number of a parameter.
    pub(crate) fn number(&self, name: &str) -> Option<i64> {
        self.parameters.get(name).and_then(Value::as_int)
    }

    /// Whether a parameter is `true`.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.number(name) == Some(1)
    }

    /// The `{id}` of the path.
    pub(crate) fn id(&self) -> &str {
        self.text("id").unwrap_or_default()
    }

    /// The body as a type.
    pub(crate) fn body<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        typed(self.body.clone())
    }
}

/// A body as a type.
pub(crate) fn typed<T: DeserializeOwned>(body: Map<String, Json>) -> Result<T, Problem> {
    serde_path_to_error::deserialize(whole(Json::Object(body))).map_err(|error| {
        let path = error.path().to_string();
        Problem::field(if path == "." { "body" } else { &path }, reason(&error.into_inner()))
    })
}

/// JSON knows no difference between 5 and 5.0; types of Rust do.
fn whole(json: Json) -> Json {
    match json {
        Json::Number(number) if !number.is_i64() && !number.is_u64() => {
            number.as_f64().and_then(as_whole).map_or(Json::Number(number), Json::from)
        }
        Json::Array(items) => items.into_iter().map(whole).collect(),
        Json::Object(fields) => fields.into_iter().map(|(name, value)| (name, whole(value))).collect(),
        other => other,
    }
}

/// What is wrong with a body, without its values; a name that is not known is shown as far as it may be.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let told =
        ["unknown field", "missing field", "unknown variant", "must be"].iter().any(|start| text.starts_with(start));
    if told { shown_in(&text) } else { "is not of the type that is expected here".to_owned() }
}

/// What a route answers with.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) body: ReplyBody,
    pub(crate) etag: Option<String>,
    /// Nobody on the way may keep it.
    pub(crate) is_secret: bool,
}

/// The body of an answer.
#[derive(Debug)]
pub(crate) enum ReplyBody {
    /// Nothing.
    Empty,
    /// JSON.
    Json(Json),
    /// JSON that is written already.
    Written(Bytes),
    /// A row as it is shown whole, with its version: written when it goes out, as whoever made it (the one writer) has others
    /// to serve.
    Row(&'static Resource, Box<Row>),
    /// Text of a media type.
    Text(&'static str, String),
}

impl Reply {
    /// JSON with a status.
    pub(crate) fn json(status: StatusCode, body: impl Into<Json>) -> Self {
        Self { status, body: ReplyBody::Json(body.into()), etag: None, is_secret: false }
    }

    /// 200 with anything that has a JSON form.
    pub(crate) fn ok(body: impl serde::Serialize) -> Self {
        Self::of(StatusCode::OK, body)
    }

    /// Anything that has a JSON form, with a status.
    pub(crate) fn of(status: StatusCode, body: impl serde::Serialize) -> Self {
        Self::json(status, serde_json::to_value(body).unwrap_or_default())
    }

    /// Anything that has a JSON form, written at once.
    pub(crate) fn written(status: StatusCode, body: &impl serde::Serialize) -> Self {
        Self::bytes(status, serde_json::to_vec(body).unwrap_or_else(|_| b"null".to_vec()))
    }

    /// JSON that is written already.
    pub(crate) fn bytes(status: StatusCode, body: Vec<u8>) -> Self {
        Self { status, body: ReplyBody::Written(body.into()), etag: None, is_secret: false }
    }

    /// A single row, with its version.
    pub(crate) fn row(status: StatusCode, resource: &'static Resource, row: Row) -> Self {
        Self { status, body: ReplyBody::Row(resource, Box::new(row)), etag: None, is_secret: false }
    }

    /// 204
    pub(crate) fn empty() -> Self {
        Self { status: StatusCode::NO_CONTENT, body: ReplyBody::Empty, etag: None, is_secret: false }
    }

    /// With the version of the row that it holds.
    pub(crate) fn tagged(mut self, etag: String) -> Self {
        self.etag = Some(etag);
        self
    }

    /// Not to be kept by anybody on the way.
    pub(crate) fn secret(mut self) -> Self {
        self.is_secret = true;
        self
    }
}
