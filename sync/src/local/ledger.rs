//! What the user may want to see: conflicts, quarantine, parked rows, and their counts.

use merge::{FieldConflict, Row, RowId, Value, Winner};
use migrations::entity;
use rusqlite::{Connection, params};
use serde::Serialize;
use serde_json::{Map, Value as Json};

use super::{ReadTx, StoreError};

/// A decision where two sides disagreed. Sensitive values are masked.
#[derive(Debug, Clone, Serialize)]
pub struct Conflict {
    /// Number of the record.
    pub id: i64,
    /// The table.
    pub table: String,
    /// The row's key.
    pub key: String,
    /// The rule that decided.
    pub rule: String,
    /// `local` or `remote`.
    pub winner: String,
    /// The columns that it is about.
    pub columns: Vec<String>,
    /// What stands, by column.
    pub kept: Map<String, Json>,
    /// What was set aside, by column.
    pub set_aside: Map<String, Json>,
    /// Microseconds since the Unix epoch.
    pub at_us: i64,
}

/// A row that one side refused.
#[derive(Debug, Clone, Serialize)]
pub struct Quarantined {
    /// The table.
    pub table: String,
    /// The row's key.
    pub key: String,
    /// `central` or `replica`.
    pub refused_by: String,
    /// What kind of refusal.
    pub kind: String,
    /// What is wrong.
    pub reason: String,
    /// What to do.
    pub hint: String,
    /// How often it was tried.
    pub tries: i64,
    /// Microseconds since the Unix epoch.
    pub since_us: i64,
}

/// A row whose parent is missing for the moment.
#[derive(Debug, Clone, Serialize)]
pub struct Parked {
    /// The table.
    pub table: String,
    /// The row's key.
    pub key: String,
    /// The referring column.
    pub column: String,
    /// The table referred to.
    pub parent_table: String,
    /// The key referred to.
    pub parent_key: String,
    /// Microseconds since the Unix epoch.
    pub since_us: i64,
}

/// How much of each there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Rows that central has not got yet.
    pub pending: u64,
    /// Rows refused by one side.
    pub quarantined: u64,
    /// Conflicts on record that are flagged for review.
    pub conflicts: u64,
    /// References that point at nothing for the moment.
    pub parked: u64,
}

/// The counts of all four.
pub fn counts(tx: &ReadTx<'_>) -> Result<Counts, StoreError> {
    Ok(tx.connection().query_row(
        "SELECT (SELECT count(*) FROM ct_sync_dirty), (SELECT count(*) FROM ct_sync_quarantine), \
           (SELECT count(*) FROM ct_sync_conflicts WHERE flagged), (SELECT count(*) FROM ct_sync_parked)",
        [],
        |row| {
            Ok(Counts { pending: row.get(0)?, quarantined: row.get(1)?, conflicts: row.get(2)?, parked: row.get(3)? })
        },
    )?)
}

/// The newest conflicts, at most `limit`.
pub fn conflicts(tx: &ReadTx<'_>, limit: usize) -> Result<Vec<Conflict>, StoreError> {
    let mut statement = tx.connection().prepare_cached(
        "SELECT id, tbl, pk, rule, winner, columns, kept, set_aside, at_us FROM ct_sync_conflicts \
         ORDER BY id DESC LIMIT ?1",
    )?;
    let found = statement.query_map([limit], |row| {
        let json = |index| Ok::<_, rusqlite::Error>(parsed(&row.get::<_, String>(index)?));
        let columns: String = row.get(5)?;
        Ok(Conflict {
            id: row.get(0)?,
            table: row.get(1)?,
            key: row.get(2)?,
            rule: row.get(3)?,
            winner: row.get(4)?,
            columns: serde_json::from_str(&columns).unwrap_or_default(),
            kept: json(6)?,
            set_aside: json(7)?,
            at_us: row.get(8)?,
        })
    })?;
    let mut list: Vec<Conflict> = found.collect::<Result<_, _>>()?;
    list.iter_mut().for_each(mask);
    Ok(list)
}

fn parsed(text: &str) -> Map<String, Json> {
    serde_json::from_str(text).unwrap_or_default()
}

fn mask(conflict: &mut Conflict) {
    let Some(entity) = entity(&conflict.table) else { return };
    for (name, value) in conflict.kept.iter_mut().chain(conflict.set_aside.iter_mut()) {
        if entity.column(name).is_none_or(|column| column.sensitive) && !value.is_null() {
            *value = Json::from("***");
        }
    }
}

/// Everything in quarantine, oldest first.
pub fn quarantine(tx: &ReadTx<'_>) -> Result<Vec<Quarantined>, StoreError> {
    let mut statement = tx.connection().prepare_cached(
        "SELECT tbl, pk, refused_by, kind, reason, hint, tries, since_us FROM ct_sync_quarantine ORDER BY since_us, tbl, pk",
    )?;
    let found = statement.query_map([], |row| {
        Ok(Quarantined {
            table: row.get(0)?,
            key: row.get(1)?,
            refused_by: row.get(2)?,
            kind: row.get(3)?,
            reason: row.get(4)?,
            hint: row.get(5)?,
            tries: row.get(6)?,
            since_us: row.get(7)?,
        })
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// Every parked reference, oldest first.
pub fn parked(tx: &ReadTx<'_>) -> Result<Vec<Parked>, StoreError> {
    let mut statement = tx.connection().prepare_cached(
        "SELECT tbl, pk, col, parent_tbl, parent_pk, since_us FROM ct_sync_parked ORDER BY since_us, tbl, pk",
    )?;
    let found = statement.query_map([], |row| {
        Ok(Parked {
            table: row.get(0)?,
            key: row.get(1)?,
            column: row.get(2)?,
            parent_table: row.get(3)?,
            parent_key: row.get(4)?,
            since_us: row.get(5)?,
        })
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// Which side refused a row, and in which form.
#[derive(Debug, Clone, Copy)]
pub(super) enum RefusedBy {
    /// Central refused the journal entry of this generation.
    Central {
        /// Of the journal entry.
        generation: i64,
    },
    /// The replica refused the central change of this number.
    Replica {
        /// Of the central change.
        seq: u64,
    },
}

/// Records a refusal; the count of tries goes up when it is there already.
pub(super) fn refuse(
    db: &Connection,
    id: &RowId,
    by: RefusedBy,
    (kind, reason, hint): (&str, &str, &str),
    now_us: u64,
) -> Result<(), StoreError> {
    let (by, generation, seq) = match by {
        RefusedBy::Central { generation } => ("central", generation, 0),
        RefusedBy::Replica { seq } => ("replica", 0, seq),
    };
    db.prepare_cached(
        "INSERT INTO ct_sync_quarantine (tbl, pk, refused_by, kind, reason, hint, generation, seq, tries, since_us) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 1, ?9) \
         ON CONFLICT (tbl, pk, refused_by) DO UPDATE SET kind = excluded.kind, reason = excluded.reason, \
           hint = excluded.hint, generation = excluded.generation, seq = excluded.seq, tries = tries + 1",
    )?
    .execute(params![id.entity.name, id.key.as_str(), by, kind, reason, hint, generation, seq, now_us])?;
    Ok(())
}

/// Forgets refusals of a row by either side: it has been taken, or has gone.
pub(super) fn accept(db: &Connection, id: &RowId) -> Result<(), StoreError> {
    db.prepare_cached("DELETE FROM ct_sync_quarantine WHERE tbl = ?1 AND pk = ?2")?
        .execute([id.entity.name, id.key.as_str()])?;
    Ok(())
}

/// Records what a plan set aside.
pub(super) fn record(db: &Connection, id: &RowId, conflict: &FieldConflict, now_us: u64) -> Result<(), StoreError> {
    let columns: Vec<&str> = conflict.columns.clone();
    let object = |values: &[Value]| {
        let pairs = columns.iter().zip(values);
        Json::Object(pairs.map(|(column, value)| ((*column).to_owned(), json(value))).collect())
    };
    let winner = match conflict.winner {
        Winner::Local => "local",
        Winner::Remote => "remote",
    };
    insert(
        db,
        id,
        (&conflict.rule.to_string(), winner),
        (Json::from(columns.clone()), object(&conflict.kept), object(&conflict.loser)),
        now_us,
    )
}

/// Records a whole row that was set aside.
pub(super) fn record_row(
    db: &Connection,
    id: &RowId,
    rule: &str,
    winner: &str,
    set_aside: &Row,
    now_us: u64,
) -> Result<(), StoreError> {
    let filled = || id.entity.columns.iter().zip(set_aside.values()).filter(|(_, value)| !value.is_null());
    let columns: Vec<&str> = filled().map(|(column, _)| column.name).collect();
    let values: Map<String, Json> = filled().map(|(column, value)| (column.name.to_owned(), json(value))).collect();
    insert(db, id, (rule, winner), (Json::from(columns), Json::Object(Map::new()), Json::Object(values)), now_us)
}

fn insert(
    db: &Connection,
    id: &RowId,
    (rule, winner): (&str, &str),
    (columns, kept, set_aside): (Json, Json, Json),
    now_us: u64,
) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT INTO ct_sync_conflicts (tbl, pk, rule, winner, columns, kept, set_aside, flagged, at_us) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(params![
        id.entity.name,
        id.key.as_str(),
        rule,
        winner,
        columns.to_string(),
        kept.to_string(),
        set_aside.to_string(),
        id.entity.sync.flag_conflicts,
        now_us
    ])?;
    Ok(())
}

fn json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Int(number) => Json::from(*number),
        Value::Text(text) => Json::from(text.as_str()),
        Value::Blob(bytes) => Json::from(format!("{} bytes", bytes.len())),
    }
}
