//! Pending tasks: done.

use migrations::catalogue::PENDING_TASKS;
use sync::local::WriteTx;

use super::{addressed, changed, given, now, on_row, resource};
use crate::api::problem::Problem;
use crate::api::route::{Call, Content, Reply, Route, Work};

pub(super) fn routes() -> Vec<Route> {
    vec![
        on_row(
            PENDING_TASKS,
            "complete",
            "complete",
            Work::Write(complete),
            "Mark as completed, now unless the body says otherwise",
        )
        .may_take(Content::Some(resource(PENDING_TASKS), &["completed_at", "completed_by"], &[])),
    ]
}

fn complete(tx: &mut WriteTx<'_>, call: &Call) -> Result<Reply, Problem> {
    let given = given(call)?;
    let mut row = addressed(tx, call)?;
    if row.text("status") != Some("completed") {
        row.set("completed_at", now(tx));
    }
    row.set("status", "completed");
    changed(tx, call, row, &given)
}
