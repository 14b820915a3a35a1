//! `GET /api/memories`, `/api/memories/timeline` and `/api/open-ends`: for who looks further into what recall has found;
//! `POST /api/decide`: a decision, and which one it replaces.

use axum::http::{Method, StatusCode};
use merge::{Key, Row};
use migrations::Column;
use migrations::catalogue::DECISION_LOGS;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use sync::local::{ReadTx, WriteTx};

use crate::api::dispatch;
use crate::api::input::Id;
use crate::api::problem::Problem;
use crate::api::route::{Call, Content, Parameter, Reply, Route, Scope, Work};
use crate::capture::{Decided, Decision};
use crate::isolation::Treatment;
use crate::machine;
use crate::memory::browse::{self, Around, OpenEnd};
use crate::memory::{Hit, tags};

/// Memories that one call gives.
const MOST: usize = 50;
/// Memories before and after, unless said otherwise.
const BESIDE: i64 = 5;

pub(super) fn routes() -> Vec<Route> {
    let get = |path, name, work| Route::new(Method::GET, path, name, work);
    let project =
        || Parameter::query(Column::string("project", 200), "The project that asks, by slug: it decides what is seen");
    vec![
        get("/api/memories", "memories_get", Work::Read(get_some))
            .about("memory", "Memories by their ids, whole; those that the project may not see are left out")
            .with(Parameter::query(Column::string("ids", 4000), "Ids, separated by commas").required())
            .with(project())
            .gives(StatusCode::OK, Content::of::<Vec<Hit>>()),
        get("/api/memories/timeline", "memories_timeline", Work::Read(timeline))
            .about("memory", "What came before and after a memory, in its session, or a moment, in the project")
            .with(Parameter::query(Column::uuid("id"), "The memory"))
            .with(Parameter::query(Column::datetime("at"), "The moment, instead of a memory"))
            .with(
                Parameter::query(Column::int("each"), format!("Memories on each side, {BESIDE} unless said otherwise"))
                    .within(1, 25),
            )
            .with(project())
            .fails(StatusCode::NOT_FOUND)
            .fails(StatusCode::CONFLICT)
            .gives(StatusCode::OK, Content::of::<Vec<Hit>>()),
        get("/api/open-ends", "open_ends", Work::Read(open_ends))
            .about("memory", "What is open in a project: pending tasks, next actions, blockers")
            .with(project().required())
            .gives(StatusCode::OK, Content::of::<Vec<OpenEnd>>()),
        Route::new(Method::POST, "/api/context-tags/rebuild", "context_tags_rebuild", Work::Write(rebuild_tags))
            .about("memory", "Make the index of tags anew from the tags that rows carry")
            .scope(Scope::Admin)
            .gives(StatusCode::OK, Content::of::<Rebuilt>()),
        Route::new(Method::POST, "/api/decide", "decide", Work::Task(|call| Box::pin(decide(call))))
            .about("memory", "Record a decision in a project, and which earlier one it replaces")
            .treats(Treatment::Own)
            .takes(Content::of::<DecideRequest>())
            .fails(StatusCode::NOT_FOUND)
            .fails(StatusCode::CONFLICT)
            .gives(StatusCode::OK, Content::of::<Decided>()),
    ]
}

fn get_some(tx: &ReadTx<'_>, call: &Call) -> Result<Reply, Problem> {
    let ids: Vec<&str> = call.text("ids").unwrap_or_default().split(',').map(str::trim).take(MOST).collect();
    Ok(Reply::ok(browse::load(tx, call.text("project"), &ids)?))
}

fn timeline(tx: &ReadTx<'_>, call: &Call) -> Result<Reply, Problem> {
    let each = usize::try_from(call.number("each").unwrap_or(BESIDE)).unwrap_or_default();
    let around = match (call.text("id"), call.text("at")) {
        (Some(id), None) => Around::Memory(id),
        (None, Some(at)) => Around::Moment(at),
        _ => return Err(Problem::at_odds("id or at must be given, and only one of them")),
    };
    let told = browse::timeline(tx, call.text("project"), around, each)?;
    told.map(Reply::ok).ok_or_else(|| Problem::not_found("memory"))
}

fn open_ends(tx: &ReadTx<'_>, call: &Call) -> Result<Reply, Problem> {
    Ok(Reply::ok(browse::open_ends(tx, call.text("project").unwrap_or_default())?))
}

/// What the index of tags holds.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Rebuilt {
    /// Its entries.
    pub(crate) tags: u64,
}

fn rebuild_tags(tx: &mut WriteTx<'_>, _: &Call) -> Result<Reply, Problem> {
    Ok(Reply::ok(Rebuilt { tags: tags::rebuild(tx)? }))
}

/// A decision.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("required" = ["text"]))]
pub(crate) struct DecideRequest {
    /// What was decided.
    #[schemars(length(min = 1), regex(pattern = "\\S"))]
    pub(crate) text: String,
    /// Why.
    pub(crate) rationale: Option<String>,
    /// `low`, `medium` or `high`.
    #[schemars(extend("enum" = DECISION_LOGS.column("impact").map(|column| column.values)))]
    pub(crate) impact: Option<String>,
    pub(crate) tags: Vec<String>,
    /// The earlier decision that this one replaces.
    pub(crate) supersedes: Option<Id>,
    /// The project's slug; without it, `cwd` tells.
    pub(crate) project: Option<String>,
    /// A folder of the project.
    pub(crate) cwd: Option<PathBuf>,
}

async fn decide(call: Call) -> Result<Reply, Problem> {
    let request: DecideRequest = call.body()?;
    if request.text.trim().is_empty() {
        return Err(Problem::field("text", "must not be empty"));
    }
    let impacts = DECISION_LOGS.column("impact").map(|column| column.values).unwrap_or_default();
    if request.impact.as_deref().is_some_and(|impact| !impacts.contains(&impact)) {
        return Err(Problem::field("impact", format!("must be one of {}", impacts.join(", "))));
    }
    let folder = request.cwd.clone().unwrap_or_else(|| machine::this_one().home_directory);
    let (named, text, rationale) = (request.project.clone(), request.text.clone(), request.rationale.clone());
    let prepared = tokio::task::spawn_blocking(move || Decision::new(&text, rationale.as_deref(), named, &folder));
    let decision = prepared.await.map_err(sync::StoreError::other)?.tagged(&request.tags).impact(request.impact);
    dispatch::write(call, move |tx, _| {
        let apart = request.supersedes.as_ref().map(|Id(earlier)| earlier.as_str());
        let decided = decision.write(tx, apart)?;
        if let Some(Id(earlier)) = &request.supersedes {
            supersede(tx, earlier, &decided.id)?;
        }
        Ok(Reply::ok(decided))
    })
    .await
}

fn supersede(tx: &mut WriteTx<'_>, earlier: &str, by: &str) -> Result<(), Problem> {
    let row: Option<Row> = tx.get(DECISION_LOGS, &Key::new(earlier))?;
    let Some(mut row) = row else { return Err(Problem::not_found("decision")) };
    if earlier == by {
        let detail = "a decision cannot replace itself";
        return Err(Problem::new(StatusCode::CONFLICT, detail, "say what is decided now"));
    }
    match row.text("superseded_by_id") {
        Some(other) if other != by => {
            let detail = "the decision has been replaced already";
            Err(Problem::new(StatusCode::CONFLICT, detail, "replace the later one").with("existing_id", other))
        }
        _ => {
            row.set("superseded_by_id", by);
            Ok(tx.put(row)?)
        }
    }
}
