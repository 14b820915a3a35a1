//! A record of a table, its key and its identity.

use std::fmt;

use migrations::Entity;

use crate::Value;

/// Separates the parts of a composite key, as the triggers at central do.
const SEPARATOR: char = '\u{1f}';

/// A row's primary key as text; the parts of a composite key are joined by U+001F.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(String);

impl Key {
    /// A key from its text form.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Text form.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The parts, in the order of the entity's primary key.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.0.split(SEPARATOR)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, part) in self.parts().enumerate() {
            if i > 0 {
                f.write_str("/")?;
            }
            f.write_str(part)?;
        }
        Ok(())
    }
}

/// A row's identity: its table and key. Ordered by table name, then key.
#[derive(Clone, Debug)]
pub struct RowId {
    /// The table.
    pub entity: &'static Entity,
    /// The primary key.
    pub key: Key,
}

impl RowId {
    /// An identity.
    pub fn new(entity: &'static Entity, key: Key) -> Self {
        Self { entity, key }
    }
}

impl PartialEq for RowId {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}
impl Eq for RowId {}
impl PartialOrd for RowId {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for RowId {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.entity.name, &self.key).cmp(&(other.entity.name, &other.key))
    }
}
impl std::hash::Hash for RowId {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        (self.entity.name, &self.key).hash(state);
    }
}
impl fmt::Display for RowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.entity.name, self.key)
    }
}

/// A record: one value for each column of its entity, in the entity's order.
#[derive(Clone, PartialEq, Eq)]
pub struct Row {
    entity: &'static Entity,
    values: Vec<Value>,
}

impl Row {
    /// A row of NULLs.
    pub fn new(entity: &'static Entity) -> Self {
        Self { entity, values: vec![Value::Null; entity.columns.len()] }
    }

    /// A row of these values; None when their number is not the entity's.
    pub fn from_values(entity: &'static Entity, values: Vec<Value>) -> Option<Self> {
        (values.len() == entity.columns.len()).then_some(Self { entity, values })
    }

    /// Its table.
    pub fn entity(&self) -> &'static Entity {
        self.entity
    }

    /// All values, in the entity's column order.
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// The value at a column's position.
    pub fn at(&self, position: usize) -> &Value {
        &self.values[position]
    }

    /// Replaces the value at a column's position.
    pub fn set_at(&mut self, position: usize, value: Value) {
        self.values[position] = value;
    }

    /// The value of a column that the code names.
    ///
    /// # Panics
    /// When the entity has no such column: names come from code, never from input.
    pub fn get(&self, column: &str) -> &Value {
        &self.values[self.index(column)]
    }

    /// The text of a column, None when NULL or not text. Panics as [`Row::get`] does.
    pub fn text(&self, column: &str) -> Option<&str> {
        self.get(column).as_text()
    }

    /// The number in a column, None when NULL or not a number. Panics as [`Row::get`] does.
    pub fn int(&self, column: &str) -> Option<i64> {
        self.get(column).as_int()
    }

    /// Sets a column that the code names. Panics as [`Row::get`] does.
    pub fn set(&mut self, column: &str, value: impl Into<Value>) -> &mut Self {
        let index = self.index(column);
        self.values[index] = value.into();
        self
    }

    /// [`Row::set`] for building in one expression.
    pub fn with(mut self, column: &str, value: impl Into<Value>) -> Self {
        self.set(column, value);
        self
    }

    /// Its primary key; parts that are NULL are empty.
    pub fn key(&self) -> Key {
        let mut text = String::new();
        for (i, column) in self.entity.primary_key.iter().enumerate() {
            if i > 0 {
                text.push(SEPARATOR);
            }
            text.push_str(self.text(column).unwrap_or_default());
        }
        Key(text)
    }

    /// Its identity.
    pub fn id(&self) -> RowId {
        RowId::new(self.entity, self.key())
    }

    fn index(&self, column: &str) -> usize {
        match self.entity.position(column) {
            Some(index) => index,
            None => panic!("table {} has no column {column}", self.entity.name),
        }
    }
}

/// Shows the identity only: values may be secrets.
impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Row({})", self.id())
    }
}
