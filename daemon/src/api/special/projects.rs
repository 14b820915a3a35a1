//! Projects: found by their key, which is the same on every machine.

use axum::http::{Method, StatusCode};
use merge::{Row, Value};
use migrations::Column;
use migrations::catalogue::PROJECTS;
use sync::local::{ReadTx, WriteTx, derived_id};

use super::{resource, resource_of};
use crate::api::dispatch;
use crate::api::input::formed;
use crate::api::plan::Form;
use crate::api::problem::Problem;
use crate::api::route::{Call, Content, Parameter, Reply, Route, Scope, Work};
use crate::api::rows::{free_id, put};
use crate::capture::{name_of_slug, slug_of_remote};
use crate::isolation::{self, Treatment};

pub(super) fn routes() -> Vec<Route> {
    let projects = resource(PROJECTS);
    vec![
        super::route(PROJECTS, Method::GET, "/by-slug", "by_slug", Work::Task(|call| Box::pin(by_slug(call))))
            .about("projects", "The project of a slug or of a git remote; made with create=true when there is none")
            .with(Parameter::query(Column::string("slug", 200), "The project's key"))
            .with(Parameter::query(Column::string("git_remote", 500), "Address of its git remote, in any form"))
            .with(Parameter::query(Column::bool("create"), "Make it when there is none; needs the scope to write"))
            .raised_by("create", Scope::Write)
            .treats(Treatment::Own)
            .fails(StatusCode::NOT_FOUND)
            .fails(StatusCode::CONFLICT)
            .gives(StatusCode::OK, Content::Row(projects))
            .gives(StatusCode::CREATED, Content::Row(projects)),
    ]
}

async fn by_slug(call: Call) -> Result<Reply, Problem> {
    if call.flag("create") { dispatch::write(call, find_or_make).await } else { dispatch::read(call, find).await }
}

/// The slug that the call means, and the remote that it was made of.
fn wanted(call: &Call) -> Result<(String, Option<&str>), Problem> {
    let remote = call.text("git_remote");
    let of_remote = remote.and_then(slug_of_remote);
    let slug = call.text("slug").and_then(|slug| formed(Form::Slug, slug));
    match (slug, of_remote) {
        (Some(slug), Some(other)) if slug != other => {
            let detail = "slug and git_remote are of two projects";
            Err(Problem::new(StatusCode::CONFLICT, detail, "give one of them"))
        }
        (Some(slug), _) | (None, Some(slug)) => Ok((slug, remote)),
        (None, None) => Err(no_project("give a slug or a git_remote that can be the key of one")),
    }
}

fn no_project(hint: &str) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "there is no project of this key", hint)
}

fn find(tx: &ReadTx<'_>, call: &Call) -> Result<Reply, Problem> {
    let (slug, _) = wanted(call)?;
    let found = tx.find(PROJECTS, "slug", &Value::from(slug))?;
    let row = found.ok_or_else(|| no_project("give create=true to make it"))?;
    Ok(Reply::row(StatusCode::OK, resource_of(call), row))
}

fn find_or_make(tx: &mut WriteTx<'_>, call: &Call) -> Result<Reply, Problem> {
    let (slug, remote) = wanted(call)?;
    if let Some(row) = tx.find(PROJECTS, "slug", &Value::from(slug.as_str()))? {
        // Nothing is written, so that nothing is judged afterwards.
        let is_others = |id: &str| call.principal.limit.as_ref().is_some_and(|limit| !limit.clients.contains(id));
        if row.text("client_id").is_some_and(is_others) {
            return Err(isolation::forbidden("this belongs to a client that you are not given"));
        }
        return Ok(Reply::row(StatusCode::OK, resource_of(call), row));
    }
    let row = Row::new(PROJECTS)
        .with("id", free_id(tx, PROJECTS, derived_id("projects", &slug))?)
        .with("name", name_of_slug(&slug))
        .with("slug", slug)
        .with("git_remote", remote.map(str::to_owned));
    Ok(Reply::row(StatusCode::CREATED, resource_of(call), put(tx, &row)?))
}
