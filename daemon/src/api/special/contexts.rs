//! `GET /api/conversation-contexts/recall`: what a program injects by itself. No hit is an empty text, so that hooks of the
//! original need no error path.

use std::fmt::Write as _;

use axum::http::{Method, StatusCode, header};
use merge::{Key, Value};
use migrations::Column;
use migrations::catalogue::{CONTEXT_SNIPPETS, CONVERSATION_CONTEXTS, PROJECTS};
use schemars::SchemaGenerator;
use sync::local::{ReadTx, WriteTx};
use sync::{Store, StoreError, datetime_text};

use super::{route, tags_parameter};
use crate::api::dispatch;
use crate::api::problem::Problem;
use crate::api::route::{Call, Content, Parameter, Reply, ReplyBody, Route, Work};
use crate::api::rows::row_of;
use crate::isolation::Treatment;
use crate::memory::{Hit, Query, environment, search};

const DEFAULT_LIMIT: i64 = 10;
const MAX_LIMIT: i64 = 50;
/// The least stored importance, in hundredths.
const DEFAULT_SCORE: i64 = 500;
/// More hits are looked at than wanted, as those of too little importance are left out.
const LOOKED_AT: usize = 200;

/// The media type that callers get unless they ask for JSON.
const MARKDOWN: &str = "text/markdown; charset=utf-8";

pub(super) fn routes() -> Vec<Route> {
    let score =
        Parameter::query(Column::decimal("min_relevance_score", 4, 2), "The least importance, 5 unless said otherwise");
    vec![
        route(CONVERSATION_CONTEXTS, Method::GET, "/recall", "recall", Work::Task(|call| Box::pin(recall(call))))
            .about("conversation-contexts", "Text to inject, as Markdown; as JSON with `Accept: application/json`")
            .with(Parameter::query(Column::uuid("project_id"), "The project that asks: it decides what may be seen"))
            .with(Parameter::query(Column::string("search_term", 1000), "What to look for; the newest without it"))
            .with(tags_parameter())
            .with(Parameter::query(Column::bool("all_tags"), "true: all of the tags, instead of any"))
            .with(
                Parameter::query(Column::int("limit"), "The most memories, 10 unless said otherwise")
                    .within(1, MAX_LIMIT),
            )
            .with(score.within(0, 1000))
            .treats(Treatment::Own)
            .fails(StatusCode::NOT_FOUND)
            .gives(StatusCode::OK, Content::TextOr("text/markdown", SchemaGenerator::subschema_for::<Vec<Hit>>)),
    ]
}

async fn recall(call: Call) -> Result<Reply, Problem> {
    let (core, principal) = (call.core.clone(), call.principal.clone());
    let json = call.headers.get(header::ACCEPT).is_some_and(|accept| accept == "application/json");
    let hits = dispatch::reading(&core, &principal, move |tx| Ok(find(tx, &call))).await??;
    // What is general is read by limited callers, and not written: they count nothing.
    if principal.limit.is_none() {
        count(&core.store, &hits);
    }
    if json {
        return Ok(Reply::ok(hits));
    }
    let body = ReplyBody::Text(MARKDOWN, markdown(&hits));
    Ok(Reply { status: StatusCode::OK, body, etag: None, is_secret: false })
}

fn find(tx: &ReadTx<'_>, call: &Call) -> Result<Vec<Hit>, Problem> {
    let project = match call.text("project_id") {
        Some(id) => Some(row_of(tx, PROJECTS, id)?.ok_or_else(|| Problem::not_found("project"))?),
        None => None,
    };
    let tags: Vec<String> = serde_json::from_str(&super::tags_given(call)).unwrap_or_default();
    let limit = usize::try_from(call.number("limit").unwrap_or(DEFAULT_LIMIT)).unwrap_or_default();
    let query = Query {
        text: call.text("search_term").unwrap_or_default(),
        project: project.as_ref().and_then(|row| row.text("slug")),
        tags: &tags,
        all_tags: call.flag("all_tags"),
        limit: LOOKED_AT,
        index: Some(&call.core.index),
        now_us: call.app.clock.now_us(),
        ..Query::default()
    };
    let least = call.number("min_relevance_score").unwrap_or(DEFAULT_SCORE);
    let mut hits = search(tx, &query)?;
    // What has tags was asked for by tag; insights and patterns have none.
    if let Some(client) = project.as_ref().and_then(|row| row.text("client_id")).filter(|_| tags.is_empty()) {
        hits.extend(environment(tx, client, query.text)?);
    }
    hits.retain(|hit| is_weighty(hit, least));
    hits.truncate(limit);
    Ok(hits)
}

#[expect(clippy::cast_precision_loss, reason = "from 0 to 1000")]
fn is_weighty(hit: &Hit, hundredths: i64) -> bool {
    hit.importance * 100.0 + 0.5 >= hundredths as f64
}

/// The form that the original's hooks know.
fn markdown(hits: &[Hit]) -> String {
    let mut text = String::new();
    if hits.is_empty() {
        return text;
    }
    text.push_str("## Previous Context\n\nThe following was saved in earlier work and may bear on this:\n");
    for (at, hit) in hits.iter().enumerate() {
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "\n### {}. {} (Score: {:.1}/10)\n\n*Type: {}*\n\n{}\n\n---\n",
            at + 1,
            hit.title,
            hit.importance,
            hit.kind,
            hit.text.trim()
        );
    }
    text
}

/// Counts a use of each, in one transaction beside the answer: that it fails is no reason to withhold what was found.
fn count(store: &Store, hits: &[Hit]) {
    let used: Vec<(bool, String)> = hits
        .iter()
        .filter(|hit| ["conversation_contexts", "context_snippets"].contains(&hit.source_table.as_str()))
        .map(|hit| (hit.source_table == "context_snippets", hit.source_id.clone()))
        .collect();
    if used.is_empty() {
        return;
    }
    let store = store.clone();
    tokio::spawn(async move {
        if let Err(error) = store.write_async(move |tx| count_all(tx, used)).await {
            tracing::warn!(%error, "the uses of what was recalled could not be counted");
        }
    });
}

fn count_all(tx: &mut WriteTx<'_>, used: Vec<(bool, String)>) -> Result<(), StoreError> {
    for (is_snippet, id) in used {
        let entity = if is_snippet { CONTEXT_SNIPPETS } else { CONVERSATION_CONTEXTS };
        if let Some(mut row) = tx.get(entity, &Key::new(id))? {
            let count = row.int("usage_count").unwrap_or(0).saturating_add(1).min(i32::MAX.into());
            row.set("usage_count", count).set("last_used_at", Value::from(datetime_text(tx.now_us())));
            tx.put(row)?;
        }
    }
    Ok(())
}
