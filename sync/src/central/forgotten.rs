//! Takes the last images of rows that were forgotten on purpose out of the bookkeeping: the change log, what is not numbered
//! yet, and receipts.

use std::collections::{HashMap, HashSet};

use merge::RowId;
use migrations::{Entity, Kind};
use serde_json::{Value, json};
use sqlx::Row as _;
use sqlx::mysql::MySqlConnection;

use super::connect::BATCH_WITHIN;
use super::pool::within;
use super::sql::{repeated, run, statement};
use super::{Central, CentralError};

/// Length from which on a string column holds what people write, rather than a name of a list.
const WORDS: u16 = 255;

/// Table and key of each row, and whether it is deleted.
type Wanted<'r> = HashMap<(&'r str, &'r str), bool>;

impl Central {
    /// Leaves no image of these rows, which are deleted or emptied, anywhere but in their tables. That they were deleted
    /// stays known.
    pub async fn forget_images(&self, rows: &[RowId]) -> Result<(), CentralError> {
        let mut lease = self.lease().await?;
        within(BATCH_WITHIN, forget(lease.connection(), rows)).await?;
        lease.keep();
        Ok(())
    }
}

async fn forget(connection: &mut MySqlConnection, rows: &[RowId]) -> Result<(), CentralError> {
    if rows.is_empty() {
        return Ok(());
    }
    let keys = repeated("(?, ?)", rows.len());
    for table in ["ct_sync_outbox", "ct_sync_rows"] {
        let text = format!("UPDATE {table} SET image = NULL WHERE image IS NOT NULL AND (tbl, pk) IN ({keys})");
        let query = rows
            .iter()
            .fold(statement(text), |query, row| query.bind(row.entity.name).bind(row.key.as_str().to_owned()));
        query.execute(&mut *connection).await?;
    }
    let text = format!("SELECT tbl, pk FROM ct_sync_rows WHERE deleted AND (tbl, pk) IN ({keys})");
    let query =
        rows.iter().fold(statement(text), |query, row| query.bind(row.entity.name).bind(row.key.as_str().to_owned()));
    let mut deleted = HashSet::new();
    for row in query.fetch_all(&mut *connection).await? {
        deleted.insert((row.try_get_unchecked::<String, _>(0)?, row.try_get_unchecked::<String, _>(1)?));
    }
    let is_deleted = |row: &RowId| deleted.contains(&(row.entity.name.to_owned(), row.key.as_str().to_owned()));
    let wanted: Wanted<'_> = rows.iter().map(|row| ((row.entity.name, row.key.as_str()), is_deleted(row))).collect();
    let all = statement("SELECT replica_id, batch_no FROM ct_sync_receipts".to_owned());
    for receipt in all.fetch_all(&mut *connection).await? {
        let (replica, batch): (String, u64) = (receipt.try_get_unchecked(0)?, receipt.try_get_unchecked(1)?);
        trim(connection, &replica, batch, &wanted).await?;
    }
    Ok(())
}

/// A receipt that tells of such a row tells that it is gone: whoever still asks for it is to take it out.
async fn trim(
    connection: &mut MySqlConnection,
    replica: &str,
    batch: u64,
    rows: &Wanted<'_>,
) -> Result<(), CentralError> {
    run(connection, "START TRANSACTION").await?;
    let text = "SELECT outcomes FROM ct_sync_receipts WHERE replica_id = ? AND batch_no = ? FOR UPDATE";
    let found = statement(text.to_owned()).bind(replica).bind(batch).fetch_optional(&mut *connection).await?;
    let outcomes: Vec<u8> = found.map_or(Ok(Vec::new()), |row| row.try_get_unchecked(0))?;
    if let Some(trimmed) = without(&outcomes, rows) {
        let text = "UPDATE ct_sync_receipts SET outcomes = ? WHERE replica_id = ? AND batch_no = ?";
        statement(text.to_owned()).bind(trimmed).bind(replica).bind(batch).execute(&mut *connection).await?;
    }
    Ok(run(connection, "COMMIT").await?)
}

/// The outcomes without the words of these rows; None when they have none.
fn without(outcomes: &[u8], rows: &Wanted<'_>) -> Option<Vec<u8>> {
    let mut items: Vec<Value> = serde_json::from_slice(outcomes).ok()?;
    let mut changed = false;
    for item in &mut items {
        let (Some(table), Some(key)) = (item["table"].as_str(), item["key"].as_str()) else { continue };
        let Some(&is_deleted) = rows.get(&(table, key)) else { continue };
        let before = item.clone();
        if item["outcome"] == "refused" {
            item["message"] = "the row was forgotten".into();
            item["refusal"] = json!({ "kind": "other" });
        } else if is_deleted && item.get("row").or_else(|| item.get("conflicts")).is_some() {
            *item = json!({ "table": table, "key": key, "outcome": "gone" });
        } else if let Some(fields) = item.as_object_mut() {
            fields.remove("conflicts");
            if let (Some(entity), Some(image)) = (entity(&before["table"]), fields.get_mut("row")) {
                blank(entity, image);
            }
        }
        changed |= *item != before;
    }
    if changed { serde_json::to_vec(&items).ok() } else { None }
}

fn entity(table: &Value) -> Option<&'static Entity> {
    table.as_str().and_then(migrations::entity)
}

/// The image of a row that stays, without what people have written in it.
fn blank(entity: &Entity, image: &mut Value) {
    for column in entity.columns {
        let holds_words = match column.kind {
            Kind::Text | Kind::Json | Kind::Blob => true,
            Kind::String(length) => length >= WORDS,
            _ => false,
        };
        let Some(image) = image.as_object_mut().filter(|image| holds_words && image.contains_key(column.name)) else {
            continue;
        };
        if column.nullable {
            image.insert(column.name.to_owned(), Value::Null);
        } else {
            image.insert(column.name.to_owned(), "(forgotten)".into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_keeps_that_it_happened_and_no_words() {
        let stored = json!([
            { "table": "tags", "key": "1", "outcome": "row", "row": { "name": "secret" } },
            { "table": "tags", "key": "2", "outcome": "row", "row": { "name": "kept" } },
            { "table": "tags", "key": "3", "outcome": "as_sent", "conflicts": [{ "loser": { "name": "secret" } }] },
            { "table": "tags", "key": "4", "outcome": "as_sent" },
            { "table": "work_items", "key": "5", "outcome": "row", "row": { "status": "completed", "title": "secret" } },
            { "table": "tags", "key": "6", "outcome": "refused", "code": 1, "message": "secret", "refusal": {} },
        ]);
        let rows = HashMap::from(
            [("tags", "1"), ("tags", "3"), ("tags", "4"), ("work_items", "5"), ("tags", "6")]
                .map(|row| (row, row.0 == "tags")),
        );
        let trimmed = without(stored.to_string().as_bytes(), &rows).unwrap();
        let text = String::from_utf8(trimmed.clone()).unwrap();
        assert!(!text.contains("secret") && text.contains("kept") && text.contains("completed"), "{text}");
        let items: Vec<Value> = serde_json::from_slice(&trimmed).unwrap();
        let outcomes: Vec<&str> = items.iter().map(|item| item["outcome"].as_str().unwrap()).collect();
        assert_eq!(outcomes, ["gone", "row", "gone", "as_sent", "row", "refused"]);
        assert_eq!(without(&trimmed, &rows), None);
    }
}
