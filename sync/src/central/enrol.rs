//! Rows from before the triggers: they enter the feed, or a machine would never hear of them.

use migrations::Entity;
use sqlx::mysql::MySqlConnection;

use super::CentralError;
use super::schema::entities;
use super::sql::{key_text, name, statement};

/// Puts the rows that the change log does not know into the outbox; how many there were.
///
/// The outbox must have been numbered before, and the triggers must be there: then what is in neither is from before.
pub(super) async fn enrol_all(connection: &mut MySqlConnection) -> Result<u64, CentralError> {
    let mut enrolled = 0;
    for entity in entities().filter(|entity| entity.is_replicated()) {
        enrolled += statement(enrol(entity)).execute(&mut *connection).await?.rows_affected();
    }
    Ok(enrolled)
}

/// Their time is that of their last change, where they tell it.
fn enrol(entity: &Entity) -> String {
    let changed = ["updated_at", "created_at"].into_iter().find(|column| entity.column(column).is_some());
    let time = match changed {
        Some(column) => {
            format!("GREATEST(0, COALESCE(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', t.{}), 0))", name(column))
        }
        None => "0".to_owned(),
    };
    let key = format!("CONVERT({} USING utf8mb4)", key_text(entity, "t."));
    format!(
        "INSERT INTO ct_sync_outbox (tbl, pk, op, time_us) SELECT '{table}', {key}, 'I', {time} FROM {from} t \
         LEFT JOIN ct_sync_rows r ON r.tbl = '{table}' AND r.pk = {key} COLLATE utf8mb4_nopad_bin WHERE r.pk IS NULL",
        table = entity.name,
        from = name(entity.name),
    )
}
