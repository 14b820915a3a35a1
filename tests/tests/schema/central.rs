//! A database of its own on the shared MariaDB server.
//!
//! The translation of values is the engine's own (`DATE_FORMAT`, `CAST`), on purpose not that of the sync: these tests
//! say what the tables hold, and the sync's tests that it agrees.

use merge::{Row, Value};
use migrations::{Column, Entity, Kind, ladder};
use sqlx::mysql::{MySqlArguments, MySqlRow};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Connection, MySql, MySqlConnection, Row as _};
use tokio::runtime::Runtime;

use super::engine::{Engine, given, insert_statement};

/// MariaDB with all steps of central's ladder.
pub(super) struct Central {
    runtime: Runtime,
    connection: MySqlConnection,
}

impl Central {
    pub(super) fn new() -> Self {
        let server = world::mariadb::shared().unwrap();
        let database = server.fresh_database("schema").unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let connection = runtime.block_on(MySqlConnection::connect(&server.url(&database))).unwrap();
        let mut central = Self { runtime, connection };
        central.execute("SET sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE'").unwrap();
        for step in ladder::MARIADB {
            for statement in ladder::statements(step.sql) {
                central.execute(statement).unwrap_or_else(|error| panic!("step {}: {error}\n{statement}", step.name));
            }
        }
        central
    }

    /// The rows of a query as text, NULL as `None`.
    pub(super) fn query(&mut self, sql: &str) -> Vec<Vec<Option<String>>> {
        let query = sqlx::raw_sql(AssertSqlSafe(sql));
        let rows = self.runtime.block_on(query.fetch_all(&mut self.connection)).unwrap();
        let text = |row: &MySqlRow, at: usize| row.try_get_unchecked::<Option<String>, _>(at).unwrap();
        rows.iter().map(|row| (0..row.len()).map(|at| text(row, at)).collect()).collect()
    }
}

impl Engine for Central {
    fn is_central(&self) -> bool {
        true
    }

    fn execute(&mut self, sql: &str) -> Result<(), String> {
        let query = sqlx::raw_sql(AssertSqlSafe(sql));
        let done = self.runtime.block_on(query.execute(&mut self.connection));
        done.map(drop).map_err(|error| error.to_string())
    }

    fn insert(&mut self, row: &Row) -> Result<(), String> {
        let statement = sqlx::query(AssertSqlSafe(insert_statement(row)));
        let query = given(row).fold(statement, |query, (column, value)| bind(query, column, value));
        let done = self.runtime.block_on(query.execute(&mut self.connection));
        done.map(drop).map_err(|error| error.to_string())
    }

    fn rows(&mut self, entity: &'static Entity) -> Vec<Row> {
        let columns: Vec<_> = entity.columns.iter().map(canonical).collect();
        let select = format!("SELECT {} FROM {}", columns.join(", "), entity.name);
        let query = sqlx::query(AssertSqlSafe(select));
        let found = self.runtime.block_on(query.fetch_all(&mut self.connection)).unwrap();
        found.iter().map(|row| read(entity, row)).collect()
    }
}

fn bind<'q>(
    query: Query<'q, MySql, MySqlArguments>,
    column: &Column,
    value: &Value,
) -> Query<'q, MySql, MySqlArguments> {
    match (value, column.kind) {
        (Value::Null, _) => query,
        (Value::Int(number), Kind::Decimal(_, scale)) => query.bind(decimal_text(*number, scale)),
        (Value::Int(number), _) => query.bind(*number),
        (Value::Text(text), Kind::DateTime) => query.bind(text.replace('T', " ").replace('Z', "")),
        (Value::Text(text), _) => query.bind(text.clone()),
        (Value::Blob(bytes), _) => query.bind(bytes.clone()),
    }
}

/// -1234 with scale 2 is "-12.34".
fn decimal_text(scaled: i64, scale: u8) -> String {
    let unit = 10_u64.pow(scale.into());
    let sign = if scaled < 0 { "-" } else { "" };
    let (whole, fraction) = (scaled.unsigned_abs() / unit, scaled.unsigned_abs() % unit);
    format!("{sign}{whole}.{fraction:0width$}", width = usize::from(scale))
}

/// The expression that gives a column in canonical form.
fn canonical(column: &Column) -> String {
    let name = column.name;
    match column.kind {
        Kind::DateTime => format!("DATE_FORMAT({name}, '%Y-%m-%dT%H:%i:%s.%fZ')"),
        Kind::Date => format!("DATE_FORMAT({name}, '%Y-%m-%d')"),
        Kind::Decimal(_, scale) => format!("CAST({name} * {} AS SIGNED)", 10_u64.pow(scale.into())),
        Kind::Int | Kind::BigInt | Kind::Bool => format!("CAST({name} AS SIGNED)"),
        Kind::Uuid | Kind::String(_) | Kind::Text | Kind::Json | Kind::Blob => name.to_owned(),
    }
}

fn read(entity: &'static Entity, found: &MySqlRow) -> Row {
    let value = |(at, column): (usize, &Column)| match column.kind {
        Kind::Decimal(..) | Kind::Int | Kind::BigInt | Kind::Bool => found.get::<Option<i64>, _>(at).into(),
        Kind::Blob => found.get::<Option<Vec<u8>>, _>(at).into(),
        _ => Value::from(found.get::<Option<String>, _>(at)),
    };
    Row::from_values(entity, entity.columns.iter().enumerate().map(value).collect()).unwrap()
}
