//! Machines: enrolling, and signs of life.

use axum::http::{Method, StatusCode};
use merge::Value;
use migrations::catalogue::MACHINES;
use sync::local::WriteTx;
use sync::parse_datetime;

use super::{addressed, changed, given, now, on_row, resource, resource_of, route};
use crate::api::input::row;
use crate::api::problem::Problem;
use crate::api::route::{Call, Content, Reply, Route, Work};
use crate::api::rows::{apply_change, insert};

/// Signs of life that are nearer to each other change nothing, or they would keep all machines busy exchanging them.
const THROTTLE_US: u64 = 15 * 60 * 1_000_000;
const INVENTORY: &[&str] =
    &["installed_tools", "available_mcps", "mcp_capabilities", "available_skills", "vpn_profiles"];

pub(super) fn routes() -> Vec<Route> {
    let machines = resource(MACHINES);
    vec![
        route(MACHINES, Method::POST, "/register", "register", Work::Write(register))
            .about("machines", "Enrol a machine, or change the one of the same fingerprint")
            .takes(Content::New(machines))
            .gives(StatusCode::OK, Content::Row(machines))
            .gives(StatusCode::CREATED, Content::Row(machines)),
        on_row(
            MACHINES,
            "heartbeat",
            "heartbeat",
            Work::Write(heartbeat),
            "Tell that a machine is in use, and what it has",
        )
        .may_take(Content::Some(machines, INVENTORY, &[])),
    ]
}

fn register(tx: &mut WriteTx<'_>, call: &Call) -> Result<Reply, Problem> {
    let machines = resource_of(call);
    let given = row::new(machines, &call.body)?;
    let fingerprint = machines.field("machine_fingerprint").and_then(|field| given.value(field.position));
    let known = match fingerprint {
        Some(fingerprint) if !fingerprint.is_null() => tx.find(MACHINES, "machine_fingerprint", fingerprint)?,
        _ => None,
    };
    let Some(known) = known else {
        let (row, is_new) = insert(tx, machines, call)?;
        return Ok(Reply::row(if is_new { StatusCode::CREATED } else { StatusCode::OK }, machines, row));
    };
    let id = known.get("id").clone();
    let mut row = known;
    given.fill(&mut row);
    row.set("id", id).set("is_active", true).set("last_seen_at", now(tx));
    Ok(Reply::row(StatusCode::OK, machines, apply_change(tx, call, row, &row::Given::default())?))
}

fn heartbeat(tx: &mut WriteTx<'_>, call: &Call) -> Result<Reply, Problem> {
    let given = given(call)?;
    let mut row = addressed(tx, call)?;
    let seen = row.text("last_seen_at").and_then(parse_datetime);
    if seen.is_none_or(|seen| tx.now_us().saturating_sub(seen) >= THROTTLE_US) {
        row.set("last_seen_at", Value::from(now(tx)));
    }
    changed(tx, call, row, &given)
}
