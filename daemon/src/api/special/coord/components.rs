//! States of deployed components, the last word of each.

use axum::http::{Method, StatusCode};
use merge::Row;
use migrations::catalogue::COORD_COMPONENT_STATES;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sync::StoreError;
use sync::local::{ReadTx, WriteTx};

use super::{Texts, named, optional, project_parameter, route};
use crate::api::problem::Problem;
use crate::api::route::{Call, Content, Reply, Route, Work};

/// How a component is.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "ComponentStatus")]
enum State {
    Deployed,
    Building,
    Stable,
    Broken,
    Unknown,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            State::Deployed => "deployed",
            State::Building => "building",
            State::Stable => "stable",
            State::Broken => "broken",
            State::Unknown => "unknown",
        }
    }
}

/// What is said of a component; it stands in place of what was said before.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ComponentRequest")]
struct StateRequest {
    /// The project: its slug.
    #[schemars(length(min = 1, max = 200), regex(pattern = "\\S"))]
    project_key: String,
    #[schemars(length(min = 1, max = 200), regex(pattern = "\\S"))]
    component: String,
    state: State,
    #[serde(default)]
    #[schemars(length(max = 100))]
    version: Option<String>,
    #[serde(default)]
    notes: Option<String>,
    /// Who says so: a session.
    #[schemars(length(min = 1, max = 200), regex(pattern = "\\S"))]
    updated_by: String,
}

/// A component.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Component")]
pub(super) struct Said {
    pub(super) project_key: String,
    component: String,
    /// `deployed`, `building`, `stable`, `broken` or `unknown`; another program may have written another word.
    state: String,
    version: Option<String>,
    notes: Option<String>,
    updated_by: String,
    created_at: String,
    updated_at: String,
}

/// Components.
#[derive(Serialize, JsonSchema)]
struct Components {
    total: usize,
    items: Vec<Said>,
}

pub(super) fn routes() -> Vec<Route> {
    let component = Content::of::<Said>();
    vec![
        route(Method::GET, "components", "components", Work::Read(list), "States of components")
            .with(project_parameter())
            .gives(StatusCode::OK, Content::of::<Components>()),
        route(Method::PUT, "components", "component", Work::Write(put), "Say how a component is")
            .takes(Content::of::<StateRequest>())
            .gives(StatusCode::OK, component)
            .gives(StatusCode::CREATED, component),
    ]
}

/// All components, or those of one project.
pub(super) fn of(tx: &ReadTx<'_>, project: Option<&str>) -> Result<Vec<Said>, StoreError> {
    let clause = "WHERE ? IS NULL OR project_key = ? ORDER BY project_key, component";
    let rows = tx.select(COORD_COMPONENT_STATES, clause, &[optional(project), optional(project)])?;
    Ok(rows.iter().map(shown).collect())
}

fn list(tx: &ReadTx<'_>, call: &Call) -> Result<Reply, Problem> {
    let items = of(tx, named(call, "project_key").as_deref())?;
    Ok(Reply::ok(Components { total: items.len(), items }))
}

fn put(tx: &mut WriteTx<'_>, call: &Call) -> Result<Reply, Problem> {
    let request: StateRequest = call.body()?;
    let mut texts = Texts::of(COORD_COMPONENT_STATES);
    let row = Row::new(COORD_COMPONENT_STATES)
        .with("project_key", texts.name("project_key", &request.project_key))
        .with("component", texts.name("component", &request.component));
    let before = tx.get(COORD_COMPONENT_STATES, &row.key())?;
    let status = if before.is_some() { StatusCode::OK } else { StatusCode::CREATED };
    let row = before
        .unwrap_or(row)
        .with("state", request.state.name())
        .with("version", request.version.map(|text| texts.text("version", &text)))
        .with("notes", request.notes.map(|text| texts.text("notes", &text)))
        .with("updated_by", texts.name("updated_by", &request.updated_by));
    texts.finish()?;
    let key = row.key();
    tx.put(row)?;
    let written = tx.get(COORD_COMPONENT_STATES, &key)?.ok_or_else(|| Problem::not_found("component"))?;
    Ok(Reply::of(status, shown(&written)))
}

fn shown(row: &Row) -> Said {
    let text = |column: &str| row.text(column).map(str::to_owned);
    let must = |column: &str| text(column).unwrap_or_default();
    Said {
        project_key: must("project_key"),
        component: must("component"),
        state: must("state"),
        version: text("version"),
        notes: text("notes"),
        updated_by: must("updated_by"),
        created_at: must("created_at"),
        updated_at: must("updated_at"),
    }
}
