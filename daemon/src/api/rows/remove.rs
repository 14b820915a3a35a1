//! Deleting a row with what depends on it, all or nothing.

use axum::http::StatusCode;
use merge::{Row, Value};
use migrations::catalogue::{CREDENTIAL_AUDIT_LOG, CREDENTIALS};
use sync::local::WriteTx;

use super::access::{existing, note, put};
use super::change::check_version;
use super::removal::Removal;
use crate::api::plan::Role;
use crate::api::problem::Problem;
use crate::api::route::{Call, Reply};

/// `DELETE /api/…/{id}`
pub(super) fn remove(tx: &mut WriteTx<'_>, call: &Call) -> Result<Reply, Problem> {
    let resource = super::routes::resource_of(call);
    let row = existing(&tx.reading(), resource, call.id())?;
    check_version(&call.headers, &row)?;
    let removal = Removal::plan(&tx.reading(), &row)?;
    if call.flag("dry_run") {
        return Ok(Reply::ok(removal.counts()));
    }
    if resource.entity == CREDENTIALS && is_audited(tx, &row)? {
        return wipe(tx, call, row);
    }
    if removal.is_refused() {
        let hint = "deactivate it instead, or delete or move those rows first";
        let problem = Problem::new(StatusCode::CONFLICT, "other rows forbid the delete", hint);
        return Err(problem.coded("DELETE_RESTRICTED").with_all(&removal.counts()));
    }
    removal.carry_out(tx)?;
    Ok(Reply::empty())
}

fn is_audited(tx: &WriteTx<'_>, credential: &Row) -> Result<bool, Problem> {
    Ok(tx.find(CREDENTIAL_AUDIT_LOG, "credential_id", credential.get("id"))?.is_some())
}

/// A credential that was ever accessed stays, for its record, without its secrets.
fn wipe(tx: &mut WriteTx<'_>, call: &Call, mut row: Row) -> Result<Reply, Problem> {
    let resource = super::routes::resource_of(call);
    for field in resource.fields.iter().filter(|field| field.role == Role::Sealed) {
        row.set_at(field.position, Value::Null);
    }
    row.set("is_active", false);
    let row = put(tx, &row)?;
    note(tx, call, &row, "delete")?;
    Ok(Reply::row(StatusCode::OK, resource, row))
}
