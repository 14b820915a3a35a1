//! Making a row. A client that gives the id may send the same again and gets the same answer.

use axum::http::StatusCode;
use merge::{Key, Row, Value};
use migrations::entity::ColumnDefault;
use serde_json::{Map, Value as Json};
use sync::local::{WriteTx, new_id};

use super::access::{answer, put, seal};
use crate::api::input::row::{self, Given};
use crate::api::plan::{Resource, Role};
use crate::api::problem::Problem;
use crate::api::route::{Call, Reply};

/// `POST /api/…`
pub(super) fn create(tx: &mut WriteTx<'_>, call: &Call) -> Result<Reply, Problem> {
    let resource = super::routes::resource_of(call);
    let (row, is_new) = insert(tx, resource, &call.body)?;
    Ok(answer(if is_new { StatusCode::CREATED } else { StatusCode::OK }, resource, &row))
}

/// The row that a body describes, and whether it is new: the same body with the same id makes no second one.
pub(crate) fn insert(
    tx: &mut WriteTx<'_>,
    resource: &'static Resource,
    body: &Map<String, Json>,
) -> Result<(Row, bool), Problem> {
    let given = row::new(resource, body)?;
    seal(&given)?;
    let id = resource.field("id").and_then(|field| given.value(field.position)).and_then(Value::as_text);
    let id = id.map_or_else(|| new_id(tx.now_us()), str::to_owned);
    if let Some(before) = tx.get(resource.entity, &Key::new(id.as_str()))? {
        return if is_replay(resource, &given, &before) { Ok((before, false)) } else { Err(another(&id)) };
    }
    let mut row = Row::new(resource.entity);
    given.fill(&mut row);
    row.set("id", id);
    Ok((put(tx, row)?, true))
}

fn another(id: &str) -> Problem {
    let detail = "there is a row of this id already, with other values";
    let problem = Problem::new(StatusCode::CONFLICT, detail, "change it with PUT, or give another id");
    problem.coded("DUPLICATE_KEY").with("existing_id", id)
}

/// Whether a row is what this body would have made. Times that were filled in when it was made are not compared.
fn is_replay(resource: &Resource, given: &Given, before: &Row) -> bool {
    resource.fields.iter().filter(|field| field.role != Role::Stamp).all(|field| {
        let held = before.at(field.position);
        match (given.value(field.position), field.column.default) {
            (Some(value), _) => value == held,
            (None, Some(ColumnDefault::Now)) => true,
            (None, Some(_)) => sync::local::default_value(field.column) == *held,
            (None, None) => field.role == Role::Key || held.is_null(),
        }
    })
}
