//! What is particular to one table or to none: one file each. A route here stands in place of a generic one at the same
//! place.

mod backups;
pub(crate) mod billable_time;
mod clients;
mod contexts;
mod coord;
mod credentials;
mod decisions;
mod failure_patterns;
pub(crate) mod forget;
pub(crate) mod health;
mod history;
pub(crate) mod import;
mod infrastructure;
pub(crate) mod logins;
mod machines;
pub(crate) mod memories;
pub(crate) mod memory;
mod pending_tasks;
mod project_states;
mod projects;
mod reveal;
mod services;
mod sessions;
mod snippets;
mod solutions;
mod stats;
pub(crate) mod sync;
mod tags;
mod tasks;
mod tenants;
pub(crate) mod users;
pub(crate) mod vault;

use ::sync::datetime_text;
use ::sync::local::WriteTx;
use axum::http::{Method, StatusCode};
use merge::Row;
use migrations::{Column, Entity};

use super::input::formed;
use super::input::row::{self, Given};
use super::plan::{self, Form, Resource};
use super::problem::Problem;
use super::route::{Call, Content, Parameter, Reply, Route, Work};
use super::rows::{self, apply_change, check_version, existing, resource_of};

const DEFAULT_LIMIT: i64 = 100;
const MAX_LIMIT: i64 = 1000;

/// All special routes.
pub(crate) fn routes() -> Vec<Route> {
    [
        health::routes(),
        machines::routes(),
        clients::routes(),
        tags::routes(),
        sessions::routes(),
        projects::routes(),
        tasks::routes(),
        billable_time::routes(),
        infrastructure::routes(),
        services::routes(),
        tenants::routes(),
        credentials::routes(),
        contexts::routes(),
        snippets::routes(),
        project_states::routes(),
        decisions::routes(),
        pending_tasks::routes(),
        failure_patterns::routes(),
        solutions::routes(),
        history::routes(),
        import::routes(),
        backups::routes(),
        memory::routes(),
        stats::routes(),
        forget::routes(),
        memories::routes(),
        coord::routes(),
        sync::routes(),
        logins::routes(),
        users::routes(),
        reveal::routes(),
        vault::routes(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The plan of a table that is offered.
fn resource(entity: &'static Entity) -> &'static Resource {
    #[expect(clippy::expect_used, reason = "the callers name tables of the list of offers; a test makes all routes")]
    plan::of(entity).expect("an offered table")
}

/// A route below a table's path.
fn route(entity: &'static Entity, method: Method, end: &str, verb: &str, work: Work) -> Route {
    let resource = resource(entity);
    let name = format!("{}_{verb}", resource.offer.path.replace('-', "_"));
    Route::new(method, format!("/api/{}{end}", resource.offer.path), name, work).of(resource)
}

/// A route that changes one row in a way of its own, and gives it back.
fn on_row(entity: &'static Entity, end: &str, verb: &str, work: Work, summary: &str) -> Route {
    let resource = resource(entity);
    rows::by_id(route(entity, Method::POST, &format!("/{{id}}/{end}"), verb, work), resource)
        .about(resource.offer.path, summary)
        .with(rows::if_match())
        .fails(StatusCode::PRECONDITION_FAILED)
        .gives(StatusCode::OK, Content::Row(resource))
}

/// A route that gives a page of a table.
fn listed(entity: &'static Entity, end: &str, verb: &str, work: Work, summary: &str) -> Route {
    let resource = resource(entity);
    let mut route = route(entity, Method::GET, end, verb, work).about(resource.offer.path, summary);
    route.parameters = rows::list_parameters(resource);
    route.gives(StatusCode::OK, Content::Page(resource))
}

/// The row of the call's `{id}`, of the version that the caller knows.
fn addressed(tx: &WriteTx<'_>, call: &Call) -> Result<Row, Problem> {
    let row = existing(&tx.reading(), resource_of(call), call.id())?;
    check_version(&call.headers, &row)?;
    Ok(row)
}

/// What the body gives of the fields that the route takes.
fn given(call: &Call) -> Result<Given, Problem> {
    match call.route.takes {
        Content::Some(resource, names, required) => row::some(resource, &call.body, names, required),
        _ => Ok(Given::default()),
    }
}

/// Writes the row with what was given, and answers with it.
fn changed(tx: &mut WriteTx<'_>, call: &Call, row: Row, given: &Given) -> Result<Reply, Problem> {
    let row = apply_change(tx, call, row, given)?;
    Ok(Reply::row(StatusCode::OK, resource_of(call), row))
}

/// Now, as the replica writes it.
fn now(tx: &WriteTx<'_>) -> String {
    datetime_text(tx.now_us())
}

/// `tags=a,b` of a query, in their form, as a JSON array.
fn tags_given(call: &Call) -> String {
    let tags = call.text("tags").unwrap_or_default().split(',').filter_map(|tag| formed(Form::Tag, tag));
    serde_json::Value::from(tags.collect::<Vec<_>>()).to_string()
}

/// `tags=a,b`
fn tags_parameter() -> Parameter {
    Parameter::query(Column::string("tags", 1000), "Tags, separated by commas; any of them")
}

/// What a list takes that is no list of rows.
fn page_parameters() -> [Parameter; 2] {
    [
        Parameter::query(Column::int("skip"), "Entries to leave out").within(0, i64::from(i32::MAX)),
        Parameter::query(Column::int("limit"), format!("Entries of the page, {DEFAULT_LIMIT} unless said otherwise"))
            .within(1, MAX_LIMIT),
    ]
}

/// How many to leave out, and how many to give at most.
fn bounds(call: &Call) -> (i64, i64) {
    (call.number("skip").unwrap_or(0), call.number("limit").unwrap_or(DEFAULT_LIMIT))
}
