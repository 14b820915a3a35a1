//! What a writer writes: rows drawn from the catalogue, with values that can be told apart.
//!
//! Every free text that is written is a token of its own (`w17`), so that at the end each write can be asked for.

use merge::{Key, Row, RowId, Value};
use migrations::entity::MergeRule;
use migrations::{Column, Entity, Kind};
use sync::datetime_text;

use super::clock::START_US;
use super::tokens::Tokens;
use crate::random::Random;

/// The tables that are written: among them all rules of merging, collision, orphans and deletes.
pub(crate) const TABLES: [&str; 17] = [
    "clients",
    "sites",
    "projects",
    "machines",
    "sessions",
    "tasks",
    "work_items",
    "infrastructure",
    "credentials",
    "credential_permissions",
    "tags",
    "session_tags",
    "infrastructure_tags",
    "failure_patterns",
    "integration_credentials",
    "command_runs",
    "conversation_contexts",
];

/// What a writer sees.
pub(crate) trait View {
    fn get(&self, id: &RowId) -> Option<Row>;
    fn all(&self, entity: &'static Entity) -> Vec<Row>;
}

/// One change that a writer makes.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Put(Row),
    Delete(RowId),
}

impl Change {
    pub(crate) fn id(&self) -> RowId {
        match self {
            Self::Put(row) => row.id(),
            Self::Delete(id) => id.clone(),
        }
    }
}

/// What writers do often, because much depends on it: counting, and changing columns that one condition is about.
pub(crate) fn habit(random: &mut Random, view: &impl View, tokens: &mut Tokens) -> Option<Change> {
    let (table, column) = match random.below(100) {
        0..12 => ("conversation_contexts", "usage_count"),
        12..15 => ("infrastructure", "serial_number"),
        15..18 => ("infrastructure", "status"),
        _ => return None,
    };
    let entity = migrations::entity(table)?;
    let column = entity.column(column)?;
    let rows = view.all(entity);
    if rows.is_empty() {
        return None;
    }
    let row = random.pick(&rows).clone();
    let value = match column.name {
        "status" => Value::from("decommissioned"),
        _ => value(random, entity, column, row.get(column.name), tokens),
    };
    Some(Change::Put(row.with(column.name, value)))
}

/// What everybody works on at the same time: the first row of a few tables, edited by most and deleted by some.
pub(crate) fn shared(random: &mut Random, view: &impl View, tokens: &mut Tokens) -> Option<Change> {
    let table = *random.pick(&["clients", "tags", "tasks", "infrastructure"]);
    let entity = migrations::entity(table)?;
    let row = view.all(entity).into_iter().next()?;
    Some(if random.percent(15) { Change::Delete(row.id()) } else { Change::Put(edit(random, row, view, tokens)) })
}

/// What a writer does next: a new row, an edit of one, or a delete.
pub(crate) fn draw(random: &mut Random, view: &impl View, tokens: &mut Tokens) -> Vec<Change> {
    let Some(entity) = migrations::entity(TABLES[at(random, TABLES.len())]) else { return Vec::new() };
    let rows = view.all(entity);
    let create = rows.is_empty() || random.percent(if rows.len() < 6 { 45 } else { 12 });
    if create {
        return new_row(random, entity, view, tokens).map(Change::Put).into_iter().collect();
    }
    let row = random.pick(&rows).clone();
    if random.percent(14) {
        return vec![Change::Delete(row.id())];
    }
    vec![Change::Put(edit(random, row, view, tokens))]
}

fn new_row(random: &mut Random, entity: &'static Entity, view: &impl View, tokens: &mut Tokens) -> Option<Row> {
    let mut row = Row::new(entity);
    for column in entity.columns {
        let value = match reference(entity, column) {
            Some(parent) => parent_value(random, parent, column, view)?,
            None if column.name == "id" => Value::from(uuid(random)),
            None if column.nullable && random.percent(70) => Value::Null,
            None => value(random, entity, column, &Value::Null, tokens),
        };
        row.set(column.name, value);
    }
    let is_new = view.get(&row.id()).is_none();
    is_new.then_some(row)
}

fn edit(random: &mut Random, mut row: Row, view: &impl View, tokens: &mut Tokens) -> Row {
    let entity = row.entity();
    let editable: Vec<&Column> = entity.columns.iter().filter(|column| is_editable(entity, column)).collect();
    if editable.is_empty() {
        return row;
    }
    for _ in 0..=random.below(2) {
        let column = *random.pick(&editable);
        let value = match reference(entity, column) {
            Some(parent) => match parent_value(random, parent, column, view) {
                Some(value) => value,
                None => continue,
            },
            None => value(random, entity, column, row.get(column.name), tokens),
        };
        row.set(column.name, value);
    }
    row
}

fn is_editable(entity: &Entity, column: &Column) -> bool {
    !entity.primary_key.contains(&column.name) && !matches!(column.name, "created_at" | "updated_at")
}

fn reference(entity: &'static Entity, column: &Column) -> Option<&'static Entity> {
    let key = entity.foreign_keys.iter().find(|key| key.column == column.name)?;
    migrations::entity(key.references)
}

/// A parent that is there, or none where that is allowed; None when there must be one and is not.
fn parent_value(random: &mut Random, parent: &'static Entity, column: &Column, view: &impl View) -> Option<Value> {
    let rows = view.all(parent);
    if column.nullable && (rows.is_empty() || random.percent(30)) {
        return Some(Value::Null);
    }
    if rows.is_empty() {
        return None;
    }
    Some(Value::from(random.pick(&rows).key().as_str()))
}

/// A value that fits the column. Counters grow; keys that others may choose too are drawn from few.
fn value(random: &mut Random, entity: &Entity, column: &Column, old: &Value, tokens: &mut Tokens) -> Value {
    if column.merge == MergeRule::Counter {
        return Value::Int(old.as_int().unwrap_or(0) + 1 + random.below(3).cast_signed());
    }
    if !column.values.is_empty() {
        return Value::from(*random.pick(column.values));
    }
    let is_key = entity.unique.iter().any(|index| index.columns.contains(&column.name));
    match column.kind {
        Kind::String(_) if is_key => Value::from(*random.pick(&["one", "two", "three", "four"])),
        Kind::String(limit) if limit < 10 => Value::from("x"),
        Kind::Text if column.name == "address" && random.percent(6) => {
            Value::from(format!("{} refused", tokens.next(entity, column)))
        }
        Kind::String(_) | Kind::Text => Value::from(tokens.next(entity, column)),
        Kind::Uuid => Value::from(uuid(random)),
        Kind::Int | Kind::BigInt => Value::Int(random.below(100).cast_signed()),
        Kind::Decimal(..) => Value::Int(random.below(900).cast_signed()),
        Kind::Bool => Value::from(random.percent(50)),
        Kind::Date => Value::from(format!("2026-0{}-1{}", 1 + random.below(9), random.below(9))),
        Kind::DateTime => Value::from(datetime_text(START_US - random.below(1_000_000_000_000))),
        Kind::Json => Value::from(set(random, old)),
        Kind::Blob => Value::Blob(random.bits().to_le_bytes().to_vec()),
    }
}

/// A list of words with one more, or one fewer.
fn set(random: &mut Random, old: &Value) -> String {
    let mut words: Vec<String> = old.as_text().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    if !words.is_empty() && random.percent(30) {
        let at = usize::try_from(random.below(words.len() as u64)).unwrap_or(0);
        words.remove(at);
    } else {
        let word = format!("s{}", random.below(1000));
        if !words.contains(&word) {
            words.push(word);
        }
    }
    serde_json::Value::from(words).to_string()
}

pub(crate) fn uuid(random: &mut Random) -> String {
    let (high, low) = (random.bits(), random.bits());
    format!(
        "{:08x}-{:04x}-7{:03x}-8{:03x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        low >> 52,
        low & 0xffff_ffff_ffff
    )
}

/// The key of a row that refers to two others.
pub(crate) fn key(parts: &[&str]) -> Key {
    Key::new(parts.join("\u{1f}"))
}

fn at(random: &mut Random, limit: usize) -> usize {
    usize::try_from(random.below(limit as u64)).unwrap_or(0)
}
