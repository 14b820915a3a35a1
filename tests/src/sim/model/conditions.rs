//! The conditions (CHECKs) of central's tables: those of the catalogue, and some that only this central has.

use merge::{Row, Value};
use migrations::Entity;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ToSql, params_from_iter};

/// Conditions that the replicas do not know: table, name, condition.
const OWN: [(&str, &str, &str); 2] = [
    ("clients", "own_address", "address IS NULL OR address NOT LIKE '%refused%'"),
    ("infrastructure", "own_serial", "status <> 'decommissioned' OR serial_number IS NULL"),
];

thread_local! {
    static EVALUATOR: Option<Connection> = Connection::open_in_memory().ok();
}

struct Bound<'a>(&'a Value);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            Value::Null => ValueRef::Null,
            Value::Int(number) => ValueRef::Integer(*number),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

/// All conditions of a table: name, and the condition on canonical values.
fn conditions(entity: &'static Entity) -> impl Iterator<Item = (&'static str, &'static str)> {
    let catalogue = entity.checks.iter().map(|check| (check.name, check.sqlite.unwrap_or(check.sql)));
    catalogue.chain(OWN.iter().filter(|own| own.0 == entity.name).map(|own| (own.1, own.2)))
}

/// The columns that a condition is about.
pub(super) fn columns(entity: &'static Entity, name: &str) -> Vec<&'static str> {
    let condition = conditions(entity).find(|(known, _)| *known == name);
    condition.map(|(_, sql)| sync::central::logic::columns_in(entity, sql)).unwrap_or_default()
}

/// The first condition that does not hold for the row. An unknown result holds, as in SQL.
pub(super) fn broken(row: &Row) -> Option<&'static str> {
    let entity = row.entity();
    let (names, tests): (Vec<_>, Vec<_>) = conditions(entity).map(|(name, sql)| (name, format!("({sql})"))).unzip();
    if names.is_empty() {
        return None;
    }
    let columns: Vec<String> =
        entity.columns.iter().zip(1..).map(|(column, n)| format!("?{n} AS \"{}\"", column.name)).collect();
    let sql = format!("SELECT {} FROM (SELECT {})", tests.join(", "), columns.join(", "));
    EVALUATOR.with(|evaluator| {
        let mut statement = evaluator.as_ref()?.prepare_cached(&sql).ok()?;
        statement
            .query_row(params_from_iter(row.values().iter().map(Bound)), |found| {
                Ok((0..names.len()).find(|&at| matches!(found.get::<_, Option<bool>>(at), Ok(Some(false)))))
            })
            .ok()?
            .map(|at| names[at])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_condition_is_named() {
        let client = |kind: &str| Row::new(migrations::catalogue::CLIENTS).with("id", "c").with("client_type", kind);
        assert_eq!(broken(&client("internal")), None);
        assert_eq!(broken(&client("else")), Some("ck_clients_client_type"));
        assert_eq!(broken(&client("internal").with("address", "refused")), Some("own_address"));
        assert_eq!(columns(migrations::catalogue::INFRASTRUCTURE, "own_serial"), ["status", "serial_number"]);
    }
}
