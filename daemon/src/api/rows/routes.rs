//! The routes that every table has, by what is offered of it.

use axum::http::{Method, StatusCode};
use migrations::Column;
use schemars::SchemaGenerator;

use super::list::{DEFAULT_LIMIT, MAX_LIMIT};
use super::removal::DeletePlan;
use super::tags::TagsOfRow;
use super::{by, change, create, list, remove, tags};
use crate::api::output::{self, Detail};
use crate::api::plan::{self, By, Resource, Verbs};
use crate::api::problem::Problem;
use crate::api::route::{Call, Content, Parameter, Place, Reply, Route, Work};
use crate::api::rows::existing;

/// How a list may be ordered.
const ORDERS: &[&str] = &["asc", "desc"];

/// The resource that a generic route is about.
pub(crate) fn resource_of(call: &Call) -> &'static Resource {
    #[expect(clippy::expect_used, reason = "the routes below are all made with `of`")]
    call.route.resource.expect("a generic route has a resource")
}

/// The routes of all tables.
pub(crate) fn all() -> Vec<Route> {
    plan::all().iter().flat_map(of).collect()
}

fn of(resource: &'static Resource) -> Vec<Route> {
    let mut routes = vec![list_route(resource, "", "list", Work::Read(list::list)), get_route(resource)];
    if resource.offer.verbs >= Verbs::Append {
        routes.push(create_route(resource));
    }
    if resource.offer.verbs == Verbs::All {
        routes.extend([change_route(resource), delete_route(resource)]);
    }
    for by in resource.offer.by {
        let (By::Column(segment, column) | By::Through(segment, _, column)) = by;
        let end = format!("/{segment}/{{{column}}}");
        let name = segment.replace('-', "_");
        let route = list_route(resource, &end, &name, Work::Read(by::by));
        routes.push(without_filter(route, column).with(parent_parameter(resource, column)));
    }
    if resource.offer.tagged.is_some() {
        let route = list_route(resource, "/by-tag/{tag_id}", "by_tag", Work::Read(tags::by_tag));
        routes.push(route.with(tag_parameter()).fails(StatusCode::NOT_FOUND));
        routes.extend(tag_routes(resource));
    }
    routes
}

fn route(resource: &'static Resource, method: Method, end: &str, verb: &str, summary: String, work: Work) -> Route {
    let path = format!("/api/{}{end}", resource.offer.path);
    let name = format!("{}_{verb}", resource.offer.path.replace('-', "_"));
    Route::new(method, path, name, work).about(resource.offer.path, summary).of(resource)
}

fn list_route(resource: &'static Resource, end: &str, verb: &str, work: Work) -> Route {
    let noun = resource.offer.noun;
    let summary =
        if end.is_empty() { format!("List: {noun}") } else { format!("List those of one {}", segment_noun(end)) };
    let mut route = route(resource, Method::GET, end, verb, summary, work);
    route.parameters = list_parameters(resource);
    if !end.is_empty() {
        route = route.fails(StatusCode::NOT_FOUND);
    }
    route.gives(StatusCode::OK, Content::Page(resource)).keeps()
}

/// `/by-work-item/{work_item_id}` → `work item`
fn segment_noun(end: &str) -> String {
    end.trim_start_matches("/by-").split('/').next().unwrap_or_default().replace('-', " ")
}

fn get_route(resource: &'static Resource) -> Route {
    let summary = format!("Get one {}", resource.offer.noun);
    by_id(route(resource, Method::GET, "/{id}", "get", summary, Work::ReadRow(get)), resource)
        .gives(StatusCode::OK, Content::Row(resource))
        .keeps()
}

fn get(tx: &sync::local::ReadTx<'_>, call: &Call) -> Result<Reply, Problem> {
    let resource = resource_of(call);
    let row = existing(tx, resource, call.id())?;
    let shown = output::bytes(resource, &row, Detail::Whole);
    Ok(Reply::bytes(StatusCode::OK, shown).tagged(output::etag(&row)))
}

fn create_route(resource: &'static Resource) -> Route {
    let summary = format!("Create one {}; with an id of the caller's it may be sent again", resource.offer.noun);
    route(resource, Method::POST, "", "create", summary, Work::Write(create::create))
        .takes(Content::New(resource))
        .gives(StatusCode::CREATED, Content::Row(resource))
        .gives(StatusCode::OK, Content::Row(resource))
}

fn change_route(resource: &'static Resource) -> Route {
    let summary = format!("Change the fields given of one {}", resource.offer.noun);
    by_id(route(resource, Method::PUT, "/{id}", "change", summary, Work::Write(change::change)), resource)
        .with(if_match())
        .fails(StatusCode::PRECONDITION_FAILED)
        .takes(Content::Change(resource))
        .gives(StatusCode::OK, Content::Row(resource))
}

fn delete_route(resource: &'static Resource) -> Route {
    let summary = format!("Delete one {} with what depends on it", resource.offer.noun);
    let dry_run = Parameter::query(Column::bool("dry_run"), "Only say what would be done");
    let route =
        by_id(route(resource, Method::DELETE, "/{id}", "delete", summary, Work::Write(remove::remove)), resource)
            .with(dry_run)
            .with(if_match())
            .fails(StatusCode::PRECONDITION_FAILED)
            .gives(StatusCode::NO_CONTENT, Content::None);
    let plan = SchemaGenerator::subschema_for::<DeletePlan>;
    let wiped = resource.entity == migrations::catalogue::CREDENTIALS;
    route.gives(StatusCode::OK, if wiped { Content::RowOr(resource, plan) } else { Content::Type(plan) })
}

fn tag_routes(resource: &'static Resource) -> [Route; 2] {
    let end = "/{id}/tags/{tag_id}";
    let add = route(resource, Method::PUT, end, "tag_add", "Add a tag".into(), Work::Write(tags::add));
    let remove = route(resource, Method::DELETE, end, "tag_remove", "Remove a tag".into(), Work::Write(tags::remove));
    let with_ids = |route| by_id(route, resource).with(tag_parameter());
    let tags = SchemaGenerator::subschema_for::<TagsOfRow>;
    [
        with_ids(add).gives(StatusCode::OK, Content::Type(tags)),
        with_ids(remove).gives(StatusCode::NO_CONTENT, Content::None),
    ]
}

/// A route about one row: it has an id, and the row may not exist.
pub(crate) fn by_id(route: Route, resource: &'static Resource) -> Route {
    route.with(id_parameter(resource)).fails(StatusCode::NOT_FOUND)
}

/// The `{id}` of a path.
pub(crate) fn id_parameter(resource: &Resource) -> Parameter {
    Parameter::path(Column::uuid("id"), format!("Id of the {}", resource.offer.noun))
}

fn tag_parameter() -> Parameter {
    Parameter::path(Column::uuid("tag_id"), "Id of the tag")
}

/// The parameter of a list that has a path of its own.
pub(crate) fn parent_parameter(resource: &Resource, column: &str) -> Parameter {
    // A list through another table has the name of a column there: a reference to a client, which is a UUID.
    let column = resource.field(column).map_or(Column::uuid("client_id"), |field| Column { ..*field.column });
    Parameter::path(column, "Whose rows are listed")
}

/// `If-Match`
pub(crate) fn if_match() -> Parameter {
    let description = "Do it only if the row has this version still: the ETag that it was read with";
    Parameter { place: Place::Header, ..Parameter::query(Column::string("if-match", 200), description) }
}

/// What every list takes.
pub(crate) fn list_parameters(resource: &Resource) -> Vec<Parameter> {
    let main_time = resource.offer.main_time;
    let sort = Column { values: leaked(&resource.sortable), ..Column::string("sort", 64) };
    let mut parameters = vec![
        Parameter::query(Column::int("skip"), "Rows to leave out").within(0, i64::from(i32::MAX)),
        Parameter::query(Column::int("limit"), format!("Rows of the page, {DEFAULT_LIMIT} unless said otherwise"))
            .within(1, MAX_LIMIT),
        Parameter::query(sort, "Column to sort by; created_at, the latest first, unless said otherwise"),
        Parameter::query(Column::string("order", 4).known(ORDERS), "Which way"),
        Parameter::query(Column::datetime("from"), format!("Only those whose {main_time} is not earlier")),
        Parameter::query(Column::datetime("to"), format!("Only those whose {main_time} is not later")),
        Parameter::query(Column::string("q", 500), "Only those in whose texts all of these words are found"),
    ];
    if resource.has_inactive() {
        parameters.push(Parameter::query(Column::bool("include_inactive"), "Also those that are not active"));
    }
    parameters.extend(resource.filters().map(|field| {
        let of = field.references.map_or_else(|| "value".to_owned(), |parent| format!("row of {}", parent.name));
        Parameter::query(*field.column, format!("Only those with this {of}"))
    }));
    parameters
}

/// A list that has its value in the path does not take it again in the query.
fn without_filter(mut route: Route, column: &str) -> Route {
    route.parameters.retain(|parameter| parameter.column.name != column);
    route
}

/// The plan lives as long as the program.
fn leaked(names: &[&'static str]) -> &'static [&'static str] {
    Box::leak(names.to_vec().into_boxed_slice())
}
