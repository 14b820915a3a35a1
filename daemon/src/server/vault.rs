//! `GET /api/vault`: what keys this machine has, and whether all secrets open; `POST /api/vault/…`: what is done with them.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};

use super::api_error::ApiError;
use crate::app::App;
use crate::phase::Core;
use crate::secret::SecretText;
use crate::vault::exchange::{Exchange, ExchangeError};
use crate::vault::report::{self, VaultReport};

const OPENING_PATIENCE: Duration = Duration::from_secs(30);

/// What wraps the keys at central.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PassphraseRequest {
    /// The one that is set, or that was set.
    pub(crate) passphrase: SecretText,
}

type Answer = Result<Json<VaultReport>, ApiError>;

pub(super) async fn status(State(app): State<Arc<App>>) -> Answer {
    let core = app.core(OPENING_PATIENCE).await?;
    // What another machine has changed is to be seen at once; without central the report says what was known last.
    if let Err(error) = exchange(&app, &core).refresh().await
        && !matches!(error, ExchangeError::Link(_) | ExchangeError::Secret(_))
    {
        return Err(error.into());
    }
    answer(&core).await
}

pub(super) async fn init(State(app): State<Arc<App>>, Json(request): Json<PassphraseRequest>) -> Answer {
    let core = app.core(OPENING_PATIENCE).await?;
    let passphrase = request.passphrase.into_new_passphrase().ok_or(ExchangeError::Short)?;
    exchange(&app, &core).init(passphrase).await?;
    answer(&core).await
}

pub(super) async fn join(State(app): State<Arc<App>>, Json(request): Json<PassphraseRequest>) -> Answer {
    let core = app.core(OPENING_PATIENCE).await?;
    exchange(&app, &core).join(request.passphrase.into_passphrase()).await?;
    answer(&core).await
}

pub(super) async fn rotate(State(app): State<Arc<App>>, Json(request): Json<PassphraseRequest>) -> Answer {
    let core = app.core(OPENING_PATIENCE).await?;
    exchange(&app, &core).rotate(request.passphrase.into_passphrase()).await?;
    answer(&core).await
}

pub(super) async fn passphrase(State(app): State<Arc<App>>, Json(request): Json<PassphraseRequest>) -> Answer {
    let core = app.core(OPENING_PATIENCE).await?;
    let passphrase = request.passphrase.into_new_passphrase().ok_or(ExchangeError::Short)?;
    exchange(&app, &core).change_passphrase(passphrase).await?;
    answer(&core).await
}

fn exchange<'a>(app: &'a App, core: &'a Core) -> Exchange<'a> {
    Exchange { vault: &core.vault, store: &core.store, central: &app.central_link }
}

async fn answer(core: &Core) -> Answer {
    let vault = Arc::clone(&core.vault);
    let report =
        core.store.read_async(move |tx| report::gather(tx, vault.ring().map_err(|error| report::said(&error))));
    Ok(Json(report.await?))
}
