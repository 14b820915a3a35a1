//! A replica's database in memory, without the store around it.

use merge::{Row, Value};
use migrations::{Entity, ladder};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, params_from_iter};

use super::engine::{Engine, given, insert_statement};

/// SQLite with all steps of the replica's ladder.
pub(super) struct Replica(pub(super) Connection);

impl Replica {
    pub(super) fn new() -> Self {
        let connection = Connection::open_in_memory().unwrap();
        connection.pragma_update(None, "foreign_keys", true).unwrap();
        for step in ladder::SQLITE {
            connection.execute_batch(step.sql).unwrap_or_else(|error| panic!("step {}: {error}", step.name));
        }
        Self(connection)
    }
}

impl Engine for Replica {
    fn is_central(&self) -> bool {
        false
    }

    fn execute(&mut self, sql: &str) -> Result<(), String> {
        self.0.execute_batch(sql).map_err(|error| error.to_string())
    }

    fn insert(&mut self, row: &Row) -> Result<(), String> {
        let values = given(row).map(|(_, value)| match value {
            Value::Null => rusqlite::types::Value::Null,
            Value::Int(number) => (*number).into(),
            Value::Text(text) => text.clone().into(),
            Value::Blob(bytes) => bytes.clone().into(),
        });
        let done = self.0.execute(&insert_statement(row), params_from_iter(values));
        done.map(drop).map_err(|error| error.to_string())
    }

    fn rows(&mut self, entity: &'static Entity) -> Vec<Row> {
        let columns: Vec<_> = entity.columns.iter().map(|column| column.name).collect();
        let mut select = self.0.prepare(&format!("SELECT {} FROM {}", columns.join(", "), entity.name)).unwrap();
        let read = |found: &rusqlite::Row<'_>| {
            let values =
                (0..columns.len()).map(|position| found.get_ref(position).map(value)).collect::<Result<_, _>>()?;
            Ok(Row::from_values(entity, values).unwrap())
        };
        select.query_map([], read).unwrap().map(Result::unwrap).collect()
    }
}

fn value(found: ValueRef<'_>) -> Value {
    match found {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => number.into(),
        ValueRef::Text(text) => std::str::from_utf8(text).unwrap().into(),
        ValueRef::Blob(bytes) => bytes.to_vec().into(),
        ValueRef::Real(number) => panic!("a STRICT table holds the real number {number}"),
    }
}
