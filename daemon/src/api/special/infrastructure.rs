//! Assets: what runs on one.

use axum::http::StatusCode;
use migrations::catalogue::INFRASTRUCTURE;
use sync::local::ReadTx;

use super::{existing, listed, resource, resource_of};
use crate::api::problem::Problem;
use crate::api::route::{Call, Reply, Route, Work};
use crate::api::rows::{self, Listing, page};

pub(super) fn routes() -> Vec<Route> {
    let mut route = listed(INFRASTRUCTURE, "/{id}/guests", "guests", Work::Read(guests), "The assets that run on one");
    route.parameters.retain(|parameter| parameter.column.name != "parent_host_id");
    vec![rows::by_id(route, resource(INFRASTRUCTURE)).fails(StatusCode::NOT_FOUND)]
}

fn guests(tx: &ReadTx<'_>, call: &Call) -> Result<Reply, Problem> {
    existing(tx, resource_of(call), call.id())?;
    page(tx, call, Listing::of(resource_of(call)).with("parent_host_id", call.id().into()))
}
