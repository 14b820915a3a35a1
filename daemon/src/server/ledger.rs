//! `POST /api/sync/conflicts/…` and `/api/sync/quarantine/…`: what people do by hand with what was set aside or refused.
//! Looking needs no daemon; changing goes through it, since it is the one that writes.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use sync::engine::Discarded;
use sync::local::{self, Identity, Restored};

use super::routes::Answer;
use super::sync::problem;
use crate::app::App;

const OPENING_PATIENCE: Duration = Duration::from_secs(30);

/// Which conflict is to be restored.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RestoreRequest {
    /// Its number.
    pub(crate) id: i64,
    /// Overwrite what has changed since.
    pub(crate) force: bool,
}

/// Which conflicts are acknowledged.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AcknowledgeRequest {
    /// Their numbers.
    pub(crate) ids: Vec<i64>,
    /// All that are open.
    pub(crate) all: bool,
}

/// `sync conflicts ack --json`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Acknowledged {
    /// How many count no longer.
    pub(crate) acknowledged: u64,
}

/// A row in quarantine.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RowRequest {
    /// The table; with the key absent: every row in quarantine.
    pub(crate) table: Option<String>,
    /// The key, as `sync quarantine` shows it.
    pub(crate) key: Option<String>,
}

/// `sync quarantine retry --json`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Retried {
    /// Rows that are tried again.
    pub(crate) rows: u64,
    /// Rows in quarantine after the round that tried them; `null` when it did not go through.
    pub(crate) left: Option<u64>,
    /// Why the round did not go through; they are tried with the next one.
    pub(crate) error: Option<String>,
}

pub(super) async fn restore(State(app): State<Arc<App>>, Json(request): Json<RestoreRequest>) -> Answer<Restored> {
    let core = app.core(OPENING_PATIENCE).await?;
    let restored = core.engine.restore(request.id, request.force).await.map_err(|error| problem(&error))?;
    core.engine.nudge();
    Ok(Json(restored))
}

pub(super) async fn acknowledge(
    State(app): State<Arc<App>>,
    Json(request): Json<AcknowledgeRequest>,
) -> Answer<Acknowledged> {
    let core = app.core(OPENING_PATIENCE).await?;
    let acknowledged = core.store.write_async(move |tx| {
        if request.all {
            return local::acknowledge_all_conflicts(tx);
        }
        let mut count = 0;
        for id in request.ids {
            count += u64::from(local::acknowledge_conflict(tx, id)?);
        }
        Ok(count)
    });
    let acknowledged = acknowledged.await.map_err(|error| problem(&error.into()))?;
    Ok(Json(Acknowledged { acknowledged }))
}

/// The user was shown why this is another machine to central.
pub(super) async fn identity_seen(State(app): State<Arc<App>>) -> Answer<Identity> {
    let core = app.core(OPENING_PATIENCE).await?;
    core.store.write_async(local::note_identity_seen).await.map_err(|error| problem(&error.into()))?;
    Ok(Json(core.store.read_async(local::identity).await.map_err(|error| problem(&error.into()))?))
}

pub(super) async fn retry(State(app): State<Arc<App>>, Json(request): Json<RowRequest>) -> Answer<Retried> {
    let core = app.core(OPENING_PATIENCE).await?;
    let rows = core.engine.retry(request.table.zip(request.key)).await.map_err(|error| problem(&error))?;
    let (left, error) = match core.engine.round().await {
        Ok(_) => (
            Some(core.store.read_async(local::counts).await.map_err(|error| problem(&error.into()))?.quarantined),
            None,
        ),
        Err(error) => (None, Some(error.to_string())),
    };
    Ok(Json(Retried { rows, left, error }))
}

pub(super) async fn discard(State(app): State<Arc<App>>, Json(request): Json<RowRequest>) -> Answer<Discarded> {
    let core = app.core(OPENING_PATIENCE).await?;
    let (table, key) = (request.table.unwrap_or_default(), request.key.unwrap_or_default());
    Ok(Json(core.engine.discard(&table, &key).await.map_err(|error| problem(&error))?))
}
