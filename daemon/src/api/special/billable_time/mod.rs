//! Billable time: what goes on an invoice, and what is only drafted.

mod summary;

pub(crate) use summary::{Amounts, Summary};

use axum::http::{Method, StatusCode};
use merge::{Key, Row};
use migrations::catalogue::BILLABLE_TIME;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sync::local::WriteTx;

use super::{now, resource_of, route};
use crate::api::input::Id;
use crate::api::problem::Problem;
use crate::api::route::{Call, Content, Reply, Route, Work};
use crate::api::rows::put;
use crate::billing;

/// The most entries of one call.
const MAX_ENTRIES: usize = 1000;
const MAX_REFERENCE: usize = 100;

/// What is on the invoice.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "MarkInvoiced")]
struct Invoice {
    /// The entries.
    #[schemars(length(min = 1, max = MAX_ENTRIES))]
    ids: Vec<Id>,
    /// The invoice's number.
    #[schemars(length(min = 1, max = MAX_REFERENCE))]
    invoice_reference: String,
}

/// What was marked.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Invoiced")]
struct Invoiced {
    /// Entries that are on the invoice now.
    invoiced: u64,
}

/// What a person says of drafts.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConfirmDrafts {
    /// The drafts.
    #[schemars(length(min = 1, max = MAX_ENTRIES))]
    pub(crate) ids: Vec<Id>,
    /// Whether they are to be billed; otherwise their time is settled as not billable.
    #[serde(default = "yes")]
    pub(crate) is_billable: bool,
}

fn yes() -> bool {
    true
}

/// What became of them.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct ConfirmedDrafts {
    /// Entries that are as it was asked for now.
    pub(crate) confirmed: u64,
}

pub(super) fn routes() -> Vec<Route> {
    vec![
        summary::route(),
        route(BILLABLE_TIME, Method::POST, "/confirm", "confirm", Work::Write(confirm))
            .about("billable-time", "Confirm drafts, or settle their time as not billable; all of them or none")
            .takes(Content::of::<ConfirmDrafts>())
            .fails(StatusCode::NOT_FOUND)
            .gives(StatusCode::OK, Content::of::<ConfirmedDrafts>()),
        route(BILLABLE_TIME, Method::POST, "/mark-invoiced", "mark_invoiced", Work::Write(mark))
            .about("billable-time", "Mark entries as being on an invoice; all of them or none")
            .takes(Content::of::<Invoice>())
            .fails(StatusCode::NOT_FOUND)
            .gives(StatusCode::OK, Content::of::<Invoiced>()),
    ]
}

fn check_number(ids: &[Id]) -> Result<(), Problem> {
    let wrong = ids.is_empty() || ids.len() > MAX_ENTRIES;
    if wrong { Err(Problem::field("ids", format!("must be from 1 to {MAX_ENTRIES}"))) } else { Ok(()) }
}

fn entry(tx: &WriteTx<'_>, call: &Call, id: &str) -> Result<Row, Problem> {
    let row = tx.get(BILLABLE_TIME, &Key::new(id))?;
    row.ok_or_else(|| Problem::not_found(resource_of(call).offer.noun).with("id", id))
}

fn confirm(tx: &mut WriteTx<'_>, call: &Call) -> Result<Reply, Problem> {
    let ConfirmDrafts { ids, is_billable } = call.body()?;
    check_number(&ids)?;
    for Id(id) in &ids {
        let mut row = entry(tx, call, id)?;
        if billing::is_draft(&row) {
            row.set("is_billable", is_billable).set("invoice_reference", None::<String>);
            put(tx, &row)?;
        } else if row.int("is_billable") != Some(i64::from(is_billable)) {
            let problem = Problem::new(StatusCode::CONFLICT, "an entry is no draft any more", "change it with PUT");
            return Err(problem.coded("NOT_A_DRAFT").with("id", id.as_str()));
        }
    }
    Ok(Reply::ok(ConfirmedDrafts { confirmed: ids.len() as u64 }))
}

fn mark(tx: &mut WriteTx<'_>, call: &Call) -> Result<Reply, Problem> {
    let Invoice { ids, invoice_reference } = call.body()?;
    check_number(&ids)?;
    if invoice_reference.is_empty() || invoice_reference.chars().count() > MAX_REFERENCE {
        return Err(Problem::field("invoice_reference", format!("must have from 1 to {MAX_REFERENCE} characters")));
    }
    let at = now(tx);
    for Id(id) in &ids {
        let mut row = entry(tx, call, id)?;
        if billing::is_draft(&row) {
            let problem = Problem::new(StatusCode::CONFLICT, "an entry is a draft", "confirm it first");
            return Err(problem.coded("DRAFT").with("id", id.as_str()));
        }
        let on_another = row.int("is_invoiced") == Some(1)
            && row.text("invoice_reference").is_some_and(|other| other != invoice_reference);
        if on_another {
            let detail = "an entry is on another invoice already";
            return Err(Problem::new(StatusCode::CONFLICT, detail, "")
                .coded("ALREADY_INVOICED")
                .with("id", id.as_str()));
        }
        if row.int("is_invoiced") != Some(1) {
            row.set("invoiced_at", at.as_str());
        }
        row.set("is_invoiced", true).set("invoice_reference", invoice_reference.as_str());
        put(tx, &row)?;
    }
    Ok(Reply::ok(Invoiced { invoiced: ids.len() as u64 }))
}
