//! Secrets shown: `POST /api/credentials/{id}/reveal` and `POST /api/integration-credentials/{id}/reveal`; and
//! `GET /api/credential-audit-logs/verify`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::{Extension, Json};
use merge::{Key, Row};
use migrations::Entity;
use migrations::catalogue::{CREDENTIALS, INTEGRATION_CREDENTIALS};
use serde::Serialize;
use sync::StoreError;
use sync::local::WriteTx;
use vault::{Keyring, Place, Plain};

use super::api_error::ApiError;
use super::guard::Principal;
use crate::app::App;
use crate::audit::chain::{self, Verification};
use crate::audit::credential::{Access, AuditError, record};
use crate::permission::{self, Level};
use crate::vault::SecretError;

const OPENING_PATIENCE: Duration = Duration::from_secs(30);

/// The secrets of one row. No `Debug`.
#[derive(Serialize)]
pub(super) struct Revealed {
    id: String,
    /// By field: `password`, `api_key`, …
    secrets: BTreeMap<&'static str, String>,
}

/// Never kept by anybody on the way.
type Answer = Result<([(HeaderName, &'static str); 1], Json<Revealed>), ApiError>;

/// What becomes of a wish to see a secret, within the transaction that puts it on record.
enum Outcome {
    Shown(BTreeMap<&'static str, Plain>),
    Denied,
    NotFound,
}

pub(super) async fn reveal(
    State(app): State<Arc<App>>,
    Extension(principal): Extension<Principal>,
    Path(id): Path<String>,
) -> Answer {
    let core = app.core(OPENING_PATIENCE).await?;
    let (keys, key) = (core.vault.ring()?, id.to_ascii_lowercase());
    let outcome = core.store.write_async(move |tx| Ok(look(tx, &keys, &principal, &key)));
    match outcome.await? {
        Ok(Outcome::Shown(plain)) => shown(id, plain),
        Ok(Outcome::NotFound) => Err(ApiError::not_found("credential")),
        Ok(Outcome::Denied) => {
            let detail = "you have no permission to see this credential; the attempt is on record";
            Err(ApiError::new(StatusCode::FORBIDDEN, "FORBIDDEN", detail))
        }
        Err(AuditError::Secret(error)) => Err(error.into()),
        Err(AuditError::Store(error)) => Err(error.into()),
    }
}

pub(super) async fn reveal_integration(State(app): State<Arc<App>>, Path(id): Path<String>) -> Answer {
    let core = app.core(OPENING_PATIENCE).await?;
    let (keys, key) = (core.vault.ring()?, Key::new(id.to_ascii_lowercase()));
    let row = core.store.read_async(move |tx| tx.get(INTEGRATION_CREDENTIALS, &key)).await?;
    let row = row.ok_or_else(|| ApiError::not_found("integration credential"))?;
    shown(id, opened(INTEGRATION_CREDENTIALS, &row, &keys)?)
}

pub(super) async fn verify(State(app): State<Arc<App>>) -> Result<Json<Verification>, ApiError> {
    let core = app.core(OPENING_PATIENCE).await?;
    let keys = core.vault.ring()?;
    Ok(Json(core.store.read_async(move |tx| chain::verify(tx, &keys)).await?))
}

/// The row of what is shown or refused is written here: without it nothing is shown.
fn look(tx: &mut WriteTx<'_>, keys: &Keyring, who: &Principal, id: &str) -> Result<Outcome, AuditError> {
    let Some(credential) = tx.get(CREDENTIALS, &Key::new(id))? else { return Ok(Outcome::NotFound) };
    if !permission::allows(tx, who, id, Level::Read)? {
        record(tx, keys, who, &Access { credential: &credential, action: "access_denied", fields: &[] })?;
        return Ok(Outcome::Denied);
    }
    let plain = opened(CREDENTIALS, &credential, keys)?;
    let fields: Vec<&str> = plain.keys().copied().collect();
    record(tx, keys, who, &Access { credential: &credential, action: "decrypt", fields: &fields })?;
    Ok(Outcome::Shown(plain))
}

/// Every secret of the row, by the field's name.
fn opened(entity: &'static Entity, row: &Row, keys: &Keyring) -> Result<BTreeMap<&'static str, Plain>, SecretError> {
    let sealed = entity.columns.iter().filter(|column| column.encrypted);
    let sealed = sealed.filter_map(|column| Some((column.name, row.get(column.name).as_blob()?)));
    let id = row.text("id").unwrap_or_default();
    let open = |(column, sealed): (&'static str, &[u8])| {
        let plain = keys.open(&Place::new(entity.name, column, id)?, sealed)?;
        Ok((column.strip_suffix("_encrypted").unwrap_or(column), plain))
    };
    sealed.map(open).collect()
}

fn shown(id: String, plain: BTreeMap<&'static str, Plain>) -> Answer {
    let mut secrets = BTreeMap::new();
    for (field, plain) in plain {
        let text = String::from_utf8(plain.to_vec())
            .map_err(|_| ApiError::new(StatusCode::CONFLICT, "NOT_TEXT", format!("the secret {field} is not text")))?;
        secrets.insert(field, text);
    }
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(Revealed { id, secrets })))
}

impl From<AuditError> for StoreError {
    fn from(error: AuditError) -> StoreError {
        match error {
            AuditError::Store(error) => error,
            AuditError::Secret(error) => StoreError::other(error),
        }
    }
}
