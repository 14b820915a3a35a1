//! Making a row. A client that gives the id may send the same again and gets the same answer.

use axum::http::StatusCode;
use merge::{Key, Row, Value};
use migrations::entity::ColumnDefault;
use sync::local::{WriteTx, new_id};

use super::access::{note, put, seal};
use crate::api::input::row::{self, Given};
use crate::api::plan::{Resource, Role};
use crate::api::problem::Problem;
use crate::api::route::{Call, Reply};

/// `POST /api/…`
pub(super) fn create(tx: &mut WriteTx<'_>, call: &Call) -> Result<Reply, Problem> {
    let resource = super::routes::resource_of(call);
    let (row, is_new) = insert(tx, resource, call)?;
    Ok(Reply::row(if is_new { StatusCode::CREATED } else { StatusCode::OK }, resource, row))
}

/// The row that a body describes, and whether it is new: the same body with the same id makes no second one.
pub(crate) fn insert(tx: &mut WriteTx<'_>, resource: &'static Resource, call: &Call) -> Result<(Row, bool), Problem> {
    let given = row::new(resource, &call.body)?;
    let id = resource.field("id").and_then(|field| given.value(field.position)).and_then(Value::as_text);
    if let Some(id) = id
        && let Some(before) = tx.get(resource.entity, &Key::new(id))?
    {
        return if is_replay(resource, call, &given, &before) { Ok((before, false)) } else { Err(another(id)) };
    }
    let id = id.map_or_else(|| new_id(tx.now_us()), str::to_owned);
    let mut row = Row::new(resource.entity);
    given.fill(&mut row);
    row.set("id", id);
    seal(call, &given, &mut row)?;
    let row = put(tx, &row)?;
    note(tx, call, &row, "create")?;
    Ok((row, true))
}

fn another(id: &str) -> Problem {
    let detail = "there is a row of this id already, with other values";
    let problem = Problem::new(StatusCode::CONFLICT, detail, "change it with PUT, or give another id");
    problem.coded("DUPLICATE_KEY").with("existing_id", id)
}

/// Whether a row is what this body would have made. Times that were filled in when it was made are not compared.
fn is_replay(resource: &Resource, call: &Call, given: &Given, before: &Row) -> bool {
    resource.fields.iter().filter(|field| field.role != Role::Stamp).all(|field| {
        let held = before.at(field.position);
        if let Some(secret) = given.secrets.iter().find(|secret| secret.position == field.position) {
            let (table, id) = (resource.entity.name, before.key());
            let open = |sealed| call.core.vault.reveal(table, field.column.name, id.as_str(), sealed);
            return held
                .as_blob()
                .is_some_and(|sealed| open(sealed).is_ok_and(|plain| plain.as_slice() == secret.plain.as_bytes()));
        }
        match (given.value(field.position), field.column.default) {
            (Some(value), _) => value == held,
            (None, Some(ColumnDefault::Now)) => true,
            (None, Some(_)) => sync::local::default_value(field.column) == *held,
            (None, None) => field.role == Role::Key || held.is_null(),
        }
    })
}
