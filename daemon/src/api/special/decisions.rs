//! Decisions: found by tag, and replaced by later ones.

use axum::http::{Method, StatusCode};
use migrations::catalogue::DECISION_LOGS;
use sync::local::{ReadTx, WriteTx};

use super::snippets::with_tags;
use super::{existing, listed, resource, resource_of, route, tags_parameter};
use crate::api::problem::Problem;
use crate::api::route::{Call, Content, Reply, Route, Work};
use crate::api::rows::{self, Listing, check_version, insert, page, put};

pub(super) fn routes() -> Vec<Route> {
    let decisions = resource(DECISION_LOGS);
    let supersede = route(DECISION_LOGS, Method::POST, "/{id}/supersede", "supersede", Work::Write(supersede));
    vec![
        listed(DECISION_LOGS, "/by-tags", "by_tags", Work::Read(by_tags), "Those with any of these tags")
            .with(tags_parameter().required()),
        rows::by_id(supersede, decisions)
            .about("decision-logs", "Record a new decision that replaces this one")
            .with(rows::if_match())
            .fails(StatusCode::PRECONDITION_FAILED)
            .takes(Content::New(decisions))
            .gives(StatusCode::CREATED, Content::Row(decisions))
            .gives(StatusCode::OK, Content::Row(decisions)),
    ]
}

fn by_tags(tx: &ReadTx<'_>, call: &Call) -> Result<Reply, Problem> {
    page(tx, call, with_tags(Listing::of(resource_of(call)), "decision_logs", call))
}

fn supersede(tx: &mut WriteTx<'_>, call: &Call) -> Result<Reply, Problem> {
    let decisions = resource_of(call);
    let mut old = existing(&tx.reading(), decisions, call.id())?;
    let (new, is_new) = insert(tx, decisions, call)?;
    // Sent again, it finds the decision that it replaced in the version that this left.
    if is_new {
        check_version(&call.headers, &old)?;
    }
    if new.get("id") == old.get("id") {
        let detail = "a decision cannot replace itself";
        return Err(Problem::new(StatusCode::CONFLICT, detail, "give the new one an id of its own"));
    }
    if let Some(other) = old.text("superseded_by_id").filter(|by| new.text("id") != Some(*by)) {
        let detail = "the decision has been replaced already";
        return Err(Problem::new(StatusCode::CONFLICT, detail, "replace the later one").with("existing_id", other));
    }
    old.set("superseded_by_id", new.get("id").clone());
    put(tx, &old)?;
    Ok(Reply::row(if is_new { StatusCode::CREATED } else { StatusCode::OK }, decisions, new))
}
