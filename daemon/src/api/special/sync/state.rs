//! How the exchange stands, what waits for it, who takes part, and stopping it for a while.

use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;
use sync::central::Peer;
use sync::engine::SyncError;
use sync::local::{self, Queued, ReadTx, TableQueue, Verified};

use super::{get, page_parameters, post};
use crate::api::problem::Problem;
use crate::api::route::{Call, Content, Reply, Route, Work};
use crate::report::{self, SyncReport};

/// How the exchange stands.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SyncState")]
struct State {
    #[serde(flatten)]
    sync: SyncReport,
    /// Whose tables central's are: `fresh` (ours), `adopted` (another program's), `unknown` (not met yet).
    mode: String,
    /// Microseconds that central's clock is ahead of this machine's.
    clock_offset_us: i64,
    /// What waits and what was refused, by table; those with neither are left out.
    tables: Vec<TableQueue>,
    /// How each table compared with central.
    verified: Vec<Verified>,
}

/// Changes that central has not got yet.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SyncQueue")]
struct Queue {
    /// All that wait.
    total: u64,
    skip: u64,
    limit: u64,
    /// Oldest first.
    items: Vec<Queued>,
}

/// The machines that exchange with central.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SyncMachines")]
struct Machines {
    /// This one.
    replica_id: String,
    /// All, the latest first.
    items: Vec<Peer>,
}

/// Whether the exchange is stopped.
#[derive(Debug, Serialize, serde::Deserialize, JsonSchema)]
#[schemars(rename = "SyncPaused")]
pub(crate) struct Paused {
    pub(crate) paused: bool,
}

pub(super) fn routes() -> Vec<Route> {
    let mut queue = get("queue", "queue", Work::Read(queue), "Changes not yet sent, oldest first");
    queue.parameters = page_parameters();
    vec![
        get("status", "status", Work::Task(|call| Box::pin(status(call))), "How the exchange stands, also by table")
            .gives(StatusCode::OK, Content::of::<State>()),
        queue.gives(StatusCode::OK, Content::of::<Queue>()),
        get("machines", "machines", Work::Task(|call| Box::pin(machines(call))), "The last exchange of every machine")
            .gives(StatusCode::OK, Content::of::<Machines>()),
        post("pause", "pause", Work::Task(|call| Box::pin(pause(call, true))), "Stop exchanging, also over a restart")
            .gives(StatusCode::OK, Content::of::<Paused>()),
        post("resume", "resume", Work::Task(|call| Box::pin(pause(call, false))), "Go on exchanging")
            .gives(StatusCode::OK, Content::of::<Paused>()),
    ]
}

async fn status(call: Call) -> Result<Reply, Problem> {
    let sync = report::live::gather(&call.app).await.sync;
    let read = |tx: &ReadTx<'_>| Ok((local::clock_offset_us(tx)?, local::table_queues(tx)?, local::verified(tx)?));
    let (clock_offset_us, tables, verified) = call.core.store.read_async(read).await?;
    let mode = sync.versions.as_ref().map_or("unknown", |found| if found.adopted { "adopted" } else { "fresh" });
    Ok(Reply::ok(State { mode: mode.to_owned(), sync, clock_offset_us, tables, verified }))
}

fn queue(tx: &ReadTx<'_>, call: &Call) -> Result<Reply, Problem> {
    let (skip, limit) = super::bounds(call);
    let total = local::counts(tx)?.pending;
    Ok(Reply::ok(Queue { total, skip, limit, items: local::queue(tx, skip, limit)? }))
}

async fn machines(call: Call) -> Result<Reply, Problem> {
    if call.app.central.is_none() {
        return Err(SyncError::Unconfigured.into());
    }
    let items = call.core.engine.machines().await?;
    Ok(Reply::ok(Machines { replica_id: call.core.store.replica_id(), items }))
}

async fn pause(call: Call, paused: bool) -> Result<Reply, Problem> {
    if call.app.central.is_none() {
        return Err(SyncError::Unconfigured.into());
    }
    call.core.engine.pause(paused).await?;
    Ok(Reply::ok(Paused { paused }))
}
