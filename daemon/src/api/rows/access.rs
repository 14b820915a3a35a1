//! Reaching single rows, and writing them so that a refusal can say which row is in the way.

use axum::http::StatusCode;
use merge::{Key, Row, Value};
use migrations::Entity;
use migrations::catalogue::CREDENTIALS;
use sync::StoreError;
use sync::local::{ReadTx, WriteTx, new_id};

use crate::api::input::row::Given;
use crate::api::plan::Resource;
use crate::api::problem::{Problem, missing_parent};
use crate::api::route::Call;
use crate::audit::credential::{self, Access};

/// The row of that id, or 404.
pub(crate) fn existing(tx: &ReadTx<'_>, resource: &'static Resource, id: &str) -> Result<Row, Problem> {
    row_of(tx, resource.entity, id)?.ok_or_else(|| Problem::not_found(resource.offer.noun))
}

/// The row of that id.
pub(crate) fn row_of(tx: &ReadTx<'_>, entity: &'static Entity, id: &str) -> Result<Option<Row>, Problem> {
    Ok(tx.get(entity, &Key::new(id))?)
}

/// The id that every machine derives for what it makes, or a new one if a row has it that has since become something else.
pub(crate) fn free_id(tx: &WriteTx<'_>, entity: &'static Entity, derived: String) -> Result<String, Problem> {
    let is_taken = tx.get(entity, &Key::new(derived.as_str()))?.is_some();
    Ok(if is_taken { new_id(tx.now_us()) } else { derived })
}

/// Seals the secrets that were given into a row that has its id. One that says the same as before stays as it is, so that
/// the reconciliation sees no change where there is none.
pub(crate) fn seal(call: &Call, given: &Given, row: &mut Row) -> Result<(), Problem> {
    let (entity, id) = (row.entity(), row.key());
    for secret in &given.secrets {
        let (column, before) = (entity.columns[secret.position].name, row.at(secret.position).as_blob());
        let plain = secret.plain.as_bytes();
        let sealed = call.core.vault.seal_over(entity.name, column, id.as_str(), plain, before)?;
        row.set_at(secret.position, Value::Blob(sealed));
    }
    Ok(())
}

/// Puts an access to a credential on record, in the transaction of what was done; rows of other tables have no such record.
pub(crate) fn note(tx: &mut WriteTx<'_>, call: &Call, row: &Row, action: &'static str) -> Result<(), Problem> {
    if row.entity() != CREDENTIALS {
        return Ok(());
    }
    let fields: Vec<&str> = call.body.keys().map(String::as_str).collect();
    let keys = call.core.vault.ring()?;
    Ok(credential::record(tx, &keys, &call.principal, &Access { credential: row, action, fields: &fields })?)
}

/// Writes a row and returns it as it was written.
pub(crate) fn put(tx: &mut WriteTx<'_>, row: &Row) -> Result<Row, Problem> {
    match tx.put_row(row.clone()) {
        // What is in the way is looked for when something is: the table knows without that.
        Err(refused @ StoreError::Invalid { .. }) => {
            check_parents(tx, row)?;
            check_keys(tx, row)?;
            Err(refused.into())
        }
        written => Ok(written?),
    }
}

fn check_parents(tx: &WriteTx<'_>, row: &Row) -> Result<(), Problem> {
    for reference in row.entity().foreign_keys {
        let (Some(parent), Some(key)) = (migrations::entity(reference.references), row.text(reference.column)) else {
            continue;
        };
        // One that was folded into another is followed when the row is written.
        if tx.get(parent, &Key::new(key))?.is_none() && tx.stand_in(parent, &Key::new(key))?.is_none() {
            return Err(missing_parent(reference.column, parent.name));
        }
    }
    Ok(())
}

fn check_keys(tx: &WriteTx<'_>, row: &Row) -> Result<(), Problem> {
    for index in row.entity().unique {
        if let Some(other) = holder_of_key(&tx.reading(), row, index.columns)? {
            let detail = format!("{} is held by another row", index.columns.join(", "));
            let problem =
                Problem::new(StatusCode::CONFLICT, detail, "change that row, or use it").coded("DUPLICATE_KEY");
            return Err(problem.with("existing_id", other.key().to_string()).with("columns", index.columns.to_vec()));
        }
    }
    Ok(())
}

/// The other row that holds the same values in these columns; NULL never collides.
pub(crate) fn holder_of_key(tx: &ReadTx<'_>, row: &Row, columns: &[&str]) -> Result<Option<Row>, Problem> {
    let bound: Vec<Value> = columns.iter().map(|column| row.get(column).clone()).collect();
    if bound.iter().any(Value::is_null) {
        return Ok(None);
    }
    let conditions: Vec<String> = columns.iter().map(|column| format!("\"{column}\" = ?")).collect();
    let found = tx.select(row.entity(), &format!("WHERE {}", conditions.join(" AND ")), &bound)?;
    Ok(found.into_iter().find(|other| other.key() != row.key()))
}
