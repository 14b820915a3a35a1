//! Project states: the one of a project, which the hooks make and change.

use axum::http::{Method, StatusCode};
use merge::{Row, Value};
use migrations::Column;
use migrations::catalogue::{PROJECT_STATES, PROJECTS};
use sync::local::{ReadTx, WriteTx, derived_id};

use super::{resource, resource_of, route};
use crate::api::input::row;
use crate::api::problem::Problem;
use crate::api::route::{Call, Content, Parameter, Reply, Route, Work};
use crate::api::rows::{self, apply_change, check_absent, check_parent, check_version, free_id};

/// All but the project, which the path names.
const FIELDS: &[&str] = &[
    "last_session_id",
    "current_phase",
    "progress_percentage",
    "context_summary",
    "blockers",
    "next_actions",
    "key_files",
    "important_decisions",
    "git_branch",
];

pub(super) fn routes() -> Vec<Route> {
    let states = resource(PROJECT_STATES);
    let path = "/by-project/{project_id}";
    let of_project = |route: Route| {
        route
            .with(Parameter::path(Column::uuid("project_id"), "Id of the project"))
            .fails(StatusCode::NOT_FOUND)
            .gives(StatusCode::OK, Content::Row(states))
    };
    vec![
        of_project(route(PROJECT_STATES, Method::GET, path, "by_project", Work::Read(get)))
            .about("project-states", "The state of a project"),
        of_project(route(PROJECT_STATES, Method::PUT, path, "put_by_project", Work::Write(put)))
            .about("project-states", "Make or change the state of a project")
            .with(rows::if_match())
            .fails(StatusCode::PRECONDITION_FAILED)
            .takes(Content::Some(states, FIELDS, &[]))
            .gives(StatusCode::CREATED, Content::Row(states)),
    ]
}

fn project(call: &Call) -> Value {
    call.parameters.get("project_id").cloned().unwrap_or_default()
}

fn get(tx: &ReadTx<'_>, call: &Call) -> Result<Reply, Problem> {
    let row = tx.find(PROJECT_STATES, "project_id", &project(call))?;
    let row = row.ok_or_else(|| Problem::not_found("project with a state"))?;
    Ok(Reply::row(StatusCode::OK, resource_of(call), row))
}

fn put(tx: &mut WriteTx<'_>, call: &Call) -> Result<Reply, Problem> {
    let resource = resource_of(call);
    let given = row::some(resource, &call.body, FIELDS, &[])?;
    let project = project(call);
    check_parent(&tx.reading(), Some(PROJECTS), &project)?;
    let before = tx.find(PROJECT_STATES, "project_id", &project)?;
    let status = if before.is_some() { StatusCode::OK } else { StatusCode::CREATED };
    let row = if let Some(row) = before {
        check_version(&call.headers, &row)?;
        row
    } else {
        check_absent(&call.headers)?;
        // The same id on every machine that makes it.
        let id = derived_id("project_states", project.as_text().unwrap_or_default());
        Row::new(PROJECT_STATES).with("id", free_id(tx, PROJECT_STATES, id)?).with("project_id", project)
    };
    Ok(Reply::row(status, resource, apply_change(tx, call, row, &given)?))
}
