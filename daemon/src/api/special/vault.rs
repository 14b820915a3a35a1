//! `GET /api/vault`: what keys this machine has, and whether all secrets open; `POST /api/vault/…`: what is done with them.

use std::sync::Arc;

use axum::http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::problem::Problem;
use crate::api::route::{Call, Content, Reply, Route, Scope, Work};
use crate::secret::SecretText;
use crate::vault::exchange::{Exchange, ExchangeError};
use crate::vault::report::{self, VaultReport};

/// The passphrase that wraps the keys at central.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PassphraseRequest {
    pub(crate) passphrase: SecretText,
}

/// A passphrase that is to wrap the keys at central.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewPassphraseRequest {
    #[schemars(length(min = 12))]
    passphrase: SecretText,
}

pub(super) fn routes() -> Vec<Route> {
    let existing = Content::of::<PassphraseRequest>();
    let new = Content::of::<NewPassphraseRequest>();
    vec![
        Route::new(Method::GET, "/api/vault", "vault", Work::Task(|call| Box::pin(status(call))))
            .about("vault", "What keys this machine has, and whether all secrets open")
            .fails(StatusCode::CONFLICT)
            .gives(StatusCode::OK, Content::of::<VaultReport>()),
        post("init", Work::Task(|call| Box::pin(init(call))), "Put this machine's key to central, wrapped").takes(new),
        post("join", Work::Task(|call| Box::pin(join(call))), "Get the keys from central with their passphrase")
            .takes(existing),
        post("rotate", Work::Task(|call| Box::pin(rotate(call))), "Make a new key, and seal everything anew with it")
            .takes(existing),
        post("passphrase", Work::Task(|call| Box::pin(passphrase(call))), "Wrap the keys by another passphrase")
            .takes(new),
    ]
}

fn post(end: &str, work: Work, summary: &str) -> Route {
    Route::new(Method::POST, format!("/api/vault/{end}"), format!("vault_{end}"), work)
        .about("vault", summary)
        .scope(Scope::Admin)
        .gives(StatusCode::OK, Content::of::<VaultReport>())
}

async fn status(call: Call) -> Result<Reply, Problem> {
    // What another machine has changed is to be seen at once; without central the report says what was known last.
    if let Err(error) = exchange(&call).refresh().await
        && !matches!(error, ExchangeError::Link(_) | ExchangeError::Secret(_))
    {
        return Err(error.into());
    }
    answer(&call).await
}

async fn init(call: Call) -> Result<Reply, Problem> {
    let NewPassphraseRequest { passphrase } = call.body()?;
    let passphrase = passphrase.into_new_passphrase().ok_or(ExchangeError::Short)?;
    exchange(&call).init(passphrase).await?;
    answer(&call).await
}

async fn join(call: Call) -> Result<Reply, Problem> {
    let PassphraseRequest { passphrase } = call.body()?;
    exchange(&call).join(passphrase.into_passphrase()).await?;
    answer(&call).await
}

async fn rotate(call: Call) -> Result<Reply, Problem> {
    let PassphraseRequest { passphrase } = call.body()?;
    exchange(&call).rotate(passphrase.into_passphrase()).await?;
    answer(&call).await
}

async fn passphrase(call: Call) -> Result<Reply, Problem> {
    let NewPassphraseRequest { passphrase } = call.body()?;
    let passphrase = passphrase.into_new_passphrase().ok_or(ExchangeError::Short)?;
    exchange(&call).change_passphrase(passphrase).await?;
    answer(&call).await
}

fn exchange(call: &Call) -> Exchange<'_> {
    Exchange { vault: &call.core.vault, store: &call.core.store, central: &call.app.central_link }
}

async fn answer(call: &Call) -> Result<Reply, Problem> {
    let vault = Arc::clone(&call.core.vault);
    let report =
        call.core.store.read_async(move |tx| report::gather(tx, vault.ring().map_err(|error| report::said(&error))));
    Ok(Reply::ok(report.await?))
}
