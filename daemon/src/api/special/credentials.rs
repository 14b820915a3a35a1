//! Credentials: new secrets in place of old ones.

use migrations::catalogue::CREDENTIALS;
use sync::local::WriteTx;

use super::{addressed, answer, given, now, on_row, resource, resource_of};
use crate::api::problem::Problem;
use crate::api::route::{Call, Content, Reply, Route, Work};
use crate::api::rows::{note, seal};
use axum::http::StatusCode;

/// What a rotation may renew.
const RENEWED: &[&str] = &[
    "username",
    "password",
    "api_key",
    "client_id_oauth",
    "client_secret",
    "token",
    "private_key",
    "connection_string",
    "expires_at",
];

pub(super) fn routes() -> Vec<Route> {
    vec![
        on_row(
            CREDENTIALS,
            "rotate",
            "rotate",
            Work::Write(rotate),
            "New secrets in place of the old ones, which stay in the record of conflicts as they were sealed",
        )
        .takes(Content::Some(resource(CREDENTIALS), RENEWED, &[])),
    ]
}

fn rotate(tx: &mut WriteTx<'_>, call: &Call) -> Result<Reply, Problem> {
    let given = given(call)?;
    let mut row = addressed(tx, call)?;
    if given.secrets.is_empty() {
        let detail = "no new secret is given, so nothing was rotated";
        return Err(Problem::new(StatusCode::CONFLICT, detail, "").coded("NOTHING_TO_ROTATE"));
    }
    given.fill(&mut row);
    seal(call, &given, &mut row)?;
    row.set("last_rotated_at", now(tx));
    let row = tx.put_keeping(row, "rotated")?;
    note(tx, call, &row, "rotate")?;
    Ok(answer(StatusCode::OK, resource_of(call), &row))
}
