//! Services: what one depends on, and what would fail with it.

use axum::http::{Method, StatusCode};
use migrations::catalogue::{SERVICE_RELATIONSHIPS, SERVICES};
use sync::local::ReadTx;

use super::{existing, listed, resource, resource_of, route};
use crate::api::problem::Problem;
use crate::api::route::{Call, Content, Reply, Route, Work};
use crate::api::rows::{self, Listing, page};

/// Services that would be missed by others, level by level. A backend is named from its own side, all else from the
/// side of what depends.
const IMPACT: &str = "\"id\" IN (WITH RECURSIVE hit (id) AS (\
    SELECT ? \
    UNION SELECT CASE link.relationship_type WHEN 'backend_for' THEN link.to_service_id ELSE link.from_service_id END \
      FROM hit JOIN service_relationships AS link ON hit.id = \
        CASE link.relationship_type WHEN 'backend_for' THEN link.from_service_id ELSE link.to_service_id END) \
    SELECT id FROM hit) AND \"id\" <> ?";

pub(super) fn routes() -> Vec<Route> {
    let links = resource(SERVICE_RELATIONSHIPS);
    let mut relationships =
        route(SERVICES, Method::GET, "/{id}/relationships", "relationships", Work::Read(relationships))
            .about("services", "The relationships of one service, in both directions")
            .gives(StatusCode::OK, Content::Page(links));
    relationships.parameters = rows::list_parameters(links);
    let impact = listed(
        SERVICES,
        "/{id}/impact",
        "impact",
        Work::Read(impact),
        "What depends on it, directly or through others",
    );
    [relationships, impact].into_iter().map(|route| rows::by_id(route, resource(SERVICES))).collect()
}

fn relationships(tx: &ReadTx<'_>, call: &Call) -> Result<Reply, Problem> {
    existing(tx, resource_of(call), call.id())?;
    let either = "\"from_service_id\" = ? OR \"to_service_id\" = ?";
    let listing = Listing::of(resource(SERVICE_RELATIONSHIPS));
    page(tx, call, listing.when(either, [call.id().into(), call.id().into()]))
}

fn impact(tx: &ReadTx<'_>, call: &Call) -> Result<Reply, Problem> {
    existing(tx, resource_of(call), call.id())?;
    page(tx, call, Listing::of(resource_of(call)).when(IMPACT, [call.id().into(), call.id().into()]))
}
