//! Secrets shown: `POST /api/credentials/{id}/reveal` and `POST /api/integration-credentials/{id}/reveal`; and
//! `GET /api/credential-audit-logs/verify`.

use std::collections::BTreeMap;

use axum::http::{Method, StatusCode};
use merge::{Key, Row};
use migrations::Entity;
use migrations::catalogue::{CREDENTIAL_AUDIT_LOG, CREDENTIALS, INTEGRATION_CREDENTIALS};
use schemars::JsonSchema;
use serde::Serialize;
use sync::StoreError;
use sync::local::{ReadTx, WriteTx};
use vault::{Keyring, Place, Plain};

use super::{resource, resource_of, route};
use crate::api::problem::Problem;
use crate::api::route::{Call, Content, Reply, Route, Scope, Work};
use crate::api::rows::by_id;
use crate::audit::chain::{self, Verification};
use crate::audit::credential::{Access, AuditError, record};
use crate::isolation::Treatment;
use crate::permission::{self, Level};
use crate::server::guard::Principal;
use crate::vault::SecretError;

/// The secrets of one row. No `Debug`.
#[derive(Serialize, JsonSchema)]
struct Revealed {
    id: String,
    /// By field: `password`, `api_key`, …
    secrets: BTreeMap<&'static str, String>,
}

/// What becomes of a wish to see a secret, within the transaction that puts it on record.
enum Outcome {
    Shown(BTreeMap<&'static str, Plain>),
    Denied,
    NotFound,
}

pub(super) fn routes() -> Vec<Route> {
    vec![
        reveals(CREDENTIALS, Work::Task(|call| Box::pin(reveal(call))), "needs a permission, and is on record")
            .treats(Treatment::Own),
        reveals(INTEGRATION_CREDENTIALS, Work::Read(reveal_integration), "for administrators").scope(Scope::Admin),
        route(CREDENTIAL_AUDIT_LOG, Method::GET, "/verify", "verify", Work::Task(|call| Box::pin(verify(call))))
            .treats(Treatment::Refused)
            .about(
                "credential-audit-logs",
                "Whether every audit row of every machine is as it was written, and none is missing",
            )
            .fails(StatusCode::CONFLICT)
            .gives(StatusCode::OK, Content::of::<Verification>()),
    ]
}

fn reveals(entity: &'static Entity, work: Work, how: &str) -> Route {
    let resource = resource(entity);
    by_id(route(entity, Method::POST, "/{id}/reveal", "reveal", work), resource)
        .about(resource.offer.path, format!("The secrets of one {} in plain: {how}", resource.offer.noun))
        .gives(StatusCode::OK, Content::of::<Revealed>())
}

async fn reveal(call: Call) -> Result<Reply, Problem> {
    let (keys, who, id) = (call.core.vault.ring()?, call.principal.clone(), call.id().to_owned());
    let outcome = call.core.store.write_async(move |tx| Ok(look(tx, &keys, &who, &id)));
    match outcome.await?? {
        Outcome::Shown(plain) => shown(&call, plain),
        Outcome::NotFound => Err(Problem::not_found(resource_of(&call).offer.noun)),
        Outcome::Denied => {
            let detail = "you have no permission to see this credential; the attempt is on record";
            Err(Problem::new(StatusCode::FORBIDDEN, detail, ""))
        }
    }
}

fn reveal_integration(tx: &ReadTx<'_>, call: &Call) -> Result<Reply, Problem> {
    let keys = call.core.vault.ring()?;
    let row = tx.get(INTEGRATION_CREDENTIALS, &Key::new(call.id()))?;
    let row = row.ok_or_else(|| Problem::not_found(resource_of(call).offer.noun))?;
    shown(call, opened(INTEGRATION_CREDENTIALS, &row, &keys)?)
}

async fn verify(call: Call) -> Result<Reply, Problem> {
    let keys = call.core.vault.ring()?;
    chain::follow(&call.core.store, keys.clone()).await?;
    let found = call.core.store.read_async(move |tx| chain::verify(tx, &keys)).await?;
    Ok(Reply::ok(found))
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

fn shown(call: &Call, plain: BTreeMap<&'static str, Plain>) -> Result<Reply, Problem> {
    let mut secrets = BTreeMap::new();
    for (field, plain) in plain {
        let text = String::from_utf8(plain.to_vec()).map_err(|_| {
            Problem::new(StatusCode::CONFLICT, format!("the secret {field} is not text"), "").coded("NOT_TEXT")
        })?;
        secrets.insert(field, text);
    }
    Ok(Reply::ok(Revealed { id: call.id().to_owned(), secrets }).secret())
}

impl From<AuditError> for StoreError {
    fn from(error: AuditError) -> StoreError {
        match error {
            AuditError::Store(error) => error,
            AuditError::Secret(error) => StoreError::other(error),
        }
    }
}
