//! From HTTP to the function behind a route and back: one way for all of them.
//!
//! Reads run on a snapshot, writes in one transaction of the store, both off the async workers. A write that answers with
//! an error leaves nothing behind. Callers that are limited to clients are kept apart here ([`crate::isolation`]).

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequestParts, RawPathParams, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, on};
use merge::Value;
use sync::StoreError;
use sync::local::{ReadTx, WriteTx};

use super::input::{body, parameters};
use super::kept::Asked;
use super::output::{self, Detail};
use super::problem::Problem;
use super::route::{Call, Reply, ReplyBody, Route, Work};
use super::routes;
use crate::app::App;
use crate::isolation::{self, Treatment};
use crate::phase::Core;
use crate::server::guard::{self, Principal, Visit};

/// How long a request waits while the replica is being opened.
pub(crate) const OPENING_PATIENCE: Duration = Duration::from_secs(30);

/// All routes of the API. A slash at the end of a path is taken, as the original's lists have one.
pub(crate) fn router() -> Router<Arc<App>> {
    routes::all().iter().fold(Router::new(), |router, route| {
        let router = router.route(&route.path, method(route));
        router.route(&format!("{}/", route.path), method(route))
    })
}

fn method(route: &'static Route) -> MethodRouter<Arc<App>> {
    #[expect(clippy::expect_used, reason = "the table has no exotic methods; a test makes the router")]
    let filter = MethodFilter::try_from(route.method.clone()).expect("a common method");
    on(filter, move |State(app): State<Arc<App>>, request: Request<Body>| async move {
        let handled = |request, visit| async {
            handle(&app, route, request, visit).await.unwrap_or_else(IntoResponse::into_response)
        };
        guard::pass(&app, route.scope, request, handled).await
    })
}

async fn handle(
    app: &Arc<App>,
    route: &'static Route,
    request: Request<Body>,
    visit: Visit,
) -> Result<Response, Problem> {
    let (mut head, body) = request.into_parts();
    let asked = asked(app, route, &head, &body, &visit);
    if let Some(answer) = asked.as_ref().and_then(|(core, asked)| asked.answer(&core.kept)) {
        return Ok(response(answer.into()));
    }
    let path = RawPathParams::from_request_parts(&mut head, &()).await;
    let path = path.map_err(|_| Problem::field("path", "must be UTF-8"))?;
    let parameters = parameters::take(route, &path, &head.uri, &head.headers)?;
    let is_limited = visit.is_limited();
    let Visit { principal, entry } = visit;
    let raised = route.raised.filter(|(name, _)| parameters.get(name).and_then(Value::as_int) == Some(1));
    if let Some((_, scope)) = raised
        && !principal.as_ref().is_some_and(|principal| principal.scopes.allow(scope))
    {
        return Err(Problem::new(StatusCode::FORBIDDEN, guard::wanting(scope), ""));
    }
    let bytes = body::read(body).await?;
    let body = body::object(route, &head.headers, &bytes)?;
    if let Work::Open(work) = route.work {
        return Ok(work(app));
    }
    if let Work::Always(work) = route.work {
        if is_limited && route.treatment != Treatment::Own {
            return Err(isolation::forbidden("this is not for callers that are limited to clients"));
        }
        return Ok(response(work(Arc::clone(app)).await?));
    }
    if let Work::Stranger(work) = route.work {
        return Ok(response(work(Arc::clone(app), body).await?));
    }
    let core = app.core(OPENING_PATIENCE).await?;
    let principal = principal.ok_or_else(|| Problem::new(StatusCode::UNAUTHORIZED, "nobody is known to call", ""))?;
    let call = Call { app: Arc::clone(app), core, route, parameters, headers: head.headers, principal, body, entry };
    if let Some(limit) = &call.principal.limit {
        isolation::admit(&call, limit).await?;
    }
    let reply = match route.work {
        Work::Now(work) => work(&call)?,
        Work::Read(work) => read(call, work).await?,
        Work::ReadRow(work) => read_row(call, work).await?,
        Work::Write(work) => write(call, work).await?,
        Work::Task(work) => work(call).await?,
        Work::Open(_) | Work::Always(_) | Work::Stranger(_) => Reply::empty(),
    };
    if let Some((core, asked)) = asked {
        asked.keep(&core.kept, &reply);
    }
    Ok(response(reply))
}

/// What is asked for, if it may have been answered before.
fn asked(app: &App, route: &Route, head: &Parts, body: &Body, visit: &Visit) -> Option<(Arc<Core>, Asked)> {
    if !route.kept {
        return None;
    }
    let core = app.ready()?;
    let asked = Asked::of(&core.store, head, body, visit)?;
    Some((core, asked))
}

/// Runs a read on a snapshot of the replica.
pub(crate) async fn read(call: Call, work: fn(&ReadTx<'_>, &Call) -> Result<Reply, Problem>) -> Result<Reply, Problem> {
    let (core, principal) = (Arc::clone(&call.core), Arc::clone(&call.principal));
    reading(&core, &principal, move |tx| Ok(work(tx, &call))).await?
}

/// The same for a row that is found by its id.
async fn read_row(call: Call, work: fn(&ReadTx<'_>, &Call) -> Result<Reply, Problem>) -> Result<Reply, Problem> {
    if call.principal.limit.is_some() {
        return read(call, work).await;
    }
    let core = Arc::clone(&call.core);
    core.store.read_brief_async(move |tx| Ok(work(tx, &call))).await?
}

/// Runs a job on a snapshot of what the caller may see.
pub(crate) async fn reading<T: Send + 'static>(
    core: &Core,
    principal: &Principal,
    job: impl FnOnce(&ReadTx<'_>) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    match &principal.limit {
        None => core.store.read_async(job).await,
        Some(limit) => core.store.read_shaded_async(limit.shade(), job).await,
    }
}

/// Runs a write in a transaction, which is taken back when it ends in a problem. That it was asked for is on record in the
/// same transaction.
pub(crate) async fn write(
    call: Call,
    work: impl FnOnce(&mut WriteTx<'_>, &Call) -> Result<Reply, Problem> + Send + 'static,
) -> Result<Reply, Problem> {
    let store = call.core.store.clone();
    let (problem, entry) = (Arc::new(OnceLock::new()), call.entry.clone());
    let told = Arc::clone(&problem);
    let written = store.write_async(move |tx| {
        let reply = within_limit(tx, &call, work).map_err(|problem| {
            let _ = told.set(problem); // once: the job runs once
            StoreError::other("the request was refused")
        })?;
        if let Some(entry) = &call.entry {
            entry.put(tx, reply.status)?;
        }
        Ok(reply)
    });
    match (written.await, problem.get()) {
        (Err(_), Some(problem)) => Err(problem.clone()),
        (outcome, _) => {
            let reply = outcome?;
            if let Some(entry) = entry {
                entry.written();
            }
            Ok(reply)
        }
    }
}

/// A write, and for a limited caller the look at what it did.
fn within_limit(
    tx: &mut WriteTx<'_>,
    call: &Call,
    work: impl FnOnce(&mut WriteTx<'_>, &Call) -> Result<Reply, Problem>,
) -> Result<Reply, Problem> {
    let Some(limit) = &call.principal.limit else { return work(tx, call) };
    tx.watch();
    let reply = work(tx, call).map_err(|problem| isolation::trimmed(tx, limit, call, problem))?;
    isolation::check_changes(tx, limit)?;
    isolation::check_reply(tx, limit, call, &reply)?;
    Ok(reply)
}

fn response(reply: Reply) -> Response {
    let json = |json: Bytes| (reply.status, [(header::CONTENT_TYPE, "application/json")], json).into_response();
    let mut etag = reply.etag;
    let mut response = match reply.body {
        ReplyBody::Empty => reply.status.into_response(),
        ReplyBody::Json(json) => (reply.status, axum::Json(json)).into_response(),
        ReplyBody::Written(written) => json(written),
        ReplyBody::Row(resource, row) => {
            etag = Some(output::etag(&row));
            json(output::bytes(resource, &row, Detail::Whole).into())
        }
        ReplyBody::Text(media, text) => (reply.status, [(header::CONTENT_TYPE, media)], text).into_response(),
    };
    if reply.is_secret {
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if let Some(etag) = etag.and_then(|etag| HeaderValue::from_str(&etag).ok()) {
        response.headers_mut().insert(header::ETAG, etag);
    }
    response
}

/// There is nothing at a path.
pub(crate) fn nothing() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "there is nothing at this path", "see /api/docs")
}

/// A path does not know the method.
pub(crate) fn no_such_method() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this path has no such method", "see /api/docs")
}
