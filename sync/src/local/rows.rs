//! Rows in and out of SQLite. Identifiers come from the catalogue only, values are always bound.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use merge::{Key, Row, Value};
use migrations::{ENTITIES, Entity};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, OptionalExtension, ToSql, params_from_iter};

use super::StoreError;

/// A value on its way into a statement.
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

/// The statements about one row of a table. They are run for every row that is written, sent or received, and putting
/// their text together takes longer than some of them do.
struct Texts {
    get: String,
    exists: String,
    insert: String,
}

impl Texts {
    fn new(entity: &Entity) -> Self {
        let (table, columns, key) = (quoted(entity.name), columns(entity), key_condition(entity));
        let marks: Vec<String> = (1..=entity.columns.len()).map(|i| format!("?{i}")).collect();
        Self {
            get: format!("SELECT {columns} FROM {table} WHERE {key}"),
            exists: format!("SELECT 1 FROM {table} WHERE {key}"),
            insert: format!("INSERT INTO {table} ({columns}) VALUES ({})", marks.join(", ")),
        }
    }

    fn of(entity: &Entity) -> Result<&'static Self, StoreError> {
        static ALL: LazyLock<HashMap<&str, Texts>> =
            LazyLock::new(|| ENTITIES.iter().map(|entity| (entity.name, Texts::new(entity))).collect());
        ALL.get(entity.name).ok_or_else(|| StoreError::Other(format!("{} is no table of the catalogue", entity.name)))
    }
}

/// The row of that key.
pub(super) fn get(db: &Connection, entity: &'static Entity, key: &Key) -> Result<Option<Row>, StoreError> {
    let mut statement = db.prepare_cached(&Texts::of(entity)?.get)?;
    Ok(statement.query_row(params_from_iter(key.parts()), |found| read(entity, found)).optional()?)
}

/// The rows whose columns equal these values, in key order.
pub(super) fn find(
    db: &Connection,
    entity: &'static Entity,
    wanted: &[(&str, &Value)],
) -> Result<Vec<Row>, StoreError> {
    let condition: Vec<String> =
        wanted.iter().enumerate().map(|(i, (column, _))| format!("{} IS ?{}", quoted(column), i + 1)).collect();
    let sql = format!(
        "SELECT {} FROM {} WHERE {} ORDER BY {}",
        columns(entity),
        quoted(entity.name),
        condition.join(" AND "),
        entity.primary_key.iter().map(|c| quoted(c)).collect::<Vec<_>>().join(", ")
    );
    let mut statement = db.prepare_cached(&sql)?;
    let found =
        statement.query_map(params_from_iter(wanted.iter().map(|(_, value)| Bound(value))), |r| read(entity, r))?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// Visits the rows that a condition over bound values holds for (empty: all), in the order of their keys.
pub(super) fn visit(
    db: &Connection,
    entity: &'static Entity,
    condition: &str,
    bound: &[&dyn ToSql],
    mut visitor: impl FnMut(Row),
) -> Result<(), StoreError> {
    let sql = format!(
        "SELECT {} FROM {} WHERE {} ORDER BY {}",
        columns(entity),
        quoted(entity.name),
        if condition.is_empty() { "true" } else { condition },
        entity.primary_key.iter().map(|c| quoted(c)).collect::<Vec<_>>().join(", ")
    );
    let mut statement = db.prepare_cached(&sql)?;
    let mut found = statement.query(bound)?;
    while let Some(row) = found.next()? {
        visitor(read(entity, row)?);
    }
    Ok(())
}

/// The rows that a clause behind the table's name selects (`WHERE … ORDER BY … LIMIT …`).
pub(super) fn select(
    db: &Connection,
    entity: &'static Entity,
    clause: &str,
    bound: &[Value],
) -> Result<Vec<Row>, StoreError> {
    let sql = format!("SELECT {} FROM {} {clause}", columns(entity), quoted(entity.name));
    let mut statement = db.prepare_cached(&sql)?;
    let found = statement.query_map(params_from_iter(bound.iter().map(Bound)), |found| read(entity, found))?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// Visits the rows that a clause behind the table's name selects, each where it was found.
pub(super) fn each<E: From<StoreError>>(
    db: &Connection,
    entity: &'static Entity,
    clause: &str,
    bound: &[Value],
    mut visitor: impl FnMut(&Found<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let sql = format!("SELECT {} FROM {} {clause}", columns(entity), quoted(entity.name));
    let mut statement = db.prepare_cached(&sql).map_err(StoreError::from)?;
    let mut found = statement.query(params_from_iter(bound.iter().map(Bound))).map_err(StoreError::from)?;
    while let Some(row) = found.next().map_err(StoreError::from)? {
        visitor(&Found { entity, row })?;
    }
    Ok(())
}

/// A value where it was found: nothing of it is copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell<'a> {
    /// SQL NULL.
    Null,
    /// As [`Value::Int`].
    Int(i64),
    /// As [`Value::Text`].
    Text(Cow<'a, str>),
    /// As [`Value::Blob`].
    Blob(&'a [u8]),
}

impl<'a> From<&'a Value> for Cell<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Null => Cell::Null,
            Value::Int(number) => Cell::Int(*number),
            Value::Text(text) => Cell::Text(Cow::Borrowed(text)),
            Value::Blob(bytes) => Cell::Blob(bytes),
        }
    }
}

/// A row where it was found.
#[derive(Debug)]
pub struct Found<'a> {
    entity: &'static Entity,
    row: &'a rusqlite::Row<'a>,
}

impl Found<'_> {
    /// Shows the value of the column at that position of the entity. It is not handed out: of a long list, moving values from
    /// result to result took longer than writing them. Errors: a number that is not whole, which none of our columns holds.
    pub fn show<T>(&self, position: usize, see: impl FnOnce(&Cell<'_>) -> T) -> Result<T, StoreError> {
        Ok(see(&cell(self.entity, self.row, position)?))
    }
}

#[inline]
fn cell<'a>(entity: &Entity, found: &'a rusqlite::Row<'_>, position: usize) -> rusqlite::Result<Cell<'a>> {
    Ok(match found.get_ref(position)? {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(number) => Cell::Int(number),
        ValueRef::Text(text) => Cell::Text(lossy(text)),
        ValueRef::Blob(bytes) => Cell::Blob(bytes),
        // STRICT tables hold no reals in our columns.
        ValueRef::Real(_) => {
            return Err(rusqlite::Error::InvalidColumnType(position, entity.name.into(), rusqlite::types::Type::Real));
        }
    })
}

/// Nearly all text is UTF-8, which is seen of many bytes at a time; what stands for the rest is put in byte by byte.
fn lossy(text: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(text).map_or_else(|_| String::from_utf8_lossy(text), Cow::Borrowed)
}

/// How many rows a condition holds for.
pub(super) fn count(db: &Connection, entity: &Entity, condition: &str, bound: &[Value]) -> Result<u64, StoreError> {
    let sql = format!("SELECT count(*) FROM {} {condition}", quoted(entity.name));
    let mut statement = db.prepare_cached(&sql)?;
    Ok(statement.query_row(params_from_iter(bound.iter().map(Bound)), |found| found.get(0))?)
}

/// The rows whose column is something else than this value.
pub(super) fn find_other(
    db: &Connection,
    entity: &'static Entity,
    column: &str,
    value: &Value,
) -> Result<Vec<Row>, StoreError> {
    let (columns, column) = (columns(entity), quoted(column));
    let sql = format!("SELECT {columns} FROM {} WHERE {column} IS NOT ?1", quoted(entity.name));
    let mut statement = db.prepare_cached(&sql)?;
    let found = statement.query_map([Bound(value)], |found| read(entity, found))?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// True when there is a row of that key.
pub(super) fn exists(db: &Connection, entity: &'static Entity, key: &Key) -> Result<bool, StoreError> {
    Ok(db.prepare_cached(&Texts::of(entity)?.exists)?.exists(params_from_iter(key.parts()))?)
}

/// True when there is a row whose key lies between these two, both included, of a table with a single key column.
pub(super) fn any_between(db: &Connection, entity: &'static Entity, low: &Key, high: &Key) -> Result<bool, StoreError> {
    let column = quoted(entity.primary_key[0]);
    let sql = format!("SELECT 1 FROM {} WHERE {column} BETWEEN ?1 AND ?2 LIMIT 1", quoted(entity.name));
    Ok(db.prepare_cached(&sql)?.exists([low.as_str(), high.as_str()])?)
}

/// True when a row of `entity` has that text in `column`.
pub(super) fn refers(db: &Connection, entity: &'static Entity, column: &str, to: &Key) -> Result<bool, StoreError> {
    let sql = format!("SELECT 1 FROM {} WHERE {} = ?1 LIMIT 1", quoted(entity.name), quoted(column));
    Ok(db.prepare_cached(&sql)?.exists([to.as_str()])?)
}

/// Inserts the row as it is.
pub(super) fn insert(db: &Connection, row: &Row) -> Result<(), StoreError> {
    Insert::into(db, row.entity())?.run(row)
}

/// The statement that inserts rows of a table, for many of them.
pub(super) struct Insert<'db> {
    pub(super) entity: &'static Entity,
    statement: CachedStatement<'db>,
}

impl<'db> Insert<'db> {
    pub(super) fn into(db: &'db Connection, entity: &'static Entity) -> Result<Self, StoreError> {
        Ok(Self { entity, statement: db.prepare_cached(&Texts::of(entity)?.insert)? })
    }

    /// Inserts a row of this table as it is.
    pub(super) fn run(&mut self, row: &Row) -> Result<(), StoreError> {
        self.statement
            .execute(params_from_iter(row.values().iter().map(Bound)))
            .map_err(|error| constraint(self.entity, error))?;
        Ok(())
    }
}

/// Sets the columns at these positions of the row of that key.
pub(super) fn update(db: &Connection, row: &Row, positions: &[usize]) -> Result<(), StoreError> {
    let entity = row.entity();
    let key = row.key();
    let set: Vec<String> = positions.iter().map(|p| format!("{} = ?", quoted(entity.columns[*p].name))).collect();
    let condition: Vec<String> = entity.primary_key.iter().map(|c| format!("{} = ?", quoted(c))).collect();
    let sql = format!("UPDATE {} SET {} WHERE {}", quoted(entity.name), set.join(", "), condition.join(" AND "));
    let key_values: Vec<Value> = key.parts().map(Value::from).collect();
    let bound = positions.iter().map(|p| Bound(row.at(*p))).chain(key_values.iter().map(Bound));
    db.prepare_cached(&sql)?.execute(params_from_iter(bound)).map_err(|error| constraint(entity, error))?;
    Ok(())
}

/// Deletes the row of that key; false when there was none.
pub(super) fn delete(db: &Connection, entity: &'static Entity, key: &Key) -> Result<bool, StoreError> {
    let sql = format!("DELETE FROM {} WHERE {}", quoted(entity.name), key_condition(entity));
    let deleted =
        db.prepare_cached(&sql)?.execute(params_from_iter(key.parts())).map_err(|error| constraint(entity, error))?;
    Ok(deleted > 0)
}

fn read(entity: &'static Entity, found: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    let mut row = Row::new(entity);
    for position in 0..entity.columns.len() {
        let value = match cell(entity, found, position)? {
            Cell::Null => Value::Null,
            Cell::Int(number) => Value::Int(number),
            Cell::Text(text) => Value::Text(text.into_owned()),
            Cell::Blob(bytes) => Value::Blob(bytes.to_vec()),
        };
        row.set_at(position, value);
    }
    Ok(row)
}

fn columns(entity: &Entity) -> String {
    entity.columns.iter().map(|c| quoted(c.name)).collect::<Vec<_>>().join(", ")
}

/// The key as one text, in the form of [`Key`].
pub(super) fn key_expression(entity: &Entity) -> String {
    entity.primary_key.iter().map(|column| quoted(column)).collect::<Vec<_>>().join(" || char(31) || ")
}

fn key_condition(entity: &Entity) -> String {
    let parts: Vec<String> =
        entity.primary_key.iter().enumerate().map(|(i, c)| format!("{} = ?{}", quoted(c), i + 1)).collect();
    parts.join(" AND ")
}

fn quoted(identifier: &str) -> String {
    format!("\"{identifier}\"")
}

/// A constraint's refusal names the table and what it is about, never the value.
fn constraint(entity: &'static Entity, error: rusqlite::Error) -> StoreError {
    if error.sqlite_error_code() != Some(rusqlite::ErrorCode::ConstraintViolation) {
        return error.into();
    }
    let message = error.to_string();
    let about = message.rsplit(": ").next().unwrap_or_default();
    if message.contains("UNIQUE") {
        let column = about.replace(&format!("{}.", entity.name), "");
        return StoreError::Invalid { table: entity.name, column, reason: "is taken by another row".into() };
    }
    if message.contains("NOT NULL") {
        let column = about.replace(&format!("{}.", entity.name), "");
        return StoreError::Invalid { table: entity.name, column, reason: "must have a value".into() };
    }
    if let Some(check) = entity.checks.iter().find(|check| about == check.name) {
        return StoreError::Invalid {
            table: entity.name,
            column: check.name.into(),
            reason: format!("does not hold ({})", check.sql),
        };
    }
    StoreError::Invalid { table: entity.name, column: about.into(), reason: "is refused by the table".into() }
}
