//! Changing some fields of a row.

use axum::http::{HeaderMap, StatusCode, header};
use merge::Row;
use sync::local::WriteTx;

use super::access::{existing, note, put, seal};
use crate::api::input::row::{self, Given};
use crate::api::output::etag;
use crate::api::problem::Problem;
use crate::api::route::{Call, Reply};

/// `PUT /api/…/{id}`
pub(super) fn change(tx: &mut WriteTx<'_>, call: &Call) -> Result<Reply, Problem> {
    let resource = super::routes::resource_of(call);
    let given = row::change(resource, &call.body)?;
    let before = existing(&tx.reading(), resource, call.id())?;
    check_version(&call.headers, &before)?;
    Ok(Reply::row(StatusCode::OK, resource, apply(tx, call, before, &given)?))
}

/// The row with what was given, written.
pub(crate) fn apply(tx: &mut WriteTx<'_>, call: &Call, mut row: Row, given: &Given) -> Result<Row, Problem> {
    given.fill(&mut row);
    seal(call, given, &mut row)?;
    let row = put(tx, &row)?;
    note(tx, call, &row, "update")?;
    Ok(row)
}

/// 412 when the caller knows a version of a row that is not there.
pub(crate) fn check_absent(headers: &HeaderMap) -> Result<(), Problem> {
    if headers.contains_key(header::IF_MATCH) {
        return Err(Problem::new(StatusCode::PRECONDITION_FAILED, "there is no such row yet", "leave If-Match out"));
    }
    Ok(())
}

/// 412 when the caller knows another version of the row.
pub(crate) fn check_version(headers: &HeaderMap, row: &Row) -> Result<(), Problem> {
    if headers.contains_key(header::IF_MATCH) { check_etag(headers, etag(row)) } else { Ok(()) }
}

/// 412 when the caller knows another version than this one.
pub(crate) fn check_etag(headers: &HeaderMap, now: String) -> Result<(), Problem> {
    let Some(wanted) = headers.get(header::IF_MATCH).and_then(|value| value.to_str().ok()) else { return Ok(()) };
    if wanted.split(',').map(str::trim).any(|version| version == "*" || version == now) {
        return Ok(());
    }
    let detail = "the row has changed since it was read";
    Err(Problem::new(StatusCode::PRECONDITION_FAILED, detail, "read it again, then change it").with("etag", now))
}
