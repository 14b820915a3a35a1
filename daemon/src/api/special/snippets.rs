//! Snippets: found by tag and by weight; getting one counts as a use of it.

use axum::http::{Method, StatusCode};
use merge::{Key, Value};
use migrations::Column;
use migrations::catalogue::CONTEXT_SNIPPETS;
use sync::local::{ReadTx, WriteTx};

use super::{existing, listed, now, resource, resource_of, route, tags_given, tags_parameter};
use crate::api::dispatch;
use crate::api::problem::Problem;
use crate::api::route::{Call, Content, Parameter, Reply, Route, Work};
use crate::api::rows::{self, Listing, page};
use crate::isolation::Treatment;

/// Weight from which a snippet is among the most relevant, in hundredths.
const WEIGHTY: i64 = 700;
const TOP: i64 = 10;

pub(super) fn routes() -> Vec<Route> {
    let snippets = resource(CONTEXT_SNIPPETS);
    let by_tags = listed(CONTEXT_SNIPPETS, "/by-tags", "by_tags", Work::Read(by_tags), "Those with any of these tags");
    let mut top = listed(CONTEXT_SNIPPETS, "/top-relevant", "top_relevant", Work::Read(top), "Those that weigh most");
    top.parameters.retain(|parameter| !["sort", "order", "limit"].contains(&parameter.column.name));
    let score =
        Parameter::query(Column::decimal("min_relevance_score", 4, 2), "The least weight, 7 unless said otherwise");
    vec![
        rows::by_id(
            route(CONTEXT_SNIPPETS, Method::GET, "/{id}", "get", Work::Task(|call| Box::pin(get(call)))),
            snippets,
        )
        .about("context-snippets", "Get one context snippet; counts as a use of it")
        .with(Parameter::query(Column::bool("touch"), "false: do not count it"))
        .treats(Treatment::Own)
        .gives(StatusCode::OK, Content::Row(snippets)),
        by_tags.with(tags_parameter().required()),
        top.with(score.within(0, 1000)).with(
            Parameter::query(Column::int("limit"), "The most snippets, 10 unless said otherwise").within(1, 1000),
        ),
    ]
}

async fn get(call: Call) -> Result<Reply, Problem> {
    // What is general is read by limited callers, and not written: they count nothing.
    if call.number("touch") == Some(0) || call.principal.limit.is_some() {
        return dispatch::read(call, |tx, call| {
            let snippets = resource_of(call);
            Ok(Reply::row(StatusCode::OK, snippets, existing(tx, snippets, call.id())?))
        })
        .await;
    }
    dispatch::write(call, |tx, call| {
        use_once(tx, call.id())?;
        let snippets = resource_of(call);
        Ok(Reply::row(StatusCode::OK, snippets, existing(&tx.reading(), snippets, call.id())?))
    })
    .await
}

fn use_once(tx: &mut WriteTx<'_>, id: &str) -> Result<(), Problem> {
    if let Some(mut row) = tx.get(CONTEXT_SNIPPETS, &Key::new(id))? {
        let uses = row.int("usage_count").unwrap_or(0).saturating_add(1).min(i32::MAX.into());
        row.set("usage_count", uses).set("last_used_at", now(tx));
        tx.put(row)?;
    }
    Ok(())
}

fn by_tags(tx: &ReadTx<'_>, call: &Call) -> Result<Reply, Problem> {
    page(tx, call, with_tags(Listing::of(resource_of(call)), "context_snippets", call))
}

/// Only rows with one of the tags of the call.
pub(super) fn with_tags(listing: Listing, table: &str, call: &Call) -> Listing {
    let carries = "\"id\" IN (SELECT source_id FROM context_tags WHERE source_table = ? \
                    AND tag IN (SELECT value FROM json_each(?)))";
    listing.when(carries, [table.into(), tags_given(call).into()])
}

fn top(tx: &ReadTx<'_>, call: &Call) -> Result<Reply, Problem> {
    let least = call.number("min_relevance_score").unwrap_or(WEIGHTY);
    let listing = Listing::of(resource_of(call)).when("\"relevance_score\" >= ?", [Value::from(least)]);
    page(tx, call, listing.ordered("\"relevance_score\" DESC, \"usage_count\" DESC, \"id\" DESC").limited(TOP))
}
