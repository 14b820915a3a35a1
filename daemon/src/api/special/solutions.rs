//! Solutions: searched, and used again.

use migrations::catalogue::PROBLEM_SOLUTIONS;
use sync::local::{ReadTx, WriteTx};

use super::{addressed, changed, listed, now, on_row, resource_of};
use crate::api::input::row::Given;
use crate::api::problem::Problem;
use crate::api::route::{Call, Reply, Route, Work};
use crate::api::rows::{Listing, page};

pub(super) fn routes() -> Vec<Route> {
    let mut search =
        listed(PROBLEM_SOLUTIONS, "/search", "search", Work::Read(search), "Those in whose texts all words are found");
    search.parameters.iter_mut().filter(|parameter| parameter.column.name == "q").for_each(|q| q.required = true);
    vec![search, on_row(PROBLEM_SOLUTIONS, "used", "used", Work::Write(used), "Count one more use, now")]
}

fn search(tx: &ReadTx<'_>, call: &Call) -> Result<Reply, Problem> {
    page(tx, call, Listing::of(resource_of(call)))
}

fn used(tx: &mut WriteTx<'_>, call: &Call) -> Result<Reply, Problem> {
    let mut row = addressed(tx, call)?;
    let count = row.int("times_reused").unwrap_or(0).saturating_add(1).min(i32::MAX.into());
    row.set("times_reused", count).set("last_reused_at", now(tx));
    changed(tx, call, row, &Given::default())
}
