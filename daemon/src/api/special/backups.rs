//! Backups: whether one was verified.

use axum::http::StatusCode;
use migrations::catalogue::BACKUP_LOG;
use sync::local::WriteTx;

use super::{addressed, changed, given, now, on_row, resource};
use crate::api::problem::Problem;
use crate::api::route::{Call, Content, Reply, Route, Work};

const FIELDS: &[&str] = &["verification_status", "verified_at", "verification_details"];

pub(super) fn routes() -> Vec<Route> {
    vec![
        on_row(
            BACKUP_LOG,
            "verified",
            "verified",
            Work::Write(verified),
            "Record the outcome of verifying a backup, once",
        )
        .takes(Content::Some(resource(BACKUP_LOG), FIELDS, &["verification_status"])),
    ]
}

fn verified(tx: &mut WriteTx<'_>, call: &Call) -> Result<Reply, Problem> {
    let given = given(call)?;
    let mut row = addressed(tx, call)?;
    if let Some(status) = row.text("verification_status").filter(|status| *status != "pending") {
        let detail = "the outcome is on record already";
        return Err(Problem::new(StatusCode::CONFLICT, detail, "").coded("ALREADY_DONE").with("status", status));
    }
    row.set("verified_at", now(tx));
    changed(tx, call, row, &given)
}
