//! Tags: how much each is used.

use axum::http::{Method, StatusCode};
use migrations::catalogue::{INFRASTRUCTURE_TAGS, SESSION_TAGS, TAGS, WORK_ITEM_TAGS};
use schemars::JsonSchema;
use serde::Serialize;
use sync::local::ReadTx;

use super::{existing, resource, resource_of, route};
use crate::api::problem::Problem;
use crate::api::route::{Call, Content, Reply, Route, Work};
use crate::api::rows;

/// How many rows carry a tag.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "TagUsage")]
struct Usage {
    tag_id: String,
    sessions: u64,
    work_items: u64,
    infrastructure: u64,
}

pub(super) fn routes() -> Vec<Route> {
    let tags = resource(TAGS);
    vec![
        rows::by_id(route(TAGS, Method::GET, "/{id}/usage", "usage", Work::Read(usage)), tags)
            .about("tags", "How many sessions, work items and assets carry it")
            .gives(StatusCode::OK, Content::of::<Usage>()),
    ]
}

fn usage(tx: &ReadTx<'_>, call: &Call) -> Result<Reply, Problem> {
    existing(tx, resource_of(call), call.id())?;
    let count = |table| tx.count(table, "WHERE tag_id = ?", &[call.id().into()]);
    Ok(Reply::ok(Usage {
        tag_id: call.id().to_owned(),
        sessions: count(SESSION_TAGS)?,
        work_items: count(WORK_ITEM_TAGS)?,
        infrastructure: count(INFRASTRUCTURE_TAGS)?,
    }))
}
