//! `POST /api/sync/conflicts/…` and `/api/sync/quarantine/…`: what people do by hand with what was set aside or refused.
//! Looking needs no daemon; changing goes through it, since it is the one that writes.

use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sync::engine::Discarded;
use sync::local::{self, Identity, Restored};

use super::post;
use crate::api::problem::Problem;
use crate::api::route::{Call, Content, Reply, Route, Work};

/// Which conflict is to be restored.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RestoreRequest {
    /// Its number.
    pub(crate) id: i64,
    /// Overwrite what has changed since.
    pub(crate) force: bool,
}

/// Which conflicts are acknowledged.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AcknowledgeRequest {
    /// Their numbers.
    pub(crate) ids: Vec<i64>,
    /// All that are open.
    pub(crate) all: bool,
}

/// `sync conflicts ack --json`
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Acknowledged {
    /// How many count no longer.
    pub(crate) acknowledged: u64,
}

/// A row in quarantine.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RowRequest {
    /// The table; with the key absent: every row in quarantine.
    pub(crate) table: Option<String>,
    /// The key, as `sync quarantine` shows it.
    pub(crate) key: Option<String>,
}

/// `sync quarantine retry --json`
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Retried {
    /// Rows that are tried again.
    pub(crate) rows: u64,
    /// Rows in quarantine after the round that tried them; `null` when it did not go through.
    pub(crate) left: Option<u64>,
    /// Why the round did not go through; they are tried with the next one.
    pub(crate) error: Option<String>,
}

pub(super) fn routes() -> Vec<Route> {
    vec![
        post(
            "conflicts/restore",
            "conflicts_restore",
            Work::Task(|call| Box::pin(restore(call))),
            "Put the loser of a conflict back",
        )
        .takes(Content::of::<RestoreRequest>())
        .gives(StatusCode::OK, Content::of::<Restored>()),
        post(
            "conflicts/acknowledge",
            "conflicts_acknowledge",
            Work::Task(|call| Box::pin(acknowledge(call))),
            "Acknowledge conflicts, or all of them",
        )
        .takes(Content::of::<AcknowledgeRequest>())
        .gives(StatusCode::OK, Content::of::<Acknowledged>()),
        post(
            "identity/seen",
            "identity_seen",
            Work::Task(|call| Box::pin(identity_seen(call))),
            "The user was shown why this is another machine to central",
        )
        .gives(StatusCode::OK, Content::of::<Identity>()),
        post(
            "quarantine/retry",
            "quarantine_retry_all",
            Work::Task(|call| Box::pin(retry(call))),
            "Try one refused row again, or all of them",
        )
        .may_take(Content::of::<RowRequest>())
        .gives(StatusCode::OK, Content::of::<Retried>()),
        post(
            "quarantine/discard",
            "quarantine_discard",
            Work::Task(|call| Box::pin(discard(call))),
            "Give up this machine's version of a row that central refused",
        )
        .takes(Content::of::<RowRequest>())
        .gives(StatusCode::OK, Content::of::<Discarded>()),
    ]
}

async fn restore(call: Call) -> Result<Reply, Problem> {
    let RestoreRequest { id, force } = call.body()?;
    put_back(&call, id, force).await
}

/// Puts the loser of a conflict back.
pub(super) async fn put_back(call: &Call, id: i64, force: bool) -> Result<Reply, Problem> {
    let restored = call.core.engine.restore(id, force).await?;
    call.core.engine.nudge();
    Ok(Reply::ok(restored))
}

async fn acknowledge(call: Call) -> Result<Reply, Problem> {
    let AcknowledgeRequest { ids, all } = call.body()?;
    Ok(Reply::ok(Acknowledged { acknowledged: acknowledged(&call, ids, all).await? }))
}

/// How many of these conflicts, or of all, count no longer.
pub(super) async fn acknowledged(call: &Call, ids: Vec<i64>, all: bool) -> Result<u64, Problem> {
    let acknowledged = call.core.store.write_async(move |tx| {
        if all {
            return local::acknowledge_all_conflicts(tx);
        }
        let mut count = 0;
        for id in ids {
            count += u64::from(local::acknowledge_conflict(tx, id)?);
        }
        Ok(count)
    });
    Ok(acknowledged.await?)
}

async fn identity_seen(call: Call) -> Result<Reply, Problem> {
    call.core.store.write_async(local::note_identity_seen).await?;
    Ok(Reply::ok(call.core.store.read_async(local::identity).await?))
}

async fn retry(call: Call) -> Result<Reply, Problem> {
    let request: RowRequest = call.body()?;
    tried_again(&call, request.table.zip(request.key)).await
}

/// Tries one refused row, or all of them, with a round now.
pub(super) async fn tried_again(call: &Call, row: Option<(String, String)>) -> Result<Reply, Problem> {
    let core = &call.core;
    let rows = core.engine.retry(row).await?;
    let (left, error) = match core.engine.round().await {
        Ok(_) => (Some(core.store.read_async(local::counts).await?.quarantined), None),
        Err(error) => (None, Some(error.to_string())),
    };
    Ok(Reply::ok(Retried { rows, left, error }))
}

async fn discard(call: Call) -> Result<Reply, Problem> {
    let request: RowRequest = call.body()?;
    let (table, key) = (request.table.unwrap_or_default(), request.key.unwrap_or_default());
    Ok(Reply::ok(call.core.engine.discard(&table, &key).await?))
}
