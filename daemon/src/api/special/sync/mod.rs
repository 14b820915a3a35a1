//! `/api/sync/…`: the exchange with central, looked at and steered.

pub(crate) mod by_hand;
pub(crate) mod round;
pub(crate) mod verify;

use axum::http::Method;
use migrations::Entity;

use crate::api::problem::Problem;
use crate::api::route::{Route, Work};

pub(super) fn routes() -> Vec<Route> {
    [round::routes(), verify::routes(), by_hand::routes()].into_iter().flatten().collect()
}

/// A route that does something about the exchange.
fn post(end: &str, name: &str, work: Work, summary: &str) -> Route {
    Route::new(Method::POST, format!("/api/sync/{end}"), format!("sync_{name}"), work).about("sync", summary)
}

/// The table of that name, if it travels.
fn table(name: &str) -> Result<&'static Entity, Problem> {
    migrations::entity(name)
        .filter(|table| table.is_replicated())
        .ok_or_else(|| Problem::field("table", "is no table that travels between machines"))
}
