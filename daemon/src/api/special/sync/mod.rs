//! `/api/sync/…`: the exchange with central, looked at and steered.

pub(crate) mod by_hand;
mod conflicts;
mod duplicates;
pub(crate) mod round;
pub(crate) mod state;
pub(crate) mod verify;

use std::sync::LazyLock;

use axum::http::{Method, StatusCode};
use migrations::{Column, Direction, Entity};

use crate::api::input::shown;
use crate::api::problem::Problem;
use crate::api::route::{Call, Parameter, Route, Work};
use crate::isolation::Treatment;

const DEFAULT_LIMIT: u64 = 100;
const MAX_LIMIT: i64 = 1000;

pub(super) fn routes() -> Vec<Route> {
    [state::routes(), round::routes(), verify::routes(), conflicts::routes(), duplicates::routes(), by_hand::routes()]
        .into_iter()
        .flatten()
        .map(|route| route.treats(Treatment::Refused))
        .collect()
}

/// A route that does something about the exchange.
fn post(end: &str, name: &str, work: Work, summary: &str) -> Route {
    Route::new(Method::POST, format!("/api/sync/{end}"), format!("sync_{name}"), work).about("sync", summary)
}

/// A route that looks at the exchange.
fn get(end: &str, name: &str, work: Work, summary: &str) -> Route {
    Route::new(Method::GET, format!("/api/sync/{end}"), format!("sync_{name}"), work).about("sync", summary)
}

fn page_parameters() -> Vec<Parameter> {
    vec![
        Parameter::query(Column::int("skip"), "Entries to leave out").within(0, i64::from(i32::MAX)),
        Parameter::query(Column::int("limit"), "Entries of the page, 100 unless said otherwise").within(1, MAX_LIMIT),
    ]
}

/// How many to leave out, and how many to give at most.
fn bounds(call: &Call) -> (u64, u64) {
    let number = |name| call.number(name).and_then(|number| u64::try_from(number).ok());
    (number("skip").unwrap_or(0), number("limit").unwrap_or(DEFAULT_LIMIT))
}

/// The tables that travel between machines.
static TABLES: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let travels = |table: &&&Entity| table.is_replicated();
    migrations::ENTITIES.iter().filter(travels).map(|table| table.name).collect()
});

/// The table of that name, if it travels.
fn table(name: &str) -> Result<&'static Entity, Problem> {
    migrations::entity(name).filter(|table| table.is_replicated()).ok_or_else(|| unknown(name, &TABLES))
}

/// Those of them whose rows are named by one id, and are written on this machine.
static ROW_TABLES: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let has_id = |name: &&&str| migrations::entity(name).is_some_and(is_named_by_id);
    TABLES.iter().filter(has_id).copied().collect()
});

fn is_named_by_id(table: &Entity) -> bool {
    table.primary_key == ["id"] && table.sync.direction != Direction::Pull
}

/// The table of that name, if its rows are named by one id, and are written on this machine.
fn row_table(name: &str) -> Result<&'static Entity, Problem> {
    let found = table(name).ok().filter(|table| is_named_by_id(table));
    found.ok_or_else(|| unknown(name, &ROW_TABLES))
}

fn unknown(name: &str, tables: &[&str]) -> Problem {
    let hint = format!("the tables are: {}", tables.join(", "));
    let detail = format!("no table {} travels between machines", shown(name));
    let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail, hint);
    problem.with("fields", serde_json::json!({ "table": "is none of the tables" }))
}

/// The name of a table.
fn table_column(tables: &'static [&'static str]) -> Column {
    Column::string("table", 64).known(tables)
}
