//! `POST /api/recall` and `POST /api/remember`: memory by hand; `POST /api/probe/forget`: what setup's proof left.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use axum::http::{Method, StatusCode};
use migrations::catalogue::{CONTEXT_SNIPPETS, PROJECTS};
use recall::score::Weights;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sync::{StoreError, parse_datetime};

use crate::api::dispatch;
use crate::api::input::{self, formed};
use crate::api::plan::Form;
use crate::api::problem::Problem;
use crate::api::route::{Call, Content, Reply, Route, Scope, Work};
use crate::capture::{Place, Remembered};
use crate::isolation::{self, Treatment};
use crate::machine;
use crate::meaning;
use crate::memory::{self, Packed, Query};
use crate::setup::forget;

const DEFAULT_LIMIT: usize = 10;
/// The most hits that one call gives.
const MAX_LIMIT: usize = 200;

/// What to look for.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RecallRequest {
    /// Words or a question; empty: the newest.
    pub(crate) text: String,
    /// The project's slug; it decides what may be seen. Without it, `cwd` does.
    pub(crate) project: Option<String>,
    /// A folder of the project.
    pub(crate) cwd: Option<PathBuf>,
    /// Only memories with one of these.
    pub(crate) tags: Vec<String>,
    /// Only memories with all of them.
    pub(crate) all_tags: bool,
    /// The most tokens of text.
    pub(crate) budget: Option<usize>,
    /// The most memories.
    pub(crate) limit: Option<usize>,
    /// Only what was made before this moment, RFC 3339.
    #[schemars(extend("format" = "date-time", "pattern" = format!("^{}-", crate::api::openapi::YEAR)))]
    pub(crate) before: Option<String>,
    /// What is not to count, to see what it is worth.
    pub(crate) without: Vec<Signal>,
}

/// What counts in recall beside the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Signal {
    /// The turns before and after a turn.
    Neighbour,
    /// The other turns of its session.
    Session,
    /// How old it is.
    Age,
    /// The importance stored with it.
    Importance,
    /// How often it was of use.
    Usage,
    /// How many of its session are told already.
    Spread,
    /// How long it is.
    Brevity,
    /// What it means, when there is a sentence model.
    Embedding,
}

fn weights(without: &[Signal]) -> Weights {
    let mut weights = Weights::default();
    for signal in without {
        match signal {
            Signal::Neighbour => weights.neighbour = 0.0,
            Signal::Session => weights.session = 0.0,
            Signal::Age => weights.age = false,
            Signal::Importance => weights.importance = false,
            Signal::Usage => weights.usage = false,
            Signal::Spread => weights.spread = 1.0,
            Signal::Brevity => weights.brevity = 0.0,
            Signal::Embedding => weights.meaning = 0.0,
        }
    }
    weights
}

/// What was found.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct RecallAnswer {
    /// The project that asked, by slug.
    project: Option<String>,
    /// How long the daemon took, in microseconds, from the question on.
    took_us: u64,
    /// The text that a hook would inject, what it costs, and the memories in it, each with its score and what it is
    /// made of.
    #[serde(flatten)]
    packed: Packed,
}

pub(super) fn routes() -> Vec<Route> {
    let route = |path, name, work| Route::new(Method::POST, path, name, work);
    vec![
        route("/api/recall", "recall", Work::Task(|call| Box::pin(recall(call))))
            .about("memory", "What a hook would inject for a text, with scores and why")
            .scope(Scope::Read)
            .treats(Treatment::Own)
            .may_take(Content::of::<RecallRequest>())
            .gives(StatusCode::OK, Content::of::<RecallAnswer>()),
        route("/api/remember", "remember", Work::Task(|call| Box::pin(remember(call))))
            .about("memory", "Save a memory by hand")
            .treats(Treatment::Own)
            .takes(Content::of::<RememberRequest>())
            .gives(StatusCode::OK, Content::of::<Remembered>()),
        route("/api/probe/forget", "probe_forget", Work::Task(|call| Box::pin(forget(call))))
            .about("memory", "Remove what setup's proof of itself has left")
            .takes(Content::of::<ForgetRequest>())
            .gives(StatusCode::OK, Content::of::<ForgetAnswer>()),
    ]
}

async fn recall(call: Call) -> Result<Reply, Problem> {
    let begun = Instant::now();
    let request: RecallRequest = call.body()?;
    let now_us = call.app.clock.now_us();
    let index = Arc::clone(&call.core.index);
    let before = request
        .before
        .as_deref()
        .map(|text| {
            input::time::canonical(text)
                .ok_or_else(|| Problem::field("before", "must be a time such as 2026-11-20T09:00:00Z"))
        })
        .transpose()?;
    // What is asked of a moment is answered as it would have been then.
    let now_us = before.as_deref().and_then(parse_datetime).unwrap_or(now_us);
    let meaning = match index.meaning().filter(|_| !request.without.contains(&Signal::Embedding)) {
        Some(meaning) => meaning.ask(&request.text, meaning::PATIENCE).await,
        None => None,
    };
    let found = dispatch::reading(&call.core, &call.principal, move |tx| {
        let project = project(request.project.as_deref(), request.cwd.as_deref());
        let query = Query {
            text: &request.text,
            project: project.as_deref(),
            tags: &request.tags,
            all_tags: request.all_tags,
            limit: request.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT),
            now_us,
            before: before.as_deref(),
            weights: weights(&request.without),
            index: Some(&index),
            meaning: meaning.as_deref(),
            ..Query::default()
        };
        let packed = memory::recall(tx, &query, request.budget.unwrap_or(usize::MAX))?;
        Ok::<_, StoreError>((project, packed))
    });
    let (project, packed) = found.await?;
    let took_us = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
    Ok(Reply::written(StatusCode::OK, &RecallAnswer { project, took_us, packed }))
}

fn project(named: Option<&str>, cwd: Option<&Path>) -> Option<String> {
    named.map(str::to_owned).or_else(|| cwd.map(|cwd| Place::of(cwd, &machine::this_one().home_directory).slug))
}

/// A memory by hand.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("required" = ["text"]))]
pub(crate) struct RememberRequest {
    #[schemars(length(min = 1), regex(pattern = "\\S"))]
    pub(crate) text: String,
    /// What it is; a lesson, unless said otherwise.
    #[serde(default = "lesson")]
    #[schemars(extend("enum" = CONTEXT_SNIPPETS.column("snippet_type").map(|column| column.values)))]
    pub(crate) kind: String,
    pub(crate) tags: Vec<String>,
    /// The project's slug; without it, `cwd` tells.
    pub(crate) project: Option<String>,
    /// A folder of the project.
    pub(crate) cwd: Option<PathBuf>,
}

/// What somebody thinks worth noting, and does not name, is a lesson.
fn lesson() -> String {
    "lesson".to_owned()
}

async fn remember(call: Call) -> Result<Reply, Problem> {
    let RememberRequest { text, kind, tags, project, cwd } = call.body()?;
    if text.trim().is_empty() {
        return Err(Problem::field("text", "must not be empty"));
    }
    if call.principal.limit.is_some() {
        let slug = project.clone().and_then(|slug| formed(Form::Slug, &slug));
        let found = dispatch::reading(&call.core, &call.principal, move |tx| tx.find(PROJECTS, "slug", &slug.into()));
        // The project is seen; one that belongs to no client is general, and not written by such a caller.
        if found.await?.is_none_or(|project| project.text("client_id").is_none()) {
            return Err(isolation::forbidden("give the slug of a project of a client that you are limited to"));
        }
    }
    let folder = cwd.unwrap_or_else(|| machine::this_one().home_directory);
    let saved = call.core.capture.remember(crate::capture::Note { text, kind, tags, project, folder }).await;
    Ok(Reply::ok(saved?))
}

/// The conversations (client's session ids) of a setup probe.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ForgetRequest {
    pub(crate) sessions: Vec<String>,
}

/// What was removed.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct ForgetAnswer {
    pub(crate) removed_rows: u64,
}

async fn forget(call: Call) -> Result<Reply, Problem> {
    let request: ForgetRequest = call.body()?;
    let core = &call.core;
    // What capture does in the background may still write rows of these conversations.
    core.capture.settle().await?;
    let removed = core.store.write_async(move |tx| forget::forget(tx, &request.sessions)).await;
    Ok(Reply::ok(ForgetAnswer { removed_rows: removed? }))
}

#[cfg(test)]
mod tests {
    use super::RememberRequest;

    #[test]
    fn a_memory_by_hand_is_a_lesson_unless_said_otherwise() {
        let kind = |json: &str| serde_json::from_str::<RememberRequest>(json).unwrap().kind;
        assert_eq!(kind(r#"{"text": "x"}"#), "lesson");
        assert_eq!(kind(r#"{"text": "x", "kind": "blocker"}"#), "blocker");
    }
}
