//! Clients: what there is of one, at a glance.

use axum::http::{Method, StatusCode};
use migrations::catalogue::CLIENTS;
use rusqlite::OptionalExtension;
use schemars::JsonSchema;
use serde::Serialize;
use sync::StoreError;
use sync::local::ReadTx;

use super::{existing, resource, resource_of, route};
use crate::api::problem::Problem;
use crate::api::route::{Call, Content, Reply, Route, Work};
use crate::api::rows;

/// Of tasks that are still to be done.
const OPEN: &str = " AND status NOT IN ('completed', 'cancelled')";

/// What there is of a client.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ClientOverview")]
struct Overview {
    /// The client.
    client_id: String,
    sites: u64,
    networks: u64,
    infrastructure: u64,
    services: u64,
    m365_tenants: u64,
    credentials: u64,
    projects: u64,
    sessions: u64,
    /// Tasks that are neither completed nor cancelled.
    open_tasks: u64,
    /// Pending tasks that are neither completed nor cancelled.
    open_pending_tasks: u64,
    /// Incidents that are neither resolved nor a false alarm.
    open_incidents: u64,
    /// Minutes to be billed that are on no invoice.
    unbilled_minutes: i64,
    /// The session that began last.
    latest_session: Option<Latest>,
    /// The incident that was detected last.
    latest_incident: Option<Latest>,
}

/// The latest of its kind.
#[derive(Serialize, JsonSchema)]
struct Latest {
    id: String,
    title: Option<String>,
    at: String,
}

pub(super) fn routes() -> Vec<Route> {
    let clients = resource(CLIENTS);
    let overview =
        rows::by_id(route(CLIENTS, Method::GET, "/{id}/overview", "overview", Work::Read(overview)), clients);
    vec![
        overview
            .about("clients", "Counts and the latest: sites, assets, open tasks, incidents, unbilled minutes")
            .gives(StatusCode::OK, Content::of::<Overview>()),
    ]
}

fn overview(tx: &ReadTx<'_>, call: &Call) -> Result<Reply, Problem> {
    existing(tx, resource_of(call), call.id())?;
    Ok(Reply::ok(of_client(tx, call.id())?))
}

fn of_client(tx: &ReadTx<'_>, client: &str) -> Result<Overview, StoreError> {
    let number = |sql: &str| -> Result<i64, StoreError> {
        Ok(tx.connection().prepare_cached(sql)?.query_row([client], |row| row.get(0))?)
    };
    let count = |table: &str, condition: &str| {
        number(&format!("SELECT count(*) FROM {table} WHERE client_id = ?1{condition}")).map(i64::unsigned_abs)
    };
    let latest = |sql: &str| -> Result<Option<Latest>, StoreError> {
        let read = |row: &rusqlite::Row<'_>| Ok(Latest { id: row.get(0)?, title: row.get(1)?, at: row.get(2)? });
        Ok(tx.connection().prepare_cached(sql)?.query_row([client], read).optional()?)
    };
    Ok(Overview {
        client_id: client.to_owned(),
        sites: count("sites", "")?,
        networks: count("networks", "")?,
        infrastructure: count("infrastructure", "")?,
        services: count("services", "")?,
        m365_tenants: count("m365_tenants", "")?,
        credentials: count("credentials", " AND is_active")?,
        projects: count("projects", "")?,
        sessions: count("sessions", "")?,
        open_tasks: count("tasks", OPEN)?,
        open_pending_tasks: count("pending_tasks", OPEN)?,
        open_incidents: count("security_incidents", " AND status NOT IN ('resolved', 'false_positive')")?,
        unbilled_minutes: number(
            "SELECT coalesce(sum(duration_minutes), 0) FROM billable_time \
             WHERE client_id = ?1 AND is_billable AND NOT is_invoiced",
        )?,
        latest_session: latest(
            "SELECT id, title, started_at FROM sessions WHERE client_id = ?1 ORDER BY started_at DESC, id DESC LIMIT 1",
        )?,
        latest_incident: latest(
            "SELECT id, title, detected_at FROM security_incidents WHERE client_id = ?1 \
             ORDER BY detected_at DESC, id DESC LIMIT 1",
        )?,
    })
}
