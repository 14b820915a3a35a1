//! Writing conflicts down, with the exact values of what lost and of what stands.
//!
//! Values are kept as an image of a row that has these columns only ([`merge::encode`]): a column of the record that is
//! not in the image is NULL.

use merge::{FieldConflict, Row, RowId, Value, Winner};
use migrations::Entity;
use rusqlite::{Connection, params};
use serde_json::Value as Json;

use crate::local::StoreError;
use crate::local::tx::differing;

/// What lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loser {
    /// Values of columns of a row that stands.
    Values,
    /// A whole row.
    Row,
    /// A delete: the row stands.
    Delete,
}

impl Loser {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Values => "values",
            Self::Row => "row",
            Self::Delete => "delete",
        }
    }
}

/// Why something lost, and what goes on record with it.
#[derive(Debug, Clone, Copy)]
pub(in crate::local) struct Lost<'a> {
    rule: &'a str,
    winner: Winner,
    parents: &'a [Row],
    flagged: bool,
}

impl<'a> Lost<'a> {
    /// By this rule, against this side; whether it asks for a look is the table's to say.
    pub(in crate::local) fn new(entity: &Entity, rule: &'a str, winner: Winner) -> Self {
        Self { rule, winner, parents: &[], flagged: entity.sync.flag_conflicts }
    }

    /// With the last images of rows that the loser refers to and that are gone too.
    pub(in crate::local) fn with_parents(mut self, parents: &'a [Row]) -> Self {
        self.parents = parents;
        self
    }

    /// On record only: it asks for no look.
    pub(in crate::local) fn quietly(mut self) -> Self {
        self.flagged = false;
        self
    }
}

struct Record {
    loser: Loser,
    columns: Vec<&'static str>,
    kept: Option<Row>,
    set_aside: Option<Row>,
}

/// Records what a plan set aside.
pub(in crate::local) fn record(
    db: &Connection,
    id: &RowId,
    conflict: &FieldConflict,
    now_us: u64,
) -> Result<(), StoreError> {
    planned(db, id, conflict, Lost::new(id.entity, &conflict.rule.to_string(), conflict.winner), now_us)
}

/// The same for a row that nobody has written here since the agreements were forgotten: it asks for no look.
pub(in crate::local) fn record_quietly(
    db: &Connection,
    id: &RowId,
    conflict: &FieldConflict,
    now_us: u64,
) -> Result<(), StoreError> {
    planned(db, id, conflict, Lost::new(id.entity, &conflict.rule.to_string(), conflict.winner).quietly(), now_us)
}

fn planned(
    db: &Connection,
    id: &RowId,
    conflict: &FieldConflict,
    lost: Lost<'_>,
    now_us: u64,
) -> Result<(), StoreError> {
    let part = |values: &[Value]| {
        let mut row = Row::new(id.entity);
        for (column, value) in conflict.columns.iter().zip(values) {
            row.set(column, value.clone());
        }
        (!values.is_empty()).then_some(row)
    };
    let (kept, set_aside) = (part(&conflict.kept), part(&conflict.loser));
    let loser = match (&kept, &set_aside) {
        (_, None) => Loser::Delete,
        (None, Some(_)) => Loser::Row,
        (Some(_), Some(_)) => Loser::Values,
    };
    insert(db, id, lost, Record { loser, columns: conflict.columns.clone(), kept, set_aside }, now_us)
}

/// Records a whole row that was set aside.
pub(in crate::local) fn record_row(
    db: &Connection,
    lost: Lost<'_>,
    set_aside: &Row,
    now_us: u64,
) -> Result<(), StoreError> {
    let (columns, set_aside_row) = (all_columns(set_aside), Some(set_aside.clone()));
    let record = Record { loser: Loser::Row, columns, kept: None, set_aside: set_aside_row };
    insert(db, &set_aside.id(), lost, record, now_us)
}

/// Records the values of a row that had to give way to others.
pub(in crate::local) fn record_change(
    db: &Connection,
    lost: Lost<'_>,
    (before, after): (&Row, &Row),
    now_us: u64,
) -> Result<(), StoreError> {
    let id = after.id();
    let names = differing(before, after).map(|position| id.entity.columns[position].name);
    let columns: Vec<&'static str> = names.filter(|name| *name != "updated_at").collect();
    let (kept, set_aside) = (Some(part(after, &columns)), Some(part(before, &columns)));
    insert(db, &id, lost, Record { loser: Loser::Values, columns, kept, set_aside }, now_us)
}

/// Records a delete that was given up: the row stands.
pub(in crate::local) fn record_delete(
    db: &Connection,
    lost: Lost<'_>,
    kept: &Row,
    now_us: u64,
) -> Result<(), StoreError> {
    let record = Record { loser: Loser::Delete, columns: all_columns(kept), kept: Some(kept.clone()), set_aside: None };
    insert(db, &kept.id(), lost, record, now_us)
}

fn all_columns(row: &Row) -> Vec<&'static str> {
    row.entity().columns.iter().map(|column| column.name).collect()
}

fn part(row: &Row, columns: &[&'static str]) -> Row {
    columns.iter().fold(Row::new(row.entity()), |part, column| part.with(column, row.get(column).clone()))
}

fn insert(db: &Connection, id: &RowId, lost: Lost<'_>, record: Record, now_us: u64) -> Result<(), StoreError> {
    let image = |row: Option<Row>| row.map_or_else(|| "{}".into(), |row| text(&merge::encode(&row)));
    let winner = match lost.winner {
        Winner::Local => "local",
        Winner::Remote => "remote",
    };
    db.prepare_cached(
        "INSERT INTO ct_sync_conflicts (tbl, pk, rule, winner, columns, kept, set_aside, flagged, at_us, loser, parents) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?
    .execute(params![
        id.entity.name,
        id.key.as_str(),
        lost.rule,
        winner,
        Json::from(record.columns).to_string(),
        image(record.kept),
        image(record.set_aside),
        lost.flagged,
        now_us,
        record.loser.name(),
        parents_text(lost.parents),
    ])?;
    Ok(())
}

/// JSON is UTF-8.
fn text(image: &[u8]) -> String {
    String::from_utf8_lossy(image).into_owned()
}

fn parents_text(parents: &[Row]) -> Option<String> {
    let list = parents.iter().map(|parent| {
        let image: Json = serde_json::from_slice(&merge::encode(parent)).unwrap_or_default();
        serde_json::json!({ "table": parent.entity().name, "image": image })
    });
    let list: Vec<Json> = list.collect();
    (!list.is_empty()).then(|| Json::from(list).to_string())
}
