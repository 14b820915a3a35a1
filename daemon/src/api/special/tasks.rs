//! Tasks: those below one.

use axum::http::StatusCode;
use migrations::Column;
use migrations::catalogue::TASKS;
use sync::local::ReadTx;

use super::{existing, listed, resource, resource_of};
use crate::api::problem::Problem;
use crate::api::route::{Call, Parameter, Reply, Route, Work};
use crate::api::rows::{self, Listing, page};

/// Levels of subtasks that are looked through at most.
const MAX_DEPTH: i64 = 100;

pub(super) fn routes() -> Vec<Route> {
    let route = listed(TASKS, "/{id}/subtasks", "subtasks", Work::Read(subtasks), "The tasks below one");
    vec![
        rows::by_id(route, resource(TASKS))
            .with(Parameter::query(Column::int("depth"), "Levels, 1 unless said otherwise").within(1, MAX_DEPTH))
            .fails(StatusCode::NOT_FOUND),
    ]
}

fn subtasks(tx: &ReadTx<'_>, call: &Call) -> Result<Reply, Problem> {
    let tasks = resource_of(call);
    existing(tx, tasks, call.id())?;
    let below = "\"id\" IN (WITH RECURSIVE tree (id, depth) AS (\
                   SELECT id, 1 FROM tasks WHERE parent_task_id = ? \
                   UNION SELECT child.id, tree.depth + 1 FROM tree JOIN tasks AS child ON child.parent_task_id = tree.id \
                    WHERE tree.depth < ?) SELECT id FROM tree)";
    let depth = call.number("depth").unwrap_or(1);
    page(tx, call, Listing::of(tasks).when(below, [call.id().into(), depth.into()]))
}
