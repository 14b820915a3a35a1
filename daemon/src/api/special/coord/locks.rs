//! Locks: listing, claiming, renewing and releasing them.

use axum::http::{Method, StatusCode};
use migrations::Column;
use migrations::catalogue::{COORD_SESSION_LOCKS, PROJECTS};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sync::local::ReadTx;

use super::{Texts, bounds, by_id, named, now_us, page_parameters, project_parameter, route, session_parameter};
use crate::api::dispatch;
use crate::api::problem::Problem;
use crate::api::route::{Call, Content, Parameter, Reply, Route, Scope, Work};
use crate::coord::{self, DEFAULT_TTL_HOURS, Lock, Outcome, Release, Wanted};
use crate::isolation::{self, Treatment};

/// The longest time for which a lock may be claimed, in hours: a year.
const MAX_TTL_HOURS: f64 = 8_784.0;

/// What `force` means.
const FORCE: &str = "Though it is another session's: one that has expired; with the scope of an admin, any";

/// A page of locks.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "LockPage")]
struct Page {
    /// All that fit.
    total: usize,
    skip: i64,
    limit: i64,
    /// Oldest first.
    items: Vec<Lock>,
}

/// What a session wants to lock.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ClaimRequest {
    /// The project: its slug.
    #[schemars(length(min = 1, max = 200), regex(pattern = "\\S"))]
    project_key: String,
    /// Whose it is to be. The label that a session is told at its start, or its id, is renewed by what the session does.
    #[schemars(length(min = 1, max = 200), regex(pattern = "\\S"))]
    session_id: String,
    /// What is to be locked.
    #[schemars(length(min = 1, max = 500), regex(pattern = "\\S"))]
    resource: String,
    /// What for.
    #[serde(default)]
    description: Option<String>,
    /// How long it lasts without activity, in hours; 0: until it is released.
    #[serde(default = "default_ttl")]
    #[schemars(range(min = 0.0, max = 8784.0))]
    ttl_hours: f64,
}

fn default_ttl() -> f64 {
    DEFAULT_TTL_HOURS
}

pub(super) fn routes() -> Vec<Route> {
    let lock = Content::of::<Lock>();
    let mut list = route(Method::GET, "locks", "locks", Work::Read(list), "Locks that somebody has")
        .with(project_parameter())
        .with(Parameter::query(Column::string("resource", 500), "Only those of this resource"))
        .with(Parameter::query(Column::bool("include_released"), "Also those that ended"));
    list.parameters.extend(page_parameters());
    vec![
        list.gives(StatusCode::OK, Content::of::<Page>()),
        route(
            Method::POST,
            "locks",
            "lock",
            Work::Task(|call| Box::pin(claim(call))),
            "Claim a lock, or renew one's own",
        )
        .treats(Treatment::Own)
        .takes(Content::of::<ClaimRequest>())
        .gives(StatusCode::CREATED, lock)
        .gives(StatusCode::OK, lock),
        by_id(
            route(
                Method::DELETE,
                "locks/{id}",
                "unlock",
                Work::Task(|call| Box::pin(release(call))),
                "Release a lock: its session; with force=true anybody one that has expired, an admin any",
            ),
            "lock",
        )
        .treats(Treatment::Own)
        .with(session_parameter("The session that has it"))
        .with(Parameter::query(Column::bool("force"), FORCE))
        .gives(StatusCode::NO_CONTENT, Content::None),
        by_id(
            route(
                Method::POST,
                "locks/{id}/renew",
                "lock_renew",
                Work::Task(|call| Box::pin(renew(call))),
                "Move the end of a lock; what its session does moves it, too",
            ),
            "lock",
        )
        .treats(Treatment::Own)
        .with(session_parameter("The session that has it").required())
        .gives(StatusCode::OK, lock),
    ]
}

fn list(tx: &ReadTx<'_>, call: &Call) -> Result<Reply, Problem> {
    let now_us = now_us(tx, call)?;
    let found = if call.flag("include_released") { coord::all(tx, now_us)? } else { coord::live(tx, now_us)? };
    let (project, resource) = (named(call, "project_key"), named(call, "resource"));
    let fits = |wanted: &Option<String>, text: &str| wanted.as_ref().is_none_or(|wanted| wanted == text);
    let items = found.into_iter().filter(|lock| fits(&project, &lock.project_key) && fits(&resource, &lock.resource));
    let items: Vec<Lock> = items.collect();
    let (total, (skip, limit)) = (items.len(), bounds(call));
    let (first, most) = (usize::try_from(skip).unwrap_or(usize::MAX), usize::try_from(limit).unwrap_or(0));
    let items = items.into_iter().skip(first).take(most).collect();
    Ok(Reply::ok(Page { total, skip, limit, items }))
}

async fn claim(call: Call) -> Result<Reply, Problem> {
    let wanted = wanted(call.body()?)?;
    require_own(&call, Whose::Project(wanted.project_key.clone())).await?;
    match coord::claim(&call.core, wanted).await? {
        Outcome::New(lock) => Ok(Reply::of(StatusCode::CREATED, lock)),
        Outcome::Own(lock) => Ok(Reply::ok(lock)),
        Outcome::Taken(holder) => Err(taken(&holder)),
    }
}

fn wanted(request: ClaimRequest) -> Result<Wanted, Problem> {
    let mut texts = Texts::of(COORD_SESSION_LOCKS);
    let wanted = Wanted {
        project_key: texts.name("project_key", &request.project_key),
        session_id: texts.name("session_id", &request.session_id),
        resource: texts.name("resource", &request.resource),
        description: request.description.map(|text| texts.text("description", &text)),
        ttl_hours: request.ttl_hours,
    };
    if !(0.0..=MAX_TTL_HOURS).contains(&request.ttl_hours) {
        texts.wrong.push(("ttl_hours".to_owned(), format!("must be from 0 to {MAX_TTL_HOURS}")));
    }
    texts.finish()?;
    Ok(wanted)
}

/// What a lock is, or would be, in.
enum Whose {
    Project(String),
    Lock(String),
}

/// A lock is claimed at central, not by a write that is judged: a limited caller has those of own projects only.
async fn require_own(call: &Call, whose: Whose) -> Result<(), Problem> {
    if call.principal.limit.is_none() {
        return Ok(());
    }
    let seen = dispatch::reading(&call.core, &call.principal, move |tx| {
        let slug = match whose {
            Whose::Project(slug) => Some(slug),
            Whose::Lock(id) => match coord::project_of(tx, &id)? {
                Some(slug) => Some(slug),
                // There is none: what follows says so.
                None => return Ok(true),
            },
        };
        let project = slug.map_or(Ok(None), |slug| tx.find(PROJECTS, "slug", &slug.into()))?;
        Ok(project.is_some_and(|project| project.text("client_id").is_some()))
    });
    if seen.await? {
        return Ok(());
    }
    Err(isolation::forbidden("locks are for projects of the clients that you are limited to"))
}

fn taken(holder: &Lock) -> Problem {
    let until = holder.expires_at.as_deref().map_or_else(String::new, |end| format!(" until {end}"));
    let detail = format!("{} is locked by {}{until}", holder.resource, holder.session_id);
    let hint = "wait, agree with its session by a message, or have an admin release it with force=true";
    let problem = Problem::new(StatusCode::CONFLICT, detail, hint).coded("LOCK_HELD");
    problem.with("holder", serde_json::to_value(holder).unwrap_or_default())
}

async fn release(call: Call) -> Result<Reply, Problem> {
    require_own(&call, Whose::Lock(call.id().to_owned())).await?;
    let (force, is_admin) = (call.flag("force"), call.principal.scopes.allow(Scope::Admin));
    let release = Release { session_id: named(&call, "session_id"), force, is_admin };
    coord::release(&call.core, call.id().to_owned(), release).await?;
    Ok(Reply::empty())
}

async fn renew(call: Call) -> Result<Reply, Problem> {
    require_own(&call, Whose::Lock(call.id().to_owned())).await?;
    let session = named(&call, "session_id").unwrap_or_default();
    Ok(Reply::ok(coord::renew(&call.core, call.id().to_owned(), &session).await?))
}
