//! Credentials: one that is looked at, and new secrets in place of old ones.
//!
//! Who reads a single credential is on record, before the answer is given. Lists are not: they show no secret, and a row
//! for each credential of each page, that nobody chose, would bury the accesses that somebody meant.

use axum::http::{Method, StatusCode};
use migrations::catalogue::CREDENTIALS;
use sync::local::WriteTx;

use super::{addressed, existing, given, now, on_row, resource, resource_of, route, rows};
use crate::api::problem::Problem;
use crate::api::route::{Call, Content, Reply, Route, Work};
use crate::api::rows::{note, seal};

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
    let resource = resource(CREDENTIALS);
    vec![
        rows::by_id(route(CREDENTIALS, Method::GET, "/{id}", "get", Work::Write(view)), resource)
            .about(resource.offer.path, "Get one credential, without its secrets; that is on record")
            .fails(StatusCode::CONFLICT)
            .fails(StatusCode::INSUFFICIENT_STORAGE)
            .gives(StatusCode::OK, Content::Row(resource)),
        on_row(
            CREDENTIALS,
            "rotate",
            "rotate",
            Work::Write(rotate),
            "New secrets in place of the old ones, which stay in the record of conflicts as they were sealed",
        )
        .takes(Content::Some(resource, RENEWED, &[])),
    ]
}

fn view(tx: &mut WriteTx<'_>, call: &Call) -> Result<Reply, Problem> {
    let resource = resource_of(call);
    let row = existing(&tx.reading(), resource, call.id())?;
    note(tx, call, &row, "view")?;
    Ok(Reply::row(StatusCode::OK, resource, row))
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
    Ok(Reply::row(StatusCode::OK, resource_of(call), row))
}
