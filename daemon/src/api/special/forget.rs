//! `POST /api/forget`: takes memories out, here, at central and on every machine. What is asked for goes on record, the text
//! that is to be forgotten does not.

use std::collections::BTreeMap;
use std::time::Duration;

use ::sync::StoreError;
use axum::http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::dispatch;
use crate::api::input::formed;
use crate::api::plan::Form;
use crate::api::problem::Problem;
use crate::api::route::{Call, Content, Reply, Route, Work};
use crate::forget::{self, Found, Needle, Plan, Wanted, sweep};
use crate::isolation::Treatment;

/// Rows that are shown.
const SHOWN: usize = 20;
/// How long the answer waits for the files of this machine to be clean.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is to be forgotten: all of what is named.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ForgetMemories {
    /// Ids of memories (of any of their tables), of work items, or of sessions.
    pub(crate) ids: Vec<String>,
    /// What holds this text, whatever the case of its letters; at least three characters.
    pub(crate) text: Option<String>,
    /// Conversations, by the client's session id: all that was in them until now.
    pub(crate) sessions: Vec<String>,
    /// A project, by its slug: all that was in it until now.
    pub(crate) project: Option<String>,
    /// Only tell what would go.
    pub(crate) dry_run: bool,
}

/// What went, or would go.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Forgotten {
    /// True when nothing was done.
    pub(crate) dry_run: bool,
    /// Rows that are deleted, by table.
    pub(crate) deleted: BTreeMap<String, u64>,
    /// Rows that stay without their words, by table.
    pub(crate) emptied: BTreeMap<String, u64>,
    /// The first of those that are deleted.
    pub(crate) shown: Vec<Found>,
    /// Records of their own that hold the text and stay, by table.
    pub(crate) elsewhere: BTreeMap<String, u64>,
    /// Whether the files of this machine hold nothing of it any more; if not yet, it goes on by itself.
    pub(crate) cleaned: bool,
    /// Rows of which central has not confirmed yet that it holds nothing any more.
    pub(crate) waiting_for_central: u64,
}

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::POST, "/api/forget", "forget", Work::Task(|call| Box::pin(forget(call))))
            .about("memory", "Forget memories on purpose, on every machine and at central")
            .treats(Treatment::Own)
            .takes(Content::of::<ForgetMemories>())
            .fails(StatusCode::NOT_FOUND)
            .fails(StatusCode::CONFLICT)
            .gives(StatusCode::OK, Content::of::<Forgotten>()),
    ]
}

async fn forget(call: Call) -> Result<Reply, Problem> {
    let (wanted, dry_run) = wanted(call.body()?)?;
    let (app, core, principal) = (call.app.clone(), call.core.clone(), call.principal.clone());
    let needle = wanted.text.clone();
    let look = move |tx: &::sync::local::ReadTx<'_>| {
        Ok::<_, StoreError>(match forget::find(tx, &wanted)? {
            Ok(plan) => Ok((answer(tx, &plan, wanted.text.as_ref())?, plan)),
            Err(missing) => Err(missing),
        })
    };
    let found = dispatch::reading(&core, &principal, look).await?;
    let (mut told, plan) = found.map_err(|missing| Problem::new(StatusCode::NOT_FOUND, missing, ""))?;
    if dry_run {
        return Ok(Reply::ok(Forgotten { dry_run, ..told }));
    }
    // Bookkeeping of this machine is of all clients.
    let of_records = needle.filter(|_| principal.limit.is_none());
    // What capture does in the background may still write rows of it.
    core.capture.settle().await?;
    let records = of_records.clone();
    dispatch::write(call, move |tx, _| {
        forget::carry_out(tx, &plan)?;
        if let Some(needle) = &records {
            forget::drop_records(tx, needle)?;
        }
        Ok(Reply::empty())
    })
    .await?;
    let spool = app.home.spool();
    if let Some(needle) = of_records {
        let folder = spool.clone();
        let dropped = tokio::task::spawn_blocking(move || forget::drop_events(&folder, Some(&needle), &[])).await;
        dropped.map_err(StoreError::other)?.map_err(StoreError::other)?;
    }
    told.cleaned = sweep::until_clean(&core.store, &core.index, &spool, PATIENCE).await;
    core.capture.catch_up_in_background();
    if app.central.is_some() {
        told.waiting_for_central = core.store.read_async(::sync::local::waiting_at_central).await?;
    }
    Ok(Reply::ok(told))
}

fn wanted(request: ForgetMemories) -> Result<(Wanted, bool), Problem> {
    let ForgetMemories { ids, text, sessions, project, dry_run } = request;
    let text = match text {
        None => None,
        Some(text) => {
            Some(Needle::new(&text).ok_or_else(|| Problem::at_odds("a text must have at least three characters"))?)
        }
    };
    let projects: Vec<String> = match project {
        None => Vec::new(),
        Some(slug) => vec![formed(Form::Slug, &slug).unwrap_or(slug)],
    };
    if ids.is_empty() && text.is_none() && sessions.is_empty() && projects.is_empty() {
        return Err(Problem::at_odds("name what is to be forgotten: ids, text, sessions or project"));
    }
    let ids = ids.iter().map(|id| id.trim().to_ascii_lowercase()).collect();
    Ok((Wanted { ids, text, sessions, projects }, dry_run))
}

fn answer(tx: &::sync::local::ReadTx<'_>, plan: &Plan, needle: Option<&Needle>) -> Result<Forgotten, StoreError> {
    let (deleted, emptied) = plan.counts();
    Ok(Forgotten {
        dry_run: false,
        deleted,
        emptied,
        shown: plan.shown(tx, SHOWN)?,
        elsewhere: needle.map_or_else(|| Ok(BTreeMap::new()), |needle| forget::elsewhere(tx, needle))?,
        cleaned: false,
        waiting_for_central: 0,
    })
}
