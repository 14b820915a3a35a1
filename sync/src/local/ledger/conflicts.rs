//! Conflicts as they are read back, for people and programs.

use std::collections::HashMap;

use merge::{Key, Row, RowId, Value};
use migrations::{Entity, entity};
use rusqlite::{OptionalExtension, params};
use serde::Serialize;
use serde_json::{Map, Value as Json};

use super::record::Loser;
use super::{key_text, shown, words};
use crate::local::{ReadTx, StoreError};

/// A decision where two sides disagreed, as `sync conflicts --json` shows it. Values of columns that may hold a secret
/// are masked (`***`), blobs are shown by their size, long texts by the part that differs (whole in
/// `sync conflicts show`).
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct Conflict {
    /// Number of the record, on this machine.
    pub id: i64,
    /// The table.
    pub table: String,
    /// The row's key; the parts of a composite one are joined by `/`.
    pub key: String,
    /// The rule that decided.
    pub rule: String,
    /// The same in words.
    pub explanation: String,
    /// `local`: this machine's side stands; `remote`: central's, which another machine or program wrote.
    pub winner: String,
    /// What was set aside: `values` of columns, a whole `row`, or a `delete`.
    pub loser: String,
    /// The columns that it is about.
    pub columns: Vec<String>,
    /// What stands, by column; empty when a delete stands.
    pub kept: Map<String, Json>,
    /// What was set aside, by column; empty when it was a delete.
    pub set_aside: Map<String, Json>,
    /// True when it asks for a look; it counts in `status` until it is acknowledged.
    pub flagged: bool,
    /// When somebody acknowledged it, microseconds since the Unix epoch.
    pub acknowledged_us: Option<i64>,
    /// When the loser was put back, microseconds since the Unix epoch.
    pub restored_us: Option<i64>,
    /// When it was decided, microseconds since the Unix epoch.
    pub at_us: i64,
}

/// How much of the values is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Long texts by the part that differs.
    Excerpt,
    /// Texts as they are.
    Whole,
}

/// Which conflicts are listed.
#[derive(Debug, Clone, Default)]
pub(super) struct Stored {
    pub(super) id: i64,
    pub(super) table: String,
    pub(super) pk: String,
    pub(super) rule: String,
    pub(super) winner: String,
    loser: String,
    pub(super) columns: Vec<String>,
    kept: Map<String, Json>,
    set_aside: Map<String, Json>,
    parents: Option<String>,
    flagged: bool,
    acknowledged_us: Option<i64>,
    pub(super) restored_us: Option<i64>,
    at_us: i64,
}

const COLUMNS: &str = "id, tbl, pk, rule, winner, loser, columns, kept, set_aside, parents, flagged, acknowledged_us, \
                       restored_us, at_us";

impl Stored {
    fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        let object = |index| Ok::<_, rusqlite::Error>(parsed(&row.get::<_, String>(index)?));
        let columns: String = row.get(6)?;
        Ok(Self {
            id: row.get(0)?,
            table: row.get(1)?,
            pk: row.get(2)?,
            rule: row.get(3)?,
            winner: row.get(4)?,
            loser: row.get(5)?,
            columns: serde_json::from_str(&columns).unwrap_or_default(),
            kept: object(7)?,
            set_aside: object(8)?,
            parents: row.get(9)?,
            flagged: row.get(10)?,
            acknowledged_us: row.get(11)?,
            restored_us: row.get(12)?,
            at_us: row.get(13)?,
        })
    }

    /// Records of the first form do not say it; there a delete has nothing set aside, and a row nothing that stands.
    pub(super) fn loser(&self) -> Loser {
        match self.loser.as_str() {
            "values" => Loser::Values,
            "row" => Loser::Row,
            "delete" => Loser::Delete,
            _ if self.set_aside.is_empty() && !self.kept.is_empty() => Loser::Delete,
            _ if self.kept.is_empty() => Loser::Row,
            _ => Loser::Values,
        }
    }

    pub(super) fn row_id(&self) -> Option<RowId> {
        Some(RowId::new(entity(&self.table)?, Key::new(self.pk.as_str())))
    }

    /// The value that stands in a column; None when it is not on record exactly.
    pub(super) fn kept(&self, entity: &'static Entity, column: &str) -> Option<Value> {
        exact(entity, &self.kept, column)
    }

    /// The value that was set aside; None when it is not on record exactly.
    pub(super) fn set_aside(&self, entity: &'static Entity, column: &str) -> Option<Value> {
        exact(entity, &self.set_aside, column)
    }

    /// The whole row that was set aside, or that stands while its delete was set aside.
    pub(super) fn row(&self, entity: &'static Entity) -> Option<Row> {
        let values = if self.loser() == Loser::Delete { &self.kept } else { &self.set_aside };
        let mut row = Row::new(entity);
        for column in entity.columns {
            row.set(column.name, exact(entity, values, column.name)?);
        }
        Some(row)
    }

    /// The images of its parents that were recorded with it.
    pub(super) fn parents(&self) -> HashMap<RowId, Row> {
        let list: Vec<Json> =
            self.parents.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        let rows = list.iter().filter_map(|item| {
            let entity = entity(item["table"].as_str()?)?;
            merge::decode(entity, item["image"].to_string().as_bytes()).ok()
        });
        rows.map(|row| (row.id(), row)).collect()
    }

    fn for_people(self, detail: Detail) -> Conflict {
        let entity = entity(&self.table);
        let loser = self.loser();
        let values = |of: &Map<String, Json>, other: &Map<String, Json>| -> Map<String, Json> {
            if of.is_empty() {
                return Map::new();
            }
            // A whole row has many empty columns that say nothing.
            let said = |name: &&String| loser == Loser::Values || of.contains_key(*name);
            let shown = |name: &String| shown::value(entity, name, of.get(name), other.get(name), detail);
            self.columns.iter().filter(said).map(|name| (name.clone(), shown(name))).collect()
        };
        let (kept, set_aside) = (values(&self.kept, &self.set_aside), values(&self.set_aside, &self.kept));
        Conflict {
            id: self.id,
            key: key_text(&self.pk),
            explanation: words::explanation(&self.rule, &self.winner, loser),
            loser: loser.name().to_owned(),
            columns: self.columns,
            kept,
            set_aside,
            table: self.table,
            rule: self.rule,
            winner: self.winner,
            flagged: self.flagged,
            acknowledged_us: self.acknowledged_us,
            restored_us: self.restored_us,
            at_us: self.at_us,
        }
    }
}

fn parsed(text: &str) -> Map<String, Json> {
    serde_json::from_str(text).unwrap_or_default()
}

/// One value of a stored image. Earlier versions kept only the size of a blob: that is no value.
fn exact(entity: &'static Entity, image: &Map<String, Json>, column: &str) -> Option<Value> {
    let Some(value) = image.get(column) else { return Some(Value::Null) };
    let one: Map<String, Json> = [(column.to_owned(), value.clone())].into_iter().collect();
    let row = merge::decode(entity, Json::Object(one).to_string().as_bytes()).ok()?;
    entity.position(column).map(|position| row.at(position).clone())
}

/// The newest conflicts, at most `limit`; `open_only`: those that are flagged and not acknowledged; of one table, if given.
pub fn conflicts(
    tx: &ReadTx<'_>,
    limit: usize,
    open_only: bool,
    table: Option<&str>,
) -> Result<Vec<Conflict>, StoreError> {
    let mut statement = tx.connection().prepare_cached(&format!(
        "SELECT {COLUMNS} FROM ct_sync_conflicts WHERE (?1 IS NULL OR tbl = ?1) \
           AND (NOT ?2 OR (flagged AND acknowledged_us IS NULL)) ORDER BY id DESC LIMIT ?3"
    ))?;
    let found = statement.query_map(params![table, open_only, limit], Stored::read)?;
    found.map(|stored| Ok(stored?.for_people(Detail::Excerpt))).collect()
}

/// One conflict, None when there is none of that number.
pub fn conflict(tx: &ReadTx<'_>, id: i64, detail: Detail) -> Result<Option<Conflict>, StoreError> {
    Ok(stored(tx.connection(), id)?.map(|stored| stored.for_people(detail)))
}

pub(super) fn stored(db: &rusqlite::Connection, id: i64) -> Result<Option<Stored>, StoreError> {
    let mut statement = db.prepare_cached(&format!("SELECT {COLUMNS} FROM ct_sync_conflicts WHERE id = ?1"))?;
    Ok(statement.query_row([id], Stored::read).optional()?)
}

/// The newest record of a whole row that was set aside.
pub(super) fn stored_row(db: &rusqlite::Connection, id: &RowId) -> Result<Option<Row>, StoreError> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM ct_sync_conflicts WHERE tbl = ?1 AND pk = ?2 AND loser = 'row' ORDER BY id DESC LIMIT 1"
    ))?;
    let stored = statement.query_row([id.entity.name, id.key.as_str()], Stored::read).optional()?;
    Ok(stored.and_then(|stored| stored.row(id.entity)))
}
