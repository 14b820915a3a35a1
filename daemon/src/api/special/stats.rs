//! `GET /api/stats`: what memory cost and what it was worth, on the code of `claudetools stats`.

use axum::http::{Method, StatusCode};
use migrations::Column;
use sync::local::ReadTx;

use crate::api::problem::Problem;
use crate::api::route::{Call, Content, Parameter, Reply, Route, Work};
use crate::usage::stats::{self, Asked, StatsReport};

const DAYS: i64 = 14;
const MOST_DAYS: i64 = 36_500;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/api/stats", "stats", Work::Read(given))
            .about("memory", "What was injected on this machine by project and day, what of it was used, what it saved")
            .with(Parameter::query(Column::string("project", 200), "Only this project, by its slug"))
            .with(
                Parameter::query(
                    Column::int("days"),
                    format!("So many days, today (UTC) included; {DAYS} unless said"),
                )
                .within(1, MOST_DAYS),
            )
            .gives(StatusCode::OK, Content::of::<StatsReport>()),
    ]
}

fn given(tx: &ReadTx<'_>, call: &Call) -> Result<Reply, Problem> {
    let days = u64::try_from(call.number("days").unwrap_or(DAYS)).unwrap_or(1);
    let asked = Asked { project: call.text("project").map(str::to_owned), days };
    Ok(Reply::ok(stats::gather(tx, &asked, call.app.clock.now_us())?))
}
