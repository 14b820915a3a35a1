//! Microsoft 365 tenants: found by the id that Entra gave them.

use axum::http::{Method, StatusCode};
use migrations::Column;
use migrations::catalogue::M365_TENANTS;
use sync::local::ReadTx;

use super::{resource, resource_of, route};
use crate::api::problem::Problem;
use crate::api::route::{Call, Content, Parameter, Reply, Route, Work};

pub(super) fn routes() -> Vec<Route> {
    let path = "/by-tenant-id/{tenant_id}";
    vec![
        route(M365_TENANTS, Method::GET, path, "by_tenant_id", Work::Read(by_tenant_id))
            .about("m365-tenants", "The tenant of an Entra GUID")
            .with(Parameter::path(Column::uuid("tenant_id"), "The Entra tenant's GUID"))
            .fails(StatusCode::NOT_FOUND)
            .gives(StatusCode::OK, Content::Row(resource(M365_TENANTS))),
    ]
}

fn by_tenant_id(tx: &ReadTx<'_>, call: &Call) -> Result<Reply, Problem> {
    let wanted = call.parameters.get("tenant_id").cloned().unwrap_or_default();
    let row = tx.find(M365_TENANTS, "tenant_id", &wanted)?;
    let row = row.ok_or_else(|| Problem::not_found(resource_of(call).offer.noun))?;
    Ok(Reply::row(StatusCode::OK, resource_of(call), row))
}
