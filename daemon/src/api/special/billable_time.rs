//! Billable time: what goes on an invoice.

use axum::http::{Method, StatusCode};
use merge::Key;
use migrations::catalogue::BILLABLE_TIME;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sync::local::WriteTx;

use super::{now, resource_of, route};
use crate::api::input::Id;
use crate::api::problem::Problem;
use crate::api::route::{Call, Content, Reply, Route, Work};
use crate::api::rows::put;

/// The most entries of one invoice.
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

pub(super) fn routes() -> Vec<Route> {
    vec![
        route(BILLABLE_TIME, Method::POST, "/mark-invoiced", "mark_invoiced", Work::Write(mark))
            .about("billable-time", "Mark entries as being on an invoice; all of them or none")
            .takes(Content::of::<Invoice>())
            .fails(StatusCode::NOT_FOUND)
            .gives(StatusCode::OK, Content::of::<Invoiced>()),
    ]
}

fn mark(tx: &mut WriteTx<'_>, call: &Call) -> Result<Reply, Problem> {
    let Invoice { ids, invoice_reference } = call.body()?;
    if ids.is_empty() || ids.len() > MAX_ENTRIES {
        return Err(Problem::field("ids", format!("must be from 1 to {MAX_ENTRIES}")));
    }
    if invoice_reference.is_empty() || invoice_reference.chars().count() > MAX_REFERENCE {
        return Err(Problem::field("invoice_reference", format!("must have from 1 to {MAX_REFERENCE} characters")));
    }
    let at = now(tx);
    for Id(id) in &ids {
        let row = tx.get(BILLABLE_TIME, &Key::new(id.as_str()))?;
        let mut row = row.ok_or_else(|| Problem::not_found(resource_of(call).offer.noun).with("id", id.as_str()))?;
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
        put(tx, row)?;
    }
    Ok(Reply::ok(Invoiced { invoiced: ids.len() as u64 }))
}
