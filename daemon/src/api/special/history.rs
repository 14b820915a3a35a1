//! Changes of databases and assets: what is recorded of them afterwards, once.

use axum::http::StatusCode;
use migrations::catalogue::{DATABASE_CHANGES, INFRASTRUCTURE_CHANGES};
use sync::local::WriteTx;

use super::{addressed, changed, given, now, on_row, resource};
use crate::api::problem::Problem;
use crate::api::route::{Call, Content, Reply, Route, Work};

pub(super) fn routes() -> Vec<Route> {
    vec![
        on_row(
            DATABASE_CHANGES,
            "rolled-back",
            "rolled_back",
            Work::Write(rolled_back),
            "Record that it was rolled back; runs nothing",
        )
        .may_take(Content::Some(resource(DATABASE_CHANGES), &["rolled_back_at", "rolled_back_by"], &[])),
        on_row(
            INFRASTRUCTURE_CHANGES,
            "verified",
            "verified",
            Work::Write(verified),
            "Record that it was verified, once",
        )
        .may_take(Content::Some(resource(INFRASTRUCTURE_CHANGES), &["verified_at", "verification_notes"], &[])),
    ]
}

fn rolled_back(tx: &mut WriteTx<'_>, call: &Call) -> Result<Reply, Problem> {
    once(tx, call, "rolled_back_at", "it was rolled back already")
}

fn verified(tx: &mut WriteTx<'_>, call: &Call) -> Result<Reply, Problem> {
    once(tx, call, "verified_at", "it was verified already")
}

/// Sets a time that is set only once, now unless the body says otherwise.
fn once(tx: &mut WriteTx<'_>, call: &Call, column: &str, already: &str) -> Result<Reply, Problem> {
    let given = given(call)?;
    let mut row = addressed(tx, call)?;
    if let Some(at) = row.text(column) {
        return Err(Problem::new(StatusCode::CONFLICT, already, "").coded("ALREADY_DONE").with("at", at));
    }
    if call.body.get(column).is_some_and(serde_json::Value::is_null) {
        return Err(Problem::field(column, "must have a value"));
    }
    row.set(column, now(tx));
    changed(tx, call, row, &given)
}
